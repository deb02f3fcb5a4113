//! The client's session: a server that says anything, in pieces of any size.

mod driver;

use gatepost_smtp::{AuthUse, ChunkingUse, ClientLimits, ClientSession, ClientSettings, Protocol, TlsUse};

use crate::choices::{Cuts, Head};
use crate::fixed;
use driver::Driver;

/// Most octets of a transcript; it says 8 KiB and a line.
const LONGEST_TRANSCRIPT: usize = 9 * 1024;

/// Plays a server that says these octets, each reply whole and in pieces.
///
/// # Panics
///
/// If pieces give another result, a recipient has no outcome or one that its reply does not give, or something other than
/// commands is written.
pub fn smtp_client(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let whole = play(&head, food, |rest| std::mem::take(rest));
    let mut cuts = Cuts::new(head.chance());
    let cut = play(&head, food, |rest| cuts.next(rest));
    assert_eq!(whole.told, cut.told);
    assert_eq!(whole.written.escape_ascii().to_string(), cut.written.escape_ascii().to_string());
}

/// When a server speaks.
#[derive(Clone, Copy)]
enum Manners {
    /// One reply after the other.
    Waits,
    /// All at once, asked or not.
    Blurts,
}

/// How it ends when the server has said all.
#[derive(Clone, Copy)]
enum End {
    HangUp,
    Expire,
}

fn play<'a>(head: &Head, food: &'a [u8], mut cut: impl FnMut(&mut &'a [u8]) -> &'a [u8]) -> Driver {
    let settings = ClientSettings {
        hello: fixed::hostname(),
        protocol: head.pick(0, &[Protocol::Smtp, Protocol::Lmtp]),
        tls: head.pick(1, &[TlsUse::IfOffered, TlsUse::Never, TlsUse::Required]),
        auth: head.pick(2, &[AuthUse::None, AuthUse::Required]),
        chunking: ChunkingUse::WhereProven,
        limits: ClientLimits::default().into(),
    };
    let (manners, end) = head.pick(
        3,
        &[
            (Manners::Waits, End::HangUp),
            (Manners::Blurts, End::HangUp),
            (Manners::Waits, End::Expire),
            (Manners::Blurts, End::Expire),
        ],
    );
    let mut session = ClientSession::start(settings, fixed::now());
    let mut driver = Driver::new(head.chance());
    driver.drive(&mut session);
    let mut rest = food;
    while !rest.is_empty() {
        let mut turn = match manners {
            Manners::Waits => one_reply(&mut rest),
            Manners::Blurts => std::mem::take(&mut rest),
        };
        while !turn.is_empty() {
            session.receive(cut(&mut turn), fixed::now());
            if matches!(manners, Manners::Waits) {
                driver.drive(&mut session);
            }
        }
        driver.drive(&mut session);
    }
    if matches!(end, End::Expire) {
        session.expire(session.deadline());
        driver.drive(&mut session);
    }
    session.hang_up();
    driver.drive(&mut session);
    driver.ended();
    let transcript = session.transcript().to_string();
    assert!(transcript.len() <= LONGEST_TRANSCRIPT, "{} octets of transcript", transcript.len());
    // A server may guess it, and is quoted.
    let mut said = transcript.lines().filter(|line| line.starts_with("C: "));
    assert!(!said.any(|line| line.contains(driver::SECRET_CODED)), "a secret in the transcript");
    driver
}

/// Cuts a reply off: lines up to one that has no hyphen behind its code.
fn one_reply<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let lines = rest.split_inclusive(|octet| *octet == b'\n');
    let mut length = 0;
    for line in lines {
        length += line.len();
        if line.get(3) != Some(&b'-') {
            break;
        }
    }
    let (reply, left) = rest.split_at(length);
    *rest = left;
    reply
}
