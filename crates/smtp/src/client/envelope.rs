//! MAIL, RCPT and DATA: pipelined where that is offered (RFC 2920), else one by one.

use std::time::{Duration, Instant};

use gatepost_mail::Reply;
use gatepost_mail::reply::Class;

use super::command::{MailCommand, RcptCommand};
use super::exchange::{Carriage, Departure, Exchange, Next, Nonsense, Whole};
use super::phase::{Awaited, EnvelopeCommand, Leftover, Phase};
use super::{Cause, ChunkingUse, ClientSession, NotNow, Record, Transaction};
use crate::{Extension, Protocol};

/// Most commands whose replies are outstanding. Their replies have to fit into the buffers of the network, or
/// both sides wait for each other for ever (RFC 2920 section 3.1).
const PIPELINE_DEPTH: usize = 100;

/// Most replies that may be outstanding when content goes along: whatever the server says is to be read soon.
const REPLIES_BEHIND: usize = 8;

/// Silence after which a server is not trusted as before: it may have closed the connection.
const BRISK: Duration = Duration::from_secs(1);

impl ClientSession {
    /// Begins a transaction, at `Ready`. Its outcome comes as a step of its own; what this server cannot take at all
    /// fails without a word to it.
    ///
    /// # Errors
    ///
    /// [`NotNow`] at any other step.
    pub fn send(&mut self, transaction: Transaction, now: Instant) -> Result<(), NotNow> {
        let Phase::Ready(leftover) = self.phase else { return Err(NotNow) };
        self.wire.outbox.forget_lent();
        let idle = now.saturating_duration_since(std::mem::replace(&mut self.since, now));
        let departure = self.departure(&transaction, idle);
        let mut exchange = Exchange::new(transaction, &self.offers, (leftover, departure));
        exchange.protocol = self.settings.protocol;
        if exchange.is_settled() {
            self.finish(exchange);
            return Ok(());
        }
        self.transactions = self.transactions.saturating_add(1);
        self.phase = Phase::Envelope(Box::new(exchange));
        self.pump();
        self.leave_envelope();
        Ok(())
    }

    /// When content may go by BDAT although DATA would do: only where the server has taken a message over this connection
    /// just now. Whoever hangs up without a word in a transaction does so in the first, and if it had the content too, nobody
    /// could tell that it has not taken it. An LMTP server gives as many replies to the content as it has taken
    /// recipients, so those have to be known first.
    fn departure(&self, transaction: &Transaction, idle: Duration) -> Option<Departure> {
        let proven = self.record == Record::Proven && idle <= BRISK;
        if !proven || self.settings.chunking == ChunkingUse::WhereNeeded {
            return None;
        }
        let small = transaction.size.is_some_and(|size| size <= self.settings.limits.along);
        let pipelines = self.offers.has(Extension::Pipelining) && self.settings.protocol == Protocol::Smtp;
        Some(if small && pipelines { Departure::WithEnvelope } else { Departure::AfterReplies })
    }

    /// Takes the reply to a command of the envelope.
    pub(super) fn envelope_answered(&mut self, command: EnvelopeCommand, reply: Reply) {
        let (Phase::Envelope(exchange) | Phase::Content(exchange) | Phase::Ending(exchange)) =
            &mut self.phase
        else {
            return;
        };
        let taken = match command {
            EnvelopeCommand::Reset => reset(reply),
            EnvelopeCommand::Mail => exchange.mail(reply),
            EnvelopeCommand::Recipient(index) => exchange.recipient(index, reply),
            EnvelopeCommand::Data => exchange.data(reply),
            EnvelopeCommand::EmptyEnd => empty_end(exchange, reply),
        };
        if let Err(Nonsense(reply)) = taken {
            return self.break_off(Cause::Unexpected { stage: command.stage(), reply });
        }
        self.pump();
        self.leave_envelope();
    }

    /// Says as much as may be said now.
    fn pump(&mut self) {
        let depth = if self.offers.has(Extension::Pipelining) { PIPELINE_DEPTH } else { 1 };
        // Half of the replies first: a command for each reply would be a packet for each.
        if self.wire.awaited.len() > depth / 2 {
            return;
        }
        while self.wire.awaited.len() < depth {
            let Phase::Envelope(exchange) = &mut self.phase else { return };
            exchange.next = match exchange.next {
                Next::Reset => {
                    self.wire.say(Awaited::Envelope(EnvelopeCommand::Reset), "RSET");
                    Next::Mail
                }
                Next::Mail => {
                    self.wire.say(
                        Awaited::Envelope(EnvelopeCommand::Mail),
                        MailCommand { exchange, offers: &self.offers },
                    );
                    Next::Recipient(0)
                }
                Next::Recipient(from) => match exchange.ask(from) {
                    None => Next::Data,
                    Some(index) => {
                        if let Some(recipient) = exchange.transaction.recipients.get(index) {
                            let (spelling, offers) = (exchange.spelling, &self.offers);
                            let command = RcptCommand { recipient, spelling, offers };
                            self.wire.say(Awaited::Envelope(EnvelopeCommand::Recipient(index)), command);
                        }
                        Next::Recipient(index + 1)
                    }
                },
                Next::Data if self.wire.awaited.is_empty() && !exchange.has_accepted() => Next::Nothing,
                Next::Data => match exchange.carriage {
                    Carriage::Dots(_) => {
                        self.wire.say(Awaited::Envelope(EnvelopeCommand::Data), "DATA");
                        Next::Nothing
                    }
                    // Content would follow at once, and nobody knows yet whether anyone is there to get it.
                    Carriage::Chunks | Carriage::Whole(_) if self.wire.awaited.is_empty() => Next::Content,
                    Carriage::Whole(Whole { departure: Departure::WithEnvelope, .. })
                        if self.wire.awaited.len() <= REPLIES_BEHIND =>
                    {
                        Next::Content
                    }
                    Carriage::Chunks | Carriage::Whole(_) => return,
                },
                Next::LoneDot => {
                    self.wire.say(Awaited::Envelope(EnvelopeCommand::EmptyEnd), ".");
                    Next::Nothing
                }
                Next::Content | Next::Nothing => return,
            };
        }
    }

    /// Goes on once every command has its reply, or with content that does not wait for them.
    fn leave_envelope(&mut self) {
        let Phase::Envelope(exchange) = &self.phase else { return };
        let goes_along = exchange.goes_along() && exchange.next == Next::Content;
        if !self.wire.awaited.is_empty() && !goes_along {
            return;
        }
        if let Phase::Envelope(exchange) = self.take_phase() {
            if exchange.next == Next::Content {
                self.begin_content(exchange);
            } else {
                self.finish(*exchange);
            }
        }
    }
}

fn reset(reply: Reply) -> Result<(), Nonsense> {
    if reply.class() == Class::Done { Ok(()) } else { Err(Nonsense(reply)) }
}

/// The reply to a message without content and recipients: whatever it is, the transaction is over.
fn empty_end(exchange: &mut Exchange, reply: Reply) -> Result<(), Nonsense> {
    exchange.leftover = Leftover::Nothing;
    if reply.class() == Class::GoOn { Err(Nonsense(reply)) } else { Ok(()) }
}
