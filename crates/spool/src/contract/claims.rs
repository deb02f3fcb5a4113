//! Lending and settling.

use std::time::Duration;

use super::{LEASE, START, again, at, claim_none, claim_one, commit, commit_for, delivered};
use crate::{Claim, Due, Outcome, RecipientState, Settled, Spool, SpoolError, WHY_LIMIT, Warned};

pub(super) async fn the_longest_due_comes_first<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let late = commit(spool, at(30)).await?;
    let early = commit(spool, at(10)).await?;
    let middle = commit(spool, at(20)).await?;
    let _future = commit(spool, at(100)).await?;
    assert_eq!(spool.next_due().await?, Some(at(10)));
    let first: Vec<_> = spool.claim(at(50), LEASE, 2).await?.iter().map(|claim| claim.id).collect();
    assert_eq!(first, [early, middle]);
    let rest: Vec<_> = spool.claim(at(50), LEASE, 2).await?.iter().map(|claim| claim.id).collect();
    assert_eq!(rest, [late]);
    assert_eq!(spool.next_due().await?, Some(at(100)));
    Ok(())
}

pub(super) async fn what_has_just_come_waits_behind_no_backlog<S: Spool>(
    spool: &S,
) -> Result<(), SpoolError> {
    let mut ids = Vec::new();
    for second in 0..10 {
        ids.push(commit(spool, at(second)).await?);
    }
    let latest: Vec<_> = spool.claim_latest(at(8), LEASE, 4).await?.iter().map(|claim| claim.id).collect();
    assert_eq!(Some(latest.as_slice()), ids.get(5..9));
    let longest: Vec<_> = spool.claim(at(8), LEASE, 2).await?.iter().map(|claim| claim.id).collect();
    assert_eq!(Some(longest.as_slice()), ids.get(..2));
    let rest: Vec<_> = spool.claim_latest(at(8), LEASE, 20).await?.iter().map(|claim| claim.id).collect();
    assert_eq!(Some(rest.as_slice()), ids.get(2..5));
    Ok(())
}

pub(super) async fn what_is_put_aside_can_be_recalled<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit(spool, START).await?;
    let claim = claim_one(spool, START).await?;
    let tickets = || vec![claim.ticket()];
    let again = spool.recall(at(500), LEASE, tickets()).await?;
    let same = |again: &Claim| again.id == id && again.due == claim.due && again.envelope == claim.envelope;
    assert!(matches!(again.as_slice(), [again] if same(again)), "{again:?}");
    claim_none(spool, at(601)).await?;
    // Held, it is nobody's; released, it is due as before, and the old ticket is worth nothing.
    spool.hold(id).await?;
    assert!(spool.recall(at(700), LEASE, tickets()).await?.is_empty());
    spool.release(id).await?;
    let other = claim_one(spool, at(700)).await?;
    assert_eq!(other.due, claim.due, "no attempt is counted");
    assert!(spool.recall(at(700), LEASE, tickets()).await?.is_empty());
    assert!(spool.recall(at(1300), LEASE, vec![other.ticket()]).await?.is_empty(), "the lease has ended");
    spool.remove(id).await?;
    assert!(spool.recall(at(701), LEASE, vec![other.ticket()]).await?.is_empty());
    Ok(())
}

pub(super) async fn what_is_claimed_is_not_claimed_again<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit(spool, START).await?;
    let claim = claim_one(spool, START).await?;
    claim_none(spool, at(599)).await?;
    let leased = spool.entry(id).await?.and_then(|entry| entry.leased);
    assert_eq!(leased, Some(at(600)));
    spool.extend(&claim, at(900)).await?;
    claim_none(spool, at(899)).await?;
    assert_eq!(spool.next_due().await?, Some(at(900)));
    spool.settle(claim, vec![delivered(0)]).await?;
    assert_eq!(spool.entry(id).await?, None);
    assert_eq!(spool.stats().await.messages, 0);
    claim_none(spool, at(10_000)).await
}

pub(super) async fn a_lease_that_ends_frees_the_message<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    commit(spool, START).await?;
    let first = claim_one(spool, START).await?;
    let second = claim_one(spool, at(600)).await?;
    assert_eq!(first.id, second.id);
    assert_eq!(first.due, second.due, "a lost worker counts as no attempt");
    Ok(())
}

pub(super) async fn a_stale_claim_is_refused<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit(spool, START).await?;
    let first = claim_one(spool, START).await?;
    let second = claim_one(spool, at(600)).await?;
    let stale = Err(SpoolError::Stale { id });
    assert_eq!(spool.extend(&first, at(2000)).await, stale);
    assert_eq!(spool.progress(&first, vec![delivered(0)]).await, stale);
    assert_eq!(spool.settle(first, vec![delivered(0)]).await, stale);
    assert!(spool.entry(id).await?.is_some(), "a stale claim changes nothing");
    spool.settle(second, vec![delivered(0)]).await?;
    assert_eq!(spool.entry(id).await?, None);
    // A worker that is late, but whose message nobody has claimed since, knows what came of it.
    commit(spool, START).await?;
    let late = claim_one(spool, START).await?;
    commit(spool, at(700)).await?;
    spool.settle(late, vec![delivered(0)]).await?;
    assert_eq!(spool.stats().await.messages, 1);
    Ok(())
}

pub(super) async fn settling_twice_is_settling_once<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    commit_for(spool, 2, START).await?;
    let claim = claim_one(spool, START).await?;
    let outcomes = || vec![delivered(0), again(1, at(60), "busy")];
    spool.settle(claim.clone(), outcomes()).await?;
    spool.settle(claim.clone(), outcomes()).await?;
    let next = claim_one(spool, at(60)).await?;
    let due = Due { recipient: 1, attempts: 1, last: Some("busy".into()), warned: Warned::NotYet };
    assert_eq!(next.due, [due]);
    // Also after somebody else has it.
    spool.settle(claim.clone(), outcomes()).await?;
    spool.settle(next, vec![delivered(1)]).await?;
    spool.settle(claim, outcomes()).await?;
    assert_eq!(spool.stats().await.messages, 0);
    Ok(())
}

pub(super) async fn recipients_go_their_own_ways<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit_for(spool, 4, START).await?;
    let claim = claim_one(spool, START).await?;
    let warned = Outcome::Again { due: at(120), why: "451 4.3.0 later".into(), warned: Warned::Already };
    let outcomes = vec![
        delivered(0),
        Settled { recipient: 1, outcome: Outcome::Failed },
        again(2, at(60), "452 4.2.2 full"),
        Settled { recipient: 3, outcome: warned },
        Settled { recipient: 99, outcome: Outcome::Delivered },
    ];
    spool.settle(claim, outcomes).await?;
    let states = spool.entry(id).await?.map(|entry| entry.recipients);
    let waiting =
        |due, why: &str, warned| RecipientState::Waiting { due, attempts: 1, last: Some(why.into()), warned };
    let wanted = vec![
        RecipientState::Delivered,
        RecipientState::Failed,
        waiting(at(60), "452 4.2.2 full", Warned::NotYet),
        waiting(at(120), "451 4.3.0 later", Warned::Already),
    ];
    assert_eq!(states, Some(wanted));
    claim_none(spool, at(59)).await?;
    let claim = claim_one(spool, at(60)).await?;
    assert_eq!(claim.due.iter().map(|due| due.recipient).collect::<Vec<_>>(), [2]);
    spool.settle(claim, vec![delivered(2), delivered(0)]).await?;
    let claim = claim_one(spool, at(120)).await?;
    let last =
        Due { recipient: 3, attempts: 1, last: Some("451 4.3.0 later".into()), warned: Warned::Already };
    assert_eq!(claim.due, [last]);
    spool.settle(claim, vec![Settled { recipient: 3, outcome: Outcome::Failed }]).await?;
    assert_eq!(spool.entry(id).await?, None);
    Ok(())
}

pub(super) async fn unmentioned_recipients_stay_as_they_were<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    commit_for(spool, 2, START).await?;
    let claim = claim_one(spool, START).await?;
    spool.settle(claim, Vec::new()).await?;
    let claim = claim_one(spool, START).await?;
    assert_eq!(claim.due.iter().map(|due| due.attempts).collect::<Vec<_>>(), [0, 0]);
    spool.settle(claim, vec![again(0, at(60), "busy")]).await?;
    let claim = claim_one(spool, at(60)).await?;
    let attempts: Vec<_> = claim.due.iter().map(|due| (due.recipient, due.attempts)).collect();
    assert_eq!(attempts, [(0, 1), (1, 0)]);
    Ok(())
}

pub(super) async fn progress_keeps_the_claim<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let id = commit_for(spool, 3, START).await?;
    let claim = claim_one(spool, START).await?;
    spool.progress(&claim, vec![delivered(0), again(1, at(60), "busy")]).await?;
    claim_none(spool, at(60)).await?;
    let first = spool.entry(id).await?.and_then(|entry| entry.recipients.first().cloned());
    assert_eq!(first, Some(RecipientState::Delivered));
    // The second host of the same attempt: still one attempt.
    spool.settle(claim, vec![again(1, at(90), "busier"), again(2, at(90), "busy")]).await?;
    let claim = claim_one(spool, at(90)).await?;
    let due: Vec<_> =
        claim.due.iter().map(|due| (due.recipient, due.attempts, due.last.as_deref())).collect();
    assert_eq!(due, [(1, 1, Some("busier")), (2, 1, Some("busy"))]);
    spool.progress(&claim, vec![delivered(1), delivered(2)]).await?;
    assert_eq!(spool.entry(id).await?, None, "nothing is left to settle");
    spool.settle(claim, Vec::new()).await
}

pub(super) async fn long_reasons_are_cut<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    commit(spool, START).await?;
    let claim = claim_one(spool, START).await?;
    spool.settle(claim, vec![again(0, at(1), &"ü".repeat(100_000))]).await?;
    let claim = claim_one(spool, at(1)).await?;
    let kept: Vec<_> = claim.due.iter().map(|due| due.last.as_deref().map(str::len)).collect();
    assert_eq!(kept, [Some(WHY_LIMIT.as_usize())]);
    Ok(())
}

pub(super) async fn a_dispatcher_is_woken<S: Spool>(spool: &S) -> Result<(), SpoolError> {
    let patience = Duration::from_secs(20);
    let woken = async |spool: &S| tokio::time::timeout(patience, spool.wait()).await.is_ok();
    // What came before the wait is not missed.
    let id = commit(spool, START).await?;
    assert!(woken(spool).await, "by a commit");
    let claim = claim_one(spool, START).await?;
    spool.settle(claim, vec![again(0, at(60), "busy")]).await?;
    assert!(woken(spool).await, "by an outcome");
    spool.retry(id, START).await?;
    assert!(woken(spool).await, "by a retry");
    spool.hold(id).await?;
    spool.release(id).await?;
    assert!(woken(spool).await, "by a release");
    Ok(())
}
