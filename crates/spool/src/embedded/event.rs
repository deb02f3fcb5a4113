//! What a record means for the index, as far as a restart must know. Hints keep exactly this.

use std::num::NonZeroU32;

use gatepost_mail::SpoolId;

use super::index::{Home, Index, Kept, Spot};
use super::scan::{Content, Record};
use crate::DamagedPart;
use crate::ledger::{Standing, States};
use crate::record::{Brief, Kind, Reader, StateMeta, Store, Writer, states_from, states_to};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: SpoolId,
    pub(super) offset: u32,
    pub(super) total: u32,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Message { size: u64, store: Store, standing: Standing, states: States },
    State { standing: Standing, states: States },
    Gone,
}

impl Event {
    /// What a record means; nothing if it means nothing.
    ///
    /// # Errors
    ///
    /// The part that makes it unusable, although its checksums are right.
    pub(super) fn of(record: &Record, octets: &[u8]) -> Result<Option<Self>, DamagedPart> {
        let meta = octets.get(record.meta.clone()).unwrap_or_default();
        let what = match record.kind {
            Kind::Message => {
                let Brief { size, store, standing, states } =
                    Brief::read(meta).ok_or(DamagedPart::Envelope)?;
                let standing = match record.content {
                    Content::Right => standing,
                    Content::Damaged => Standing::Held,
                };
                What::Message { size, store, standing, states }
            }
            Kind::State => {
                let meta = StateMeta::read(meta).ok_or(DamagedPart::State)?;
                What::State { standing: meta.standing, states: meta.states }
            }
            Kind::Gone => What::Gone,
            Kind::Seal | Kind::Filler => return Ok(None),
        };
        // A segment is at most 2 GiB.
        Ok(Some(Self { id: record.id, offset: record.offset as u32, total: record.total as u32, what }))
    }

    /// A message is gone, as the rest of a damaged record says.
    pub(super) fn gone(id: SpoolId, range: &std::ops::Range<usize>) -> Self {
        Self { id, offset: range.start as u32, total: range.len() as u32, what: What::Gone }
    }

    pub(super) fn write(&self, write: &mut Writer<'_>) {
        write.u64(self.id.number());
        write.u32(self.offset);
        write.u32(self.total);
        match &self.what {
            What::Message { size, store, standing, states } => {
                match store {
                    Store::Inline => write.u8(0),
                    Store::File { crc } => {
                        write.u8(1);
                        write.u32(*crc);
                    }
                }
                write.u64(*size);
                states_to(write, *standing, states);
            }
            What::State { standing, states } => {
                write.u8(2);
                states_to(write, *standing, states);
            }
            What::Gone => write.u8(3),
        }
    }

    pub(super) fn read(read: &mut Reader<'_>) -> Option<Self> {
        let id = SpoolId::from_number(read.u64()?);
        let [offset, total] = [read.u32()?, read.u32()?];
        let what = match read.u8()? {
            tag @ (0 | 1) => {
                let store = if tag == 0 { Store::Inline } else { Store::File { crc: read.u32()? } };
                let size = read.u64()?;
                let (standing, states) = states_from(read)?;
                What::Message { size, store, standing, states }
            }
            2 => {
                let (standing, states) = states_from(read)?;
                What::State { standing, states }
            }
            3 => What::Gone,
            _other => return None,
        };
        Some(Self { id, offset, total, what })
    }

    /// Takes the record into the index; records come in the order of the log.
    pub(super) fn replay(self, segment: NonZeroU32, index: &mut Index) {
        let Self { id, offset, total, what } = self;
        let spot = Spot { segment, offset, total };
        match what {
            What::Message { size, store, standing, states } => {
                let home = match store {
                    Store::Inline => Home::Log,
                    Store::File { .. } => Home::File,
                };
                index.add(id, Kept { spot, state: None, size, home }, (standing, states));
            }
            What::State { standing, states } => {
                if index
                    .ledger
                    .get_any(id)
                    .is_some_and(|known| known.states.as_slice().len() == states.as_slice().len())
                {
                    index.ledger.set_states(id, standing, states);
                    index.place_state(id, spot);
                }
            }
            What::Gone => index.bury(id, segment),
        }
    }
}
