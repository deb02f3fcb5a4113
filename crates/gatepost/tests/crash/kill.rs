//! kill -9, twenty times, under load. `GATEPOST_KILLS` says how often instead.

use std::fs;
use std::io;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use gatepost_testworld::Script;

use crate::book::{Audit, Book, Letter, Place};
use crate::chance::{Chance, wish};
use crate::load::{Load, Server};
use crate::queue::{arrivals, await_empty, maildir, start};
use crate::rig::Gatepost;

/// How often it is killed while it works.
const KILLS: u64 = 20;
const WRITERS: u32 = 8;
/// Between two kills so many letters get their 250, and less than so many more.
const PROMISES: usize = 20;
const MORE_PROMISES: u64 = 60;
/// The kill comes at most so long after the last of them.
const LONGEST_AIM: u64 = 20_000;
/// A start that is killed too lives at most so long.
const LONGEST_START: u64 = 150_000;
/// Octets of the log after which the spool begins its next file.
const SEGMENT: usize = 64 << 20;
/// For each kill with all that belongs to it, in a debug build.
const LONGEST: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_got_250_is_lost_in_twenty_kills() -> io::Result<()> {
    let began = Instant::now();
    let (kills, mut chance) = (wish("GATEPOST_KILLS", KILLS), Chance::from_seed());
    let (sink, mut gatepost) = start(Script::polite(), r#"["1s"]"#).await?;
    let mut load = Load::start(WRITERS, u32::MAX);
    for kill in 1..=kills {
        load.server_is(Server::At(gatepost.mx()));
        let promises = load.promises();
        load.await_promises(promises + PROMISES + chance.below(MORE_PROMISES) as usize).await;
        thread::park_timeout(chance.micros(LONGEST_AIM));
        gatepost.kill();
        load.server_is(Server::Down);
        if kill % 3 == 0 {
            die_while_starting(&gatepost, chance.micros(LONGEST_START));
        }
        gatepost.serve();
    }
    load.server_is(Server::At(gatepost.mx()));
    let promises = load.promises();
    load.await_promises(promises + 1).await;
    let book = load.finish().await;
    await_empty(&gatepost);

    let arrived = arrivals(&gatepost, &sink)?;
    let audit = book.audit(&arrived);
    println!(
        "{kills} kills in {:?}: {} letters sent, {} got 250 ({} MiB, {} copies due), {} arrived: {} lost, {} duplicates, \
         {} without their 250, {} wrong",
        began.elapsed(),
        book.sendings(),
        book.promises(),
        book.logged_octets() >> 20,
        book.copies(),
        arrived.len(),
        audit.lost.len(),
        audit.duplicates,
        audit.unpromised,
        audit.wrong.len()
    );
    assert_eq!((audit.lost, audit.wrong), (Vec::new(), Vec::new()));
    assert!(book.logged_octets() > SEGMENT, "too little got through: the log is in its first segment still");
    assert_eq!(sink.complaints(), Vec::<String>::new());
    let longest = LONGEST * u32::try_from(kills).expect("a number of kills");
    assert!(began.elapsed() < longest, "it took {:?}", began.elapsed());
    a_loss_would_be_seen(&gatepost, &sink, book)
}

/// Starts it and kills it before it may have listened: in the middle of its recovery.
fn die_while_starting(gatepost: &Gatepost, life: Duration) {
    let mut command = gatepost.command(&["serve"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("starting it");
    thread::park_timeout(life);
    child.kill().expect("killing it");
    child.wait().expect("its end");
}

/// The control: with one file less, or one promise more, the same audit fails.
fn a_loss_would_be_seen(
    gatepost: &Gatepost,
    sink: &gatepost_testworld::Exchanger,
    mut book: Book,
) -> io::Result<()> {
    let never_sent = Letter { writer: WRITERS, number: 2 };
    book.is_promised(never_sent);
    let audit = book.audit(&arrivals(gatepost, sink)?);
    assert_eq!(audit.lost, [(never_sent, Place::Maildir)]);
    let files = maildir(gatepost).files()?;
    // Every copy of the first one.
    let victim = letter_in(&fs::read(&files[0])?);
    for file in &files {
        if letter_in(&fs::read(file)?) == victim {
            fs::remove_file(file)?;
        }
    }
    let Audit { lost, .. } = book.audit(&arrivals(gatepost, sink)?);
    assert_eq!(lost.len(), 2, "{victim} was deleted");
    Ok(())
}

fn letter_in(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    text.lines().find(|line| line.starts_with("Subject: ")).expect("a subject").to_owned()
}
