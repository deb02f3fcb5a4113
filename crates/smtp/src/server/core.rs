//! The session itself, whatever its receipts are.

use std::fmt;
use std::ops::Range;
use std::time::Instant;

use gatepost_mail::Reply;
use gatepost_mail::reply::{Class, table as reply};

use super::clock::{Clock, Wait};
use super::output::Output;
use super::patience::Patience;
use super::phase::{Asked, Draft, Introduced, Login, Phase, Service, Transaction};
use super::{Answer, Question, ServerSettings, Step};
use crate::limits::{IDLE_BUFFER, REPLIES_HELD_BACK};
use crate::line::Input;

/// A session: its handlers are in the files beside this one, by phase.
pub(super) struct Core {
    pub(super) settings: ServerSettings,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) phase: Phase,
    pub(super) introduced: Introduced,
    pub(super) login: Login,
    pub(super) transaction: Option<Transaction>,
    pub(super) draft: Draft,
    pub(super) patience: Patience,
    pub(super) clock: Clock,
    /// Octets of refused content that were passed over, of the present message.
    pub(super) passed_over: u64,
    service: Service,
    /// To tell the driver before anything else.
    notice: Option<Question>,
}

/// What one turn of the session led to.
pub(super) enum Turn {
    /// There may be more to do.
    Again,
    Ask(Question),
    /// Content, at this place in the input.
    Content(Range<usize>),
    /// More octets are needed, or an answer.
    Wait,
}

/// A step whose octets are not lent yet.
enum Next {
    Write,
    Ask(Question),
    Content(Range<usize>),
    Upgrade,
    Idle,
    Close,
}

impl Core {
    pub(super) fn new(settings: ServerSettings, now: Instant) -> Self {
        Self {
            settings,
            input: Input::default(),
            output: Output::default(),
            phase: Phase::Commands,
            introduced: Introduced::No,
            login: Login::NotYet,
            transaction: None,
            draft: Draft::None,
            patience: Patience::default(),
            clock: Clock::new(now),
            passed_over: 0,
            service: Service::Running,
            notice: None,
        }
    }

    pub(super) fn upgraded(self, settings: ServerSettings, now: Instant) -> Self {
        let mut fresh = Self::new(settings, now);
        fresh.service = self.service;
        if !matches!(self.phase, Phase::Upgrade) {
            fresh.phase = Phase::Closing;
        }
        fresh
    }

    pub(super) fn receive(&mut self, octets: &[u8], now: Instant) {
        match self.phase {
            Phase::Closing => return,
            // Whoever can put octets in front of the handshake would speak with the client's voice after it.
            Phase::Upgrade => return self.close(),
            Phase::Commands
            | Phase::Asked(_)
            | Phase::Response
            | Phase::Data(_)
            | Phase::Chunk(_)
            | Phase::Refused(..) => {}
        }
        if self.input.pending().len().saturating_add(octets.len()) > self.settings.limits.backlog {
            return self.close_with(&reply::TOO_MANY_ERRORS);
        }
        self.input.push(octets);
        self.clock.received(now);
    }

    pub(super) fn hang_up(&mut self) {
        self.output.forget();
        self.close();
    }

    pub(super) fn spoke_early(&mut self) {
        self.output.forget();
        self.close_with(&reply::SPOKE_TOO_EARLY);
    }

    pub(super) fn expire(&mut self, now: Instant) {
        let waits = !matches!(self.phase, Phase::Asked(_) | Phase::Closing);
        if waits && now >= self.deadline() && self.clock.is_over(now) {
            self.close_with(&reply::TOO_SLOW);
        }
    }

    pub(super) fn shut_down(&mut self) {
        self.service = Service::Stopping;
    }

    pub(super) fn deadline(&self) -> Instant {
        let wait = match self.phase {
            Phase::Data(_) | Phase::Chunk(_) | Phase::Refused(..) => Wait::Content,
            Phase::Commands | Phase::Asked(_) | Phase::Response | Phase::Upgrade | Phase::Closing => {
                Wait::Command
            }
        };
        self.clock.deadline(wait, &self.settings.limits)
    }

    pub(super) fn buffered(&self) -> usize {
        self.input.capacity() + self.output.capacity()
    }

    pub(super) fn shrink(&mut self) {
        self.output.take_back();
        self.input.tidy(0);
        self.output.tidy(0);
    }

    pub(super) fn phase_name(&self) -> &'static str {
        self.phase.name()
    }

    pub(super) fn step(&mut self) -> Step<'_> {
        self.output.take_back();
        match self.next() {
            Next::Write => Step::Write(self.output.lend()),
            Next::Ask(question) => Step::Ask(question),
            Next::Content(place) => Step::Content(self.input.at(place)),
            Next::Upgrade => Step::Upgrade,
            Next::Idle => Step::Idle,
            Next::Close => Step::Close,
        }
    }

    fn next(&mut self) -> Next {
        loop {
            if let Some(notice) = self.notice.take() {
                return Next::Ask(notice);
            }
            if self.output.len() >= REPLIES_HELD_BACK {
                return Next::Write;
            }
            match self.turn() {
                Turn::Again => {}
                Turn::Ask(question) => return Next::Ask(question),
                Turn::Content(place) => return Next::Content(place),
                Turn::Wait if self.output.len() > 0 => return Next::Write,
                Turn::Wait => return self.rest(),
            }
        }
    }

    /// Nothing is left to process or to write.
    fn rest(&mut self) -> Next {
        match self.phase {
            Phase::Upgrade => Next::Upgrade,
            Phase::Closing => Next::Close,
            Phase::Commands
            | Phase::Asked(_)
            | Phase::Response
            | Phase::Data(_)
            | Phase::Chunk(_)
            | Phase::Refused(..) => {
                self.input.tidy(IDLE_BUFFER);
                self.output.tidy(IDLE_BUFFER);
                Next::Idle
            }
        }
    }

    fn turn(&mut self) -> Turn {
        match self.phase {
            Phase::Commands => self.between_commands(Self::command),
            Phase::Response => self.between_commands(Self::response),
            Phase::Data(_) => self.data(),
            Phase::Chunk(arriving) => self.chunk(arriving),
            Phase::Refused(arriving, _) => self.refused_chunk(arriving),
            Phase::Asked(_) | Phase::Upgrade | Phase::Closing => Turn::Wait,
        }
    }

    /// Reads the next line, unless it is time to stop.
    fn between_commands(&mut self, read: fn(&mut Self) -> Turn) -> Turn {
        if self.service == Service::Stopping {
            self.close_with(&reply::SHUTTING_DOWN);
        } else if let Some(reply) = self.patience.ended(&self.settings.limits) {
            self.close_with(&reply);
        } else {
            return read(self);
        }
        Turn::Again
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        if !matches!(self.phase, Phase::Asked(_)) {
            return;
        }
        let Phase::Asked(asked) = std::mem::replace(&mut self.phase, Phase::Commands) else { return };
        self.clock.decided();
        match asked {
            Asked::Hello(verb) => self.answer_hello(verb, answer),
            Asked::Login => self.answer_login(answer),
            Asked::Sender(transaction) => self.answer_sender(transaction, answer),
            Asked::Recipient => self.answer_recipient(answer),
            Asked::Data => self.answer_data(answer),
            Asked::Chunk(arriving) => self.answer_chunk(arriving, answer),
            Asked::Complete => self.answer_complete(answer),
        }
    }

    pub(super) fn stored(&mut self, receipt: &dyn fmt::Display, refused: &[(usize, Reply)]) {
        if matches!(self.phase, Phase::Asked(Asked::Complete)) {
            self.phase = Phase::Commands;
            self.clock.decided();
            self.say_stored(receipt, refused);
        }
    }

    pub(super) fn ask(&mut self, question: Question, asked: Asked) -> Turn {
        self.phase = Phase::Asked(asked);
        Turn::Ask(question)
    }

    /// Says something that is no complaint.
    pub(super) fn say(&mut self, reply: &Reply) -> Turn {
        self.output.say(reply);
        Turn::Again
    }

    /// Says that the client did something wrong, and counts it.
    pub(super) fn fail(&mut self, reply: &Reply) -> Turn {
        self.patience.error();
        self.output.say(reply);
        Turn::Again
    }

    /// Says what the driver decided against the client; with 421, that is all.
    pub(super) fn refuse(&mut self, reply: &Reply) {
        self.output.say(reply);
        if reply.code().get() == CLOSING {
            self.close();
        }
    }

    /// Tells the driver before anything else happens.
    pub(super) fn tell(&mut self, notice: Question) {
        self.notice = Some(notice);
    }

    /// Ends the transaction, if there is one, without a message.
    pub(super) fn abandon(&mut self) {
        self.transaction = None;
        self.clock.content_ends();
        self.passed_over = 0;
        self.drop_draft();
    }

    /// Has the driver drop what it stored of content that will not be complete.
    pub(super) fn drop_draft(&mut self) {
        if self.draft == Draft::Open {
            self.draft = Draft::None;
            self.tell(Question::Abort);
        }
    }

    pub(super) fn close_with(&mut self, reply: &Reply) {
        self.output.say(reply);
        self.close();
    }

    pub(super) fn close(&mut self) {
        self.abandon();
        self.input.forget();
        self.phase = Phase::Closing;
    }
}

/// RFC 5321 section 4.2.3: service not available, closing transmission channel.
pub(super) const CLOSING: u16 = 421;

/// What to say for an answer that is no permission; nothing positive passes here.
pub(super) fn refusal(answer: Answer, otherwise: &Reply) -> Reply {
    match answer {
        Answer::Refuse(reply) if matches!(reply.class(), Class::Later | Class::Never) => reply,
        Answer::Refuse(_)
        | Answer::Permit
        | Answer::Challenge(_)
        | Answer::Authenticated
        | Answer::PerRecipient(_) => otherwise.clone(),
    }
}
