//! Locks, ids, full disks, failures, memory.

use std::path::Path;

use gatepost_mail::{Octets, Timestamp};
use gatepost_spool::{Disk, Draft, Embedded, EmbeddedSettings, Fault, Loss, Simulated, Spool, SpoolError};

use crate::tools::{DIR, LEASE, START, claim, commit, content, deliver, envelope, later, open, small};

#[tokio::test]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Simulated::new();
    let ours = format!("process {}", std::process::id());
    for (dir, disk, who) in [
        (folder.path(), Disk::real(), ours.as_str()),
        (Path::new(DIR), Disk::simulated(&disk), "another process"),
    ] {
        let settings = || EmbeddedSettings { disk: disk.clone(), ..small(&Simulated::new()) };
        let first = Embedded::open(dir, settings(), START).unwrap();
        let second = Embedded::open(dir, settings(), START).map(|_| ());
        let Err(error @ SpoolError::Locked { .. }) = second else { panic!("{second:?}") };
        let told = error.to_string();
        assert!(
            told.starts_with(who) && told.ends_with(&format!("uses the spool in {}", dir.display())),
            "{told}"
        );
        drop(first);
        Embedded::open(dir, settings(), START).unwrap();
    }
}

#[tokio::test]
async fn no_id_comes_twice_although_the_clock_jumps_back() {
    let disk = Simulated::new();
    let mut highest = None;
    for hours in [48, 24, 0, 1] {
        let now = later(hours * 3600);
        let spool = Embedded::open(Path::new(DIR), small(&disk), now).unwrap().0;
        // Enough to fill segments and free them, so that no record of the highest id is left.
        for _ in 0..60 {
            let id = commit(&spool, &[b'x'; 6000], now).await.unwrap();
            assert!(Some(id) > highest);
            highest = Some(id);
            for claim in claim(&spool, now).await {
                deliver(&spool, claim).await;
            }
        }
        assert!(spool.stats().await.freed > 0);
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused() {
    for (segment, inline) in [(64, 16), (4096 * 1024, 8), (0, 0)] {
        let settings = EmbeddedSettings {
            segment: Octets::kib(segment),
            inline: Octets::kib(inline),
            ..small(&Simulated::new())
        };
        let result = Embedded::open(Path::new(DIR), settings, START).map(|_| ());
        assert!(matches!(result, Err(SpoolError::Settings { .. })), "{segment} {inline}");
    }
}

#[tokio::test]
async fn below_the_floor_nothing_is_accepted_until_there_is_room_again() {
    let disk = Simulated::new();
    disk.limit(Some(1 << 20));
    let settings = EmbeddedSettings { floor: Octets::kib(512), ..small(&disk) };
    let spool = Embedded::open(Path::new(DIR), settings, START).unwrap().0;
    commit(&spool, b"early", START).await.unwrap();
    disk.limit(Some(256 << 10));
    assert_eq!(spool.draft().await.map(|_| ()), Err(SpoolError::NoRoom));
    for claim in claim(&spool, START).await {
        deliver(&spool, claim).await;
    }
    assert_eq!(spool.stats().await.messages, 0);
    disk.limit(Some(1 << 20));
    commit(&spool, b"late", START).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_the_new_delivers_the_old_and_recovers() {
    let disk = Simulated::new();
    disk.limit(Some(600 << 10));
    let spool = open(&disk).0;
    let mut taken = 0;
    let refused = loop {
        match commit(&spool, &[b'x'; 5000], START).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, SpoolError::NoRoom);
    assert!(taken > 40, "{taken}");
    // Large content does not fit either, and leaves nothing.
    assert_eq!(commit(&spool, &[b'x'; 100_000], START).await, Err(SpoolError::NoRoom));
    // Delivery goes on: the segment that is kept back takes the outcomes.
    for claim in claim(&spool, START).await {
        deliver(&spool, claim).await;
    }
    assert_eq!(spool.stats().await.messages, 0);
    // Less fits than before: the outcomes take some of it.
    let fits = taken - 15;
    for _ in 0..fits {
        commit(&spool, &[b'y'; 5000], START).await.unwrap();
    }
    drop(spool);
    disk.restart(Loss::Power, 1);
    let (spool, recovery) = open(&disk);
    assert_eq!((recovery.messages, recovery.damages), (fits, vec![]));
    drop(spool);
}

#[tokio::test]
async fn a_failed_sync_is_the_end() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let id = commit(&spool, b"before", START).await.unwrap();
    let claims = claim(&spool, START).await;
    spool.extend(&claims[0], START.after(LEASE)).await.unwrap();
    disk.fail_after(Fault::Sync, 0);
    let failed = commit(&spool, b"lost", START).await;
    assert!(matches!(failed, Err(SpoolError::Stopped { .. })), "{failed:?}");
    // The disk would work again; that changes nothing.
    assert!(matches!(commit(&spool, b"after", START).await, Err(SpoolError::Stopped { .. })));
    assert!(matches!(spool.hold(id).await, Err(SpoolError::Stopped { .. })));
    assert!(matches!(spool.list(None, 1).await, Err(SpoolError::Stopped { .. })));
    let prolonged = spool.extend(&claims[0], START.after(LEASE)).await;
    assert!(matches!(prolonged, Err(SpoolError::Stopped { .. })), "{prolonged:?}");
    let why = spool.failed().await.to_string();
    assert!(why.contains("sync") && why.contains("00000001.log"), "{why}");
    drop(spool);
    disk.restart(Loss::Power, 3);
    let spool = open(&disk).0;
    assert_eq!(content(&spool, id).await.unwrap(), b"before");
}

#[tokio::test]
async fn drafts_that_find_no_memory_go_to_files_and_leave_none() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        EmbeddedSettings { disk: Disk::real(), draft_memory: Octets::kib(16), ..small(&Simulated::new()) };
    let spool = Embedded::open(folder.path(), settings, START).unwrap().0;
    let files = || std::fs::read_dir(folder.path().join("big")).unwrap().count();
    let mut drafts = Vec::new();
    for _ in 0..4 {
        let mut draft = spool.draft().await.unwrap();
        draft.write(&[b'x'; 5000]).await.unwrap();
        drafts.push(draft);
    }
    assert_eq!(files(), 2, "two of 8 KiB fit into 16 KiB");
    let kept = drafts.pop().unwrap();
    drop(drafts);
    assert_eq!(files(), 1);
    let id = kept.commit(envelope(1), START).await.unwrap().id();
    assert_eq!(content(&spool, id).await.unwrap(), vec![b'x'; 5000]);
    assert_eq!(files(), 1);
    for claim in claim(&spool, START).await {
        deliver(&spool, claim).await;
    }
    assert_eq!(files(), 0, "a message that is gone leaves no file");
}

#[tokio::test]
async fn a_message_larger_than_the_limit_is_refused() {
    let disk = Simulated::new();
    let settings = EmbeddedSettings { content: Octets::kib(20), ..small(&disk) };
    let spool = Embedded::open(Path::new(DIR), settings, START).unwrap().0;
    let mut draft = spool.draft().await.unwrap();
    draft.write(&[b'x'; 20 << 10]).await.unwrap();
    assert_eq!(draft.write(b"x").await, Err(SpoolError::TooLarge { limit: Octets::kib(20) }));
    drop(draft);
    // An envelope that no segment has room for.
    let draft = spool.draft().await.unwrap();
    let result = draft.commit(envelope(1000), START).await;
    assert!(matches!(result, Err(SpoolError::TooLarge { .. })), "{result:?}");
    assert_eq!(spool.next_due().await.unwrap(), None::<Timestamp>);
}
