//! A desk that answers by script: the accounts and domains that `cases/dialogue/README.md` tells of.

use gatepost_mail::reply::table as reply;
use gatepost_mail::{Mailbox, Reply, ReversePath};
use gatepost_smtp::{Answer, AuthOctets, Protocol, Question};

/// Longest user name that can be one, in octets.
const LONGEST_NAME: usize = 512;
/// Longest password that can be one, in octets.
const LONGEST_PASSWORD: usize = 1024;

/// What the desk is asked on behalf of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Mx,
    Submission,
    Lmtp,
}

impl Service {
    pub(crate) fn named(name: Option<&str>) -> Self {
        match name {
            None | Some("mx") => Self::Mx,
            Some("submission") => Self::Submission,
            Some("lmtp") => Self::Lmtp,
            Some(other) => panic!("no such service: {other}"),
        }
    }

    pub(crate) fn protocol(self) -> Protocol {
        if self == Self::Lmtp { Protocol::Lmtp } else { Protocol::Smtp }
    }
}

/// Where a login is.
enum Exchange {
    None,
    Plain,
    LoginName,
    LoginPassword { name: Vec<u8> },
}

/// How a message ends.
pub(crate) enum Decision {
    Answer(Answer),
    Stored,
    /// LMTP: for all but these.
    StoredExcept(Vec<(usize, Reply)>),
    /// The question wants none.
    Nothing,
}

pub(crate) struct Desk {
    service: Service,
    exchange: Exchange,
    logged_in: bool,
    recipients: Vec<String>,
}

impl Desk {
    pub(crate) fn new(service: Service) -> Self {
        Self { service, exchange: Exchange::None, logged_in: false, recipients: Vec::new() }
    }

    pub(crate) fn decide(&mut self, question: Question) -> Decision {
        let answer = match question {
            Question::Hello { name, .. } if name.as_str() == "refused.example" => {
                Answer::Refuse(reply::RELAY_DENIED)
            }
            Question::Hello { .. } => Answer::Permit,
            Question::AuthBegin { mechanism, initial } => self.begin(&mechanism, initial),
            Question::AuthResponse(octets) => self.respond(octets.0),
            Question::Sender(sender) => self.sender(&sender.path),
            Question::Recipient(recipient) => self.recipient(recipient.path.mailbox()),
            Question::Open if self.recipients.iter().any(|name| name == "no-room") => {
                Answer::Refuse(reply::NO_ROOM)
            }
            Question::Open => Answer::Permit,
            Question::Complete(_) => return self.complete(),
            Question::AuthCancel => {
                self.exchange = Exchange::None;
                return Decision::Nothing;
            }
            Question::Abort => return Decision::Nothing,
        };
        Decision::Answer(answer)
    }

    fn begin(&mut self, mechanism: &str, initial: Option<AuthOctets>) -> Answer {
        match (mechanism, initial) {
            ("PLAIN", Some(AuthOctets(octets))) => self.plain(&octets),
            ("PLAIN", None) => {
                self.exchange = Exchange::Plain;
                challenge(b"")
            }
            ("LOGIN", Some(AuthOctets(name))) => self.ask_password(name),
            ("LOGIN", None) => {
                self.exchange = Exchange::LoginName;
                challenge(b"Username:")
            }
            (_unknown, _) => {
                let text = "This mechanism is not offered; these are: PLAIN LOGIN".to_owned();
                Answer::Refuse(reply::UNKNOWN_MECHANISM.with_text(text))
            }
        }
    }

    fn respond(&mut self, octets: Vec<u8>) -> Answer {
        match std::mem::replace(&mut self.exchange, Exchange::None) {
            Exchange::None => panic!("a response without an exchange"),
            Exchange::Plain => self.plain(&octets),
            Exchange::LoginName => self.ask_password(octets),
            Exchange::LoginPassword { name } => self.verify(&name, &octets),
        }
    }

    fn ask_password(&mut self, name: Vec<u8>) -> Answer {
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Answer::Refuse(reply::AUTH_MALFORMED);
        }
        self.exchange = Exchange::LoginPassword { name };
        challenge(b"Password:")
    }

    fn plain(&mut self, octets: &[u8]) -> Answer {
        let mut parts = octets.split(|octet| *octet == 0);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(name), Some(password), None) => self.verify(name, password),
            _ => Answer::Refuse(reply::AUTH_MALFORMED),
        }
    }

    fn verify(&mut self, name: &[u8], password: &[u8]) -> Answer {
        if password.is_empty() || password.len() > LONGEST_PASSWORD {
            return Answer::Refuse(reply::AUTH_MALFORMED);
        }
        if (name, password) == (b"ada@example.org", b"secret") {
            self.logged_in = true;
            Answer::Authenticated
        } else {
            Answer::Refuse(reply::BAD_CREDENTIALS)
        }
    }

    fn sender(&mut self, path: &ReversePath) -> Answer {
        self.recipients.clear();
        if self.service != Service::Submission {
            return Answer::Permit;
        }
        match path.to_string().as_str() {
            _ if !self.logged_in => Answer::Refuse(reply::AUTH_FIRST),
            "<ada@example.org>" => Answer::Permit,
            _ => Answer::Refuse(reply::NOT_YOUR_SENDER),
        }
    }

    fn recipient(&mut self, mailbox: Option<&Mailbox>) -> Answer {
        let (name, domain) = match mailbox {
            None => ("postmaster".to_owned(), "example.org".to_owned()),
            Some(mailbox) => (mailbox.local_part().folded(), mailbox.host().to_string()),
        };
        let answer = match (name.as_str(), domain.as_str()) {
            ("later", _) => Answer::Refuse(reply::UNKNOWN_FOR_NOW),
            ("closing", _) => Answer::Refuse(reply::TOO_MANY_FROM_NETWORK),
            // A mistake of a desk: what is no refusal must not pass for one.
            ("mistaken", _) => Answer::Refuse(reply::RECIPIENT_OK),
            ("confused", _) => Answer::Authenticated,
            (_, _) if self.service == Service::Submission => Answer::Permit,
            ("nobody", "example.org") => Answer::Refuse(reply::NO_SUCH_USER),
            (_, "example.org") => Answer::Permit,
            (_, _) => Answer::Refuse(reply::RELAY_DENIED),
        };
        if answer == Answer::Permit {
            self.recipients.push(name);
        }
        answer
    }

    fn complete(&mut self) -> Decision {
        let recipients = std::mem::take(&mut self.recipients);
        let is = |wanted: &str| recipients.iter().any(|name| name == wanted);
        match () {
            () if is("broken-disk") => Decision::Answer(Answer::Refuse(reply::STORAGE_FAILED)),
            () if is("careless") => Decision::Answer(Answer::Permit),
            () if is("nothing-fits") => Decision::Answer(Answer::PerRecipient(vec![reply::NO_ROOM])),
            () => {
                let full = recipients.iter().enumerate().filter(|(_, name)| *name == "full");
                let refused: Vec<_> = full.map(|(place, _)| (place, reply::NO_ROOM)).collect();
                if refused.is_empty() { Decision::Stored } else { Decision::StoredExcept(refused) }
            }
        }
    }
}

fn challenge(text: &[u8]) -> Answer {
    Answer::Challenge(AuthOctets(text.to_vec()))
}
