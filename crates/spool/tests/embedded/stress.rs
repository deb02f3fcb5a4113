//! Writers, workers and operators at once, on threads and a real disk, with segments that turn over quickly.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepost_mail::{Octets, SpoolId};
use gatepost_spool::{Claim, Disk, Draft, Drive, Embedded, EmbeddedSettings, Simulated, Spool, SpoolError};

use crate::tools::{LEASE, START, content, defer, deliver, envelope, later, small};

const WRITERS: usize = 6;
const EACH: usize = 120;
const PATIENCE: Duration = Duration::from_secs(120);

/// Content that says whose it is.
fn text(id: SpoolId, size: usize) -> Vec<u8> {
    let mut octets = format!("{id} ").repeat(size / 14 + 1).into_bytes();
    octets.truncate(size.max(14));
    octets
}

async fn write(spool: Arc<Embedded>, writer: usize) -> Result<(), SpoolError> {
    for n in 0..EACH {
        let mut draft = spool.draft().await?;
        let whole = text(draft.id(), [20, 900, 4000, 8100, 12_000][(n + writer) % 5]);
        for piece in whole.chunks(3000) {
            draft.write(piece).await?;
        }
        draft.commit(envelope(1), START).await?;
    }
    Ok(())
}

/// Delivers most at once, some at the second try, and leaves every tenth for tomorrow.
async fn work(spool: Arc<Embedded>, done: Arc<AtomicUsize>) -> Result<BTreeSet<SpoolId>, SpoolError> {
    let mut left = BTreeSet::new();
    while done.load(Ordering::Relaxed) < WRITERS * EACH {
        let claims = spool.claim(START, LEASE, 7).await?;
        if claims.is_empty() {
            tokio::task::yield_now().await;
        }
        for claim in claims {
            let read = content(&spool, claim.id).await?;
            assert_eq!(read, text(claim.id, read.len()), "content of another message");
            match one(&spool, claim).await {
                Came::Done => drop(done.fetch_add(1, Ordering::Relaxed)),
                Came::Left(id) => {
                    left.insert(id);
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Came::Again => {}
            }
        }
    }
    Ok(left)
}

enum Came {
    Done,
    Again,
    Left(SpoolId),
}

async fn one(spool: &Embedded, claim: Claim) -> Came {
    let (id, attempts) = (claim.id, claim.due[0].attempts);
    assert_eq!(claim.due[0].last.is_some(), attempts > 0, "the reason is known, whoever wrote it");
    match (id.number() % 10, attempts) {
        (0, _) => {
            defer(spool, claim, later(86_400)).await;
            Came::Left(id)
        }
        (1 | 2, 0) => {
            defer(spool, claim, START).await;
            Came::Again
        }
        _most => {
            deliver(spool, claim).await;
            Came::Done
        }
    }
}

/// Looks at everything, and holds some for a moment.
async fn operate(spool: Arc<Embedded>, done: Arc<AtomicUsize>) -> Result<(), SpoolError> {
    while done.load(Ordering::Relaxed) < WRITERS * EACH {
        for entry in spool.list(None, 20).await? {
            for result in [spool.hold(entry.id).await, spool.release(entry.id).await] {
                // It may be delivered by now.
                assert!(matches!(result, Ok(()) | Err(SpoolError::NotFound { .. })), "{result:?}");
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = EmbeddedSettings {
        segment: Octets::kib(128),
        hot_memory: Octets::kib(64),
        pinned_segments: 1,
        drive: Drive::Threads,
        disk: Disk::real(),
        ..small(&Simulated::new())
    };
    let spool = Arc::new(Embedded::open(folder.path(), settings.clone(), START).unwrap().0);
    let done = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        tasks.spawn(write(Arc::clone(&spool), writer));
    }
    tasks.spawn(operate(Arc::clone(&spool), Arc::clone(&done)));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        workers.spawn(work(Arc::clone(&spool), Arc::clone(&done)));
    }
    let all = async {
        while let Some(task) = tasks.join_next().await {
            task.unwrap().unwrap();
        }
        workers.join_all().await.into_iter().flat_map(Result::unwrap).collect::<BTreeSet<_>>()
    };
    let left = tokio::time::timeout(PATIENCE, all).await.unwrap();
    let stats = spool.stats().await;
    assert_eq!(stats.messages, left.len() as u64);
    assert!(stats.freed > 5 && stats.rewritten > 0, "{stats:?}");
    drop(spool);
    assert_eq!(Embedded::verify(folder.path(), &Disk::real()).unwrap().damages, []);
    let (spool, recovery) = Embedded::open(folder.path(), settings, START).unwrap();
    assert_eq!((recovery.messages, recovery.damages), (left.len() as u64, vec![]));
    for id in left {
        let read = content(&spool, id).await.unwrap();
        assert_eq!(read, text(id, read.len()));
    }
}

#[tokio::test]
async fn a_steady_stream_of_outcomes_is_synced_all_the_same() {
    let disk = Simulated::new();
    let settings = EmbeddedSettings { drive: Drive::Threads, segment: Octets::mib(16), ..small(&disk) };
    let (spool, _) = Embedded::open(std::path::Path::new("/spool"), settings, START).unwrap();
    let mut draft = spool.draft().await.unwrap();
    draft.write(b"text").await.unwrap();
    draft.commit(envelope(1), START).await.unwrap();
    let before = spool.stats().await.syncs;
    let began = std::time::Instant::now();
    let mut now = 0;
    while spool.stats().await.syncs == before {
        assert!(began.elapsed() < PATIENCE, "{now} outcomes and no sync");
        let mut claims = spool.claim(later(now), LEASE, 1).await.unwrap();
        now += 1;
        if let Some(claim) = claims.pop() {
            defer(&spool, claim, later(now)).await;
        }
    }
    assert_eq!(spool.stats().await.segments, 1, "the end of a segment is synced anyway");
}
