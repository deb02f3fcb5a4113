//! MAIL, RCPT and DATA: pipelined where that is offered (RFC 2920), else one by one.

use std::time::Instant;

use gatepost_mail::Reply;
use gatepost_mail::reply::Class;

use super::command::{MailCommand, RcptCommand};
use super::exchange::{Carriage, Exchange, Next, Nonsense};
use super::phase::{Awaited, EnvelopeCommand, Leftover, Phase};
use super::{Cause, ClientSession, NotNow, Transaction};
use crate::Extension;

/// Most commands whose replies are outstanding. Their replies have to fit into the buffers of the network, or
/// both sides wait for each other for ever (RFC 2920 section 3.1).
const PIPELINE_DEPTH: usize = 100;

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
        self.since = now;
        let mut exchange = Exchange::new(transaction, &self.offers, leftover);
        exchange.protocol = self.settings.protocol;
        if exchange.is_settled() {
            self.finish(exchange);
            return Ok(());
        }
        self.transactions = self.transactions.saturating_add(1);
        self.phase = Phase::Envelope(Box::new(exchange));
        self.pump();
        Ok(())
    }

    /// Takes the reply to a command of the envelope.
    pub(super) fn envelope_answered(&mut self, command: EnvelopeCommand, reply: Reply) {
        let Phase::Envelope(exchange) = &mut self.phase else { return };
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
                    Carriage::Chunks if self.wire.awaited.is_empty() => Next::Content,
                    Carriage::Chunks => return,
                },
                Next::LoneDot => {
                    self.wire.say(Awaited::Envelope(EnvelopeCommand::EmptyEnd), ".");
                    Next::Nothing
                }
                Next::Content | Next::Nothing => return,
            };
        }
    }

    /// Goes on once every command has its reply.
    fn leave_envelope(&mut self) {
        if !self.wire.awaited.is_empty() {
            return;
        }
        if let Phase::Envelope(exchange) = self.take_phase() {
            if exchange.next == Next::Content {
                self.phase = Phase::Content(exchange);
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
