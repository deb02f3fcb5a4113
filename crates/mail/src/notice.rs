//! Delivery status notifications: what tells a sender what became of a message (RFC 3461, 3464, 6522, 6533).
//!
//! A report is `multipart/report` in three parts: words for people, fields for programs, and the message or its
//! header section. The third part is not copied here: the caller streams it between [`Notice::prefix`] and
//! [`Notice::suffix`]. A report is sent with the null reverse-path, so that none is ever written about it.

use std::fmt::Write as _;

use crate::{
    Body, Domain, EnhancedStatus, Envelope, International, Mailbox, Octets, Recipient, Reply, Return,
    SpoolId, Timestamp,
};

mod fields;
mod words;

/// Largest message that is returned whole, where the sender asked for that or did not say: its sender has it,
/// and a report that is larger than people's mailboxes helps nobody.
pub const LARGEST_RETURNED: Octets = Octets::mib(1);

/// Most octets of a header section that are returned; the caller cuts there, between two lines.
pub const LARGEST_RETURNED_SECTION: Octets = Octets::kib(64);

/// What became of a recipient (RFC 3464 section 2.3.3). The order is that of weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It has arrived.
    Delivered,
    /// It has gone to a server that will tell nothing.
    Relayed,
    /// It has not arrived yet.
    Delayed,
    /// It never will.
    Failed,
}

/// A recipient and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Reported<'a> {
    /// The recipient, as it stands in the envelope.
    pub recipient: &'a Recipient,
    /// What became of it.
    pub action: Action,
    /// The words that caused it: of another server if `remote` is given, else ours.
    pub reply: Option<&'a Reply>,
    /// The host that gave the reply.
    pub remote: Option<&'a str>,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// Until when it will be tried: for delays.
    pub retry_until: Option<Timestamp>,
    /// The host that may have the message all the same: all was sent to it once, and no answer came.
    pub in_doubt: Option<&'a str>,
}

impl Reported<'_> {
    /// The status to show: that of the reply, else the plainest of its class (RFC 3463 section 3.1). Its class is
    /// made to fit the action.
    #[must_use]
    pub fn status(&self) -> EnhancedStatus {
        let code = self.reply.map(|reply| reply.code().get() / 100);
        let said = self.reply.and_then(Reply::status);
        let class = match (self.action, code) {
            (Action::Delivered | Action::Relayed, _) => 2,
            (Action::Delayed, _) | (Action::Failed, Some(4)) => 4,
            (Action::Failed, _) => 5,
        };
        said.filter(|status| status.class == class).unwrap_or(EnhancedStatus::new(class, 0, 0))
    }
}

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Our name.
    pub hostname: &'a Domain,
    /// The name of the report itself in the spool.
    pub id: SpoolId,
    /// When it is written.
    pub at: Timestamp,
    /// The message's envelope.
    pub original: &'a Envelope,
    /// The message's name in the spool.
    pub original_id: SpoolId,
    /// The size of its content.
    pub original_size: Octets,
    /// Those to report on; at least one.
    pub recipients: &'a [Reported<'a>],
}

/// What the caller streams as the third part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// The whole content.
    Message,
    /// Its header section, up to [`LARGEST_RETURNED_SECTION`]. [`crate::header::HeaderScan`] finds the end.
    HeaderSection,
}

/// A report, but for its third part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whom it goes to.
    pub recipient: Mailbox,
    /// Content up to the third part.
    pub prefix: Vec<u8>,
    /// What follows then.
    pub returned: Returned,
    /// The end of the content.
    pub suffix: Vec<u8>,
    /// What the content needs.
    pub body: Body,
    /// Whether the report needs SMTPUTF8: if its recipient does.
    pub international: International,
}

impl Notice {
    /// Writes a report. `None` for messages with the null reverse-path, and without recipients to report on.
    #[must_use]
    pub fn write(report: &Report<'_>) -> Option<Self> {
        let recipient = report.original.reverse_path.mailbox()?.clone();
        let worst = report.recipients.iter().map(|reported| reported.action).max()?;
        let returned = returned(report, worst);
        let form = Form::of(report.original);
        let boundary = format!("={}={}", report.id, report.original_id);
        let international = if recipient.needs_smtputf8() { International::Yes } else { International::No };
        let mut prefix = String::new();
        head(&mut prefix, report, &Head { recipient: &recipient, worst, form, boundary: &boundary });
        words::write(&mut prefix, report, form);
        let _ = write!(prefix, "\r\n--{boundary}\r\nContent-Description: Delivery report\r\n");
        let _ = write!(prefix, "Content-Type: {}\r\n{}\r\n", form.status_type(), form.encoding());
        fields::write(&mut prefix, report, form);
        let _ = write!(prefix, "\r\n--{boundary}\r\n");
        let _ = write!(prefix, "Content-Description: {}\r\n", described(returned));
        let _ = write!(prefix, "Content-Type: {}\r\n{}\r\n", form.returned_type(returned), form.encoding());
        let suffix = format!("\r\n--{boundary}--\r\n").into_bytes();
        let body = form.body();
        Some(Self { recipient, prefix: prefix.into_bytes(), returned, suffix, body, international })
    }
}

/// RET counts for failures only (RFC 3461 section 6.2). Content that is no lines cannot stand in a part.
fn returned(report: &Report<'_>, worst: Action) -> Returned {
    let is_wanted = report.original.returns == Some(Return::Full);
    let fits = report.original_size <= LARGEST_RETURNED && report.original.body != Body::BinaryMime;
    if worst == Action::Failed && is_wanted && fits { Returned::Message } else { Returned::HeaderSection }
}

/// How a report is coded: as plainly as its message allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Ascii,
    EightBit,
    /// RFC 6533.
    International,
}

impl Form {
    fn of(original: &Envelope) -> Self {
        match (original.international, original.body) {
            (International::Yes, _) => Self::International,
            (International::No, Body::SevenBit) => Self::Ascii,
            (International::No, Body::EightBitMime | Body::BinaryMime) => Self::EightBit,
        }
    }

    const fn body(self) -> Body {
        match self {
            Self::Ascii => Body::SevenBit,
            Self::EightBit | Self::International => Body::EightBitMime,
        }
    }

    /// A field of a part or of the whole, or nothing.
    const fn encoding(self) -> &'static str {
        match self {
            Self::Ascii => "",
            Self::EightBit | Self::International => "Content-Transfer-Encoding: 8bit\r\n",
        }
    }

    const fn status_type(self) -> &'static str {
        match self {
            Self::Ascii | Self::EightBit => "message/delivery-status",
            Self::International => "message/global-delivery-status",
        }
    }

    const fn returned_type(self, returned: Returned) -> &'static str {
        match (self, returned) {
            (Self::Ascii | Self::EightBit, Returned::Message) => "message/rfc822",
            (Self::Ascii | Self::EightBit, Returned::HeaderSection) => "text/rfc822-headers",
            (Self::International, Returned::Message) => "message/global",
            (Self::International, Returned::HeaderSection) => "message/global-headers",
        }
    }

    /// An address as this form can show it.
    fn address(self, mailbox: &Mailbox) -> String {
        match self {
            Self::Ascii | Self::EightBit => mailbox.with_ascii_domain(),
            Self::International => mailbox.to_string(),
        }
    }

    /// Foreign words on one line: controls go, and all beyond ASCII where it cannot stand.
    fn line(self, words: &str) -> String {
        let cannot_stand =
            |letter: char| letter.is_control() || (self != Self::International && !letter.is_ascii());
        words.replace('\n', " ").replace(cannot_stand, "?")
    }
}

struct Head<'a> {
    recipient: &'a Mailbox,
    worst: Action,
    form: Form,
    boundary: &'a str,
}

fn head(text: &mut String, report: &Report<'_>, head: &Head<'_>) {
    let host = report.hostname.ascii();
    let _ = write!(
        text,
        "Date: {}\r\nFrom: Mail Delivery System <mailer-daemon@{host}>\r\nTo: <{}>\r\nSubject: {}\r\n",
        report.at.rfc5322(),
        head.form.address(head.recipient),
        words::subject(head.worst),
    );
    let _ = write!(
        text,
        "Message-ID: <{}@{host}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",
        report.id
    );
    let _ = write!(
        text,
        "Content-Type: multipart/report; report-type={};\r\n\tboundary=\"{}\"\r\n{}\r\n",
        match head.form {
            Form::Ascii | Form::EightBit => "delivery-status",
            Form::International => "global-delivery-status",
        },
        head.boundary,
        head.form.encoding(),
    );
    let _ = write!(
        text,
        "--{}\r\nContent-Description: What happened\r\nContent-Type: text/plain; charset={}\r\n{}\r\n",
        head.boundary,
        match head.form {
            Form::Ascii => "us-ascii",
            Form::EightBit | Form::International => "utf-8",
        },
        head.form.encoding(),
    );
}

const fn described(returned: Returned) -> &'static str {
    match returned {
        Returned::Message => "Your message",
        Returned::HeaderSection => "The header section of your message",
    }
}

/// Writes words with line ends so that no line is longer than 76 letters where words allow, and none is
/// longer than 998 octets; lines but the first begin with `indent`.
fn fold(text: &mut String, line: &str, indent: &str) {
    const WISHED: usize = 76;
    const LONGEST_WORD: usize = 200;
    let mut length = text.len() - text.rfind('\n').map_or(0, |at| at + 1);
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.chunks(LONGEST_WORD) {
            if length > indent.len() && length + 1 + piece.len() > WISHED {
                text.push_str("\r\n");
                text.push_str(indent);
                length = indent.len();
            } else if !text.ends_with([' ', '\t', '\n']) {
                text.push(' ');
                length += 1;
            }
            text.extend(piece);
            length += piece.len();
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests;
