//! Samples of what each version has written: this one reads them all, and refuses what it cannot know.
//!
//! `samples/vN` is the folder of a spool as the version that wrote header version N left it, with
//! `expected.txt` beside it: what is in it. A change of the stored form raises the version in the segment's
//! header, and gets a sample of its own here: `GATEPOST_BLESS=1 cargo test -p gatepost-spool --test embedded
//! samples` writes the one of this version. Samples that are there are never written again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gatepost_mail::{
    Body, Domain, Ending, Envelope, EnvelopeId, ForwardPath, International, Mailbox, Notify, NotifyOn,
    Octets, OriginalRecipient, Principal, Recipient, Return, ReversePath, SessionId,
};
use gatepost_spool::{
    Disk, Draft, Embedded, EmbeddedSettings, Entry, Outcome, RecipientState, Settled, Simulated, Spool,
    SpoolError, Warned,
};

use crate::tools::{DIR, START, claim, commit, content, deliver, envelope, later, open, small};

/// What the header of a segment says that this version writes.
const VERSION: u32 = 1;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// A sample on a disk of its own, since opening may change it.
fn loaded(sample: &Path, parts: &[&str]) -> Simulated {
    let disk = Simulated::new();
    for part in parts {
        // Git keeps no empty folders.
        for file in fs::read_dir(sample.join(part)).into_iter().flatten() {
            let file = file.unwrap();
            let path = Path::new(DIR).join(part).join(file.file_name());
            disk.put(&path, &fs::read(file.path()).unwrap());
        }
    }
    disk
}

#[tokio::test]
async fn every_sample_is_read() {
    if std::env::var_os("GATEPOST_BLESS").is_some() {
        bless().await;
    }
    let mut read = 0;
    for sample in fs::read_dir(folder()).unwrap().map(|sample| sample.unwrap().path()) {
        if !sample.is_dir() {
            continue;
        }
        // With and without its hints, which may be deleted.
        for parts in [["segments", "big", "hints"].as_slice(), &["segments", "big"]] {
            is_read(&sample, &loaded(&sample, parts)).await;
        }
        read += 1;
    }
    assert_eq!(read, VERSION, "a sample of each version");
}

async fn is_read(sample: &Path, disk: &Simulated) {
    let told = sample.display();
    let expected = fs::read_to_string(sample.join("expected.txt")).unwrap();
    let verified = Embedded::verify(Path::new(DIR), &Disk::simulated(disk)).unwrap();
    assert_eq!(verified.damages, [], "{told}");
    assert!(verified.records >= 50 && verified.files == 1, "{told}: {verified:?}");
    let (spool, recovery) = open(disk);
    assert_eq!(recovery.damages, [], "{told}");
    assert_eq!(listing(&spool).await, expected, "{told}");
    // And it goes on: what was there leaves, what is new comes.
    let id = commit(&spool, b"new", later(1000)).await.unwrap();
    for entry in spool.list(None, 1000).await.unwrap() {
        spool.release(entry.id).await.unwrap();
    }
    for claim in claim(&spool, later(1_000_000)).await {
        deliver(&spool, claim).await;
    }
    assert_eq!(spool.entry(id).await.unwrap(), None);
    drop(spool);
    let (spool, recovery) = open(disk);
    assert_eq!((recovery.messages, spool.stats().await.messages), (0, 0), "{told}");
}

/// Whatever a later version changes behind magic, version and checksum of a segment's header.
#[tokio::test]
async fn a_segment_of_a_later_version_is_refused_and_left_as_it_is() {
    let sample = loaded(&folder().join(format!("v{VERSION}")), &["segments", "big", "hints"]);
    let files = sample.files().into_iter().map(|(path, _)| path);
    for segment in files.filter(|path| path.starts_with(format!("{DIR}/segments"))) {
        for copies in [&[0, 4096][..], &[0], &[4096]] {
            let disk = sample.copy();
            let mut octets = disk.octets(&segment).unwrap();
            copies.iter().for_each(|at| raise(&mut octets[*at..*at + 40]));
            disk.put(&segment, &octets);
            let before: Vec<_> = disk.files().iter().map(|(path, _)| disk.octets(path)).collect();
            let refused = Embedded::open(Path::new(DIR), small(&disk), START).map(|_| ());
            assert_eq!(refused, Err(SpoolError::Newer { path: segment.clone(), version: VERSION + 1 }));
            let told = refused.unwrap_err().to_string();
            assert!(told.contains("written by a later version of gatepost"), "{told}");
            assert!(Embedded::verify(Path::new(DIR), &Disk::simulated(&disk)).is_err());
            let after: Vec<_> = disk.files().iter().map(|(path, _)| disk.octets(path)).collect();
            assert!(before == after, "{}: something was changed", segment.display());
        }
    }
}

/// Makes a copy of a header one of the next version.
fn raise(copy: &mut [u8]) {
    // Where the sample has none yet, the next version wrote its first.
    copy[..12].copy_from_slice(b"gatepost-log");
    copy[12..16].copy_from_slice(&(VERSION + 1).to_le_bytes());
    copy[20] ^= 0x55;
    let crc = crc32c::crc32c(&copy[..36]);
    copy[36..40].copy_from_slice(&crc.to_le_bytes());
}

/// Everything that there is to know of all messages.
async fn listing(spool: &Embedded) -> String {
    let mut text = String::new();
    for entry in spool.list(None, 1000).await.unwrap() {
        let octets = content(spool, entry.id).await.unwrap();
        tell(&mut text, &entry, &octets);
    }
    text
}

fn tell(text: &mut String, entry: &Entry, octets: &[u8]) {
    let Entry { id, envelope, size, held, recipients, .. } = entry;
    let Envelope { reverse_path, body, ending, international, returns, principal, .. } = &**envelope;
    writeln!(text, "message {id}: {} octets, crc32c {:08x}, held {held:?}", size.0, crc32c::crc32c(octets))
        .unwrap();
    writeln!(
        text,
        "  from {reverse_path}, {principal}, session {}, received {}",
        envelope.session,
        envelope.received.as_micros()
    )
    .unwrap();
    let id = envelope.envelope_id.as_ref().map(|id| &id.0);
    writeln!(text, "  {body:?}, {ending:?}, {international:?}, {returns:?}, {id:?}").unwrap();
    for (recipient, state) in envelope.recipients.iter().zip(recipients) {
        let original = recipient.original.as_ref().map(ToString::to_string);
        write!(text, "  to {}, {:?}, {original:?}: ", recipient.path, recipient.notify).unwrap();
        match state {
            RecipientState::Waiting { due, attempts, last, warned } => {
                writeln!(text, "due {}, {attempts} attempts, {last:?}, {warned:?}", due.as_micros())
            }
            RecipientState::Delivered => writeln!(text, "delivered"),
            RecipientState::Failed => writeln!(text, "failed"),
        }
        .unwrap();
    }
}

/// Writes the sample of this version, if there is none.
async fn bless() {
    let sample = folder().join(format!("v{VERSION}"));
    if sample.exists() {
        return;
    }
    let disk = Simulated::new();
    let settings = EmbeddedSettings { segment: Octets::kib(36), inline: Octets::kib(4), ..small(&disk) };
    let spool = Embedded::open(Path::new(DIR), settings, START).unwrap().0;
    fill(&spool).await;
    let expected = listing(&spool).await;
    drop(spool);
    for (path, _) in disk.files() {
        let Ok(name) = path.strip_prefix(DIR) else { continue };
        let target = sample.join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, disk.octets(&path).unwrap()).unwrap();
    }
    fs::write(sample.join("expected.txt"), expected).unwrap();
}

/// A message of every kind, in every state.
async fn fill(spool: &Embedded) {
    for (number, envelope) in envelopes().into_iter().enumerate() {
        let size = [120, 3000, 9000, 0, 40][number % 5];
        let octets = format!("Subject: sample {number}\r\n\r\n{}", "line.\r\n".repeat(size / 7));
        let mut draft = spool.draft().await.unwrap();
        draft.write(octets.as_bytes()).await.unwrap();
        draft.commit(envelope, later(60)).await.unwrap();
    }
    for round in 1..4 {
        for claim in claim(spool, later(round * 3600)).await {
            let outcomes = claim
                .due
                .iter()
                .map(|due| Settled { recipient: due.recipient, outcome: outcome(round, due.recipient) });
            let outcomes = outcomes.collect();
            spool.settle(claim, outcomes).await.unwrap();
        }
        for _ in 0..10 {
            let id = commit(spool, &vec![b'x'; 3500], later(90_000)).await.unwrap();
            match round {
                1 => spool.remove(id).await.unwrap(),
                _other => spool.hold(id).await.unwrap(),
            }
        }
    }
    commit(spool, b"the last one", later(5)).await.unwrap();
}

fn outcome(round: u64, recipient: u32) -> Outcome {
    match recipient {
        1 => Outcome::Delivered,
        2 => Outcome::Failed,
        _other => Outcome::Again {
            due: later((round + 1) * 3600),
            why: format!("451 4.3.0 try {round}: später").into(),
            warned: if round == 3 { Warned::Already } else { Warned::NotYet },
        },
    }
}

/// Every variant of everything.
fn envelopes() -> Vec<Envelope> {
    let plain = envelope(1);
    let original = OriginalRecipient { kind: "rfc822".into(), address: "old@example.net".into() };
    let asked = |notify| Recipient {
        notify,
        original: Some(original.clone()),
        ..Recipient::new(path("a@example.net"))
    };
    vec![
        plain.clone(),
        Envelope {
            reverse_path: ReversePath::Mailbox(Mailbox::parse("ada@example.org").unwrap()),
            recipients: vec![
                asked(Notify::Never),
                asked(Notify::On(NotifyOn::SUCCESS.and(NotifyOn::DELAY))),
                Recipient::new(ForwardPath::Postmaster),
                Recipient::new(path("\"quoted one\"@[192.0.2.1]")),
            ],
            body: Body::EightBitMime,
            returns: Some(Return::Headers),
            envelope_id: Some(EnvelopeId("QQ314159".into())),
            principal: Principal::Account("ada@example.org".into()),
            session: SessionId::from_number(77),
            ..plain.clone()
        },
        Envelope {
            recipients: vec![Recipient::new(path("δοκιμή@παράδειγμα.δοκιμή"))],
            body: Body::BinaryMime,
            ending: Ending::Open,
            international: International::Yes,
            returns: Some(Return::Full),
            principal: Principal::Machine("scanner".into()),
            ..plain.clone()
        },
        Envelope { principal: Principal::Hosted(Domain::parse("example.net").unwrap()), ..plain.clone() },
        Envelope { recipients: envelope(40).recipients, ..plain },
    ]
}

fn path(text: &str) -> ForwardPath {
    ForwardPath::parse(&format!("<{text}>")).unwrap()
}
