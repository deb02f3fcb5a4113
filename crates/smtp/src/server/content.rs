//! DATA, and what all content has in common.

use gatepost_mail::reply::table as reply;
use gatepost_mail::{Body, Reply};

use super::core::{Core, Turn, refusal};
use super::phase::{Asked, Draft, Phase};
use super::{Answer, Question};
use crate::Protocol;
use crate::content::{ContentFault, Inspector, Seen, Strictness, Unstuffed, Unstuffer};

impl Core {
    /// RFC 5321 section 4.1.1.4.
    pub(super) fn begin_data(&mut self) -> Turn {
        match &self.transaction {
            None => self.fail(&self.mail_first()),
            Some(transaction) if transaction.chunks.is_some() || transaction.body == Body::BinaryMime => {
                self.fail(&reply::NO_MIXING)
            }
            Some(transaction) if transaction.recipients == 0 => self.fail(&reply::NO_RECIPIENTS),
            Some(_) => self.ask(Question::Open, Asked::Data),
        }
    }

    pub(super) fn answer_data(&mut self, answer: Answer) {
        if answer != Answer::Permit {
            let reply = refusal(answer, &reply::UNKNOWN_FOR_NOW);
            return self.refuse(&reply);
        }
        self.draft = Draft::Open;
        self.clock.content_begins();
        self.phase = Phase::Data(Box::new(Unstuffer::new(self.inspector(Strictness::Lines))));
        self.output.say(&reply::SEND_CONTENT);
    }

    /// Content behind 354, up to its dot.
    pub(super) fn data(&mut self) -> Turn {
        let Phase::Data(unstuffer) = &self.phase else { return Turn::Wait };
        let fault = unstuffer.inspector().fault();
        if fault.is_some() && self.draft == Draft::Open {
            self.drop_draft();
            return Turn::Again;
        }
        if self.read_too_much() {
            return Turn::Again;
        }
        let Phase::Data(unstuffer) = &mut self.phase else { return Turn::Wait };
        match unstuffer.read(self.input.pending()) {
            Unstuffed::More => Turn::Wait,
            Unstuffed::Piece { skip, length, consumed } => {
                self.clock.progress();
                let start = self.input.consume(consumed).start + skip;
                // What is over the size limit is no content any more.
                self.count_passed_over(consumed - skip - length);
                if length == 0 { Turn::Again } else { Turn::Content(start..start + length) }
            }
            Unstuffed::Refused(count) => self.pass_over(count),
            Unstuffed::End(count) => match fault {
                None => {
                    let seen = unstuffer.inspector().seen();
                    self.input.consume(count);
                    self.complete(seen)
                }
                Some(fault) => {
                    self.pass_over(count);
                    if self.read_too_much() { Turn::Again } else { self.refuse_content(&words(fault)) }
                }
            },
        }
    }

    /// Drops octets of refused content, up to the limit of patience.
    fn pass_over(&mut self, count: usize) -> Turn {
        self.clock.progress();
        self.input.consume(count);
        self.count_passed_over(count);
        Turn::Again
    }

    /// Closes the connection where more refused content came than is read.
    fn read_too_much(&mut self) -> bool {
        let is_over = self.passed_over > self.settings.limits.refused_content.0;
        if is_over {
            self.close_with(&reply::TOO_MANY_ERRORS);
        }
        is_over
    }

    fn count_passed_over(&mut self, count: usize) {
        self.passed_over = self.passed_over.saturating_add(count as u64);
    }

    pub(super) fn complete(&mut self, seen: Seen) -> Turn {
        self.clock.progress();
        self.clock.content_ends();
        self.draft = Draft::None;
        self.ask(Question::Complete(seen), Asked::Complete)
    }

    /// All of a message came, and it is not taken.
    pub(super) fn refuse_content(&mut self, reply: &Reply) -> Turn {
        let times = self.replies_to_content();
        self.abandon();
        self.phase = Phase::Commands;
        self.patience.error();
        for _ in 0..times {
            self.output.say(reply);
        }
        Turn::Again
    }

    /// One, or in LMTP one for each recipient (RFC 2033 section 4.2).
    pub(super) fn replies_to_content(&self) -> u32 {
        match self.settings.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => self.transaction.as_ref().map_or(1, |transaction| transaction.recipients),
        }
    }

    pub(super) fn inspector(&self, strictness: Strictness) -> Inspector {
        let limits = &self.settings.limits;
        Inspector::new(strictness, limits.content_line, limits.message_size)
    }
}

pub(super) const fn words(fault: ContentFault) -> Reply {
    match fault {
        ContentFault::BareLineEnd => reply::BARE_LINE_END,
        ContentFault::Nul => reply::NUL_IN_CONTENT,
        ContentFault::LineTooLong => reply::CONTENT_LINE_TOO_LONG,
        ContentFault::TooLarge => reply::TOO_LARGE,
    }
}
