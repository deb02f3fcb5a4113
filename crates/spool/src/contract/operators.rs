//! What operators do.

use gatepost_mail::SpoolId;

use super::{START, again, at, claim_none, claim_one, commit, commit_for, delivered};
use crate::{Held, RecipientState, Spool, SpoolError};

pub(super) async fn held_messages_wait<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit(spool, START).await?;
    spool.hold(id).await?;
    spool.hold(id).await?;
    assert_eq!(spool.entry(id).await?.map(|entry| entry.held), Some(Held::Yes));
    assert_eq!(spool.stats().await.held, 1);
    assert_eq!(spool.next_due().await?, None);
    claim_none(spool, at(10)).await?;
    spool.release(id).await?;
    let claim = claim_one(spool, at(10)).await?;
    // Held while a worker has it: what the worker did counts, the rest waits.
    spool.hold(id).await?;
    spool.settle(claim, vec![again(0, at(20), "busy")]).await?;
    claim_none(spool, at(30)).await?;
    spool.release(id).await?;
    let claim = claim_one(spool, at(30)).await?;
    assert_eq!(claim.due.first().and_then(|due| due.last.as_deref()), Some("busy"));
    spool.hold(id).await?;
    spool.settle(claim, vec![delivered(0)]).await?;
    assert_eq!(spool.entry(id).await?, None, "delivered is delivered");
    Ok(())
}

pub(super) async fn a_held_message_is_told_to_its_worker<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit(spool, START).await?;
    let claim = claim_one(spool, START).await?;
    spool.hold(id).await?;
    assert_eq!(spool.extend(&claim, at(900)).await, Err(SpoolError::Held { id }));
    // An attempt that had begun goes on: released meanwhile, the message does not go to a second worker.
    spool.release(id).await?;
    claim_none(spool, at(899)).await?;
    spool.extend(&claim, at(900)).await?;
    // Given back without an attempt, it is due once it is released.
    spool.hold(id).await?;
    spool.settle(claim, Vec::new()).await?;
    claim_none(spool, at(10)).await?;
    spool.release(id).await?;
    let claim = claim_one(spool, at(10)).await?;
    assert_eq!(claim.due.first().map(|due| due.attempts), Some(0));
    Ok(())
}

pub(super) async fn retry_makes_due_now<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit_for(spool, 2, START).await?;
    let claim = claim_one(spool, START).await?;
    spool.settle(claim, vec![delivered(0), again(1, at(1000), "busy")]).await?;
    claim_none(spool, at(10)).await?;
    spool.retry(id, at(10)).await?;
    let entry = spool.entry(id).await?.ok_or(SpoolError::NotFound { id })?;
    assert_eq!(entry.recipients.first(), Some(&RecipientState::Delivered));
    let claim = claim_one(spool, at(10)).await?;
    let due: Vec<_> =
        claim.due.iter().map(|due| (due.recipient, due.attempts, due.last.as_deref())).collect();
    assert_eq!(due, [(1, 1, Some("busy"))]);
    Ok(())
}

pub(super) async fn removed_messages_are_gone<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let one = commit(spool, START).await?;
    let two = commit(spool, at(1)).await?;
    spool.remove(one).await?;
    let claim = claim_one(spool, at(1)).await?;
    assert_eq!(claim.id, two);
    spool.remove(two).await?;
    assert_eq!(spool.extend(&claim, at(9)).await, Err(SpoolError::NotFound { id: two }));
    spool.settle(claim, vec![again(0, at(2), "busy")]).await?;
    assert_eq!(spool.stats().await.messages, 0);
    assert_eq!(spool.list(None, 10).await?, []);
    claim_none(spool, at(1000)).await
}

pub(super) async fn lists_come_in_pages<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let mut all = Vec::new();
    for due in [3, 1, 2, 5, 4] {
        all.push(commit(spool, at(due)).await?);
    }
    let ids = async |after, most| {
        let entries = spool.list(after, most).await?;
        Ok::<Vec<SpoolId>, SpoolError>(entries.iter().map(|entry| entry.id).collect())
    };
    let first = ids(None, 2).await?;
    assert!(all.starts_with(&first) && first.len() == 2, "oldest first");
    let rest = ids(first.last().copied(), 10).await?;
    assert_eq!([first, rest].concat(), all);
    assert_eq!(ids(all.last().copied(), 10).await?, []);
    assert_eq!(ids(None, 0).await?, []);
    Ok(())
}

pub(super) async fn what_is_not_there_is_said<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = SpoolId::from_number(1);
    let missing = Err(SpoolError::NotFound { id });
    assert_eq!(spool.hold(id).await, missing);
    assert_eq!(spool.release(id).await, missing);
    assert_eq!(spool.remove(id).await, missing);
    assert_eq!(spool.retry(id, START).await, missing);
    assert_eq!(spool.content(id).await.map(|_| ()), missing);
    assert_eq!(spool.entry(id).await?, None);
    assert_eq!(spool.next_due().await?, None);
    Ok(())
}
