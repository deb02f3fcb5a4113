//! Replies of other servers, and what we write.

use gatepost_mail::{EnhancedStatus, Reply, ReplyCode};
use gatepost_smtp::{
    AuthUse, Cause, ChunkingUse, ClientLimits, ClientSession, ClientSettings, ClientStep, Protocol, TlsUse,
};

use crate::choices::{Cuts, Head};
use crate::fixed;

/// RFC 5321 section 4.5.3.1.5.
const LONGEST_LINE: usize = 512;

/// How much text of a reply is kept.
const LONGEST_KEPT: usize = 1024;

/// Reads the octets as a greeting, whole and in pieces; and as the text of a reply.
///
/// # Panics
///
/// If pieces give another result, or a reply that is written is not read as the same.
pub fn reply(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let heard = hear(food, None);
    assert_eq!(hear(food, Some(Cuts::new(head.chance()))), heard, "in pieces");
    if let Cause::Refused { reply, .. } | Cause::Closing(reply) = &heard {
        round(reply);
    }
    let Ok(text) = std::str::from_utf8(food) else { return };
    if let Some(status) = EnhancedStatus::parse(text) {
        assert_eq!(EnhancedStatus::parse(&status.to_string()), Some(status));
    }
    let code = head.pick(0, &[554, 421, 450]);
    let status = head.pick(1, &[None, Some(EnhancedStatus::new(if code == 554 { 5 } else { 4 }, 7, 1))]);
    if let Some(code) = ReplyCode::new(code) {
        round(&Reply::heard(code, status, text.to_owned()));
    }
}

/// What a session makes of a server that says this and hangs up.
fn hear(mut octets: &[u8], cuts: Option<Cuts>) -> Cause {
    let settings = ClientSettings {
        hello: fixed::hostname(),
        protocol: Protocol::Smtp,
        tls: TlsUse::Never,
        auth: AuthUse::None,
        chunking: ChunkingUse::WhereProven,
        limits: ClientLimits::default().into(),
    };
    let now = fixed::now();
    let mut session = ClientSession::start(settings, now);
    match cuts {
        None => session.receive(octets, now),
        Some(mut cuts) => {
            while !octets.is_empty() {
                session.receive(cuts.next(&mut octets), now);
            }
        }
    }
    session.hang_up();
    for _ in 0..4 {
        if let ClientStep::Broken(cause) = session.step() {
            return cause;
        }
    }
    unreachable!("a session whose server hung up says so")
}

/// Reads what is written. Lines that are too long for the wire, and words that look like a status, do not come back.
fn round(reply: &Reply) {
    let mut written = Vec::new();
    reply.write_to(&mut written);
    fixed::assert_lines(&written, LONGEST_LINE);
    let shown = reply.to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let room = LONGEST_LINE - "550 5.111.111 \r\n".len();
    let is_long = reply.text().len() > LONGEST_KEPT || reply.text().split('\n').any(|line| line.len() > room);
    let first = reply.text().split([' ', '\n']).next().unwrap_or_default();
    let looks_like_status = reply.status().is_none() && EnhancedStatus::parse(first).is_some();
    if is_long || looks_like_status || reply.text().split('\n').count() > 200 {
        return;
    }
    let heard = hear(&written, None);
    if let Cause::Refused { reply: read, .. } | Cause::Closing(read) = &heard {
        assert_eq!(read, reply);
    } else {
        let goes_on = matches!(heard, Cause::HungUp(_) | Cause::Unexpected { .. });
        assert!(goes_on && reply.code().get() < 400, "{reply} was heard as {heard}");
    }
}
