//! One connection to an exchanger.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::timeout;

use super::{Desk, Life, Message, Privacy, Transfer};
use crate::script::{Act, Protocol, Script, Tls};
use crate::wire::Wire;

mod content;

/// A connection that is silent for so long is a mistake of the test.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);

/// RFC 5321 section 4.5.3.1.4, with room for the parameters of extensions.
const LONGEST_COMMAND: usize = 2048;

/// The connection and what is known in it.
struct Session {
    wire: Wire,
    desk: Arc<Desk>,
    script: Script,
    number: usize,
    privacy: Privacy,
    standing: Standing,
}

/// Whether a transaction is open.
enum Standing {
    Fresh,
    Greeted,
    Open(Message),
}

/// Why the loop ends or goes on.
enum Next {
    Command,
    Encrypt,
    Content,
    Close,
}

/// Speaks until one side ends it.
pub(super) async fn run(wire: Wire, desk: Arc<Desk>, number: usize) {
    let script = desk.script();
    let ended = speak(wire, &desk, script, number).await;
    if let Err(cause) = ended
        && cause.kind() == io::ErrorKind::InvalidData
    {
        desk.remember(|memory| memory.complaints.push(format!("connection {number}: {cause}")));
    }
    desk.remember(|memory| {
        if let Some(connection) = memory.connections.get_mut(number) {
            connection.life = Life::Closed;
        }
    });
}

async fn speak(wire: Wire, desk: &Arc<Desk>, script: Script, number: usize) -> io::Result<()> {
    let (wire, privacy) = match &script.tls {
        Tls::AtOnce(config) => (wire.accept_tls(Arc::clone(config)).await?, Privacy::Encrypted),
        Tls::Never | Tls::OnDemand(_) => (wire, Privacy::Clear),
    };
    let desk = Arc::clone(desk);
    let mut session = Session { wire, desk, script, number, privacy, standing: Standing::Fresh };
    let greeting = session.script.greeting.clone();
    let mut next = session.carry_out("CONNECT", "", &greeting).await?;
    loop {
        next = match next {
            Next::Close => return session.wire.finish().await,
            Next::Encrypt => {
                session = session.encrypt().await?;
                Next::Command
            }
            Next::Content => session.data().await?,
            Next::Command => match timeout(LONGEST_SILENCE, session.wire.raw_line()).await {
                Ok(line) => match line? {
                    Some(line) => session.command(&line).await?,
                    None => return Ok(()),
                },
                Err(_elapsed) => return Ok(()),
            },
        };
    }
}

impl Session {
    async fn encrypt(self) -> io::Result<Self> {
        let Tls::OnDemand(config) = &self.script.tls else { return Ok(self) };
        if !self.wire.pending().is_empty() {
            self.complain("octets between STARTTLS and the handshake");
        }
        let wire = self.wire.accept_tls(Arc::clone(config)).await?;
        Ok(Self { wire, privacy: Privacy::Encrypted, standing: Standing::Fresh, ..self })
    }

    async fn command(&mut self, raw: &[u8]) -> io::Result<Next> {
        let line = String::from_utf8_lossy(raw.trim_ascii_end()).into_owned();
        self.inspect(raw);
        self.desk.remember(|memory| {
            if let Some(connection) = memory.connections.get_mut(self.number) {
                connection.commands.push(line.clone());
            }
        });
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let fair = self.verdict(&verb, &line);
        if verb == "BDAT" {
            return self.chunk(&line, &fair).await;
        }
        if verb == "AUTH" && fair.starts_with("235") {
            return self.log_in(&line).await;
        }
        self.carry_out(&verb, &line, &fair).await
    }

    /// Takes note of what no client should do.
    fn inspect(&self, raw: &[u8]) {
        if !raw.ends_with(b"\r\n") {
            self.complain("a command line that ends with LF alone");
        }
        if raw.len() > LONGEST_COMMAND {
            self.complain("a command line that is too long");
        }
        let waits = !self.wire.pending().is_empty() && !raw.to_ascii_uppercase().starts_with(b"BDAT");
        if waits && !self.script.has("PIPELINING") {
            self.complain("commands in one go, though PIPELINING is not offered");
        }
    }

    fn complain(&self, what: &str) {
        let number = self.number;
        self.desk.remember(|memory| memory.complaints.push(format!("connection {number}: {what}")));
    }

    /// What a polite host says to this line, before any rule is asked.
    fn verdict(&self, verb: &str, line: &str) -> String {
        let open = matches!(self.standing, Standing::Open(_));
        let greeted = !matches!(self.standing, Standing::Fresh);
        match (verb, self.script.protocol) {
            ("EHLO", Protocol::Smtp) | ("LHLO", Protocol::Lmtp) => self.hello(),
            ("HELO", Protocol::Smtp) => "250 exchanger.example".to_owned(),
            ("MAIL", _) if !greeted || open => "503 5.5.1 not now".to_owned(),
            ("MAIL", _) => self.mail_verdict(line),
            ("RCPT" | "DATA" | "BDAT", _) if !open => "503 5.5.1 MAIL first".to_owned(),
            ("RCPT", _) => "250 2.1.5 fine".to_owned(),
            ("DATA" | "BDAT", _) if self.recipients() == 0 => "554 5.5.1 for nobody".to_owned(),
            ("DATA", _) => "354 go on".to_owned(),
            ("BDAT", _) if self.script.has("CHUNKING") => "250 2.0.0 chunk taken".to_owned(),
            ("STARTTLS", _) if self.may_encrypt() => "220 2.0.0 go on".to_owned(),
            ("AUTH", _) if self.script.wants_login() && greeted => "235 2.7.0 welcome".to_owned(),
            ("RSET" | "NOOP", _) => "250 2.0.0 fine".to_owned(),
            ("VRFY", _) => "252 2.5.0 try it".to_owned(),
            ("QUIT", _) => "221 2.0.0 bye".to_owned(),
            _others => "500 5.5.2 what is that?".to_owned(),
        }
    }

    /// How many recipients were taken in this transaction.
    fn recipients(&self) -> usize {
        match &self.standing {
            Standing::Open(message) => message.recipients.len(),
            Standing::Fresh | Standing::Greeted => 0,
        }
    }

    fn may_encrypt(&self) -> bool {
        matches!(self.script.tls, Tls::OnDemand(_)) && self.privacy == Privacy::Clear
    }

    fn hello(&self) -> String {
        let mut lines = vec!["exchanger.example".to_owned()];
        lines.extend(self.script.offers.iter().cloned());
        if self.may_encrypt() {
            lines.push("STARTTLS".to_owned());
        }
        let last = lines.len() - 1;
        let coded = lines.iter().enumerate().map(|(at, line)| {
            let separator = if at == last { ' ' } else { '-' };
            format!("250{separator}{line}")
        });
        coded.collect::<Vec<_>>().join("\n")
    }

    /// Refuses parameters that were not offered, RFC 5321 section 4.1.1.11.
    fn mail_verdict(&self, line: &str) -> String {
        let line = line.to_ascii_uppercase();
        let parameters = line.rsplit_once('>').map(|(_path, rest)| rest).unwrap_or_default();
        for parameter in parameters.split_whitespace() {
            let (word, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let extension = match word {
                "BODY" if value == "BINARYMIME" => "BINARYMIME",
                "BODY" => "8BITMIME",
                "RET" | "ENVID" => "DSN",
                others => others,
            };
            if !self.script.has(extension) {
                return format!("555 5.5.4 {word} is not offered");
            }
            let limit = self.script.number("SIZE").unwrap_or(u64::MAX);
            if word == "SIZE" && value.parse().unwrap_or(u64::MAX) > limit {
                return "552 5.3.4 too large".to_owned();
            }
        }
        if !line.is_ascii() && !line.contains("SMTPUTF8") {
            return "553 5.6.7 that address needs SMTPUTF8".to_owned();
        }
        "250 2.1.0 fine".to_owned()
    }

    /// Says what the rules, or else politeness, want, and moves on if that was positive.
    async fn carry_out(&mut self, verb: &str, line: &str, fair: &str) -> io::Result<Next> {
        let act = self.desk.act(verb, line).unwrap_or_else(|| Act::Reply(fair.to_owned()));
        let Some(reply) = self.perform(&act).await? else { return Ok(Next::Close) };
        if matches!(act, Act::ReplyAndClose(_)) || verb == "QUIT" {
            return Ok(Next::Close);
        }
        if !reply.starts_with(['2', '3']) {
            return Ok(Next::Command);
        }
        match verb {
            "STARTTLS" => return Ok(Next::Encrypt),
            "DATA" if reply.starts_with('3') => return Ok(Next::Content),
            "EHLO" | "HELO" | "LHLO" | "RSET" => self.standing = Standing::Greeted,
            "MAIL" => self.standing = Standing::Open(self.opened(line)),
            "RCPT" => self.add(line),
            _others => (),
        }
        Ok(Next::Command)
    }

    /// Does it; gives the reply that was said, or `None` when the connection is to end.
    async fn perform(&mut self, act: &Act) -> io::Result<Option<String>> {
        match act {
            Act::Reply(text) | Act::ReplyAndClose(text) => {
                let octets = format!("{}\r\n", text.replace('\n', "\r\n"));
                self.wire.send(octets.as_bytes()).await?;
                Ok(Some(text.clone()))
            }
            Act::HangUp => Ok(None),
            Act::Stall => pending().await,
        }
    }

    fn opened(&self, line: &str) -> Message {
        Message {
            reverse_path: path(line),
            mail: line.to_owned(),
            recipients: Vec::new(),
            rcpts: Vec::new(),
            content: Vec::new(),
            transfer: Transfer::Data,
            privacy: self.privacy,
            connection: self.number,
            answer: None,
        }
    }

    fn add(&mut self, line: &str) {
        if let Standing::Open(message) = &mut self.standing {
            message.recipients.push(path(line));
            message.rcpts.push(line.to_owned());
        }
    }

    /// PLAIN and LOGIN, RFC 4616 and the dialogue that everybody knows for the other.
    async fn log_in(&mut self, line: &str) -> io::Result<Next> {
        let mut words = line.split(' ').skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        let initial = words.next().map(str::to_owned);
        let given = match mechanism.as_str() {
            "PLAIN" => {
                let response = self.response("", initial).await?;
                let mut parts = response.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            "LOGIN" => {
                let user = self.response("VXNlcm5hbWU6", initial).await?;
                (user, self.response("UGFzc3dvcmQ6", None).await?)
            }
            "XOAUTH2" => return self.show_token(line, initial).await,
            _others => return self.carry_out("AUTH", line, "504 5.5.4 not offered").await,
        };
        let fair = if self.script.account.as_ref() == Some(&given) {
            "235 2.7.0 welcome"
        } else {
            "535 5.7.8 these credentials do not fit"
        };
        self.carry_out("AUTH", line, fair).await
    }

    /// Google's: `user=…^Aauth=Bearer …^A^A`.
    async fn show_token(&mut self, line: &str, initial: Option<String>) -> io::Result<Next> {
        let Some(judge) = self.script.judge.clone() else {
            return self.carry_out("AUTH", line, "504 5.5.4 not offered").await;
        };
        let response = self.response("", initial).await?;
        let token = response.split('\u{1}').find_map(|part| part.strip_prefix("auth=Bearer "));
        if token.is_some_and(|token| judge.accepts(token)) {
            return self.carry_out("AUTH", line, "235 2.7.0 welcome").await;
        }
        self.response(&STANDARD.encode(r#"{"status":"401","schemes":"Bearer"}"#), None).await?;
        self.carry_out("AUTH", line, "535 5.7.8 this token is no good").await
    }

    async fn response(&mut self, challenge: &str, initial: Option<String>) -> io::Result<String> {
        let coded = match initial {
            Some(coded) => coded.into_bytes(),
            None => {
                self.wire.send(format!("334 {challenge}\r\n").as_bytes()).await?;
                self.wire.line().await?.unwrap_or_default()
            }
        };
        let plain = STANDARD.decode(coded).unwrap_or_default();
        Ok(String::from_utf8_lossy(&plain).into_owned())
    }
}

/// What stands between the brackets, source route and all.
fn path(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_verb, rest)| rest.rsplit_once('>'));
    inside.map(|(path, _parameters)| path.to_owned()).unwrap_or_default()
}
