//! One session of the sink: no opinion, no allocation for each message.

use std::io;

use memchr::memmem::Finder;

use super::{Mood, Offers, Shared};
use crate::load::line::Line;
use crate::load::{Marker, clock};

const GREETING: &[u8] = b"220 sink.example ESMTP\r\n";
/// What a host of today offers, the same to all: a client takes of it what it can.
const HELLO: &[u8] = b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n";
/// The same without CHUNKING.
const PLAIN_HELLO: &[u8] =
    b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";
const FINE: &[u8] = b"250 2.0.0 Ok\r\n";
const SEND_IT: &[u8] = b"354 Send it\r\n";
const NOT_NOW: &[u8] = b"450 4.2.1 Not now\r\n";
const NO_RECIPIENT: &[u8] = b"554 5.5.1 No valid recipients\r\n";
const FAREWELL: &[u8] = b"221 2.0.0 Bye\r\n";
const UNKNOWN: &[u8] = b"500 5.5.2 What?\r\n";

/// The end of content; its first line end belongs to the line before.
const FINAL_DOT: &[u8] = b"\r\n.\r\n";

/// How far into a message its marker is looked for, behind all that relays put in front.
const LONGEST_SEARCH: usize = 16 * 1024;

/// What a command led to.
enum Turn {
    Commands,
    /// Up to the final dot.
    Content,
    /// So many octets, behind BDAT.
    Chunk(Chunk),
    Close,
}

/// What BDAT announces.
struct Chunk {
    octets: usize,
    last: bool,
}

/// The replies of one batch of commands, which go out in one write.
struct Session<'a> {
    line: Line,
    replies: Vec<u8>,
    recipients: u32,
    /// What came in the chunks of this message.
    chunks: Search,
    end: Finder<'static>,
    shared: &'a Shared,
}

/// Serves until the client quits or closes.
pub(super) async fn serve(line: Line, shared: &Shared) -> io::Result<()> {
    let end = Finder::new(FINAL_DOT);
    let replies = GREETING.to_vec();
    let mut session = Session { line, replies, recipients: 0, chunks: Search::default(), end, shared };
    loop {
        // A whole line that is here already belongs to the same batch.
        if !session.line.unused().contains(&b'\n') {
            session.answer().await?;
        }
        let Some(length) = session.line.next_line().await? else { return Ok(()) };
        match session.command(length) {
            Turn::Commands => {}
            Turn::Content => {
                session.answer().await?;
                session.content().await?;
            }
            Turn::Chunk(chunk) => session.chunk(&chunk).await?,
            Turn::Close => return session.answer().await,
        }
    }
}

impl Session<'_> {
    async fn answer(&mut self) -> io::Result<()> {
        if !self.replies.is_empty() {
            self.line.send(&self.replies).await?;
            self.replies.clear();
        }
        Ok(())
    }

    fn command(&mut self, length: usize) -> Turn {
        let mut verb = [0; 4];
        verb.iter_mut().zip(self.line.unused()).for_each(|(to, from)| *to = from.to_ascii_uppercase());
        let (reply, turn) = match &verb {
            b"EHLO" | b"HELO" => (self.hello(), Turn::Commands),
            b"BDAT" => (&[][..], self.announced(length).map_or(Turn::Close, Turn::Chunk)),
            b"RCPT" => (self.recipient(), Turn::Commands),
            b"DATA" if self.recipients == 0 => (NO_RECIPIENT, Turn::Commands),
            b"DATA" => (SEND_IT, Turn::Content),
            b"MAIL" | b"RSET" => {
                self.recipients = 0;
                (FINE, Turn::Commands)
            }
            b"NOOP" => (FINE, Turn::Commands),
            b"QUIT" => (FAREWELL, Turn::Close),
            _others => (UNKNOWN, Turn::Commands),
        };
        self.replies.extend_from_slice(reply);
        // The line end before content stays, so that a final dot at once is found like any other.
        let kept = if matches!(turn, Turn::Content) { 2 } else { 0 };
        self.line.consume(length.saturating_sub(kept));
        turn
    }

    fn hello(&self) -> &'static [u8] {
        match self.shared.offers {
            Offers::Chunking => HELLO,
            Offers::DataAlone => PLAIN_HELLO,
        }
    }

    /// What the line of BDAT says; none where it makes no sense.
    fn announced(&self, length: usize) -> Option<Chunk> {
        let line = str::from_utf8(self.line.unused().get(..length)?).ok()?;
        let mut words = line.split_ascii_whitespace().skip(1);
        let octets = words.next()?.parse().ok()?;
        Some(Chunk { octets, last: words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST")) })
    }

    fn recipient(&mut self) -> &'static [u8] {
        if *self.shared.mood.borrow() == Mood::Deferring {
            self.shared.tally().deferred += 1;
            return NOT_NOW;
        }
        self.recipients += 1;
        FINE
    }

    /// Reads one content to its end, and counts it.
    async fn content(&mut self) -> io::Result<()> {
        let mut search = Search::default();
        loop {
            let unused = self.line.unused();
            let found = self.end.find(unused);
            let length = match found {
                Some(place) => place + FINAL_DOT.len(),
                // The end may have come in part.
                None => unused.len().saturating_sub(FINAL_DOT.len() - 1),
            };
            search.look(unused.get(..length).unwrap_or_default());
            search.octets += u64::try_from(length).unwrap_or_default();
            self.line.consume(length);
            if found.is_some() {
                break;
            }
            if !self.line.fill().await? {
                return Err(super::super::line::closed());
            }
        }
        self.take(search.marker, search.octets);
        Ok(())
    }

    /// Reads one chunk, and counts the message with the last one. What nobody may get is read all the same
    /// (RFC 3030 section 2).
    async fn chunk(&mut self, chunk: &Chunk) -> io::Result<()> {
        let mut left = chunk.octets;
        while left > 0 {
            if self.line.unused().is_empty() && !self.line.fill().await? {
                return Err(super::super::line::closed());
            }
            let unused = self.line.unused();
            let piece = unused.get(..left).unwrap_or(unused);
            self.chunks.look(piece);
            let length = piece.len();
            self.line.consume(length);
            left -= length;
        }
        self.chunks.octets += u64::try_from(chunk.octets).unwrap_or_default();
        if self.recipients == 0 {
            self.chunks = Search::default();
            self.replies.extend_from_slice(NO_RECIPIENT);
        } else if chunk.last {
            let Search { marker, octets, .. } = std::mem::take(&mut self.chunks);
            self.take(marker, octets);
        } else {
            self.replies.extend_from_slice(FINE);
        }
        Ok(())
    }

    fn take(&mut self, marker: Option<Marker>, octets: u64) {
        self.count(marker, octets);
        self.recipients = 0;
        self.replies.extend_from_slice(FINE);
    }

    fn count(&self, marker: Option<Marker>, octets: u64) {
        let mut tally = self.shared.tally();
        tally.add(marker, clock::now());
        tally.octets += octets;
        let distinct = tally.distinct();
        drop(tally);
        self.shared
            .distinct
            .send_if_modified(|count| distinct > std::mem::replace(count, distinct.max(*count)));
    }
}

/// Looks for the marker, across pieces if need be.
#[derive(Default)]
struct Search {
    marker: Option<Marker>,
    before: Vec<u8>,
    octets: u64,
}

impl Search {
    fn look(&mut self, piece: &[u8]) {
        if self.marker.is_some() || self.before.len() > LONGEST_SEARCH {
            return;
        }
        if self.before.is_empty() {
            self.marker = Marker::find(piece);
        }
        if self.marker.is_none() {
            self.before.extend_from_slice(piece);
            self.marker = Marker::find(&self.before);
        }
    }
}
