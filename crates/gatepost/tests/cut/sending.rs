//! Relays whose connection to the next hop is cut while they deliver.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use gatepost_testworld::peers::{Exim, Postfix};
use gatepost_testworld::{Exchanger, Maildir, Script};

use crate::count::{Count, tell};
use crate::cutter::{Cutter, Place};
use crate::letter::{hand_in, number};
use crate::receiving::queue_of;
use crate::rig::{Gatepost, Plan, await_that};

const THERE: &str = "there.example";
const READER: &str = "reader@there.example";

/// Letters from this number on are not cut. Each goes before one that is, over the same line.
const OPENING: usize = 1000;

/// A server behind a cutter, and what it took.
struct NextHop {
    exchanger: Exchanger,
    cutter: Cutter,
}

impl NextHop {
    /// Content comes by DATA. Exim would send by BDAT, which has no final dot.
    async fn start() -> io::Result<Self> {
        Self::follow(Script::polite().lacks("CHUNKING")).await
    }

    async fn follow(script: Script) -> io::Result<Self> {
        let exchanger = Exchanger::start(script).await?;
        let cutter = Cutter::start(exchanger.address()).await?;
        Ok(Self { exchanger, cutter })
    }

    fn messages(&self) -> Vec<Vec<u8>> {
        self.exchanger.messages().iter().map(|message| message.content.clone()).collect()
    }
}

/// Hands letters to a relay and waits until it has none left.
async fn relay(
    (relay, cutter): (SocketAddr, &Cutter),
    queued: impl Fn() -> usize,
    arrived: impl Fn() -> usize,
) -> io::Result<(Vec<Place>, usize)> {
    hand_in(relay, READER, 0).await?;
    await_that("the first letter", || (arrived() == 1 && queued() == 0).then_some(()));
    let reply = cutter.reply();
    let places = Place::all(reply);
    cutter.cut_at(&places);
    for (letter, _place) in (1..).zip(&places) {
        hand_in(relay, READER, letter).await?;
    }
    await_that("all cuts", || (cutter.uncut() == 0).then_some(()));
    await_that("an empty queue", || (queued() == 0).then_some(()));
    Ok((places, reply))
}

fn gatepost_to(next_hop: SocketAddr) -> Gatepost {
    Plan::default()
        .domain(THERE, &format!("deliver = \"smtp:{next_hop}\""))
        .with("[delivery]\nretry = [\"1s\"]")
        .start()
}

async fn by_gatepost() -> io::Result<Count> {
    let next_hop = NextHop::start().await?;
    let gatepost = gatepost_to(next_hop.cutter.address());
    let way = (gatepost.mx(), &next_hop.cutter);
    let (places, reply) =
        relay(way, || queue_of(&gatepost).len(), || next_hop.exchanger.messages().len()).await?;
    assert_eq!(next_hop.exchanger.complaints(), Vec::<String>::new());
    Ok(Count::of("gatepost", (&places, reply), &next_hop.messages()))
}

/// Over a line that has carried a letter the next one comes in one group with its envelope, and any octet of the replies to that may
/// be the last.
async fn by_gatepost_in_groups() -> io::Result<Count> {
    let next_hop = NextHop::follow(Script::polite()).await?;
    let gatepost = gatepost_to(next_hop.cutter.address());
    let (cutter, relay) = (&next_hop.cutter, gatepost.mx());
    let arrived = |letter: usize| {
        let is_there = |content: &Vec<u8>| number(content) == Some(letter);
        await_that("a letter", || next_hop.messages().iter().any(is_there).then_some(()));
    };
    for letter in [0, OPENING] {
        hand_in(relay, READER, letter).await?;
        arrived(letter);
    }
    assert_eq!(cutter.groups(), 1, "the second over the line");
    let reply = cutter.reply();
    let places = Place::all(reply);
    cutter.cut_at(&places);
    for (letter, _place) in (1..).zip(&places) {
        hand_in(relay, READER, OPENING + letter).await?;
        arrived(OPENING + letter);
        hand_in(relay, READER, letter).await?;
        let uncut = places.len() - letter;
        await_that("the cut", || (cutter.uncut() == uncut).then_some(()));
    }
    await_that("an empty queue", || queue_of(&gatepost).is_empty().then_some(()));
    assert_eq!(next_hop.exchanger.complaints(), Vec::<String>::new());
    // On a machine that halts for a second a line counts as idle, and content waits for its envelope.
    assert!(cutter.groups() > places.len() / 2, "{} of {}", cutter.groups(), places.len());
    let mut messages = next_hop.messages();
    messages.retain(|message| number(message).is_some_and(|letter| letter < OPENING));
    Ok(Count::of("gatepost, in one group", (&places, reply), &messages))
}

/// The one that delivers hands in again what the other one knows.
async fn by_gatepost_to_gatepost() -> io::Result<Count> {
    let second = Plan::default().maildir(THERE).account(READER, "of no concern", &[]).start();
    let maildir = Maildir::at(&second.mailbox(THERE, "reader"));
    let cutter = Cutter::start(second.mx()).await?;
    let first = gatepost_to(cutter.address());
    let arrived = || maildir.files().map_or(0, |files| files.len());
    let (places, reply) = relay((first.mx(), &cutter), || queue_of(&first).len(), arrived).await?;
    await_that("an empty queue", || queue_of(&second).is_empty().then_some(()));
    Ok(Count::of("gatepost, to another gatepost", (&places, reply), &maildir.messages()?))
}

async fn by_postfix() -> io::Result<Count> {
    let next_hop = NextHop::start().await?;
    let postfix = Postfix::sending_to(next_hop.cutter.address())
        .setting("queue_run_delay", "1s")
        .setting("minimal_backoff_time", "1s")
        .setting("maximal_backoff_time", "1s")
        .setting("transport_retry_time", "1s")
        // One failure does not make the next hop wait for all.
        .setting("default_destination_concurrency_failed_cohort_limit", "1000")
        .start()
        .await?;
    let way = (postfix.address(), &next_hop.cutter);
    let queued = || postfix.queued().expect("a queue");
    let (places, reply) = relay(way, queued, || next_hop.exchanger.messages().len()).await?;
    Ok(Count::of("Postfix", (&places, reply), &next_hop.messages()))
}

async fn by_exim() -> io::Result<Count> {
    let next_hop = NextHop::start().await?;
    let exim = Exim::sending_to(next_hop.cutter.address()).await?;
    let way = (exim.address(), &next_hop.cutter);
    let queued = || exim.queued().expect("a queue");
    let (places, reply) = relay(way, queued, || next_hop.exchanger.messages().len()).await?;
    Ok(Count::of("Exim", (&places, reply), &next_hop.messages()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_hop_that_is_cut_anywhere_loses_nothing() -> io::Result<()> {
    let began = Instant::now();
    let (ours, groups) = (by_gatepost().await?, by_gatepost_in_groups().await?);
    let counts = [ours, groups, by_gatepost_to_gatepost().await?, by_postfix().await?, by_exim().await?];
    tell(("cut while the relay delivers: by", began), &counts);
    let [ours, groups, both, postfix, _exim] = &counts;
    assert!([ours, groups, both].iter().all(|count| count.lost.is_empty()), "{ours:?} {groups:?} {both:?}");
    // A next hop that cannot tell gets a copy too many where its reply was lost, and nowhere else.
    assert_eq!((ours.needlessly(), groups.needlessly()), (vec![], vec![]));
    assert!(ours.duplicates <= postfix.duplicates, "{ours:?} {postfix:?}");
    assert_eq!(both.doubled, [], "the second gatepost knows what it has");
    Ok(())
}
