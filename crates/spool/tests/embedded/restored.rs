//! Messages that are taken back as they were.

use gatepost_mail::SpoolId;
use gatepost_spool::{
    Draft, Embedded, Held, Loss, RecipientState, Restore, Restored, Simulated, Spool, SpoolError, Warned,
};

use crate::tools::{START, claim, commit, content, deliver, envelope, later, open};

fn old() -> Restored {
    let waiting = RecipientState::Waiting {
        due: later(50),
        attempts: 3,
        last: Some("451 4.3.0 later".into()),
        warned: Warned::Already,
    };
    let recipients = vec![RecipientState::Delivered, waiting, RecipientState::Failed];
    Restored { envelope: envelope(3), held: Held::Yes, recipients }
}

async fn restore(spool: &Embedded, wanted: SpoolId, message: Restored) -> Result<SpoolId, SpoolError> {
    let mut draft = spool.draft_as(wanted).await?;
    draft.write(b"as it was").await?;
    Ok(Embedded::restore(draft, message).await?.id())
}

#[tokio::test]
async fn it_is_as_it_was_also_behind_a_power_cut() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let wanted = SpoolId::from_number(START.as_micros() - 5);
    assert_eq!(restore(&spool, wanted, old()).await, Ok(wanted));
    is_there(&spool, wanted).await;
    disk.restart(Loss::Power, 3);
    let (spool, recovery) = open(&disk);
    assert_eq!(recovery.damages, []);
    is_there(&spool, wanted).await;
}

async fn is_there(spool: &Embedded, wanted: SpoolId) {
    let entry = spool.entry(wanted).await.unwrap().unwrap();
    assert_eq!((entry.recipients, entry.held, &*entry.envelope), (old().recipients, Held::Yes, &envelope(3)));
    assert_eq!(content(spool, wanted).await.unwrap(), b"as it was");
}

#[tokio::test]
async fn an_id_of_which_anything_is_known_is_not_free() {
    let disk = Simulated::new();
    let spool = open(&disk).0;
    let taken = commit(&spool, b"x", later(9)).await.unwrap();
    let gone = commit(&spool, b"y", START).await.unwrap();
    for claim in claim(&spool, START).await {
        deliver(&spool, claim).await;
    }
    drop(spool);
    let spool = open(&disk).0;
    for wanted in [taken, gone, SpoolId::from_number(u64::MAX), SpoolId::from_number(0)] {
        assert_ne!(restore(&spool, wanted, old()).await.unwrap(), wanted);
    }
    // One is given once.
    let free = SpoolId::from_number(77);
    assert_eq!(restore(&spool, free, old()).await, Ok(free));
    assert_ne!(restore(&spool, free, old()).await, Ok(free));
    assert_eq!(content(&spool, taken).await.unwrap(), b"x");
    // None of it comes to an end by the end of the one that had its id before.
    for _ in 0..200 {
        commit(&spool, &[b'x'; 4000], START).await.unwrap();
        for claim in claim(&spool, START).await {
            deliver(&spool, claim).await;
        }
    }
    drop(spool);
    assert_eq!(open(&disk).1.messages, 7);
}

#[tokio::test]
async fn what_has_nothing_left_to_do_is_refused() {
    let spool = open(&Simulated::new()).0;
    let wanted = SpoolId::from_number(7);
    let done = Restored { recipients: vec![RecipientState::Delivered; 3], ..old() };
    assert_eq!(restore(&spool, wanted, done).await, Err(SpoolError::NoRecipients));
    let few = Restored { envelope: envelope(2), ..old() };
    assert_eq!(restore(&spool, wanted, few).await, Err(SpoolError::NoRecipients));
    assert_eq!(spool.stats().await.messages, 0);
}
