//! A session with its driver, in memory: what is asked and stored is written down.

use std::sync::Arc;
use std::time::Instant;

use gatepost_mail::Domain;
use gatepost_smtp::{Channel, Limits, Question, ServerSession, ServerSettings, StartTls, Step};
use gatepost_testworld::dialogue::{Dialogue, Subject};

use crate::desk::{Decision, Desk, Service};

/// The text of every receipt.
const RECEIPT: &str = "0123456789abc";
/// More steps than any sane session needs for the octets of one call.
const MOST_STEPS: usize = 1_000_000;

pub(crate) struct Bench {
    session: Option<ServerSession<&'static str>>,
    desk: Desk,
    service: Service,
    limits: Arc<Limits>,
    now: Instant,
    is_closed: bool,
    /// Questions in their order, with the content that came before each.
    pub(crate) asked: Vec<String>,
    content: Vec<u8>,
}

#[expect(clippy::disallowed_methods, reason = "a test takes a starting time once; nothing waits")]
pub(crate) fn some_time() -> Instant {
    Instant::now()
}

impl Bench {
    pub(crate) fn new(service: Service, limits: Limits) -> Self {
        let mut bench = Self {
            session: None,
            desk: Desk::new(service),
            service,
            limits: Arc::new(limits),
            now: some_time(),
            is_closed: false,
            asked: Vec::new(),
            content: Vec::new(),
        };
        let settings = bench.settings(Channel::Clear(StartTls::Offered));
        bench.session = Some(ServerSession::greet(settings, bench.now));
        bench
    }

    /// As the dialogue's settings ask.
    pub(crate) fn for_dialogue(dialogue: &Dialogue) -> Self {
        let mut limits = Limits::default();
        for (key, value) in dialogue.settings() {
            match key.as_str() {
                "service" | "desk" => {}
                "limit" => set(&mut limits, value),
                other => panic!("{}: no such setting: {other}", dialogue.name()),
            }
        }
        Self::new(Service::named(dialogue.setting("service")), limits)
    }

    fn settings(&self, channel: Channel) -> ServerSettings {
        let names = || vec!["PLAIN".to_owned(), "LOGIN".to_owned()];
        let is_submission = self.service == Service::Submission;
        let (mechanisms, mechanisms_after_tls) = match channel {
            _ if !is_submission => (Vec::new(), Vec::new()),
            Channel::Clear(_) => (Vec::new(), names()),
            Channel::Encrypted => (names(), Vec::new()),
        };
        ServerSettings {
            hostname: Domain::parse("gatepost.example").unwrap(),
            protocol: self.service.protocol(),
            channel,
            mechanisms,
            mechanisms_after_tls,
            limits: Arc::clone(&self.limits),
        }
    }

    pub(crate) fn session(&mut self) -> &mut ServerSession<&'static str> {
        self.session.as_mut().unwrap()
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Drives the session until it waits; gives what it said.
    pub(crate) fn drive(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        let Some(mut session) = self.session.take() else { return said };
        for _ in 0..MOST_STEPS {
            match session.step() {
                Step::Write(octets) => {
                    assert!(!octets.is_empty(), "an empty write");
                    said.extend_from_slice(octets);
                }
                Step::Content(piece) => {
                    assert!(!piece.is_empty(), "an empty piece");
                    self.content.extend_from_slice(piece);
                }
                Step::Ask(question) => self.decide(&mut session, question),
                Step::Upgrade | Step::Idle => {
                    self.session = Some(session);
                    return said;
                }
                Step::Close => {
                    self.is_closed = true;
                    self.session = Some(session);
                    return said;
                }
            }
        }
        panic!("the session never rests: {session:?}");
    }

    fn decide(&mut self, session: &mut ServerSession<&'static str>, question: Question) {
        self.note(&question);
        let wants_answer = question.wants_answer();
        match self.desk.decide(question) {
            Decision::Answer(answer) => session.answer(answer),
            Decision::Stored => session.stored(RECEIPT),
            Decision::StoredExcept(refused) => session.stored_except(RECEIPT, &refused),
            Decision::Nothing => assert!(!wants_answer),
        }
    }

    fn note(&mut self, question: &Question) {
        if !self.content.is_empty() {
            self.asked.push(format!("content {}", self.content.escape_ascii()));
            self.content.clear();
        }
        self.asked.push(format!("{question:?}"));
    }
}

impl Subject for Bench {
    fn begin(&mut self) -> Vec<u8> {
        self.drive()
    }

    fn receive(&mut self, octets: &[u8]) -> Vec<u8> {
        let now = self.now;
        self.session().receive(octets, now);
        self.drive()
    }

    fn encrypt(&mut self) -> Vec<u8> {
        let settings = self.settings(Channel::Encrypted);
        let session = self.session.take().unwrap();
        self.session = Some(session.upgraded(settings, self.now));
        self.drive()
    }

    fn hang_up(&mut self) -> Vec<u8> {
        self.session().hang_up();
        self.drive()
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// `errors 3`: a limit other than the default.
fn set(limits: &mut Limits, setting: &str) {
    let (name, value) = setting.split_once(' ').unwrap();
    let number: u32 = value.trim().parse().unwrap();
    let count = number.try_into().unwrap();
    match name {
        "command-line" => limits.command_line = number as usize,
        "content-line" => limits.content_line = number as usize,
        "message-size" => limits.message_size = gatepost_mail::Octets(number.into()),
        "refused-content" => limits.refused_content = gatepost_mail::Octets(number.into()),
        "refused-line" => limits.refused_line = number as usize,
        "recipients" => limits.recipients = count,
        "transactions" => limits.transactions = count,
        "errors" => limits.errors = count,
        "refusals" => limits.refusals = count,
        "idle-commands" => limits.idle_commands = count,
        other => panic!("no such limit: {other}"),
    }
}
