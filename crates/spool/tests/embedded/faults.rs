//! Calls that fail, at each place where one can.

use gatepost_mail::SpoolId;
use gatepost_spool::{Embedded, Fault, Loss, Outcome, Settled, Simulated, Spool, SpoolError};

use crate::tools::{LEASE, START, claim, commit, content, deliver, later, open};

/// Commits, large ones among them, and deliveries of every second one, until a call fails or so many are done.
async fn work(spool: &Embedded, kept: &mut Vec<(SpoolId, Vec<u8>)>) -> Result<(), SpoolError> {
    for number in 0..60_u8 {
        let octets = vec![number; if number % 9 == 4 { 20_000 } else { 4000 }];
        let stays = number % 2 == 0;
        let id = commit(spool, &octets, if stays { later(3600) } else { START }).await?;
        if stays {
            kept.push((id, octets));
        }
        for claim in spool.claim(START, crate::tools::LEASE, 9).await? {
            let settled = claim.due.iter().map(|due| gatepost_spool::Settled {
                recipient: due.recipient,
                outcome: gatepost_spool::Outcome::Delivered,
            });
            let settled = settled.collect();
            spool.settle(claim, settled).await?;
        }
        if number % 20 == 10 {
            spool.hold(id).await?;
            spool.release(id).await?;
        }
    }
    Ok(())
}

async fn all_there(spool: &Embedded, kept: &[(SpoolId, Vec<u8>)], told: &str) {
    for (id, octets) in kept {
        let found = content(spool, *id).await.unwrap_or_else(|error| panic!("{told}: {error}"));
        assert!(found == *octets, "{told}: content of {id}");
    }
}

/// Whatever write or sync fails first, of the log, of a file for large content, of a hint, of a folder: either
/// only that call's message is refused, or nothing is promised any more. Then no sync is asked for again, since
/// the second one would say that all is well.
#[tokio::test]
async fn a_failed_write_or_sync_is_never_retried_wherever_it_is() {
    for fault in [Fault::Sync, Fault::Write] {
        let (mut stopped, mut place) = (0, 0);
        loop {
            let told = format!("{fault:?} {place}");
            let disk = Simulated::new();
            let spool = open(&disk).0;
            disk.fail_after(fault, place);
            let mut kept = Vec::new();
            let ended = work(&spool, &mut kept).await;
            if ended.is_ok() && place > 40 {
                break;
            }
            if let Err(error @ SpoolError::Stopped { .. }) = &ended {
                let syncs = disk.syncs();
                assert_eq!(commit(&spool, b"more", START).await.as_ref().unwrap_err(), error, "{told}");
                assert!(matches!(spool.draft().await, Err(SpoolError::Stopped { .. })), "{told}");
                assert!(matches!(
                    spool.claim(START, crate::tools::LEASE, 1).await,
                    Err(SpoolError::Stopped { .. })
                ));
                if let Some((id, _)) = kept.first() {
                    assert!(matches!(spool.hold(*id).await, Err(SpoolError::Stopped { .. })), "{told}");
                    assert!(matches!(spool.remove(*id).await, Err(SpoolError::Stopped { .. })), "{told}");
                }
                drop(spool);
                assert_eq!(disk.syncs(), syncs, "{told}: a sync was tried again");
                stopped += 1;
            } else {
                // A file of its own could not be written: that message alone is refused.
                assert!(ended.is_ok() || matches!(ended, Err(SpoolError::Io { .. })), "{told}: {ended:?}");
                drop(spool);
            }
            disk.restart(Loss::Power, place);
            let (spool, recovery) = open(&disk);
            assert_eq!(recovery.damages, [], "{told}");
            all_there(&spool, &kept, &told).await;
            place += 1;
        }
        assert!(stopped > 40, "{fault:?}: stopped at {stopped} of {place} places");
    }
}

/// The room runs out at each call that takes some: a message is refused and the spool goes on, whichever it is.
#[tokio::test]
async fn a_full_disk_stops_nothing_wherever_it_is_met() {
    let (mut refused, mut place) = (0, 0);
    loop {
        let told = format!("room {place}");
        let disk = Simulated::new();
        let spool = open(&disk).0;
        disk.fail_after(Fault::Room, place);
        let mut kept = Vec::new();
        let mut whole = true;
        for _ in 0..2 {
            match work(&spool, &mut kept).await {
                Ok(()) => {}
                Err(SpoolError::NoRoom) => whole = false,
                Err(error) => panic!("{told}: {error}"),
            }
        }
        all_there(&spool, &kept, &told).await;
        for claim in claim(&spool, later(3600)).await {
            deliver(&spool, claim).await;
        }
        let id = commit(&spool, b"behind it", START).await.unwrap();
        drop(spool);
        disk.restart(Loss::Power, place);
        let (spool, recovery) = open(&disk);
        assert_eq!((recovery.messages, recovery.damages), (1, vec![]), "{told}");
        assert_eq!(content(&spool, id).await.unwrap(), b"behind it");
        refused += u64::from(!whole);
        if whole && place > 60 {
            break;
        }
        place += 1;
    }
    assert!(refused > 5, "{refused} of {place} places refused a message");
}

/// What could not be read once for a passing error of the disk is not held as damaged.
#[tokio::test]
async fn an_envelope_that_could_not_be_read_comes_back_when_its_lease_ends() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let id = commit(&spool, b"patient", START).await.unwrap();
    drop(spool);
    let spool = open(&disk).0;
    disk.fail_after(Fault::Read, 0);
    assert_eq!(claim(&spool, START).await.len(), 0);
    let claims = claim(&spool, START.after(LEASE)).await;
    assert_eq!(claims.iter().map(|claim| claim.id).collect::<Vec<_>>(), [id]);
}

/// What a killed process has left in the system's memory alone, after a sync that failed, must not be built upon as if it were on
/// the disk: content was removed whose message the next power cut brought back.
#[tokio::test]
async fn what_a_failed_sync_left_in_memory_is_written_again_by_the_next_start() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let large = vec![b'x'; 20_000];
    let first = commit(&spool, &large, START).await.unwrap();
    let claims = claim(&spool, START).await;
    disk.fail_after(Fault::Sync, 0);
    let outcome = Outcome::Delivered;
    let settled = vec![Settled { recipient: 0, outcome }];
    let settling = spool.settle(claims.into_iter().next().unwrap(), settled).await;
    assert!(matches!(settling, Err(SpoolError::Stopped { .. })), "{settling:?}");
    drop(spool);
    disk.restart(Loss::Process, 3);
    let (spool, recovery) = open(&disk);
    assert_eq!((recovery.messages, recovery.orphans), (0, 1), "what was written is read");
    let second = commit(&spool, b"behind it", START).await.unwrap();
    drop(spool);
    disk.restart(Loss::Power, 3);
    let (spool, recovery) = open(&disk);
    assert_eq!((recovery.messages, recovery.damages), (1, vec![]));
    assert!(content(&spool, first).await.is_err());
    assert_eq!(content(&spool, second).await.unwrap(), b"behind it");
}
