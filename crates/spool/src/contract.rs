//! One suite of tests that every engine passes.
//!
//! The cases look only at what the trait promises. What an engine promises beyond that, such as surviving a
//! crash, is tested with the engine.

mod claims;
mod drafts;
mod operators;

use std::time::Duration;

use gatepost_mail::{
    Body, Ending, Envelope, ForwardPath, International, Principal, Recipient, ReversePath, SessionId,
    SpoolId, Timestamp,
};

use crate::{Claim, Draft, Outcome, Receipt, Settled, Spool, SpoolError, Warned};

/// The moment at which the cases begin.
pub const START: Timestamp = Timestamp::from_micros(1_795_299_337_000_000);
/// The lease that the cases use.
const LEASE: Duration = Duration::from_secs(600);

/// Runs all cases, each on a new and empty spool whose ids begin at [`START`].
///
/// # Errors
///
/// What the engine said where it should have done its work.
///
/// # Panics
///
/// Where the engine did something else than the trait promises.
pub async fn suite<S: Spool>(make: impl Fn() -> S) -> Result<(), SpoolError> {
    drafts::what_is_committed_is_there(&make()).await?;
    drafts::content_of_any_size_comes_back(&make()).await?;
    drafts::a_dropped_draft_leaves_nothing(&make()).await?;
    drafts::ids_rise(&make()).await?;
    drafts::a_message_needs_a_recipient(&make()).await?;
    claims::the_longest_due_comes_first(&make()).await?;
    claims::what_has_just_come_waits_behind_no_backlog(&make()).await?;
    claims::what_is_put_aside_can_be_recalled(&make()).await?;
    claims::what_is_claimed_is_not_claimed_again(&make()).await?;
    claims::a_lease_that_ends_frees_the_message(&make()).await?;
    claims::a_stale_claim_is_refused(&make()).await?;
    claims::settling_twice_is_settling_once(&make()).await?;
    claims::recipients_go_their_own_ways(&make()).await?;
    claims::unmentioned_recipients_stay_as_they_were(&make()).await?;
    claims::progress_keeps_the_claim(&make()).await?;
    claims::long_reasons_are_cut(&make()).await?;
    claims::a_dispatcher_is_woken(&make()).await?;
    operators::held_messages_wait(&make()).await?;
    operators::a_held_message_is_told_to_its_worker(&make()).await?;
    operators::retry_makes_due_now(&make()).await?;
    operators::removed_messages_are_gone(&make()).await?;
    operators::lists_come_in_pages(&make()).await?;
    operators::what_is_not_there_is_said(&make()).await
}

/// The start, and so many seconds.
fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

/// An envelope for so many recipients.
fn envelope(recipients: usize) -> Envelope {
    let path = |text: &str| ForwardPath::parse(text).map_or(ForwardPath::Postmaster, |path| path);
    let recipients = (0..recipients).map(|n| Recipient::new(path(&format!("<r{n}@example.net>"))));
    Envelope {
        reverse_path: ReversePath::parse("<ada@example.org>").unwrap_or(ReversePath::Null),
        recipients: recipients.collect(),
        body: Body::EightBitMime,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Account("ada".into()),
        session: SessionId::from_number(7),
        received: START,
    }
}

/// Commits a message of one recipient.
async fn commit<S: Spool>(spool: &S, due: Timestamp) -> Result<SpoolId, SpoolError> {
    commit_for(spool, 1, due).await
}

async fn commit_for<S: Spool>(spool: &S, recipients: usize, due: Timestamp) -> Result<SpoolId, SpoolError> {
    let mut draft = spool.draft().await?;
    draft.write(b"Subject: x\r\n\r\nhello\r\n").await?;
    let id = draft.id();
    let receipt: Receipt = draft.commit(envelope(recipients), due).await?;
    assert_eq!(receipt.id(), id, "a receipt is for its draft");
    assert_eq!(receipt.to_string(), id.to_string(), "a receipt shows its message");
    Ok(id)
}

/// Claims what is due, of which there is one message.
async fn claim_one<S: Spool>(spool: &S, now: Timestamp) -> Result<Claim, SpoolError> {
    let mut claims = spool.claim(now, LEASE, 10).await?;
    assert_eq!(claims.len(), 1, "one message is due");
    claims.pop().ok_or(SpoolError::NoRecipients)
}

/// Claims what is due, of which there is nothing.
async fn claim_none<S: Spool>(spool: &S, now: Timestamp) -> Result<(), SpoolError> {
    assert_eq!(spool.claim(now, LEASE, 10).await?.len(), 0, "nothing is due");
    Ok(())
}

/// All of a message's content.
async fn content<S: Spool>(spool: &S, id: SpoolId) -> Result<Vec<u8>, SpoolError> {
    let mut content = spool.content(id).await?;
    let mut octets = Vec::new();
    while let Some(piece) = content.piece().await? {
        assert!(!piece.is_empty() && piece.len() <= crate::PIECE.as_usize(), "a piece is of some size");
        octets.extend_from_slice(&piece);
    }
    assert_eq!(content.size().0, octets.len() as u64, "all of it came");
    Ok(octets)
}

fn delivered(recipient: u32) -> Settled {
    Settled { recipient, outcome: Outcome::Delivered }
}

fn again(recipient: u32, due: Timestamp, why: &str) -> Settled {
    Settled { recipient, outcome: Outcome::Again { due, why: why.into(), warned: Warned::NotYet } }
}
