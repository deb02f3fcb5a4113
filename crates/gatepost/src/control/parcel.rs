//! A message outside of a spool: everything that is known of it, in JSON, and its content.

use gatepost_mail::{
    Body, Domain, Ending, Envelope, EnvelopeId, ForwardPath, International, Notify, NotifyOn,
    OriginalRecipient, Principal, Return, ReversePath, SessionId, SpoolId, Timestamp,
};
use gatepost_spool::{Entry, Held, RecipientState, Restored, Warned};
use serde::{Deserialize, Serialize};

use super::ControlError;

/// The version of this form. Whoever changes it raises it; earlier ones are still read.
pub const VERSION: u32 = 1;

/// Everything but the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "a form for files: JSON has true and false")]
pub struct Parcel {
    /// [`VERSION`].
    pub gatepost_message: u32,
    /// The message's id.
    pub id: String,
    /// The size of the content, in octets.
    pub size: u64,
    /// Whether it waits for an operator.
    pub held: bool,
    /// The sender, in brackets.
    pub sender: String,
    /// Who answers for it.
    pub principal: Whose,
    /// The session that brought it.
    pub session: String,
    /// When it was taken, in microseconds since 1970.
    pub received: u64,
    /// `7bit`, `8bit-mime` or `binary-mime`.
    pub body: BodyKind,
    /// Whether the content's last line has an end.
    pub last_line_ends: bool,
    /// Whether it was sent with `SMTPUTF8`.
    pub international: bool,
    /// How much of it a notice carries: `full` or `headers`, if that was said.
    pub returns: Option<Returned>,
    /// What the sender calls it (`ENVID`).
    pub envelope_id: Option<String>,
    /// Its recipients.
    pub recipients: Vec<Addressee>,
}

/// Who answers for a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "name", rename_all = "kebab-case")]
pub enum Whose {
    /// An account.
    Account(String),
    /// A machine that may send without an account.
    Machine(String),
    /// Nobody of ours: it is for this domain of ours.
    Hosted(String),
    /// We: it is a notice.
    Ourselves,
}

/// `BODY=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyKind {
    /// Lines of ASCII.
    #[serde(rename = "7bit")]
    SevenBit,
    /// Lines of any octets.
    #[serde(rename = "8bit-mime")]
    EightBit,
    /// Any octets.
    #[serde(rename = "binary-mime")]
    Binary,
}

/// `RET=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Returned {
    /// All of it.
    Full,
    /// The header.
    Headers,
}

/// A recipient and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Addressee {
    /// Its address, in brackets.
    pub address: String,
    /// `NOTIFY=`: nothing if it was not said, 0 for never, else the sum of success 1, failure 2, delay 4.
    pub notify: Option<u8>,
    /// `ORCPT=`: the type and the address.
    pub original: Option<(String, String)>,
    /// What has become of it.
    pub state: Fate,
}

/// What has become of a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Fate {
    /// Not done.
    Waiting {
        /// When it is tried, in microseconds since 1970.
        due: u64,
        /// How often it was tried.
        attempts: u32,
        /// Why it waits.
        cause: Option<String>,
        /// Whether the sender was told of the delay.
        told: bool,
    },
    /// The next hop has it.
    Delivered,
    /// It failed for good.
    Failed,
}

impl Parcel {
    /// What is known of a message.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let envelope = &entry.envelope;
        let recipients = envelope.recipients.iter().zip(&entry.recipients);
        Self {
            gatepost_message: VERSION,
            id: entry.id.to_string(),
            size: entry.size.0,
            held: entry.held == Held::Yes,
            sender: envelope.reverse_path.to_string(),
            principal: match &envelope.principal {
                Principal::Account(name) => Whose::Account(name.clone()),
                Principal::Machine(name) => Whose::Machine(name.clone()),
                Principal::Hosted(domain) => Whose::Hosted(domain.as_written().to_owned()),
                Principal::Ourselves => Whose::Ourselves,
            },
            session: envelope.session.to_string(),
            received: envelope.received.as_micros(),
            body: match envelope.body {
                Body::SevenBit => BodyKind::SevenBit,
                Body::EightBitMime => BodyKind::EightBit,
                Body::BinaryMime => BodyKind::Binary,
            },
            last_line_ends: envelope.ending == Ending::Line,
            international: envelope.international == International::Yes,
            returns: envelope.returns.map(|returns| match returns {
                Return::Full => Returned::Full,
                Return::Headers => Returned::Headers,
            }),
            envelope_id: envelope.envelope_id.as_ref().map(|id| id.0.to_string()),
            recipients: recipients.map(|(recipient, state)| addressee(recipient, state)).collect(),
        }
    }

    /// Its id.
    ///
    /// # Errors
    ///
    /// What it has is none.
    pub fn id(&self) -> Result<SpoolId, ControlError> {
        self.id.parse().map_err(|cause| ControlError(format!("\"{}\": {cause}", self.id)))
    }

    /// What a spool takes.
    ///
    /// # Errors
    ///
    /// What in it is wrong.
    pub fn open(&self) -> Result<Restored, ControlError> {
        if self.gatepost_message != VERSION {
            let version = self.gatepost_message;
            return Err(ControlError(format!(
                "it has form {version}; this version of gatepost reads {VERSION}"
            )));
        }
        let wrong = |what: &str, cause: &dyn std::fmt::Display| ControlError(format!("{what}: {cause}"));
        let session = self.session.parse::<SessionId>();
        let envelope = Envelope {
            reverse_path: ReversePath::parse(&self.sender).map_err(|cause| wrong(&self.sender, &cause))?,
            recipients: self.recipients.iter().map(recipient).collect::<Result<_, _>>()?,
            body: match self.body {
                BodyKind::SevenBit => Body::SevenBit,
                BodyKind::EightBit => Body::EightBitMime,
                BodyKind::Binary => Body::BinaryMime,
            },
            ending: if self.last_line_ends { Ending::Line } else { Ending::Open },
            international: if self.international { International::Yes } else { International::No },
            returns: self.returns.map(|returns| match returns {
                Returned::Full => Return::Full,
                Returned::Headers => Return::Headers,
            }),
            envelope_id: self.envelope_id.as_deref().map(|id| EnvelopeId(id.into())),
            principal: match &self.principal {
                Whose::Account(name) => Principal::Account(name.clone()),
                Whose::Machine(name) => Principal::Machine(name.clone()),
                Whose::Hosted(name) => {
                    Principal::Hosted(Domain::parse(name).map_err(|cause| wrong(name, &cause))?)
                }
                Whose::Ourselves => Principal::Ourselves,
            },
            session: session.map_err(|cause| wrong(&self.session, &cause))?,
            received: Timestamp::from_micros(self.received),
        };
        let held = if self.held { Held::Yes } else { Held::No };
        Ok(Restored { envelope, held, recipients: self.recipients.iter().map(state).collect() })
    }
}

fn addressee(recipient: &gatepost_mail::Recipient, state: &RecipientState) -> Addressee {
    Addressee {
        address: recipient.path.to_string(),
        notify: match recipient.notify {
            Notify::Unsaid => None,
            Notify::Never => Some(0),
            Notify::On(set) => Some(set.bits()),
        },
        original: recipient.original.as_ref().map(|from| (from.kind.to_string(), from.address.to_string())),
        state: match state {
            RecipientState::Delivered => Fate::Delivered,
            RecipientState::Failed => Fate::Failed,
            RecipientState::Waiting { due, attempts, last, warned } => Fate::Waiting {
                due: due.as_micros(),
                attempts: *attempts,
                cause: last.as_deref().map(str::to_owned),
                told: *warned == Warned::Already,
            },
        },
    }
}

fn recipient(from: &Addressee) -> Result<gatepost_mail::Recipient, ControlError> {
    let path = ForwardPath::parse(&from.address);
    let notify = match from.notify {
        None => Some(Notify::Unsaid),
        Some(0) => Some(Notify::Never),
        Some(bits) => NotifyOn::from_bits(bits).map(Notify::On),
    };
    Ok(gatepost_mail::Recipient {
        path: path.map_err(|cause| ControlError(format!("{}: {cause}", from.address)))?,
        notify: notify
            .ok_or_else(|| ControlError("notify is no set of success, failure, delay".to_owned()))?,
        original: from.original.as_ref().map(|(kind, address)| OriginalRecipient {
            kind: kind.as_str().into(),
            address: address.as_str().into(),
        }),
    })
}

fn state(from: &Addressee) -> RecipientState {
    match &from.state {
        Fate::Delivered => RecipientState::Delivered,
        Fate::Failed => RecipientState::Failed,
        Fate::Waiting { due, attempts, cause, told } => RecipientState::Waiting {
            due: Timestamp::from_micros(*due),
            attempts: *attempts,
            last: cause.as_deref().map(Into::into),
            warned: if *told { Warned::Already } else { Warned::NotYet },
        },
    }
}
