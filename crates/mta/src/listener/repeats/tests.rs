use gatepost_mail::{
    Body, Ending, Envelope, ForwardPath, International, Notify, Principal, ReversePath, Timestamp,
};
use gatepost_spool::{Draft, Memory as Queue, Spool};

use super::*;

const BOTH: [&str; 2] = ["<bob@ours.example>", "<cy@ours.example>"];

fn repeats() -> Repeats {
    Repeats::new(&Outside::default())
}

fn sender() -> Sender {
    Sender {
        path: ReversePath::parse("<ada@there.example>").unwrap(),
        size: None,
        body: Body::SevenBit,
        international: International::No,
        returns: None,
        envelope_id: None,
        submitter: None,
    }
}

fn recipients(paths: &[&str]) -> Vec<Recipient> {
    paths.iter().map(|path| Recipient::new(ForwardPath::parse(path).unwrap())).collect()
}

fn fingerprint(
    repeats: &Repeats,
    client: &str,
    (sender, to): (&Sender, &[Recipient]),
    content: &[&[u8]],
) -> Fingerprint {
    let mut digest = repeats.digest(format_args!("{client}"), sender, to).unwrap();
    for piece in content {
        digest.piece(piece);
    }
    digest.finish()
}

fn number(of: u64) -> Fingerprint {
    Fingerprint(of.into())
}

fn session(number: u64) -> SessionId {
    SessionId::from_number(number)
}

fn minute(minutes: u64) -> Timestamp {
    Timestamp::from_micros((1_000_000 + minutes * 60) * 1_000_000)
}

/// Receipts are made by commits alone.
async fn receipt() -> Receipt {
    let draft = Queue::new(minute(0)).draft().await.unwrap();
    let envelope = Envelope {
        reverse_path: sender().path,
        recipients: recipients(&BOTH),
        body: Body::SevenBit,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Account("ada".into()),
        session: session(1),
        received: minute(0),
    };
    draft.commit(envelope, minute(0)).await.unwrap()
}

fn before(repeats: &Repeats, fingerprint: Fingerprint) -> Option<Before> {
    repeats.known(fingerprint).map(|known| known.before)
}

#[test]
fn the_pieces_and_the_order_of_recipients_do_not_count_and_all_else_does() {
    let repeats = repeats();
    let (plain, both) = (sender(), recipients(&BOTH));
    let of = |client: &str, sender: &Sender, to: &[Recipient], content: &[&[u8]]| {
        fingerprint(&repeats, client, (sender, to), content)
    };
    let first = of("ada", &plain, &both, &[b"one two"]);
    let turned = recipients(&[BOTH[1], BOTH[0]]);
    assert_eq!(of("ada", &plain, &turned, &[b"one", b" ", b"two"]), first);
    let bounce = Sender { path: ReversePath::Null, ..sender() };
    let eight = Sender { body: Body::EightBitMime, ..sender() };
    let mut quiet = both.clone();
    quiet[0].notify = Notify::Never;
    let others = [
        of("bob", &plain, &both, &[b"one two"]),
        of("ada", &bounce, &both, &[b"one two"]),
        of("ada", &eight, &both, &[b"one two"]),
        of("ada", &plain, &both[..1], &[b"one two"]),
        of("ada", &plain, &quiet, &[b"one two"]),
        of("ada", &plain, &both, &[b"one twO"]),
        of("ada", &plain, &both, &[b"one two "]),
    ];
    assert!(others.iter().all(|other| *other != first), "{others:?}");
    assert_ne!(
        fingerprint(&self::repeats(), "ada", (&plain, &both), &[b"one two"]),
        first,
        "each server has a key of its own"
    );
}

#[tokio::test]
async fn a_message_is_in_doubt_until_its_client_is_heard() {
    let (repeats, receipt) = (repeats(), receipt().await);
    let (read, lost) = (number(1), number(2));
    for fingerprint in [read, lost] {
        repeats.note(fingerprint, receipt.clone(), session(1));
        assert_eq!(before(&repeats, fingerprint), Some(Before::Unanswered));
    }
    repeats.confirm(read, receipt.id());
    for fingerprint in [read, lost] {
        repeats.end(fingerprint, session(1), minute(3));
    }
    assert_eq!(before(&repeats, read), None);
    assert_eq!(before(&repeats, lost), Some(Before::InDoubt(minute(3))));
    // Told again by another session: the end of the first one says nothing any more.
    repeats.note_again(lost, session(2));
    repeats.end(lost, session(1), minute(4));
    assert_eq!(before(&repeats, lost), Some(Before::Unanswered));
    repeats.end(lost, session(2), minute(5));
    let known = repeats.known(lost).unwrap();
    assert_eq!((known.before, known.first), (Before::InDoubt(minute(5)), session(1)));
    repeats.forget(receipt.id());
    assert_eq!(before(&repeats, lost), None);
    assert!(repeats.with(|memory| memory.ended.is_empty()));
}

#[tokio::test]
async fn a_second_commit_waits_for_the_first_one_like_it() {
    let repeats = repeats();
    let first = repeats.turn(number(1)).await;
    let other = repeats.turn(number(2)).await;
    let mut second = Box::pin(repeats.turn(number(1)));
    assert!(once(second.as_mut()).await.is_none(), "it waits");
    drop(other);
    assert!(once(second.as_mut()).await.is_none(), "for its own kind");
    drop(first);
    let second = once(second.as_mut()).await.unwrap();
    drop(second);
    assert!(repeats.with(|memory| memory.committing.is_empty()));
}

/// What it gives when it is looked at once.
async fn once<F: Future + Unpin>(future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn memory_ends_with_the_window_and_at_its_limit() {
    let (repeats, receipt) = (repeats(), receipt().await);
    let end = |of: u64, at: Timestamp| {
        repeats.note(number(of), receipt.clone(), session(of));
        repeats.end(number(of), session(of), at);
    };
    end(0, minute(0));
    end(1, minute(60));
    assert_eq!(before(&repeats, number(0)), Some(Before::InDoubt(minute(0))));
    end(2, minute(61));
    assert_eq!(before(&repeats, number(0)), None, "older than the window");
    for of in 3..=MOST_IN_DOUBT as u64 + 2 {
        end(of, minute(62));
    }
    assert_eq!([1, 2].map(|of| before(&repeats, number(of)).is_some()), [false, false], "the oldest go");
    assert_eq!(before(&repeats, number(3)), Some(Before::InDoubt(minute(62))));
    assert_eq!(
        repeats.with(|memory| (memory.told.len(), memory.ended.len())),
        (MOST_IN_DOUBT, MOST_IN_DOUBT)
    );
}
