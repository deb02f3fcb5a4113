//! Content, and the replies to it.

use std::time::Instant;

use gatepost_mail::Reply;
use gatepost_mail::reply::Class;

use super::exchange::{Carriage, Exchange, Whole};
use super::phase::{Awaited, Leftover, Phase, Whose, outcome_of};
use super::{CLOSING, Cause, ClientSession, Connection, More, NotNow, Record, Stage};
use crate::content_writer::{write_chunk, write_last_chunk};
use crate::{Extension, Protocol};

/// Most chunks whose replies are outstanding, where the server has PIPELINING.
const CHUNKS_AHEAD: usize = 8;

/// Replies about a command itself: not known, not understood, not built, not now (RFC 5321 section 4.2.3).
const NO_COMMAND: std::ops::RangeInclusive<u16> = 500..=504;

/// With so many octets that wait to be sent no more are gathered.
const MOST_GATHERED: usize = 128 * 1024;

impl ClientSession {
    /// Announces content whose length is known.
    pub(super) fn begin_content(&mut self, exchange: Box<Exchange>) {
        if let Carriage::Whole(Whole { left, .. }) = exchange.carriage {
            self.wire.outbox.put(format_args!("BDAT {} LAST\r\n", left.0));
        }
        self.phase = Phase::Content(exchange);
    }

    /// Takes a piece of content, at `NeedContent`: lines with CRLF as they are in the message, dots not stuffed; or
    /// any octets, for BINARYMIME. Where BDAT is used and the transaction names no size, a piece becomes a chunk, so pieces
    /// should not be small.
    ///
    /// # Errors
    ///
    /// [`NotNow`] at any other step: ask `step` after every piece. The same where a transaction names its size and the
    /// content has another; then the connection can only be closed.
    pub fn content(&mut self, piece: &[u8], more: More, now: Instant) -> Result<(), NotNow> {
        self.wire.outbox.forget_lent();
        if !self.needs_content() {
            return Err(NotNow);
        }
        let Phase::Content(exchange) = &mut self.phase else { return Err(NotNow) };
        if let Carriage::Whole(whole) = &mut exchange.carriage {
            whole.take(piece, more)?;
        }
        self.since = now;
        let out = self.wire.outbox.octets();
        match (&mut exchange.carriage, more) {
            (Carriage::Dots(writer), More::ThereIsMore) => writer.write(piece, out),
            (Carriage::Dots(writer), More::Last) => {
                writer.write(piece, out);
                writer.finish(out);
            }
            (Carriage::Whole(_), _) => out.extend_from_slice(piece),
            (Carriage::Chunks, More::ThereIsMore) if piece.is_empty() => {}
            (Carriage::Chunks, More::ThereIsMore) => {
                write_chunk(piece, out);
                self.wire.awaited.push_back(Awaited::Chunk);
            }
            (Carriage::Chunks, More::Last) => write_last_chunk(piece, out),
        }
        if more == More::Last {
            self.await_end();
        }
        Ok(())
    }

    /// Whether content is to come next. What has been announced is gathered behind that, and is not sent in crumbs.
    pub(super) fn needs_content(&self) -> bool {
        let Phase::Content(exchange) = &self.phase else { return false };
        match exchange.carriage {
            Carriage::Whole(_) => self.wire.outbox.len() < MOST_GATHERED,
            Carriage::Dots(_) => !self.wire.outbox.has_unsent(),
            Carriage::Chunks => !self.wire.outbox.has_unsent() && self.wire.awaited.len() < self.ahead(),
        }
    }

    fn ahead(&self) -> usize {
        if self.offers.has(Extension::Pipelining) { CHUNKS_AHEAD } else { 1 }
    }

    fn await_end(&mut self) {
        let Phase::Content(exchange) = self.take_phase() else { return };
        match self.settings.protocol {
            Protocol::Smtp => self.wire.awaited.push_back(Awaited::End(Whose::All)),
            Protocol::Lmtp => {
                let each = exchange.accepted().map(|index| Awaited::End(Whose::One(index)));
                self.wire.awaited.extend(each);
            }
        }
        self.phase = Phase::Ending(exchange);
    }

    /// Takes the reply to a chunk that was not the last.
    pub(super) fn chunk_answered(&mut self, reply: Reply) {
        match reply.class() {
            Class::Done => {}
            Class::GoOn => self.break_off(Cause::Unexpected { stage: Stage::Content, reply }),
            Class::Later | Class::Never => self.chunk_refused(reply),
        }
    }

    /// The message is lost, and chunks that are on their way will be refused too (RFC 3030 section 2).
    fn chunk_refused(&mut self, reply: Reply) {
        let (mut exchange, ended) = match self.take_phase() {
            Phase::Content(exchange) => (exchange, false),
            Phase::Ending(exchange) => (exchange, true),
            Phase::Opening
            | Phase::Upgrading
            | Phase::Login(_)
            | Phase::Ready(_)
            | Phase::Envelope(_)
            | Phase::Draining(_)
            | Phase::Leaving
            | Phase::Closed => return,
        };
        exchange.settle_rest(&outcome_of(reply));
        exchange.leftover = Leftover::Transaction;
        if ended && self.settings.protocol == Protocol::Lmtp {
            // How many replies the last chunk gets now, nobody knows.
            exchange.connection = Connection::Ended;
            return self.finish(*exchange);
        }
        self.phase = Phase::Draining(exchange);
        self.drain();
    }

    /// Goes on once no reply is awaited any more.
    pub(super) fn drain(&mut self) {
        if !self.wire.awaited.is_empty() {
            return;
        }
        if let Phase::Draining(exchange) = self.take_phase() {
            self.finish(*exchange);
        }
    }

    /// Whether a server that offers CHUNKING refuses the command, not the message: something between us and it, most likely.
    /// Where DATA would do, that is nothing to fail by; what stood in the chunk may have been read as commands, so the
    /// connection ends. The next one begins with DATA.
    fn knows_no_bdat(&self, reply: &Reply) -> bool {
        let chosen = |exchange: &Exchange| exchange.has_accepted() && exchange.chose_bdat();
        let Phase::Ending(exchange) = &self.phase else { return false };
        NO_COMMAND.contains(&reply.code().get()) && chosen(exchange)
    }

    /// Takes the reply to all of the content, or one of them.
    pub(super) fn end_answered(&mut self, whose: Whose, reply: Reply) {
        if reply.class() == Class::GoOn {
            return self.break_off(Cause::Unexpected { stage: Stage::End, reply });
        }
        if self.knows_no_bdat(&reply) {
            return self.break_off(Cause::NoChunking(reply));
        }
        let Phase::Ending(mut exchange) = self.take_phase() else { return };
        // Where nobody was there to get the content, the server may still have the sender.
        if exchange.has_accepted() {
            exchange.leftover = Leftover::Nothing;
        }
        if reply.class() == Class::Done {
            self.record = Record::Proven;
        }
        if reply.code().get() == CLOSING {
            exchange.connection = Connection::Ended;
        }
        match whose {
            Whose::All => exchange.settle_rest(&outcome_of(reply)),
            Whose::One(index) => exchange.settle(index, outcome_of(reply)),
        }
        if self.wire.awaited.is_empty() {
            self.finish(*exchange);
        } else {
            self.phase = Phase::Ending(exchange);
        }
    }
}
