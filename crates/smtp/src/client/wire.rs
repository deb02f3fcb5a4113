//! Commands go out here, the replies they need are queued, and both are written down.

use std::collections::VecDeque;
use std::fmt;

use super::outbox::Outbox;
use super::phase::Awaited;
use crate::reply_reader::Heard;
use crate::transcript::{STRUCK_OUT, Speaker, Transcript};

/// What goes out, what has to come back, and what was said.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) outbox: Outbox,
    pub(super) awaited: VecDeque<Awaited>,
    pub(super) transcript: Transcript,
}

impl Wire {
    /// Says one line and waits for its reply.
    pub(super) fn say(&mut self, awaited: Awaited, line: impl fmt::Display) {
        let start = self.outbox.len();
        self.outbox.put(format_args!("{line}\r\n"));
        self.transcript.add_octets(Speaker::Client, self.outbox.since(start));
        self.awaited.push_back(awaited);
    }

    /// The same for a line whose second half nobody may read: an initial response, or a response alone.
    pub(super) fn say_secret(&mut self, awaited: Awaited, open: &str, secret: &str) {
        self.outbox.put(format_args!("{open}{secret}\r\n"));
        self.transcript.add(Speaker::Client, &format!("{open}{STRUCK_OUT}"));
        self.awaited.push_back(awaited);
    }

    /// Writes down a reply. Challenges are part of a login, and struck out.
    pub(super) fn heard(&mut self, heard: &Heard) {
        if heard.code.get() == 334 {
            self.transcript.add(Speaker::Server, &format!("334 {STRUCK_OUT}"));
            return;
        }
        for line in heard.text.split('\n') {
            self.transcript.add_coded(Speaker::Server, Some(heard.code), line);
        }
    }

    /// Forgets all that was not sent, and waits for nothing.
    pub(super) fn cut(&mut self) {
        self.outbox.clear();
        self.awaited.clear();
    }
}
