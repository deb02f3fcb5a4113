//! What is measured, by the clock (`speed`) and by instructions (`counted`): the same inputs for us and for
//! smtp-proto, the parsers of Stalwart.
//!
//! Only what the crate offers to others is called, so our side does more: its session keeps the order of
//! commands, asks for decisions and writes replies, and its content is checked for line ends and fields. smtp-proto
//! reads, and collects content in a buffer, where ours lends it.

use std::sync::Arc;
use std::time::Instant;

use gatepost_mail::Domain;
use gatepost_smtp::{
    Answer, AuthUse, Channel, ChunkingUse, ClientSession, ClientSettings, ClientStep, Limits, Protocol,
    Question, ServerSession, ServerSettings, StartTls, Step, TlsUse,
};
use smtp_proto::request::receiver::{DataReceiver, RequestReceiver};
use smtp_proto::response::parser::ResponseReceiver;
use smtp_proto::{EhloResponse, Request};

/// Octets that a driver hands over at once.
const READ_SIZE: usize = 16 * 1024;

/// Recipients in the work of many command lines.
const RECIPIENTS: usize = 100;

/// One kind of input.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    input: fn() -> Vec<u8>,
    ours: fn(&[u8], Instant) -> usize,
    theirs: fn(&[u8], Instant) -> usize,
}

/// Whose code reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Gatepost,
    SmtpProto,
}

impl Side {
    pub(crate) const ALL: [Self; 2] = [Self::Gatepost, Self::SmtpProto];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gatepost => "gatepost",
            Self::SmtpProto => "smtp-proto",
        }
    }
}

/// All works. What both sides give is a count that must be the same, so that none leaves anything out.
pub(crate) const WORKS: &[Work] = &[
    Work { name: "command-lines", input: commands, ours: serve, theirs: receive },
    Work { name: "transaction", input: transaction, ours: serve, theirs: receive },
    Work { name: "content-1-mib", input: content, ours: serve, theirs: receive },
    Work { name: "replies", input: replies, ours: hear, theirs: respond },
];

impl Work {
    pub(crate) fn input(&self) -> Vec<u8> {
        (self.input)()
    }

    /// Reads the input once.
    pub(crate) fn run(&self, side: Side, input: &[u8], now: Instant) -> usize {
        match side {
            Side::Gatepost => (self.ours)(input, now),
            Side::SmtpProto => (self.theirs)(input, now),
        }
    }
}

/// The only look at the clock; nothing waits.
#[expect(clippy::disallowed_methods, reason = "a bench is its own driver")]
pub(crate) fn some_time() -> Instant {
    Instant::now()
}

fn commands() -> Vec<u8> {
    let mut octets = b"EHLO client.example.org\r\nMAIL FROM:<ada@sender.example> SIZE=4096\r\n".to_vec();
    for number in 0..RECIPIENTS {
        octets.extend_from_slice(format!("RCPT TO:<person.number.{number}@bench.example>\r\n").as_bytes());
    }
    octets
}

/// As a pipelining client sends it: all of it could be here at once.
fn transaction() -> Vec<u8> {
    message(4096)
}

fn content() -> Vec<u8> {
    message(1024 * 1024)
}

fn message(length: usize) -> Vec<u8> {
    let mut octets = b"EHLO client.example.org\r\nMAIL FROM:<ada@sender.example>\r\n".to_vec();
    octets.extend_from_slice(b"RCPT TO:<bob@bench.example>\r\nDATA\r\n");
    octets.extend_from_slice(b"From: <ada@sender.example>\r\nSubject: bench\r\n\r\n");
    let end = octets.len() + length;
    let lines = [
        "The quick brown fox jumps over the lazy dog, and then it does so once more.\r\n",
        "A short line.\r\n",
        "..stuffed\r\n",
        "\r\n",
    ];
    let mut lines = lines.iter().cycle();
    while octets.len() < end {
        octets.extend_from_slice(lines.next().map_or(b"\r\n", |line| line.as_bytes()));
    }
    octets.extend_from_slice(b".\r\n");
    octets
}

fn replies() -> Vec<u8> {
    b"220 mx.example.net ESMTP ready\r\n\
      250-mx.example.net at your service, [192.0.2.1]\r\n\
      250-SIZE 157286400\r\n250-8BITMIME\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n\
      250-CHUNKING\r\n250-DSN\r\n250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8\r\n"
        .to_vec()
}

/// Our server: gives the questions that were asked and the octets of content.
fn serve(octets: &[u8], now: Instant) -> usize {
    let Ok(hostname) = Domain::parse("mail.example.org") else { return 0 };
    let settings = ServerSettings {
        hostname,
        protocol: Protocol::Smtp,
        channel: Channel::Clear(StartTls::NotOffered),
        mechanisms: Vec::new(),
        mechanisms_after_tls: Vec::new(),
        limits: Arc::new(Limits::default()),
    };
    let mut session = ServerSession::<u64>::greet(settings, now);
    let mut count = 0;
    for piece in octets.chunks(READ_SIZE) {
        session.receive(piece, now);
        count += drive(&mut session);
    }
    count
}

fn drive(session: &mut ServerSession<u64>) -> usize {
    let mut count = 0;
    loop {
        match session.step() {
            Step::Write(octets) => drop(std::hint::black_box(octets.len())),
            Step::Content(piece) => count += piece.len(),
            Step::Ask(Question::Complete(_)) => session.stored(1),
            Step::Ask(question) => {
                count += 1;
                std::hint::black_box(question);
                session.answer(Answer::Permit);
            }
            Step::Upgrade | Step::Idle | Step::Close => return count,
        }
    }
}

/// Their readers of commands and of content, for the same count.
fn receive(octets: &[u8], _now: Instant) -> usize {
    let mut requests = RequestReceiver::default();
    let mut count = 0;
    let mut left = octets.iter();
    while let Ok(request) = requests.ingest(&mut left) {
        count += 1;
        if matches!(request, Request::Data) {
            let mut content = Vec::new();
            DataReceiver::new().ingest(&mut left, &mut content);
            count += content.len();
        }
        std::hint::black_box(request);
    }
    count
}

/// Our client: gives 1 once it is ready to send.
fn hear(octets: &[u8], now: Instant) -> usize {
    let Ok(hello) = Domain::parse("mail.example.org") else { return 0 };
    let settings = ClientSettings {
        hello,
        protocol: Protocol::Smtp,
        tls: TlsUse::Never,
        auth: AuthUse::None,
        chunking: ChunkingUse::WhereProven,
        limits: Arc::default(),
    };
    let mut session = ClientSession::start(settings, now);
    // What answers EHLO may not come before it.
    let greeting = octets.iter().position(|octet| *octet == b'\n').map_or(0, |place| place + 1);
    let (greeting, offers) = octets.split_at(greeting);
    for piece in [greeting, offers] {
        session.receive(piece, now);
        while let ClientStep::Write(octets) = session.step() {
            std::hint::black_box(octets.len());
        }
    }
    usize::from(matches!(session.step(), ClientStep::Ready))
}

fn respond(octets: &[u8], _now: Instant) -> usize {
    let mut left = octets.iter();
    let greeting = ResponseReceiver::default().parse(&mut left);
    let offers = EhloResponse::parse(&mut left);
    usize::from(greeting.is_ok() && offers.is_ok())
}
