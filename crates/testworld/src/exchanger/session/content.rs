//! Content by DATA or BDAT, up to the reply that decides who owns the message.

use std::io;
use std::sync::Arc;

use super::{Next, Session, Standing};
use crate::exchanger::{Message, Transfer};
use crate::script::{Act, Protocol};

/// RFC 5321 section 4.5.3.1.6, without the CRLF.
const LONGEST_TEXT_LINE: usize = 998;

impl Session {
    /// Reads lines up to the one that is a dot alone.
    pub(super) async fn data(&mut self) -> io::Result<Next> {
        if !self.wire.pending().is_empty() {
            self.complain("content before 354");
        }
        let mut content = Vec::new();
        let mut before_ended_well = true;
        loop {
            let raw = self.wire.raw_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if before_ended_well && raw == b".\r\n" {
                break;
            }
            let stuffed = before_ended_well.then(|| raw.strip_prefix(b".")).flatten();
            content.extend_from_slice(stuffed.unwrap_or(&raw));
            before_ended_well = raw.ends_with(b"\r\n");
        }
        self.take(&content, Transfer::Data);
        self.decide().await
    }

    /// `BDAT size [LAST]`, RFC 3030 section 2.
    pub(super) async fn chunk(&mut self, line: &str, fair: &str) -> io::Result<Next> {
        let mut words = line.split_whitespace().skip(1);
        let size = words.next().and_then(|word| word.parse::<usize>().ok());
        let size = size.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "BDAT without a size"))?;
        let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
        let octets = self.wire.octets(size).await?;
        if !fair.starts_with('2') {
            return self.carry_out("BDAT", line, fair).await;
        }
        self.take(&octets, Transfer::Chunks);
        if last { self.decide().await } else { self.carry_out("BDAT", line, fair).await }
    }

    fn take(&mut self, octets: &[u8], transfer: Transfer) {
        if let Standing::Open(message) = &mut self.standing {
            message.content.extend_from_slice(octets);
            message.transfer = transfer;
        }
    }

    /// Says what becomes of the message, and remembers it with the reply.
    async fn decide(&mut self) -> io::Result<Next> {
        let Standing::Open(mut message) = std::mem::replace(&mut self.standing, Standing::Greeted) else {
            return self.carry_out(".", "", "503 5.5.1 MAIL first").await;
        };
        self.criticise(&message);
        let asked = match self.script.protocol {
            Protocol::Smtp => vec![String::new()],
            Protocol::Lmtp => message.recipients.clone(),
        };
        let acts: Vec<Act> = asked.iter().map(|about| self.act(about)).collect();
        message.answer = acts.iter().map(code).max().flatten();
        // Remembered before the reply goes out: who has the reply finds the message here.
        self.desk.remember(|memory| {
            if let Some(connection) = memory.connections.get_mut(self.number) {
                connection.transactions += 1;
            }
            memory.received.push(Arc::new(message));
        });
        for act in acts {
            if self.perform(&act).await?.is_none() || matches!(act, Act::ReplyAndClose(_)) {
                return Ok(Next::Close);
            }
        }
        Ok(Next::Command)
    }

    fn act(&self, about: &str) -> Act {
        let polite = || Act::Reply("250 2.0.0 taken".to_owned());
        self.desk.act(".", about).unwrap_or_else(polite)
    }

    /// Complains about content that the declared body type does not allow.
    fn criticise(&self, message: &Message) {
        let mail = message.mail.to_ascii_uppercase();
        if mail.contains("BODY=BINARYMIME") {
            return;
        }
        if !message.content.is_ascii() && !mail.contains("BODY=8BITMIME") && !mail.contains("SMTPUTF8") {
            self.complain("8-bit content without BODY=8BITMIME");
        }
        let mut lines = message.content.split(|octet| *octet == b'\n').peekable();
        while let Some(line) = lines.next() {
            let ended = lines.peek().is_some();
            let text = line.strip_suffix(b"\r").unwrap_or(line);
            if ended && text.len() == line.len() {
                self.complain("a bare LF in the content");
            }
            if text.contains(&b'\r') {
                self.complain("a bare CR in the content");
            }
            if text.len() > LONGEST_TEXT_LINE {
                self.complain("a content line that is too long");
            }
        }
    }
}

fn code(act: &Act) -> Option<u16> {
    match act {
        Act::Reply(text) | Act::ReplyAndClose(text) => text.get(..3)?.parse().ok(),
        Act::HangUp | Act::Stall => None,
    }
}
