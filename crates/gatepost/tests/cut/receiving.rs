//! Clients whose connection is cut while they hand in, and who hand in again until they have read a 250.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use gatepost_testworld::Maildir;
use gatepost_testworld::loopback::Neighbourhood;
use gatepost_testworld::peers::{Exim, Postfix};
use serde_json::Value;

use crate::count::{Count, tell};
use crate::cutter::{Cutter, Place};
use crate::letter::{hand_in, hand_in_cut, number};
use crate::rig::{Gatepost, Plan, await_that};

const THERE: &str = "there.example";
const READER: &str = "reader@there.example";

/// Hands letters in to this server, each cut at another place.
async fn hand_in_all(server: SocketAddr) -> io::Result<(Vec<Place>, usize)> {
    let cutter = Cutter::start(server).await?;
    hand_in_cut(&cutter, READER, 0).await?;
    let reply = cutter.reply();
    let places = Place::all(reply);
    cutter.cut_at(&places);
    for (letter, place) in (1..).zip(&places) {
        let attempts = hand_in_cut(&cutter, READER, letter).await?;
        let read = matches!(place, Place::Next(_)) || *place == Place::Reply(reply);
        assert_eq!(attempts, if read { 1 } else { 2 }, "{place:?}");
    }
    assert_eq!(cutter.uncut(), 0);
    Ok((places, reply))
}

async fn to_gatepost(who: &str, rule: &str) -> io::Result<Count> {
    let gatepost = Plan::default()
        .maildir(THERE)
        .account(READER, "of no concern", &[])
        .with(&format!("[limits]\nrepeated-hand-in = \"{rule}\""))
        .start();
    let (places, reply) = hand_in_all(gatepost.mx()).await?;
    await_that("an empty queue", || queue_of(&gatepost).is_empty().then_some(()));
    let messages = Maildir::at(&gatepost.mailbox(THERE, "reader")).messages()?;
    Ok(Count::of(who, (&places, reply), &messages))
}

pub(crate) fn queue_of(gatepost: &Gatepost) -> Vec<Value> {
    let output = gatepost.run(&["--json", "queue", "list"]);
    serde_json::from_slice(&output.stdout).expect("a list in JSON")
}

async fn to_postfix() -> io::Result<Count> {
    let postfix = Postfix::receiving(THERE).start().await?;
    let (places, reply) = hand_in_all(postfix.address()).await?;
    await_that("an empty queue", || (postfix.queued().expect("a queue") == 0).then_some(()));
    Ok(Count::of("Postfix", (&places, reply), &postfix.maildir().messages()?))
}

async fn to_exim() -> io::Result<Count> {
    let exim = Exim::receiving(THERE).await?;
    let (places, reply) = hand_in_all(exim.address()).await?;
    await_that("the letters", || has_all(&exim.maildir(), places.len()).then_some(()));
    await_that("an empty queue", || (exim.queued().expect("a queue") == 0).then_some(()));
    Ok(Count::of("Exim", (&places, reply), &exim.maildir().messages()?))
}

/// Exim counts no message that a process of its is about to deliver.
fn has_all(maildir: &Maildir, letters: usize) -> bool {
    let there: Vec<_> = maildir.messages().unwrap_or_default().iter().filter_map(|it| number(it)).collect();
    (0..=letters).all(|letter| there.contains(&letter))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_cut_anywhere_gets_one_message() -> io::Result<()> {
    let began = Instant::now();
    let ours = to_gatepost("gatepost", "same-id").await?;
    let plain = to_gatepost("gatepost, repeated-hand-in = \"new\"", "new").await?;
    let counts = [ours, plain, to_postfix().await?, to_exim().await?];
    tell(("cut while a client hands in to", began), &counts);
    let [ours, plain, postfix, _exim] = &counts;
    assert!(ours.lost.is_empty() && plain.lost.is_empty(), "{ours:?} {plain:?}");
    assert_eq!(ours.doubled, [], "a 250 that was lost led to a second message");
    // The control: the cuts do lose replies of messages that were taken.
    assert_ne!(plain.doubled, []);
    assert_eq!(plain.needlessly(), []);
    assert!(plain.duplicates <= postfix.duplicates, "{plain:?} {postfix:?}");
    Ok(())
}

/// A gatepost whose next hop is not there, so that what it took is in its queue.
fn with_a_queue() -> io::Result<Gatepost> {
    let nobody = Neighbourhood::new().free_port(1)?;
    Ok(Plan::default().domain(THERE, &format!("deliver = \"smtp:{nobody}\"")).start())
}

fn ids_of(gatepost: &Gatepost) -> Vec<String> {
    queue_of(gatepost).iter().map(|message| message["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_a_message_tells_that_it_came_again() -> io::Result<()> {
    let gatepost = with_a_queue()?;
    let cutter = Cutter::start(gatepost.mx()).await?;
    cutter.cut_at(&[Place::Reply(0)]);
    assert_eq!(hand_in_cut(&cutter, READER, 1).await?, 2);
    let [id] = ids_of(&gatepost).try_into().expect("one message");
    let trace = || String::from_utf8(gatepost.run(&["trace", &id]).stdout).expect("text");
    let told = await_that("the event", || Some(trace()).filter(|told| told.contains("[content.repeated]")));
    assert!(told.contains("handed the message of session"), "{told}");
    assert_eq!(told.matches(" connected to listener mx").count(), 2, "both sessions are told: {told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_removed_is_a_new_message_when_it_comes_again() -> io::Result<()> {
    let gatepost = with_a_queue()?;
    let cutter = Cutter::start(gatepost.mx()).await?;
    cutter.cut_at(&[Place::Reply(0)]);
    assert!(hand_in(cutter.address(), READER, 1).await.is_err(), "it was cut");
    cutter.await_quiet().await?;
    let [first] = ids_of(&gatepost).try_into().expect("one message");
    assert!(gatepost.run(&["queue", "remove", &first]).status.success());
    hand_in(gatepost.mx(), READER, 1).await?;
    let [second] = ids_of(&gatepost).try_into().expect("one message");
    assert_ne!(first, second);
    Ok(())
}
