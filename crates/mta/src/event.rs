//! One type per thing worth telling; log lines, JSON and the story of a message come from it.
//!
//! An event is made where the thing happens and formatted elsewhere: [`Events::emit`] only puts it into a
//! bounded queue. When the writer cannot keep up, mail goes on and events are counted as lost.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gatepost_mail::{SessionId, SpoolId, Timestamp};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::outside::Outside;
pub use crate::outside::wall_clock as now;

/// Most events that wait to be written.
const QUEUE: usize = 65_536;
/// Longest text of a peer that an event keeps, in octets.
const LONGEST_TEXT: usize = 512;
/// Octets that hold most addresses and replies: a text that grows while it is written is paid for several times.
const USUAL_TEXT: usize = 64;

/// Something worth telling, and when and where it happened.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// In which session.
    #[serde(serialize_with = "as_text_if_some", skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// About which message.
    #[serde(serialize_with = "as_text_if_some", skip_serializing_if = "Option::is_none")]
    pub message: Option<SpoolId>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. Field names are stable: scripts and `gatepost trace` read them.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum What {
    /// A listener takes connections.
    Listening {
        /// Its name.
        listener: String,
        /// Where.
        address: SocketAddr,
    },
    /// A client connected.
    Connected {
        /// To which listener.
        listener: String,
        /// From where.
        client: SocketAddr,
    },
    /// A client was turned away before it could speak.
    TurnedAway {
        /// From where.
        client: SocketAddr,
        /// By which rule.
        rule: &'static str,
        /// What it was told.
        reply: String,
    },
    /// The channel is encrypted now.
    Encrypted {
        /// As in `TLSv1.3`.
        version: String,
        /// As in `TLS13_AES_128_GCM_SHA256`.
        cipher: String,
        /// Whether an earlier session of this client went on.
        resumed: bool,
    },
    /// The TLS handshake failed.
    HandshakeFailed {
        /// Why.
        cause: String,
    },
    /// Somebody logged in.
    LoggedIn {
        /// As whom.
        account: String,
        /// With which device's own password, if it was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<String>,
        /// How.
        mechanism: &'static str,
        /// From where.
        client: IpAddr,
    },
    /// Somebody did not. The order of the fields is stable too, with nothing made by the client before those that fail2ban
    /// reads (packaging/fail2ban).
    LoginFailed {
        /// From where.
        client: IpAddr,
        /// `known` if the account normally comes from this network, else `stranger`.
        network: &'static str,
        /// By which rule, or for which cause.
        rule: &'static str,
        /// How.
        mechanism: String,
        /// The name given, where one was.
        user: String,
        /// The facts that counted.
        because: String,
        /// What it was told.
        reply: String,
    },
    /// Somebody may be between a client and us: to be looked at now.
    Alarm {
        /// The client whose login showed it.
        client: IpAddr,
        /// By which rule.
        rule: &'static str,
        /// How it logged in.
        mechanism: &'static str,
        /// The name given, where one was.
        user: String,
        /// What was seen.
        cause: String,
        /// What to do.
        hint: &'static str,
    },
    /// A sender was refused.
    SenderRefused {
        /// Which.
        sender: String,
        /// From where.
        client: IpAddr,
        /// By which rule.
        rule: &'static str,
        /// The facts that counted.
        because: String,
        /// What the client was told.
        reply: String,
    },
    /// A recipient was refused.
    RecipientRefused {
        /// Of which sender.
        sender: String,
        /// Which.
        recipient: String,
        /// From where.
        client: IpAddr,
        /// By which rule.
        rule: &'static str,
        /// The facts that counted.
        because: String,
        /// What the client was told.
        reply: String,
    },
    /// A recipient was taken.
    RecipientTaken {
        /// Which.
        recipient: String,
        /// By which rule.
        rule: &'static str,
    },
    /// A message was refused after its content came.
    ContentRefused {
        /// Of which sender.
        sender: String,
        /// By which rule.
        rule: &'static str,
        /// The facts that counted.
        because: String,
        /// What the client was told.
        reply: String,
    },
    /// A message is on stable storage: we answer for it now.
    Queued {
        /// Who answers for it.
        principal: String,
        /// By which device of the account it came, if by one.
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<String>,
        /// Of which sender.
        sender: String,
        /// For whom; at most the first ten.
        recipients: Vec<String>,
        /// How many recipients.
        count: usize,
        /// Its size in octets.
        size: u64,
        /// From where.
        client: String,
    },
    /// The message came again in this session, because its 250 was lost before, and got the id that it has. There is one
    /// message still.
    Repeated {
        /// The session that brought it first.
        first_session: String,
        /// From where it came again.
        client: IpAddr,
        /// By which rule it is the same.
        rule: &'static str,
        /// The facts that counted.
        because: String,
    },
    /// A session ended.
    Disconnected {
        /// Why: `quit`, `hang-up`, `expired`, `refused`, `error …`.
        cause: String,
    },
    /// Delivery to a recipient was tried and worked.
    Delivered {
        /// Which recipient.
        recipient: String,
        /// To whom: `mx1.example.net [192.0.2.1]:25`, a Maildir, a socket.
        next_hop: String,
        /// What it said.
        reply: String,
        /// Whether the channel was encrypted, and how.
        tls: String,
        /// Seconds since the message was taken.
        delay: f64,
    },
    /// Delivery to a recipient will be tried again.
    Deferred {
        /// Which recipient.
        recipient: String,
        /// To whom.
        next_hop: String,
        /// Why.
        cause: String,
        /// How often it was tried.
        attempts: u32,
        /// When again.
        #[serde(serialize_with = "as_text")]
        due: Timestamp,
    },
    /// Delivery to a recipient failed for good.
    Failed {
        /// Which recipient.
        recipient: String,
        /// To whom.
        next_hop: String,
        /// Why.
        cause: String,
        /// By which rule.
        rule: &'static str,
    },
    /// A report was put into the queue; the message is the report's own.
    Reported {
        /// About which message.
        about: String,
        /// To whom.
        to: String,
        /// What it says: `failed`, `delayed`, `delivered`.
        action: &'static str,
    },
    /// A message needs no report, or must not have one.
    ReportOmitted {
        /// Which recipient.
        recipient: String,
        /// Why.
        rule: &'static str,
    },
    /// Nobody was reached at a site: it is left alone for a while, and what comes due for it meanwhile waits on without a try.
    SiteRests {
        /// Which.
        next_hop: String,
        /// For so many seconds.
        seconds: u64,
        /// By which rule.
        rule: &'static str,
        /// Why nobody was reached.
        cause: String,
    },
    /// A message left the queue: all its recipients are settled.
    Finished {
        /// Seconds since it was taken.
        delay: f64,
    },
    /// An operator changed a message in the queue.
    Operated {
        /// `held`, `released`, `removed`, `retried`, `imported`.
        action: &'static str,
        /// Who, as far as is known.
        by: String,
    },
    /// A new configuration is in force.
    Reloaded,
    /// A new configuration was refused; the old one stays.
    ReloadRefused {
        /// Why.
        cause: String,
    },
    /// No new sessions; those open may end.
    Draining {
        /// How many sessions are open.
        sessions: usize,
    },
    /// The machine failed us: disk, directory, resolver.
    Trouble {
        /// Which part.
        part: &'static str,
        /// What went wrong.
        cause: String,
        /// What to do.
        hint: &'static str,
    },
}

impl What {
    /// The event at a moment, bound to nothing yet.
    #[must_use]
    pub const fn at(self, at: Timestamp) -> Event {
        Event { at, session: None, message: None, what: self }
    }
}

/// Where events go. Cheap to copy; [`Events::emit`] never waits.
#[derive(Debug, Clone)]
pub struct Events {
    queue: mpsc::Sender<Event>,
    lost: Arc<AtomicU64>,
    outside: Outside,
}

impl Events {
    /// A handle for the makers of events, and the end that a writer reads.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Event>) {
        Self::channel_in(Outside::default())
    }

    /// The same by the clock of this world.
    #[must_use]
    pub fn channel_in(outside: Outside) -> (Self, mpsc::Receiver<Event>) {
        let (queue, reader) = mpsc::channel(QUEUE);
        (Self { queue, lost: Arc::default(), outside }, reader)
    }

    /// Tells what happened, now.
    pub fn emit(&self, session: Option<SessionId>, message: Option<SpoolId>, what: What) {
        let event = Event { at: self.outside.now(), session, message, what };
        if self.queue.try_send(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events found the queue full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// A peer's text, cut and without control characters.
#[must_use]
pub fn quoted(text: impl Into<String>) -> String {
    let mut text = text.into();
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    let plain = text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    if plain { text } else { text.replace(|c: char| c.is_control(), "?") }
}

/// The same of something that can be written.
pub(crate) fn shown(value: &impl fmt::Display) -> String {
    let mut text = String::with_capacity(USUAL_TEXT);
    // Writing to memory cannot fail.
    let _ = fmt::Write::write_fmt(&mut text, format_args!("{value}"));
    quoted(text)
}

fn as_text<T: fmt::Display, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

fn as_text_if_some<T: fmt::Display, S: serde::Serializer>(
    value: &Option<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}
