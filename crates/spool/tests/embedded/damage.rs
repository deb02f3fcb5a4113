//! One wrong bit, anywhere: found, named, and at most one message is hurt.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gatepost_mail::SpoolId;
use gatepost_spool::{Disk, Embedded, Held, RecipientState, Simulated, Spool, SpoolError};

use crate::tools::{DIR, START, claim, commit, content, defer, deliver, later, open};

/// What a message looks like.
type Seen = (SpoolId, Vec<u8>, Held, Vec<RecipientState>);

/// Some messages of each kind, in two segments.
async fn filled() -> (Simulated, Vec<Seen>) {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    for size in [10, 3000, 20_000] {
        commit(&spool, &vec![b'd'; size], START).await.unwrap();
    }
    for claim in claim(&spool, START).await {
        deliver(&spool, claim).await;
    }
    for size in [0, 700, 8000, 8000, 8000, 8000, 15_000] {
        commit(&spool, &vec![b'w'; size], START).await.unwrap();
    }
    for claim in claim(&spool, START).await {
        defer(&spool, claim, later(60)).await;
    }
    for size in [1, 8000, 8000, 8000, 9000] {
        let id = commit(&spool, &vec![b'h'; size], later(30)).await.unwrap();
        spool.hold(id).await.unwrap();
    }
    let seen = seen(&spool).await.into_iter().map(Result::unwrap).collect();
    drop(spool);
    (disk, seen)
}

/// What there is, or why it cannot be read.
async fn seen(spool: &Embedded) -> Vec<Result<Seen, SpoolError>> {
    let mut all = Vec::new();
    for entry in spool.list(None, 1000).await.unwrap() {
        let content = content(spool, entry.id).await;
        all.push(content.map(|content| (entry.id, content, entry.held, entry.recipients)));
    }
    all
}

/// Every octet, but those deep within a run of equal ones, which are content or blank: of them one in 61.
fn places(octets: &[u8]) -> impl Iterator<Item = usize> {
    let deep = |at: usize| {
        let around = octets.get(at.saturating_sub(RUN)..at + RUN).unwrap_or_default();
        around.len() == 2 * RUN && around.iter().all(|octet| around.first() == Some(octet))
    };
    (0..octets.len()).filter(move |at| !deep(*at) || at % 61 == 0)
}

/// How far an octet must be from any that is not the same to count as deep within.
const RUN: usize = 12;

#[tokio::test]
async fn a_wrong_bit_costs_one_message_at_most_and_is_named() {
    let (disk, wanted) = filled().await;
    let files: Vec<(PathBuf, usize)> =
        disk.files().into_iter().filter(|(path, _)| !path.ends_with("lock")).collect();
    assert!(files.iter().filter(|(path, _)| path.starts_with(format!("{DIR}/segments"))).count() >= 2);
    assert_eq!(files.iter().filter(|(path, _)| path.starts_with(format!("{DIR}/big"))).count(), 2);
    let mut hurt_at_all = 0;
    for (path, length) in files {
        let octets = disk.octets(&path).unwrap();
        assert_eq!(octets.len(), length);
        for at in places(&octets) {
            let hurt = disk.copy();
            assert!(hurt.flip(&path, at, (at % 8) as u8));
            hurt_at_all += usize::from(is_hurt(&hurt, &wanted, &format!("{} {at}", path.display())).await);
        }
    }
    assert!(hurt_at_all > 500, "{hurt_at_all}");
}

/// A start writes both copies of a header again where one was wrong, so that damage does not add up.
#[tokio::test]
async fn what_can_be_mended_is_mended() {
    let (disk, wanted) = filled().await;
    for (path, _) in disk.files().iter().filter(|(path, _)| path.starts_with(format!("{DIR}/segments"))) {
        for at in 0..40 {
            let hurt = disk.copy();
            assert!(hurt.flip(path, at, 5));
            drop(open(&hurt));
            assert!(hurt.flip(path, 4096 + at, 3));
            let told = format!("{}, {at}", path.display());
            assert!(!is_hurt(&hurt, &wanted, &told).await, "{told}");
        }
    }
}

/// Whether a message is hurt; fails if it is more than one, or it is not named.
async fn is_hurt(disk: &Simulated, wanted: &[Seen], told: &str) -> bool {
    let verified = Embedded::verify(Path::new(DIR), &Disk::simulated(disk)).unwrap();
    let (spool, recovery) = open(disk);
    let found = seen(&spool).await;
    let mut named: BTreeSet<SpoolId> = recovery.torn.iter().copied().collect();
    named.extend(verified.damages.iter().chain(&recovery.damages).filter_map(|damage| damage.id));
    let whole: Vec<&Seen> = found.iter().flatten().collect();
    let hurt: BTreeSet<SpoolId> =
        wanted.iter().filter(|seen| !whole.contains(seen)).map(|(id, ..)| *id).collect();
    assert!(hurt.len() <= 1, "{told}: {hurt:?}");
    assert!(hurt.is_subset(&named), "{told}: {hurt:?} is hurt, {named:?} is named");
    for id in whole.iter().map(|(id, ..)| id).filter(|id| !hurt.contains(id)) {
        assert!(wanted.iter().any(|(known, ..)| known == id), "{told}: {id} was done and is back");
    }
    !hurt.is_empty()
}

#[tokio::test]
async fn a_missing_content_file_is_named_and_its_message_held() {
    let (disk, _) = filled().await;
    let files = disk.files();
    let (file, _) = files.iter().find(|(path, _)| path.starts_with(format!("{DIR}/big"))).unwrap();
    let id: SpoolId = file.file_name().unwrap().to_str().unwrap().parse().unwrap();
    assert!(disk.lose(file));
    let (spool, recovery) = open(&disk);
    assert_eq!(recovery.damages.iter().map(|damage| damage.id).collect::<Vec<_>>(), [Some(id)]);
    assert_eq!(spool.entry(id).await.unwrap().unwrap().held, Held::Yes);
    assert_eq!(spool.stats().await.damaged, 1);
    // An operator can end it.
    spool.remove(id).await.unwrap();
    assert_eq!(spool.entry(id).await.unwrap(), None);
}

#[tokio::test]
async fn a_message_without_its_envelope_can_be_given_up() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let id = commit(&spool, b"x", later(1)).await.unwrap();
    for _ in 0..20 {
        commit(&spool, &[b'x'; 8000], START).await.unwrap();
    }
    drop(spool);
    // In the meta of the first record: 40 octets of head and one of content lie before it.
    let (segment, _) = disk.files().into_iter().find(|(path, _)| path.ends_with("00000001.log")).unwrap();
    assert!(disk.flip(&segment, 8192 + 50, 1));
    for (path, _) in disk.files().iter().filter(|(path, _)| path.starts_with(format!("{DIR}/hints"))) {
        assert!(disk.lose(path));
    }
    let (spool, recovery) = open(&disk);
    let told: Vec<String> = recovery.damages.iter().map(ToString::to_string).collect();
    assert_eq!(told, [format!("message {id}: its envelope ({}, octet 8192)", segment.display())]);
    assert_eq!(spool.entry(id).await.unwrap(), None);
    for claim in claim(&spool, START).await {
        deliver(&spool, claim).await;
    }
    assert!(disk.copy().flip(&segment, 8192, 0), "the segment is kept");
    let evidence = spool.stats().await.segments;
    spool.remove(id).await.unwrap();
    drop(spool);
    let (spool, recovery) = open(&disk);
    assert_eq!(recovery.damages, []);
    commit(&spool, b"y", START).await.unwrap();
    assert!(spool.stats().await.segments < evidence);
    assert_eq!(spool.remove(id).await, Err(SpoolError::NotFound { id }));
}
