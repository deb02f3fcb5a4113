//! Segments are used again, stragglers move, hints save reading.

use std::path::{Path, PathBuf};

use gatepost_mail::Octets;
use gatepost_spool::{Disk, Drive, Embedded, EmbeddedSettings, Loss, RecipientState, Simulated, Spool};

use crate::tools::{DIR, START, claim, commit, content, defer, deliver, later, open, small};

fn segments(disk: &Simulated) -> Vec<PathBuf> {
    let files = disk.files().into_iter().map(|(path, _)| path);
    files.filter(|path| path.extension().is_some_and(|end| end == "log")).collect()
}

#[tokio::test]
async fn segments_are_used_again() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    for _ in 0..400 {
        commit(&spool, &[b'x'; 4000], START).await.unwrap();
        for claim in claim(&spool, START).await {
            deliver(&spool, claim).await;
        }
    }
    let stats = spool.stats().await;
    assert!(stats.freed > 20, "{stats:?}");
    assert!(segments(&disk).len() <= 5, "{:?}", segments(&disk));
}

#[tokio::test]
async fn threads_use_segments_again_too() {
    let folder = tempfile::tempdir().unwrap();
    let settings = EmbeddedSettings {
        segment: Octets::kib(256),
        drive: Drive::Threads,
        disk: Disk::real(),
        ..small(&Simulated::new())
    };
    let spool = Embedded::open(folder.path(), settings.clone(), START).unwrap().0;
    for _ in 0..1000 {
        commit(&spool, &[b'x'; 4000], START).await.unwrap();
        for claim in claim(&spool, START).await {
            deliver(&spool, claim).await;
        }
    }
    let stats = spool.stats().await;
    drop(spool);
    let files = std::fs::read_dir(folder.path().join("segments")).unwrap().count();
    assert!(stats.freed > 5 && files < 12, "{stats:?}, {files} files");
    let (_, recovery) = Embedded::open(folder.path(), settings, START).unwrap();
    assert_eq!((recovery.messages, recovery.damages), (0, vec![]));
}

#[tokio::test]
async fn a_few_old_messages_pin_little() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let mut old = Vec::new();
    for round in 0..300u32 {
        if round % 20 == 0 {
            old.push((commit(&spool, &round.to_le_bytes(), START).await.unwrap(), round));
            for claim in claim(&spool, START).await {
                defer(&spool, claim, later(100_000)).await;
            }
        }
        commit(&spool, &[b'x'; 4000], START).await.unwrap();
        for claim in claim(&spool, START).await {
            deliver(&spool, claim).await;
        }
    }
    let stats = spool.stats().await;
    assert_eq!(stats.messages, old.len() as u64);
    assert!(stats.segments <= 4, "{stats:?}");
    assert!(stats.rewritten > 0);
    drop(spool);
    disk.restart(Loss::Power, 5);
    let (spool, recovery) = open(&disk);
    assert_eq!((recovery.messages, recovery.damages), (old.len() as u64, vec![]));
    for (id, round) in old {
        assert_eq!(content(&spool, id).await.unwrap(), round.to_le_bytes());
        let entry = spool.entry(id).await.unwrap().unwrap();
        let RecipientState::Waiting { due, attempts: 1, last: Some(last), .. } = &entry.recipients[0] else {
            panic!("{entry:?}")
        };
        assert_eq!((*due, &**last), (later(100_000), "451 4.3.0 later"));
    }
}

#[tokio::test]
async fn what_is_read_is_not_overwritten() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let wanted = vec![b'a'; 8000];
    let id = commit(&spool, &wanted, START).await.unwrap();
    let mut reader = spool.content(id).await.unwrap();
    spool.remove(id).await.unwrap();
    for _ in 0..300 {
        commit(&spool, &[b'x'; 4000], START).await.unwrap();
        for claim in claim(&spool, START).await {
            deliver(&spool, claim).await;
        }
    }
    assert!(spool.stats().await.freed > 5);
    assert_eq!(&*reader.piece().await.unwrap().unwrap(), wanted);
}

#[tokio::test]
async fn a_restart_reads_hints_and_no_content() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(commit(&spool, &[b'x'; 4000], later(9)).await.unwrap());
    }
    drop(spool);
    let hints = disk.files().into_iter().filter(|(path, _)| path.starts_with(format!("{DIR}/hints")));
    let hints: Vec<PathBuf> = hints.map(|(path, _)| path).collect();
    assert!(hints.len() >= 3, "{hints:?}");
    // Damage within content of the first segment: a restart does not see it, since it does not look.
    let hurt = disk.copy();
    assert!(hurt.flip(&segments(&disk)[0], 8192 + 2000, 0));
    let (spool, recovery) = open(&hurt);
    assert_eq!((recovery.messages, recovery.damages), (100, vec![]));
    assert!(content(&spool, ids[0]).await.is_err());
    assert_eq!(content(&spool, ids[1]).await.unwrap(), [b'x'; 4000]);
    let verified = Embedded::verify(Path::new(DIR), &Disk::simulated(&hurt)).unwrap();
    assert_eq!(verified.damages.iter().map(|damage| damage.id).collect::<Vec<_>>(), [Some(ids[0])]);
    drop(spool);
    // Without a hint, and with a wrong one, the segment is read instead.
    let bare = disk.copy();
    for hint in &hints {
        assert!(bare.flip(hint, 20, 3));
    }
    let (spool, recovery) = open(&bare);
    assert_eq!((recovery.messages, recovery.damages), (100, vec![]));
    assert_eq!(claim(&spool, later(9)).await.len(), 100);
}
