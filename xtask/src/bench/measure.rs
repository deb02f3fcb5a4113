//! What is measured: its name, its unit, what it shall be.

/// A kind of work, by the name that `--only` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// Accepting 4 KiB.
    Accept,
    /// The same, through to the sink.
    Through,
    /// One message a connection, under TLS and after a login.
    Logins,
    /// Messages of 1 MiB.
    Large,
    /// Sessions that say nothing.
    Idle,
    /// Messages that wait for their next attempt.
    Deferred,
    /// One message at a time.
    Latency,
}

impl Work {
    pub(super) const ALL: [Self; 7] =
        [Self::Accept, Self::Through, Self::Logins, Self::Large, Self::Idle, Self::Deferred, Self::Latency];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accept => "W1",
            Self::Through => "W2",
            Self::Logins => "W3",
            Self::Large => "W4",
            Self::Idle => "W5",
            Self::Deferred => "W6",
            Self::Latency => "W7",
        }
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    Higher,
    Lower,
    /// There is nothing to compare: the figure explains another.
    Neither,
}

/// What gatepost shall reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    None,
    /// So many times what Postfix without `in_flow_delay` does.
    Times(f64),
    /// No more than this.
    AtMost(f64),
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    pub(super) work: Work,
    pub(super) name: &'static str,
    pub(super) digits: usize,
    pub(super) better: Better,
    pub(super) target: Target,
}

const fn row(work: Work, name: &'static str, (better, digits): (Better, usize), target: Target) -> Measure {
    Measure { work, name, digits, better, target }
}

use Better::{Higher, Lower, Neither};
use Target::{AtMost, None, Times};
use Work::{Accept, Deferred, Idle, Large, Latency, Logins, Through};

pub(super) const ACCEPTED: Measure =
    row(Accept, "4 KiB messages accepted a second", (Higher, 0), Times(10.0));
pub(super) const ACCEPT_SHARE: Measure = row(Accept, "share of the limit, %", (Neither, 1), None);
pub(super) const THROUGH: Measure =
    row(Through, "4 KiB messages at the sink a second", (Higher, 0), Times(11.0));
pub(super) const THROUGH_SHARE: Measure = row(Through, "share of the limit, %", (Neither, 1), None);
pub(super) const PROCESSOR: Measure = row(Through, "CPU s per 1,000, in and out", (Lower, 3), AtMost(0.08));
pub(super) const SYNCS: Measure = row(Through, "syncs per message, 32 sessions", (Lower, 3), AtMost(0.1));
pub(super) const WRITTEN: Measure = row(Through, "octets at the device per octet", (Lower, 2), None);
pub(super) const THROUGH_MEMORY: Measure = row(Through, "resident at the peak, MiB", (Lower, 1), None);
pub(super) const PLAIN: Measure =
    row(Logins, "STARTTLS and PLAIN, messages a second", (Higher, 0), Times(7.0));
pub(super) const PLAIN_PROCESSOR: Measure =
    row(Logins, "STARTTLS and PLAIN, CPU s per 1,000", (Lower, 3), AtMost(0.5));
pub(super) const SCRAM: Measure =
    row(Logins, "STARTTLS and SCRAM, messages a second", (Higher, 0), Times(7.0));
pub(super) const SCRAM_PROCESSOR: Measure =
    row(Logins, "STARTTLS and SCRAM, CPU s per 1,000", (Lower, 3), AtMost(0.5));
pub(super) const LARGE: Measure = row(Large, "MiB a second at the sink", (Higher, 0), Times(4.0));
pub(super) const LARGE_SHARE: Measure = row(Large, "share of the limit, %", (Neither, 1), None);
pub(super) const LARGE_PROCESSOR: Measure = row(Large, "CPU s per GiB", (Lower, 2), None);
pub(super) const LARGE_WRITTEN: Measure = row(Large, "octets at the device per octet", (Lower, 2), None);
pub(super) const LARGE_MEMORY: Measure = row(Large, "resident at the peak, MiB", (Lower, 1), None);
pub(super) const IDLE_HELD: Measure = row(Idle, "sessions held", (Neither, 0), None);
pub(super) const IDLE_PLAIN: Measure = row(Idle, "KiB per session", (Lower, 1), AtMost(8.0));
pub(super) const IDLE_TLS: Measure = row(Idle, "KiB per session under TLS", (Lower, 1), AtMost(24.0));
pub(super) const DEFERRED_DISK: Measure =
    row(Deferred, "octets of disk per message", (Lower, 0), AtMost(5120.0));
pub(super) const DEFERRED_FILES: Measure = row(Deferred, "files per message", (Lower, 2), None);
pub(super) const DEFERRED_MEMORY: Measure = row(Deferred, "memory, MiB", (Lower, 1), AtMost(250.0));
pub(super) const RESTART: Measure = row(Deferred, "restart until accepting, s", (Lower, 2), AtMost(2.0));
pub(super) const RESTART_MEMORY: Measure =
    row(Deferred, "memory after restart, MiB", (Lower, 1), AtMost(250.0));
pub(super) const DELIVERING: Measure = row(Deferred, "restart until delivering, s", (Lower, 2), AtMost(10.0));
pub(super) const DRAINED: Measure = row(Deferred, "drained a second", (Higher, 0), None);
pub(super) const REPLY_HALF: Measure = row(Latency, "until 250, ms, median", (Lower, 2), None);
pub(super) const REPLY_LATE: Measure = row(Latency, "until 250, ms, p99", (Lower, 2), None);
pub(super) const SINK_HALF: Measure = row(Latency, "until at the sink, ms, median", (Lower, 2), None);
pub(super) const SINK_LATE: Measure = row(Latency, "until at the sink, ms, p99", (Lower, 2), None);
