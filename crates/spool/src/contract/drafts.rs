//! From the first octet to the receipt.

use super::{LEASE, START, at, claim_none, commit, content, envelope};
use crate::{Draft, Spool, SpoolError};

pub(super) async fn what_is_committed_is_there<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit(spool, at(5)).await?;
    claim_none(spool, at(4)).await?;
    let entry = spool.entry(id).await?.ok_or(SpoolError::NotFound { id })?;
    assert_eq!(*entry.envelope, envelope(1), "the envelope is as it was");
    assert_eq!((entry.id, entry.size.0), (id, 21));
    assert_eq!(content(spool, id).await?, b"Subject: x\r\n\r\nhello\r\n");
    let claims = spool.claim(at(5), LEASE, 10).await?;
    assert_eq!(claims.len(), 1);
    for claim in claims {
        assert_eq!((claim.id, &*claim.envelope), (id, &envelope(1)));
        assert_eq!(claim.due.len(), 1);
        assert_eq!(claim.size.0, 21);
    }
    let stats = spool.stats().await;
    assert_eq!((stats.messages, stats.claimed, stats.held), (1, 1, 0));
    Ok(())
}

pub(super) async fn content_of_any_size_comes_back<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    for size in [0, 1, 4095, 65_536, 65_537, 300_000, 1_200_000, 3_000_000] {
        let wanted: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
        let mut draft = spool.draft().await?;
        let id = draft.id();
        for piece in wanted.chunks(50_000) {
            draft.write(piece).await?;
        }
        draft.write(b"").await?;
        draft.commit(envelope(1), START).await?;
        assert!(content(spool, id).await? == wanted, "content of {size} octets");
    }
    Ok(())
}

pub(super) async fn a_dropped_draft_leaves_nothing<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    for size in [10, 3_000_000] {
        let mut draft = spool.draft().await?;
        draft.write(&vec![b'x'; size]).await?;
        let id = draft.id();
        drop(draft);
        assert_eq!(spool.entry(id).await?, None);
        assert!(matches!(spool.content(id).await, Err(SpoolError::NotFound { .. })));
    }
    assert_eq!(spool.stats().await.messages, 0);
    claim_none(spool, at(1_000_000)).await
}

pub(super) async fn ids_rise<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let mut last = None;
    for _ in 0..100 {
        let id = spool.draft().await?.id();
        assert!(id.number() >= START.as_micros(), "ids tell the time");
        assert!(Some(id) > last, "ids rise");
        last = Some(id);
    }
    Ok(())
}

pub(super) async fn a_message_needs_a_recipient<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let draft = spool.draft().await?;
    assert_eq!(draft.commit(envelope(0), START).await, Err(SpoolError::NoRecipients));
    assert_eq!(spool.stats().await.messages, 0);
    Ok(())
}
