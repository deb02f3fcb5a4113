//! Every engine passes the suite.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost_mail::Octets;
use gatepost_spool::contract::{START, suite};
use gatepost_spool::{Disk, Drive, Embedded, EmbeddedSettings, Memory, Simulated};

/// Small enough to be quick, large enough for content of 3 MB to take both ways.
fn small() -> EmbeddedSettings {
    EmbeddedSettings { segment: Octets::mib(8), floor: Octets::mib(1), ..EmbeddedSettings::default() }
}

#[tokio::test]
async fn memory() {
    suite(|| Memory::new(START)).await.unwrap();
}

#[tokio::test]
async fn embedded() {
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicUsize::new(0);
    let make = || {
        let dir = folder.path().join(next.fetch_add(1, Ordering::Relaxed).to_string());
        Embedded::open(&dir, small(), START).unwrap().0
    };
    suite(make).await.unwrap();
}

#[tokio::test]
async fn embedded_with_nothing_kept_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicUsize::new(0);
    let make = || {
        let dir = folder.path().join(next.fetch_add(1, Ordering::Relaxed).to_string());
        let settings = EmbeddedSettings { hot_memory: Octets(0), draft_memory: Octets(0), ..small() };
        Embedded::open(&dir, settings, START).unwrap().0
    };
    suite(make).await.unwrap();
}

#[tokio::test]
async fn embedded_driven_by_its_callers_on_a_simulated_disk() {
    let make = || {
        let disk = Disk::simulated(&Simulated::new());
        let settings = EmbeddedSettings { disk, drive: Drive::Caller, seed: Some(1), ..small() };
        Embedded::open(&PathBuf::from("/spool"), settings, START).unwrap().0
    };
    suite(make).await.unwrap();
}
