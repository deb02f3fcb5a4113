//! Runs a dialogue in memory or over a socket.

use std::fmt::Write as _;
use std::io;

use super::{Act, Dialogue, Mismatch, Step};
use crate::Client;
use crate::client::Reply;
use crate::wire::shown;

/// A session in memory, driven by a dialogue.
pub trait Subject {
    /// The connection begins; gives what is said at once.
    fn begin(&mut self) -> Vec<u8>;

    /// Octets came; gives what is said in return.
    fn receive(&mut self, octets: &[u8]) -> Vec<u8>;

    /// The handshake is done; gives what is said at once.
    fn encrypt(&mut self) -> Vec<u8>;

    /// The client has closed; gives what is said in return.
    fn hang_up(&mut self) -> Vec<u8>;

    /// Whether the session wants the connection closed.
    fn is_closed(&self) -> bool;
}

/// How a client's octets are cut before a session gets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Each `C` line in one piece.
    Lines,
    /// Pieces of so many octets; 0 is taken as 1.
    Pieces(usize),
}

/// A dialogue on its way.
struct Play<'a> {
    dialogue: &'a Dialogue,
    transcript: String,
    last: String,
}

impl Play<'_> {
    fn new(dialogue: &Dialogue) -> Play<'_> {
        Play { dialogue, transcript: String::new(), last: String::new() }
    }

    fn mismatch(&self, line: usize, wanted: &str, got: &str) -> Box<Mismatch> {
        Box::new(Mismatch {
            place: format!("{}:{line}", self.dialogue.name),
            wanted: wanted.to_owned(),
            got: got.to_owned(),
            before: self.transcript.clone(),
        })
    }

    fn sent(&mut self, octets: &[u8]) {
        let _ = writeln!(self.transcript, "C {}", shown(octets));
    }

    /// Judges a reply by the pattern of its step.
    fn heard(&mut self, step: &Step, pattern: &str, reply: String) -> Result<(), Box<Mismatch>> {
        if !fits(pattern.as_bytes(), reply.as_bytes()) {
            return Err(self.mismatch(step.line, pattern, &reply));
        }
        let _ = writeln!(self.transcript, "S {}", reply.replace('\n', "\nS "));
        self.last = reply;
        Ok(())
    }

    fn refute(&self, step: &Step, pattern: &str) -> Result<(), Box<Mismatch>> {
        if fits(pattern.as_bytes(), self.last.as_bytes()) {
            return Err(self.mismatch(step.line, &format!("not {pattern}"), &self.last));
        }
        Ok(())
    }
}

pub(super) fn in_memory(
    dialogue: &Dialogue,
    subject: &mut impl Subject,
    cut: Cut,
) -> Result<Vec<u8>, Box<Mismatch>> {
    let mut play = Play::new(dialogue);
    let mut said = subject.begin();
    let mut read = 0;
    for step in &dialogue.steps {
        let unread = said.get(read..).unwrap_or_default();
        match &step.act {
            Act::Send(octets) => {
                play.sent(octets);
                let size = if let Cut::Pieces(size) = cut { size.max(1) } else { octets.len().max(1) };
                for piece in octets.chunks(size) {
                    said.extend(subject.receive(piece));
                }
            }
            Act::Expect(pattern) => {
                let length = whole_reply(unread).ok_or_else(|| {
                    play.mismatch(step.line, pattern, &format!("nothing more: {}", shown(unread)))
                })?;
                let text = String::from_utf8_lossy(unread.get(..length).unwrap_or_default());
                let reply = text.trim_end_matches("\r\n").replace("\r\n", "\n");
                play.heard(step, pattern, reply)?;
                read += length;
            }
            Act::Refute(pattern) => play.refute(step, pattern)?,
            Act::Encrypt => said.extend(subject.encrypt()),
            Act::HangUp => said.extend(subject.hang_up()),
            Act::Closed if subject.is_closed() && unread.is_empty() => (),
            Act::Closed => return Err(play.mismatch(step.line, "a close and no more", &shown(unread))),
        }
    }
    let unread = said.get(read..).unwrap_or_default();
    if !unread.is_empty() {
        let last = dialogue.steps.last().map_or(0, |step| step.line);
        return Err(play.mismatch(last, "nothing more", &shown(unread)));
    }
    Ok(said)
}

pub(super) async fn over_socket(dialogue: &Dialogue, mut client: Client) -> io::Result<()> {
    let mut play = Play::new(dialogue);
    let told = |mismatch: Box<Mismatch>| io::Error::other(mismatch.to_string());
    for step in &dialogue.steps {
        match &step.act {
            Act::Send(octets) => {
                play.sent(octets);
                client.send(octets).await?;
            }
            Act::Expect(pattern) => {
                let reply = client.reply().await.map(|reply: Reply| reply.text());
                let reply =
                    reply.map_err(|cause| told(play.mismatch(step.line, pattern, &cause.to_string())))?;
                play.heard(step, pattern, reply).map_err(told)?;
            }
            Act::Refute(pattern) => play.refute(step, pattern).map_err(told)?,
            Act::Encrypt => client.shake_hands("server.example").await?,
            Act::HangUp => client.finish().await?,
            Act::Closed => {
                let rest = client.closed().await?;
                if !rest.is_empty() {
                    return Err(told(play.mismatch(step.line, "a close and no more", &shown(&rest))));
                }
            }
        }
    }
    Ok(())
}

/// The length of the first whole reply: lines up to one whose code is not followed by `-`.
fn whole_reply(octets: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if !line.ends_with(b"\r\n") {
            return None;
        }
        length += line.len();
        if line.get(3) != Some(&b'-') {
            return Some(length);
        }
    }
    None
}

/// Whether the text fits the pattern, in which `*` stands for anything.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut in_pattern, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                star = Some((in_pattern, in_text));
                in_pattern += 1;
            }
            Some(wanted) if text.get(in_text) == Some(wanted) => {
                in_pattern += 1;
                in_text += 1;
            }
            Some(_) | None => {
                // The last star takes one octet more.
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (in_pattern, in_text) = (at + 1, taken + 1);
            }
        }
    }
    pattern.get(in_pattern..).unwrap_or_default().iter().all(|octet| *octet == b'*')
}
