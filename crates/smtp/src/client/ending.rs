//! How transactions and sessions end, well or not.

use std::time::Instant;

use gatepost_mail::Reply;
use gatepost_mail::reply::Class;

use super::exchange::Exchange;
use super::phase::{Awaited, Login, Phase, outcome_of};
use super::{CLOSING, Cause, ClientSession, Connection, News, RecipientOutcome};

impl ClientSession {
    /// Ends the session. At `Ready` and `Login` QUIT is said. Anywhere else the connection is just closed, which is
    /// the only way to take back content that was begun; a transaction under way gets its outcome first.
    pub fn quit(&mut self, now: Instant) {
        self.wire.outbox.forget_lent();
        match self.phase {
            Phase::Ready(_) | Phase::Login(Login::Choose) => {
                self.since = now;
                self.say_quit();
            }
            Phase::Leaving | Phase::Closed => {}
            Phase::Opening
            | Phase::Upgrading
            | Phase::Login(_)
            | Phase::Envelope(_)
            | Phase::Content(_)
            | Phase::Ending(_)
            | Phase::Draining(_) => self.break_off(Cause::GivenUp(self.stage())),
        }
    }

    fn say_quit(&mut self) {
        self.wire.say(Awaited::Quit, "QUIT");
        self.phase = Phase::Leaving;
    }

    /// The session cannot go on, but the server still listens.
    pub(super) fn give_up(&mut self, cause: Cause) {
        self.news.push_back(News::Broken(cause));
        self.say_quit();
    }

    /// Tells the outcome, and makes the session ready for the next transaction if there may be one.
    pub(super) fn finish(&mut self, mut exchange: Exchange) {
        let spent = self.offers.transactions_max().is_some_and(|most| self.transactions >= most.get());
        let over = exchange.connection == Connection::Ended;
        if spent {
            exchange.connection = Connection::Ended;
        }
        let leftover = exchange.leftover;
        self.news.push_back(News::Outcome(exchange.into_outcome()));
        if over {
            self.wire.cut();
            self.phase = Phase::Closed;
        } else if spent {
            self.say_quit();
        } else {
            self.phase = Phase::Ready(leftover);
        }
    }

    /// Takes a reply that no command asked for.
    pub(super) fn unasked(&mut self, reply: Reply) {
        let stage = self.phase.stage();
        if let Phase::Content(exchange) = &mut self.phase
            && matches!(reply.class(), Class::Later | Class::Never)
        {
            // A server that will not have the rest of the content says so and closes.
            exchange.settle_rest(&outcome_of(reply));
            return self.break_off(Cause::HungUp(stage));
        }
        self.break_off(if reply.code().get() == CLOSING {
            Cause::Closing(reply)
        } else {
            Cause::Unexpected { stage, reply }
        });
    }

    /// Ends all at once. Recipients with an outcome keep it.
    pub(super) fn break_off(&mut self, cause: Cause) {
        let unsent = self.wire.outbox.has_unsent();
        self.wire.cut();
        match self.take_phase() {
            Phase::Leaving | Phase::Closed => {}
            Phase::Opening | Phase::Upgrading | Phase::Login(_) | Phase::Ready(_) => {
                self.news.push_back(News::Broken(cause));
            }
            // The end of the content was lent to the driver: it may have arrived.
            Phase::Ending(exchange)
                if !unsent && !matches!(cause, Cause::Closing(_) | Cause::NoChunking(_)) =>
            {
                self.settle_broken(*exchange, &RecipientOutcome::InDoubt(cause));
            }
            Phase::Envelope(exchange)
            | Phase::Content(exchange)
            | Phase::Ending(exchange)
            | Phase::Draining(exchange) => {
                let outcome = if let Cause::Closing(reply) = cause {
                    RecipientOutcome::Deferred(reply)
                } else {
                    RecipientOutcome::Interrupted(cause)
                };
                self.settle_broken(*exchange, &outcome);
            }
        }
    }

    fn settle_broken(&mut self, mut exchange: Exchange, outcome: &RecipientOutcome) {
        exchange.settle_rest(outcome);
        exchange.connection = Connection::Ended;
        self.finish(exchange);
    }
}
