//! Where a session meets a scripted server: each scene is played in pieces of many sizes and must end alike.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gatepost_mail::{Body, Domain, Ending, ForwardPath, International, Octets, Recipient, ReversePath};
use gatepost_smtp::{
    AuthStart, AuthUse, ChunkingUse, ClientLimits, ClientSession, ClientSettings, ClientStep, Connection,
    More, Protocol, RecipientOutcome, TlsUse, Transaction, TransactionOutcome,
};

/// More steps than any scene has; a session that never comes to an end is a failure.
const MOST_STEPS: usize = 100_000;

/// One scene: what the session is told, and the messages it sends. The script says who speaks when:
///
/// * `S 250 ok`: the server sends this line;
/// * `C MAIL FROM:<>`: the client must have sent this line before anything below happens;
/// * `hangup`, `expire`: that happens, once the client has nothing to say.
pub(crate) struct Scene {
    pub(crate) settings: ClientSettings,
    pub(crate) mail: Vec<(Transaction, Vec<u8>)>,
    /// What a login says: the initial response, then one response for each challenge; an empty list cancels.
    pub(crate) login: (Option<Vec<u8>>, Vec<Vec<u8>>),
    pub(crate) script: String,
}

impl Scene {
    pub(crate) fn new(script: &str) -> Self {
        let settings = ClientSettings {
            hello: Domain::parse("us.example").unwrap(),
            protocol: Protocol::Smtp,
            tls: TlsUse::Never,
            auth: AuthUse::None,
            chunking: ChunkingUse::WhereProven,
            // How the content is cut decides what the chunks are, and each scene is cut in many ways.
            limits: ClientLimits { along: Octets(0), ..ClientLimits::default() }.into(),
        };
        Self { settings, mail: Vec::new(), login: (None, Vec::new()), script: script.to_owned() }
    }

    /// After a greeting and these lines in the answer to EHLO.
    pub(crate) fn opened(offers: &[&str], script: &str) -> Self {
        let mut opening = "S 220 mx.example\nC EHLO us.example\n".to_owned();
        let lines: Vec<_> = std::iter::once("mx.example").chain(offers.iter().copied()).collect();
        for (index, line) in lines.iter().enumerate() {
            let mark = if index + 1 == lines.len() { ' ' } else { '-' };
            opening.push_str(&format!("S 250{mark}{line}\n"));
        }
        Self::new(&(opening + script))
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut ClientSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub(crate) fn lmtp(mut self) -> Self {
        self.script = self.script.replace("C EHLO", "C LHLO");
        self.with(|settings| settings.protocol = Protocol::Lmtp)
    }

    pub(crate) fn sending(mut self, transaction: Transaction, content: &str) -> Self {
        self.mail.push((transaction, content.as_bytes().to_vec()));
        self
    }

    pub(crate) fn logging_in(mut self, initial: Option<&[u8]>, responses: &[&[u8]]) -> Self {
        self.settings.auth = AuthUse::Required;
        self.login = (initial.map(<[u8]>::to_vec), responses.iter().map(|one| one.to_vec()).collect());
        self
    }

    /// Plays it in pieces of all sizes and tells what the driver heard.
    #[track_caller]
    pub(crate) fn gives(self, wanted: &[&str]) {
        for size in [1, 2, 3, 4, 5, 7, 11, 64, 1_000_000] {
            let told = Play::new(&self, size).run();
            assert_eq!(told, wanted, "in pieces of {size}");
        }
    }
}

pub(crate) fn mail(from: &str, to: &[&str]) -> Transaction {
    Transaction {
        reverse_path: ReversePath::parse(from).unwrap(),
        recipients: to.iter().map(|path| Recipient::new(ForwardPath::parse(path).unwrap())).collect(),
        size: None,
        body: Body::SevenBit,
        international: International::No,
        ending: Ending::Line,
        returns: None,
        envelope_id: None,
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has to begin at some moment")]
pub(crate) fn some_moment() -> Instant {
    Instant::now()
}

struct Play<'a> {
    scene: &'a Scene,
    size: usize,
    now: Instant,
    script: VecDeque<&'a str>,
    mail: VecDeque<&'a (Transaction, Vec<u8>)>,
    content: VecDeque<(&'a [u8], More)>,
    responses: VecDeque<&'a [u8]>,
    written: Vec<u8>,
    told: Vec<String>,
}

impl<'a> Play<'a> {
    fn new(scene: &'a Scene, size: usize) -> Self {
        Self {
            scene,
            size,
            now: some_moment(),
            script: scene.script.lines().map(str::trim).filter(|line| !line.is_empty()).collect(),
            mail: scene.mail.iter().collect(),
            content: VecDeque::new(),
            responses: VecDeque::new(),
            written: Vec::new(),
            told: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<String> {
        let mut session = ClientSession::start(self.scene.settings.clone(), self.now);
        for _ in 0..MOST_STEPS {
            self.now += Duration::from_millis(1);
            match session.step() {
                ClientStep::Write(octets) => self.written.extend_from_slice(octets),
                ClientStep::Upgrade => {
                    self.told.push("upgrade".into());
                    session = session.upgraded(self.now);
                }
                ClientStep::Idle => {
                    if !self.next_act(&mut session) {
                        self.told.push("stuck".into());
                        break;
                    }
                }
                ClientStep::Close => {
                    self.told.push("close".into());
                    break;
                }
                ClientStep::Ready => self.ready(&mut session),
                ClientStep::Login => self.login(&mut session),
                ClientStep::Challenge(challenge) => {
                    self.told.push(format!("challenge {}", String::from_utf8_lossy(&challenge)));
                    match self.responses.pop_front() {
                        Some(response) => session.auth_respond(response, self.now).unwrap(),
                        None => session.auth_cancel(self.now).unwrap(),
                    }
                }
                ClientStep::NeedContent => {
                    let (piece, more) = self.content.pop_front().expect("content for every 354");
                    session.content(piece, more, self.now).unwrap();
                }
                ClientStep::LoggedIn(reply) => self.told.push(format!("logged in {reply}")),
                ClientStep::LoginFailed(reply) => self.told.push(format!("login failed {reply}")),
                ClientStep::Outcome(outcome) => self.told.extend(shown(&outcome)),
                ClientStep::Broken(cause) => self.told.push(format!("broken: {cause}")),
            }
        }
        // A client that closes at once has not read what follows in the script.
        self.match_client();
        let rest: Vec<_> = self.script.iter().copied().filter(|line| !line.starts_with("S ")).collect();
        assert_eq!(rest, [""; 0], "not reached; told: {:?}", self.told);
        assert_eq!(String::from_utf8_lossy(&self.written), "", "said too much");
        self.told
    }

    fn ready(&mut self, session: &mut ClientSession) {
        // A server may speak between transactions.
        if self.script.front().is_some_and(|line| !line.starts_with("C ")) {
            self.next_act(session);
            return;
        }
        let Some((transaction, content)) = self.mail.pop_front() else {
            session.quit(self.now);
            return;
        };
        self.content = pieces(content, self.size);
        session.send(transaction.clone(), self.now).unwrap();
    }

    fn login(&mut self, session: &mut ClientSession) {
        if self.told.iter().any(|line| line.starts_with("login failed")) {
            session.quit(self.now);
            return;
        }
        let (initial, responses) = &self.scene.login;
        self.responses = responses.iter().map(Vec::as_slice).collect();
        let start = AuthStart { mechanism: "TEST", initial: initial.clone() };
        session.authenticate(start, self.now).unwrap();
    }

    fn match_client(&mut self) {
        while let Some(line) = self.script.front().and_then(|line| line.strip_prefix('C')) {
            let line = format!("{}\r\n", line.strip_prefix(' ').unwrap_or(line));
            if !self.written.starts_with(line.as_bytes()) {
                assert!(
                    line.as_bytes().starts_with(&self.written),
                    "said {:?} instead of {line:?}; told {:?}",
                    String::from_utf8_lossy(&self.written),
                    self.told
                );
                return;
            }
            self.written.drain(..line.len());
            self.script.pop_front();
        }
    }

    fn next_act(&mut self, session: &mut ClientSession) -> bool {
        self.match_client();
        match self.script.front().copied() {
            Some("hangup") => session.hang_up(),
            Some("expire") => {
                let early = session.deadline() - Duration::from_nanos(1);
                session.expire(early);
                session.expire(session.deadline());
            }
            Some(line) if line.starts_with("S ") => {
                self.server_speaks(session);
                return true;
            }
            _ => return false,
        }
        self.script.pop_front();
        true
    }

    /// All lines of the server in a row, cut as the scene is.
    fn server_speaks(&mut self, session: &mut ClientSession) {
        let mut octets = Vec::new();
        while let Some(line) = self.script.front().and_then(|line| line.strip_prefix("S ")) {
            octets.extend_from_slice(line.as_bytes());
            octets.extend_from_slice(b"\r\n");
            self.script.pop_front();
        }
        for piece in octets.chunks(self.size) {
            session.receive(piece, self.now);
        }
    }
}

fn pieces(content: &[u8], size: usize) -> VecDeque<(&[u8], More)> {
    let mut pieces: VecDeque<_> = content.chunks(size).map(|piece| (piece, More::ThereIsMore)).collect();
    pieces.push_back((&[], More::Last));
    pieces
}

fn shown(outcome: &TransactionOutcome) -> Vec<String> {
    let mut lines: Vec<_> = outcome
        .recipients
        .iter()
        .map(|recipient| match recipient {
            RecipientOutcome::Delivered(reply) => format!("delivered {reply}"),
            RecipientOutcome::Failed(reply) => format!("failed {reply}"),
            RecipientOutcome::Deferred(reply) => format!("deferred {reply}"),
            RecipientOutcome::NotTried => "not tried".into(),
            RecipientOutcome::Interrupted(cause) => format!("interrupted: {cause}"),
            RecipientOutcome::InDoubt(cause) => format!("in doubt: {cause}"),
        })
        .collect();
    lines.push(match outcome.connection {
        Connection::Usable => "usable".into(),
        Connection::Ended => "ended".into(),
    });
    lines
}
