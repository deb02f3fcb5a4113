//! BDAT (RFC 3030): content in chunks of a known size.

use gatepost_mail::reply::table as reply;
use gatepost_mail::{Body, Octets, Reply};

use super::content::words;
use super::core::{CLOSING, Core, Turn, refusal};
use super::phase::{Arriving, Asked, Draft, Phase, Refusal};
use super::{Answer, Question};
use crate::command::Chunk;
use crate::content::{ContentFault, Strictness};

impl Core {
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
        if let Some(fault) = inspector.fault() {
            return self.refuse_arriving(arriving, fault);
        }
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
        self.clock.progress();
        let place = self.input.consume(count);
        self.phase = Phase::Chunk(Arriving { left: arriving.left - count as u64, ..arriving });
        if count == 0 { Turn::Again } else { Turn::Content(place) }
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
        let closing = refusal.reply.code().get() == CLOSING;
        self.phase = Phase::Commands;
        if closing {
            self.close();
        }
        Turn::Again
    }
}
