//! Content: DATA, BDAT, and what becomes of it.

use std::fmt;

use gatepost_mail::reply::table as reply;
use gatepost_mail::{Body, Octets, Reply};

use super::core::{Core, Turn, refusal};
use super::phase::{Arriving, Asked, Draft, Phase, Refusal};
use super::{Answer, Question};
use crate::Protocol;
use crate::command::Chunk;
use crate::content::{ContentFault, Inspector, Strictness, Unstuffed, Unstuffer};

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
        let Phase::Data(unstuffer) = &mut self.phase else { return Turn::Wait };
        let fault = unstuffer.inspector().fault();
        if fault.is_some() && self.draft == Draft::Open {
            self.drop_draft();
            return Turn::Again;
        }
        match unstuffer.read(self.input.pending()) {
            Unstuffed::More => Turn::Wait,
            Unstuffed::Piece { skip, length, consumed } => {
                self.clock.progress();
                let start = self.input.consume(consumed).start + skip;
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
                    let is_open = matches!(self.phase, Phase::Data(_));
                    if is_open { self.refuse_content(&words(fault)) } else { Turn::Again }
                }
            },
        }
    }

    /// Drops octets of refused content, up to the limit of patience.
    fn pass_over(&mut self, count: usize) -> Turn {
        self.clock.progress();
        self.input.consume(count);
        self.passed_over = self.passed_over.saturating_add(count as u64);
        if self.passed_over > self.settings.limits.refused_content.0 {
            self.close_with(&reply::TOO_MANY_ERRORS);
        }
        Turn::Again
    }

    fn complete(&mut self, seen: crate::content::Seen) -> Turn {
        self.clock.progress();
        self.clock.content_ends();
        self.draft = Draft::None;
        self.ask(Question::Complete(seen), Asked::Complete)
    }

    /// All of a message came, and it is not taken.
    fn refuse_content(&mut self, reply: &Reply) -> Turn {
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
    fn replies_to_content(&self) -> u32 {
        match self.settings.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => self.transaction.as_ref().map_or(1, |transaction| transaction.recipients),
        }
    }

    /// RFC 3030 section 2. The octets of a chunk must be taken even where it is refused.
    pub(super) fn begin_chunk(&mut self, size: u64, chunk: Chunk) -> Turn {
        let arriving = Arriving { left: size, chunk };
        let Some(transaction) = &mut self.transaction else {
            return self.refuse_chunk(arriving, self.mail_first());
        };
        if transaction.recipients == 0 {
            return self.refuse_chunk(arriving, reply::NO_RECIPIENTS);
        }
        let so_far = transaction.chunks.as_ref().map_or(Octets(0), |inspector| inspector.size());
        if so_far + Octets(size) > self.settings.limits.message_size {
            return self.refuse_arriving(arriving, ContentFault::TooLarge);
        }
        if transaction.chunks.is_some() {
            self.phase = Phase::Chunk(arriving);
            return Turn::Again;
        }
        self.ask(Question::Open, Asked::Chunk(arriving))
    }

    pub(super) fn answer_chunk(&mut self, arriving: Arriving, answer: Answer) {
        if answer != Answer::Permit {
            let reply = refusal(answer, &reply::UNKNOWN_FOR_NOW);
            let times = self.replies_to(arriving.chunk);
            self.abandon();
            self.receive_refused(arriving, Refusal { reply, times });
            return;
        }
        let strictness = match self.transaction.as_ref().map(|transaction| transaction.body) {
            Some(Body::BinaryMime) => Strictness::Anything,
            Some(Body::SevenBit | Body::EightBitMime) | None => Strictness::Lines,
        };
        let inspector = Box::new(self.inspector(strictness));
        if let Some(transaction) = &mut self.transaction {
            transaction.chunks = Some(inspector);
        }
        self.draft = Draft::Open;
        self.clock.content_begins();
        self.phase = Phase::Chunk(arriving);
    }

    /// The octets of a chunk.
    pub(super) fn chunk(&mut self, arriving: Arriving) -> Turn {
        let Some(inspector) = self.transaction.as_mut().and_then(|transaction| transaction.chunks.as_mut())
        else {
            return self.refuse_chunk(arriving, reply::MAIL_FIRST);
        };
        if arriving.left == 0 {
            return self.end_chunk(arriving.chunk);
        }
        let pending = self.input.pending();
        let most = usize::try_from(arriving.left).unwrap_or(usize::MAX);
        let octets = pending.get(..most).unwrap_or(pending);
        if octets.is_empty() {
            return Turn::Wait;
        }
        let count = inspector.look_at(octets);
        let fault = inspector.fault();
        let left = arriving.left - count as u64;
        self.clock.progress();
        let place = self.input.consume(count);
        let arriving = Arriving { left, ..arriving };
        match fault {
            Some(fault) => self.refuse_arriving(arriving, fault),
            None => {
                self.phase = Phase::Chunk(arriving);
                Turn::Content(place)
            }
        }
    }

    fn end_chunk(&mut self, chunk: Chunk) -> Turn {
        self.phase = Phase::Commands;
        if chunk == Chunk::More {
            return self.say(&reply::CHUNK_OK);
        }
        let Some(inspector) = self.transaction.as_mut().and_then(|transaction| transaction.chunks.as_mut())
        else {
            return self.fail(&reply::MAIL_FIRST);
        };
        inspector.finish();
        match inspector.fault() {
            Some(fault) => self.refuse_content(&words(fault)),
            None => {
                let seen = inspector.seen();
                self.complete(seen)
            }
        }
    }

    /// A chunk with a fault, or too large as announced: the transaction is over.
    fn refuse_arriving(&mut self, arriving: Arriving, fault: ContentFault) -> Turn {
        let times = self.replies_to(arriving.chunk);
        self.abandon();
        self.patience.error();
        self.receive_refused(arriving, Refusal { reply: words(fault), times });
        Turn::Again
    }

    /// A chunk that has no place here.
    fn refuse_chunk(&mut self, arriving: Arriving, reply: Reply) -> Turn {
        self.patience.error();
        self.receive_refused(arriving, Refusal { reply, times: 1 });
        Turn::Again
    }

    fn replies_to(&self, chunk: Chunk) -> u32 {
        match chunk {
            Chunk::More => 1,
            Chunk::Last => self.replies_to_content(),
        }
    }

    fn receive_refused(&mut self, arriving: Arriving, refusal: Refusal) {
        if arriving.left > self.settings.limits.refused_content.0 {
            self.output.say(&refusal.reply);
            return self.close_with(&reply::TOO_MANY_ERRORS);
        }
        self.clock.content_begins();
        self.phase = Phase::Refused(arriving, Box::new(refusal));
    }

    /// The octets of a chunk that is refused.
    pub(super) fn refused_chunk(&mut self, arriving: Arriving) -> Turn {
        let most = usize::try_from(arriving.left).unwrap_or(usize::MAX);
        let count = self.input.pending().len().min(most);
        let left = arriving.left - count as u64;
        if left > 0 && count == 0 {
            return Turn::Wait;
        }
        self.clock.progress();
        self.input.consume(count);
        let Phase::Refused(arriving, refusal) = &mut self.phase else { return Turn::Wait };
        arriving.left = left;
        if left > 0 {
            return Turn::Again;
        }
        for _ in 0..refusal.times {
            self.output.say(&refusal.reply);
        }
        self.clock.content_ends();
        let closing = refusal.reply.code().get() == super::core::CLOSING;
        self.phase = Phase::Commands;
        if closing {
            self.close();
        }
        Turn::Again
    }

    fn inspector(&self, strictness: Strictness) -> Inspector {
        let limits = &self.settings.limits;
        Inspector::new(strictness, limits.content_line, limits.message_size)
    }

    /// The message is on stable storage.
    pub(super) fn say_stored(&mut self, receipt: &dyn fmt::Display, refused: &[(usize, Reply)]) {
        let queued = reply::QUEUED.with_text(format!("Queued as {receipt}"));
        let times = self.replies_to_content() as usize;
        for place in 0..times {
            let refused =
                refused.iter().find(|(at, _)| *at == place && self.settings.protocol == Protocol::Lmtp);
            match refused {
                Some((_, reply)) => {
                    let reply = refusal(Answer::Refuse(reply.clone()), &reply::STORAGE_FAILED);
                    self.output.say(&reply);
                }
                None => self.output.say(&queued),
            }
        }
        self.transaction = None;
        self.patience.message_taken();
    }

    /// Nothing was stored.
    pub(super) fn answer_complete(&mut self, answer: Answer) {
        let times = self.replies_to_content() as usize;
        self.abandon();
        let replies = match answer {
            Answer::PerRecipient(replies) if self.settings.protocol == Protocol::Lmtp => replies,
            answer @ (Answer::Refuse(_)
            | Answer::Permit
            | Answer::Challenge(_)
            | Answer::Authenticated
            | Answer::PerRecipient(_)) => vec![refusal(answer, &reply::STORAGE_FAILED); times],
        };
        let mut replies = replies.into_iter();
        for _ in 0..times {
            let answer = replies.next().map_or(Answer::Permit, Answer::Refuse);
            let reply = refusal(answer, &reply::STORAGE_FAILED);
            self.patience.refusal(&reply);
            self.refuse(&reply);
        }
    }
}

const fn words(fault: ContentFault) -> Reply {
    match fault {
        ContentFault::BareLineEnd => reply::BARE_LINE_END,
        ContentFault::Nul => reply::NUL_IN_CONTENT,
        ContentFault::LineTooLong => reply::CONTENT_LINE_TOO_LONG,
        ContentFault::TooLarge => reply::TOO_LARGE,
    }
}
