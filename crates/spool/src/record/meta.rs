//! What stands behind the content of a record.

use std::sync::Arc;

use gatepost_mail::{Envelope, Timestamp};

use super::{Reader, Writer, envelope};
use crate::Warned;
use crate::ledger::{Phase, Standing, State, States, Whys};

/// Where the content of a message lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// In the record.
    Inline,
    /// In a file of its own.
    File {
        /// Its checksum.
        crc: u32,
    },
}

/// The meta of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageMeta {
    pub(crate) size: u64,
    pub(crate) store: Store,
    pub(crate) state: StateMeta,
    pub(crate) envelope: Arc<Envelope>,
}

/// The meta of a state record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateMeta {
    pub(crate) standing: Standing,
    pub(crate) states: States,
    pub(crate) whys: Whys,
}

impl MessageMeta {
    /// Appends what [`MessageMeta::read`] takes.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        let mut write = Writer(bytes);
        write.u64(self.size);
        match self.store {
            Store::Inline => write.u8(0),
            Store::File { crc } => {
                write.u8(1);
                write.u32(crc);
            }
        }
        self.state.write(write.0);
        envelope::write(&self.envelope, &mut Writer(bytes));
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut read = Reader(bytes);
        let (size, store) = Self::take_store(&mut read)?;
        let state = StateMeta::take(&mut read)?;
        let envelope = Arc::new(envelope::read(&mut read)?);
        let fits = envelope.recipients.len() == state.states.as_slice().len();
        (fits && read.0.is_empty()).then_some(Self { size, store, state, envelope })
    }

    fn take_store(read: &mut Reader<'_>) -> Option<(u64, Store)> {
        let size = read.u64()?;
        let store = match read.u8()? {
            0 => Store::Inline,
            1 => Store::File { crc: read.u32()? },
            _other => return None,
        };
        Some((size, store))
    }
}

/// What a restart must know of a message: all but the envelope, which is not even looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) size: u64,
    pub(crate) store: Store,
    pub(crate) standing: Standing,
    pub(crate) states: States,
}

impl Brief {
    /// Reads the beginning of a message's meta.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut read = Reader(bytes);
        let (size, store) = MessageMeta::take_store(&mut read)?;
        let (standing, states) = states_from(&mut read)?;
        Some(Self { size, store, standing, states })
    }
}

impl StateMeta {
    /// Appends what [`StateMeta::read`] takes.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        let mut write = Writer(bytes);
        states_to(&mut write, self.standing, &self.states);
        let told = self.whys.iter().flatten().count();
        write.u32(u32::try_from(told).unwrap_or(u32::MAX));
        for (at, why) in (0u32..).zip(&self.whys) {
            if let Some(why) = why {
                write.u32(at);
                write.text(why);
            }
        }
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut read = Reader(bytes);
        Self::take(&mut read).filter(|_| read.0.is_empty())
    }

    fn take(read: &mut Reader<'_>) -> Option<Self> {
        let (standing, states) = states_from(read)?;
        let mut whys = Whys::new();
        for _ in 0..read.u32()? {
            let at = read.u32()? as usize;
            if at >= states.as_slice().len() {
                return None;
            }
            whys.resize(whys.len().max(at + 1), None);
            *whys.get_mut(at)? = Some(read.text()?.into());
        }
        Some(Self { standing, states, whys })
    }
}

/// Appends standing and states.
pub(crate) fn states_to(write: &mut Writer<'_>, standing: Standing, states: &States) {
    write.u8(match standing {
        Standing::Open => 0,
        Standing::Held => 1,
        Standing::Ended => 2,
    });
    let states = states.as_slice();
    write.u32(u32::try_from(states.len()).unwrap_or(u32::MAX));
    for state in states {
        let warned = match state.warned {
            Warned::NotYet => 0,
            Warned::Already => 4,
        };
        match state.phase {
            Phase::Delivered => write.u8(1),
            Phase::Failed => write.u8(2),
            Phase::Waiting => {
                write.u8(warned);
                write.u16(state.attempts);
                write.u64(state.due.as_micros());
            }
        }
    }
}

/// Takes what [`states_to`] wrote.
pub(crate) fn states_from(read: &mut Reader<'_>) -> Option<(Standing, States)> {
    let standing = match read.u8()? {
        0 => Standing::Open,
        1 => Standing::Held,
        2 => Standing::Ended,
        _other => return None,
    };
    let states = match read.u32()? {
        // Most have one; a restart reads a million of these.
        1 => States::One(state_from(read)?),
        count => (0..count).map(|_| state_from(read)).collect::<Option<Vec<_>>>()?.into(),
    };
    Some((standing, states))
}

fn state_from(read: &mut Reader<'_>) -> Option<State> {
    let done = |phase| State { phase, ..State::fresh(Timestamp::default()) };
    let warned = match read.u8()? {
        1 => return Some(done(Phase::Delivered)),
        2 => return Some(done(Phase::Failed)),
        0 => Warned::NotYet,
        4 => Warned::Already,
        _other => return None,
    };
    let attempts = read.u16()?;
    let due = Timestamp::from_micros(read.u64()?);
    Some(State { due, attempts, phase: Phase::Waiting, warned })
}
