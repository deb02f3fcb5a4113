//! A message outside of a spool, as an import reads it, and the spool's own record of it.
#![expect(clippy::panic, reason = "a target fails by a panic")]

use std::path::Path;
use std::sync::Arc;

use gatepost::control::parcel::Parcel;
use gatepost_mail::{Octets, SpoolId};
use gatepost_spool::{
    Disk, Draft, Drive, Embedded, EmbeddedSettings, Entry, Restore, Restored, Simulated, Spool, SpoolError,
};

use crate::fixed;

/// Reads the octets as the first line of an exported message, and takes that message into a spool.
///
/// # Panics
///
/// If what was taken is not written as it was read, or a spool that is opened anew has something else.
pub fn parcel(octets: &[u8]) {
    let Some((id, message)) = read(octets) else { return };
    let entry = entry(id, message.clone());
    let again = Parcel::of(&entry).open();
    assert!(again.as_ref() == Ok(&message), "{again:?} is not {message:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap_or_else(|cause| panic!("no runtime: {cause}")).block_on(keep(message));
}

fn read(octets: &[u8]) -> Option<(SpoolId, Restored)> {
    let parcel = serde_json::from_slice::<Parcel>(octets).ok()?;
    Some((parcel.id().ok()?, parcel.open().ok()?))
}

fn entry(id: SpoolId, message: Restored) -> Entry {
    let Restored { envelope, held, recipients } = message;
    Entry { id, envelope: Arc::new(envelope), size: Octets(0), held, recipients, leased: None }
}

fn open(disk: &Simulated) -> Embedded {
    let settings = EmbeddedSettings {
        segment: Octets::kib(64),
        inline: Octets::kib(8),
        floor: Octets(0),
        drive: Drive::Caller,
        disk: Disk::simulated(disk),
        seed: Some(7),
        ..EmbeddedSettings::default()
    };
    let opened = Embedded::open(Path::new("/spool"), settings, fixed::at());
    opened.unwrap_or_else(|fault| panic!("no spool: {fault}")).0
}

async fn keep(message: Restored) {
    let disk = Simulated::new();
    let spool = open(&disk);
    let Ok(mut draft) = spool.draft().await else { panic!("no draft") };
    assert_eq!(draft.write(b"content").await, Ok(()));
    let id = match Embedded::restore(draft, message.clone()).await {
        Ok(receipt) => receipt.id(),
        // Nobody waits for it, or its envelope is larger than a record may be.
        Err(SpoolError::NoRecipients | SpoolError::TooLarge { .. }) => return,
        Err(fault) => panic!("not taken: {fault}"),
    };
    drop(spool);
    let found = open(&disk).entry(id).await;
    let expected = Entry { size: Octets(7), ..entry(id, message) };
    assert!(found == Ok(Some(expected)), "{found:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the target would look at nothing.
    #[test]
    fn every_seed_is_read_to_its_end() {
        for seed in [
            include_bytes!("../../seeds/parcel/one").as_slice(),
            include_bytes!("../../seeds/parcel/three"),
            include_bytes!("../../seeds/parcel/all-kinds"),
        ] {
            assert!(read(seed).is_some(), "{}", seed.escape_ascii());
        }
    }
}
