//! Long runs: what waits takes little more than itself, and is not written again without end.

use std::path::Path;
use std::time::Duration;

use gatepost_mail::{Octets, Timestamp};
use gatepost_spool::{Embedded, EmbeddedSettings, Outcome, Settled, Simulated, Spool, Warned};

use crate::tools::{DIR, START, claim, commit, content, defer, deliver, later, small};

/// Octets that the spool takes on the disk.
fn disk_use(disk: &Simulated) -> u64 {
    disk.files().iter().map(|(_, size)| *size as u64).sum()
}

/// Of a thousand messages one stays, for months: what all take stays at twice what waits, and the segments
/// that may be mostly dead.
#[tokio::test]
async fn one_message_of_a_thousand_pins_no_more_than_its_share() {
    let disk = Simulated::new();
    let settings = small(&disk);
    let spool = Embedded::open(Path::new(DIR), settings.clone(), START).unwrap().0;
    let (mut old, mut live, mut traffic) = (Vec::new(), 0, 0);
    for number in 0..12_000_u32 {
        let now = later(u64::from(number));
        let stays = number % 1000 == 0;
        let octets = [number.to_le_bytes().as_slice(), &[b'x'; 4000]].concat();
        let id = commit(&spool, &octets, now).await.unwrap();
        traffic += octets.len() as u64;
        for claim in claim(&spool, now).await {
            match stays {
                true => defer(&spool, claim, later(100_000_000)).await,
                false => deliver(&spool, claim).await,
            }
        }
        if stays {
            old.push((id, octets));
            live += 4400;
        }
        if number % 500 == 499 {
            let segments = (settings.pinned_segments + settings.spare_segments + 2) as u64;
            let bound = 2 * live + segments * settings.segment.0 + (64 << 10);
            assert!(disk_use(&disk) <= bound, "after {number}: {} above {bound}", disk_use(&disk));
        }
    }
    let stats = spool.stats().await;
    assert_eq!(stats.messages, old.len() as u64);
    // Each of them was moved again and again, but not at each turn of the log.
    let moved = stats.rewritten * 4400;
    assert!(moved < traffic / 10, "{moved} octets were written again, for {traffic} that came");
    for (id, octets) in old {
        assert!(content(&spool, id).await.unwrap() == octets);
    }
}

/// Messages that wait and are tried again and again, as when a large site is down for days: each try writes a
/// record of what came of it. As many segments of which as many may be mostly dead as a server has for 400,000
/// messages, but smaller ones.
#[tokio::test]
async fn a_deferred_message_takes_five_kib_however_often_it_is_tried() {
    const MESSAGES: u64 = 12_000;
    const ROUNDS: u64 = 10;
    let disk = Simulated::new();
    let settings = EmbeddedSettings { segment: Octets::kib(512), pinned_segments: 6, ..small(&disk) };
    let spool = Embedded::open(Path::new(DIR), settings, START).unwrap().0;
    for _ in 0..MESSAGES {
        commit(&spool, &[b'x'; 4096], START).await.unwrap();
    }
    for round in 0..ROUNDS {
        // Tried in the course of ten minutes, each next in half an hour.
        let mut left = MESSAGES;
        while left > 0 {
            let now = later(round * 1800 + (MESSAGES - left) * 600 / MESSAGES);
            for claim in spool.claim(now, Duration::from_secs(600), 100).await.unwrap() {
                try_again(&spool, claim, now.after(Duration::from_secs(1800))).await;
                left -= 1;
            }
        }
        let each = disk_use(&disk) / MESSAGES;
        assert!(each <= 5 << 10, "after round {round}: {each} octets of disk for each message");
    }
    let stats = spool.stats().await;
    assert_eq!(stats.messages, MESSAGES);
    let written = MESSAGES * ROUNDS;
    assert!(stats.rewritten <= written, "{} records were written again for {written}", stats.rewritten);
}

async fn try_again(spool: &Embedded, claim: gatepost_spool::Claim, due: Timestamp) {
    let why = "451 4.4.1 connect to mx.example.net: timed out".into();
    let outcome = Outcome::Again { due, why, warned: Warned::NotYet };
    spool.settle(claim, vec![Settled { recipient: 0, outcome }]).await.unwrap();
}
