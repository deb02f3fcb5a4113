//! Whether the disk has room for new messages.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gatepost_mail::Octets;

use super::settings::Drive;
use super::shared::Shared;
use crate::SpoolError;

/// How long a disk that had room is not asked again: that would be a call for each message. What a disk takes in
/// meanwhile is less than the floor, and one that has become full refuses by itself.
const FRESH: Duration = Duration::from_millis(50);

/// When there was room.
#[derive(Debug, Default)]
pub(super) struct Room(Mutex<Option<Instant>>);

impl Room {
    fn is_known(&self, now: Instant) -> bool {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|seen| now.saturating_duration_since(seen) < FRESH)
    }

    fn note(&self, now: Instant, room: Octets, floor: Octets) -> Result<(), SpoolError> {
        let enough = room >= floor;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = enough.then_some(now);
        if enough { Ok(()) } else { Err(SpoolError::NoRoom) }
    }
}

/// Whether there is as much room as new messages need. Where whoever calls does the work, every look is a new one, so
/// that a simulation does not hang on the time.
pub(super) fn check(shared: &Shared) -> Result<(), SpoolError> {
    shared.check()?;
    let now = Instant::now();
    if shared.settings.drive == Drive::Threads && shared.room.is_known(now) {
        return Ok(());
    }
    let dir = &shared.folders.whole;
    let room = shared.disk().room(dir);
    let room = room.map_err(|cause| SpoolError::io("ask for the room in", dir, &cause))?;
    shared.room.note(now, Octets(room), shared.settings.floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disk_that_had_room_a_moment_ago_is_not_asked() {
        let (room, now, floor) = (Room::default(), Instant::now(), Octets(10));
        assert!(!room.is_known(now));
        assert_eq!(room.note(now, Octets(10), floor), Ok(()));
        assert!(room.is_known(now + FRESH / 2));
        assert!(!room.is_known(now + FRESH));
        assert_eq!(room.note(now + FRESH, Octets(9), floor), Err(SpoolError::NoRoom));
        assert!(!room.is_known(now + FRESH), "a full disk is asked each time");
    }
}
