//! What an exchanger does, as a value: polite unless a rule says otherwise.

use std::sync::Arc;

use rustls::ServerConfig;

/// How a host takes mail. Begin with [`Script::polite`], [`Script::old`] or [`Script::lmtp`] and add.
#[derive(Debug, Clone)]
pub struct Script {
    pub(crate) greeting: String,
    pub(crate) protocol: Protocol,
    pub(crate) offers: Vec<String>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) tls: Tls,
    pub(crate) account: Option<(String, String)>,
    pub(crate) judge: Option<Judge>,
}

/// The language that the host speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Smtp,
    /// One reply per recipient after the content, RFC 2033.
    Lmtp,
}

/// When the host encrypts.
#[derive(Debug, Clone)]
pub(crate) enum Tls {
    Never,
    /// STARTTLS is offered until it was used.
    OnDemand(Arc<ServerConfig>),
    /// From the first octet.
    AtOnce(Arc<ServerConfig>),
}

/// Who says whether a token is good.
#[derive(Clone)]
pub(crate) struct Judge(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Judge {
    pub(crate) fn accepts(&self, token: &str) -> bool {
        (self.0)(token)
    }
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge")
    }
}

/// An exception from politeness.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    verb: String,
    contains: Option<String>,
    pub(crate) times: Option<u32>,
    pub(crate) act: Act,
}

/// What the host does at a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Says this; lines are separated by `\n`.
    Reply(String),
    /// Says this and closes.
    ReplyAndClose(String),
    /// Closes without a word.
    HangUp,
    /// Keeps the connection open and says nothing more.
    Stall,
}

impl Rule {
    pub(crate) fn fits(&self, verb: &str, line: &str) -> bool {
        let wanted = self.contains.as_deref().unwrap_or_default();
        self.verb == verb && self.times != Some(0) && line.contains(wanted)
    }
}

impl Script {
    /// A modern host that takes everything: PIPELINING, 8BITMIME, SMTPUTF8, CHUNKING, DSN,
    /// ENHANCEDSTATUSCODES and SIZE 100 MiB, no TLS, no AUTH.
    #[must_use]
    pub fn polite() -> Self {
        let offers = [
            "PIPELINING",
            "SIZE 104857600",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "DSN",
            "ENHANCEDSTATUSCODES",
        ];
        Self {
            greeting: "220 exchanger.example ESMTP".to_owned(),
            protocol: Protocol::Smtp,
            offers: offers.iter().map(|line| (*line).to_owned()).collect(),
            rules: Vec::new(),
            tls: Tls::Never,
            account: None,
            judge: None,
        }
    }

    /// A host of 1982: knows HELO, refuses EHLO with 500, and offers nothing.
    #[must_use]
    pub fn old() -> Self {
        let mut script = Self::polite().reply("EHLO", "500 what is that?");
        script.offers.clear();
        script.greeting = "220 exchanger.example ready".to_owned();
        script
    }

    /// An LMTP server: LHLO, and one reply per recipient after the content.
    #[must_use]
    pub fn lmtp() -> Self {
        let mut script = Self::polite();
        script.greeting = "220 store.example LMTP".to_owned();
        script.protocol = Protocol::Lmtp;
        script
    }

    /// The greeting, code included; lines are separated by `\n`.
    #[must_use]
    pub fn greeting(mut self, text: &str) -> Self {
        text.clone_into(&mut self.greeting);
        self
    }

    /// One more line in the EHLO reply, such as `SIZE 1000`; it replaces the line of the same keyword.
    #[must_use]
    pub fn offers(self, line: &str) -> Self {
        let mut script = self.lacks(keyword(line));
        script.offers.push(line.to_owned());
        script
    }

    /// One line less in the EHLO reply.
    #[must_use]
    pub fn lacks(mut self, word: &str) -> Self {
        self.offers.retain(|line| !keyword(line).eq_ignore_ascii_case(word));
        self
    }

    /// Answers a verb with this reply, for ever; lines are separated by `\n`. A 421 also closes.
    ///
    /// Verbs are those of the protocol, in capitals; `CONNECT` is the moment of the greeting, `.` the end of
    /// the content, by DATA or BDAT LAST. For LMTP the rule for `.` is asked once per recipient. The first
    /// rule that fits and is not used up wins.
    #[must_use]
    pub fn reply(self, verb: &str, reply: &str) -> Self {
        let act = if reply.starts_with("421") {
            Act::ReplyAndClose(reply.to_owned())
        } else {
            Act::Reply(reply.to_owned())
        };
        self.rule(verb, act)
    }

    /// Says this at the verb, then closes.
    #[must_use]
    pub fn reply_and_close(self, verb: &str, reply: &str) -> Self {
        self.rule(verb, Act::ReplyAndClose(reply.to_owned()))
    }

    /// Closes without a word at the verb. At `.` the message was taken, yet the client cannot know.
    #[must_use]
    pub fn hang_up(self, verb: &str) -> Self {
        self.rule(verb, Act::HangUp)
    }

    /// Keeps the connection open and says nothing more, from the verb on.
    #[must_use]
    pub fn stall(self, verb: &str) -> Self {
        self.rule(verb, Act::Stall)
    }

    fn rule(mut self, verb: &str, act: Act) -> Self {
        self.rules.push(Rule { verb: verb.to_owned(), contains: None, times: None, act });
        self
    }

    /// The rule written last holds once only, over all connections.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// The rule written last holds this many times only, over all connections.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        if let Some(rule) = self.rules.last_mut() {
            rule.times = Some(times);
        }
        self
    }

    /// The rule written last holds only for command lines that contain this text.
    #[must_use]
    pub fn when(mut self, text: &str) -> Self {
        if let Some(rule) = self.rules.last_mut() {
            rule.contains = Some(text.to_owned());
        }
        self
    }

    /// Offers STARTTLS with this certificate.
    #[must_use]
    pub fn starttls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Tls::OnDemand(config);
        self
    }

    /// Encrypts from the first octet, with this certificate.
    #[must_use]
    pub fn implicit_tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Tls::AtOnce(config);
        self
    }

    /// Offers AUTH PLAIN and LOGIN, and takes mail from this account only.
    #[must_use]
    pub fn account(mut self, user: &str, password: &str) -> Self {
        self.account = Some((user.to_owned(), password.to_owned()));
        self.offers("AUTH PLAIN LOGIN")
    }

    /// Offers AUTH XOAUTH2, and takes mail from whoever shows a token that this says yes to. A refusal takes two steps, as
    /// RFC 7628 section 3.2.3 has it.
    #[must_use]
    pub fn tokens(mut self, judge: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.judge = Some(Judge(Arc::new(judge)));
        self.offers("AUTH XOAUTH2")
    }

    /// Whether somebody must log in before there is mail.
    pub(crate) fn wants_login(&self) -> bool {
        self.account.is_some() || self.judge.is_some()
    }

    /// Whether the EHLO reply has a line of this keyword.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.offers.iter().any(|line| keyword(line).eq_ignore_ascii_case(word))
    }

    /// The number after the keyword, as in `SIZE 1000`.
    pub(crate) fn number(&self, word: &str) -> Option<u64> {
        let line = self.offers.iter().find(|line| keyword(line).eq_ignore_ascii_case(word))?;
        line.split(' ').nth(1)?.parse().ok()
    }
}

fn keyword(line: &str) -> &str {
    line.split(' ').next().unwrap_or(line)
}
