//! What the cases share.

use std::path::Path;
use std::time::Duration;

use gatepost_mail::{
    Body, Ending, Envelope, ForwardPath, International, Octets, Principal, Recipient, ReversePath, SessionId,
    SpoolId, Timestamp,
};
use gatepost_spool::{
    Claim, Disk, Draft, Drive, Embedded, EmbeddedSettings, Outcome, Recovery, Settled, Simulated, Spool,
    SpoolError, Warned,
};

pub(crate) const DIR: &str = "/spool";
pub(crate) const START: Timestamp = Timestamp::from_micros(1_795_299_337_000_000);
pub(crate) const LEASE: Duration = Duration::from_secs(600);

pub(crate) fn later(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

/// Small segments on a simulated disk, nothing kept in memory.
pub(crate) fn small(disk: &Simulated) -> EmbeddedSettings {
    EmbeddedSettings {
        segment: Octets::kib(64),
        inline: Octets::kib(8),
        hot_memory: Octets(0),
        floor: Octets(0),
        spare_segments: 2,
        pinned_segments: 2,
        drive: Drive::Caller,
        disk: Disk::simulated(disk),
        seed: Some(7),
        ..EmbeddedSettings::default()
    }
}

pub(crate) fn open(disk: &Simulated) -> (Embedded, Recovery) {
    Embedded::open(Path::new(DIR), small(disk), START).unwrap()
}

pub(crate) fn envelope(recipients: usize) -> Envelope {
    let path = |n| ForwardPath::parse(&format!("<r{n}@example.net>")).unwrap();
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: (0..recipients).map(|n| Recipient::new(path(n))).collect(),
        body: Body::SevenBit,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Ourselves,
        session: SessionId::from_number(1),
        received: START,
    }
}

pub(crate) async fn commit(spool: &Embedded, content: &[u8], due: Timestamp) -> Result<SpoolId, SpoolError> {
    let mut draft = spool.draft().await?;
    draft.write(content).await?;
    Ok(draft.commit(envelope(1), due).await?.id())
}

pub(crate) async fn claim(spool: &Embedded, now: Timestamp) -> Vec<Claim> {
    spool.claim(now, LEASE, 1000).await.unwrap()
}

pub(crate) async fn deliver(spool: &Embedded, claim: Claim) {
    let outcome = Outcome::Delivered;
    let settled = claim.due.iter().map(|due| Settled { recipient: due.recipient, outcome: outcome.clone() });
    let settled = settled.collect();
    spool.settle(claim, settled).await.unwrap();
}

pub(crate) async fn defer(spool: &Embedded, claim: Claim, due: Timestamp) {
    let outcome = Outcome::Again { due, why: "451 4.3.0 later".into(), warned: Warned::NotYet };
    spool.settle(claim, vec![Settled { recipient: 0, outcome }]).await.unwrap();
}

pub(crate) async fn content(spool: &Embedded, id: SpoolId) -> Result<Vec<u8>, SpoolError> {
    let mut content = spool.content(id).await?;
    let mut octets = Vec::new();
    while let Some(piece) = content.piece().await? {
        octets.extend_from_slice(&piece);
    }
    Ok(octets)
}
