//! One session of the generator.

use std::io;

use super::{Mechanism, Plan, Security, Shared};
use crate::load::clock;
use crate::load::line::{Line, closed};

/// An open session, after EHLO, TLS and login.
pub(super) struct Session {
    line: Line,
    /// The last reply, all its lines.
    reply: Vec<u8>,
    /// MAIL, RCPT and DATA.
    envelope: Envelope,
}

/// How the envelope is sent.
enum Envelope {
    /// In one write (RFC 2920).
    Pipelined(Vec<u8>),
    /// Each after the reply to the one before.
    Stepwise([Vec<u8>; 3]),
}

impl Session {
    pub(super) async fn open(shared: &Shared) -> io::Result<Self> {
        let plan = &shared.plan;
        let line = Line::connect(plan.server).await?;
        let mut session = Self { line, reply: Vec::new(), envelope: Envelope::Stepwise(commands(plan)) };
        if plan.security == Security::Implicit {
            session.line.encrypt(&shared.tls).await?;
        }
        session.expect(220).await?;
        session.say("EHLO load.example\r\n", 250).await?;
        if plan.security == Security::StartTls {
            session.say("STARTTLS\r\n", 220).await?;
            session.line.encrypt(&shared.tls).await?;
            session.say("EHLO load.example\r\n", 250).await?;
        }
        if session.offers("PIPELINING") {
            session.envelope = Envelope::Pipelined(commands(plan).concat());
        }
        session.log_in(shared).await?;
        Ok(session)
    }

    /// Whether the last reply, one to EHLO, has a line of this text.
    fn offers(&self, extension: &str) -> bool {
        let mut lines = self.reply.split(|octet| *octet == b'\n').filter_map(|line| line.get(4..));
        lines.any(|line| line.trim_ascii_end().eq_ignore_ascii_case(extension.as_bytes()))
    }

    async fn log_in(&mut self, shared: &Shared) -> io::Result<()> {
        let Some(account) = &shared.account else { return Ok(()) };
        let mechanism = account.lock().await.mechanism();
        match mechanism {
            Mechanism::Plain => {
                let message = account.lock().await.plain();
                self.say(&format!("AUTH PLAIN {message}\r\n"), 235).await
            }
            Mechanism::ScramSha256 => {
                let (first, begun) = account.lock().await.begin()?;
                self.say(&format!("AUTH SCRAM-SHA-256 {first}\r\n"), 334).await?;
                let proof = account.lock().await.prove(&begun, self.text())?;
                self.say(&format!("{}\r\n", proof.response), 334).await?;
                proof.check(self.text())?;
                self.say("\r\n", 235).await
            }
        }
    }

    /// The text of the last reply, if it has one line.
    fn text(&self) -> &[u8] {
        self.reply.get(4..).unwrap_or_default().trim_ascii_end()
    }

    /// Sends one message; gives the moment at which its last octet was handed in.
    pub(super) async fn transact(&mut self, content: &[u8]) -> io::Result<u64> {
        let Self { line, reply, envelope } = self;
        match envelope {
            Envelope::Pipelined(commands) => {
                line.send(commands).await?;
                for wanted in [250, 250, 354] {
                    expect(line, reply, wanted).await?;
                }
            }
            Envelope::Stepwise(commands) => {
                for (command, wanted) in commands.iter().zip([250, 250, 354]) {
                    line.send(command).await?;
                    expect(line, reply, wanted).await?;
                }
            }
        }
        line.send(content).await?;
        let handed = clock::now();
        expect(line, reply, 250).await?;
        Ok(handed)
    }

    pub(super) async fn quit(mut self) -> io::Result<()> {
        self.say("QUIT\r\n", 221).await
    }

    async fn say(&mut self, command: &str, wanted: u16) -> io::Result<()> {
        self.line.send(command.as_bytes()).await?;
        self.expect(wanted).await
    }

    async fn expect(&mut self, wanted: u16) -> io::Result<()> {
        expect(&mut self.line, &mut self.reply, wanted).await
    }
}

fn commands(plan: &Plan) -> [Vec<u8>; 3] {
    let mail = format!("MAIL FROM:<{}>\r\n", plan.reverse_path);
    let rcpt = format!("RCPT TO:<{}>\r\n", plan.forward_path);
    [mail.into_bytes(), rcpt.into_bytes(), b"DATA\r\n".to_vec()]
}

/// Reads a reply, all its lines, and compares its code.
async fn expect(line: &mut Line, reply: &mut Vec<u8>, wanted: u16) -> io::Result<()> {
    reply.clear();
    loop {
        let length = line.next_line().await?.ok_or_else(closed)?;
        let octets = line.unused().get(..length).unwrap_or_default();
        reply.extend_from_slice(octets);
        let is_last = octets.get(3) != Some(&b'-');
        line.consume(length);
        if is_last {
            break;
        }
    }
    let code = reply.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
    if code == Some(wanted) {
        return Ok(());
    }
    let told = String::from_utf8_lossy(reply);
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{wanted} was hoped for, and not: {}", told.trim()),
    ))
}
