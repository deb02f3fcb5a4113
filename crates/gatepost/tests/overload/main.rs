//! More clients than there are places: who is inside notices little, who is not is told at once, and nothing is left behind.
//!
//! A test program of its own, since it takes both cores for a while and measures a whole process.

#![cfg(test)]

#[expect(dead_code, reason = "the rig serves other test programs too")]
#[path = "../rig/rig.rs"]
mod rig;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatepost_testworld::Client;
use tokio::task::JoinSet;

use crate::rig::{Gatepost, Plan, await_that};

/// Places.
const PLACES: usize = 200;
/// Clients that come at once, again and again.
const CROWD: usize = 2_000;
/// Of those inside, how many send.
const SENDERS: usize = 8;
/// Messages of each, without the crowd and beside it.
const MESSAGES: usize = 40;
/// What the process may hold: the setting's figure in the configuration below.
const MEMORY_KIB: usize = 512 * 1024;
/// What a client outside may wait for its 421, on a machine that does other things too.
const TURNED_AWAY_WITHIN: Duration = Duration::from_secs(10);
/// What a message of somebody inside may take longer than without the crowd: two cores do both sides of it all.
const SLOWER: u32 = 20;
const GRACE: Duration = Duration::from_millis(500);
/// What a new client may wait for its greeting while mail is taken and delivered.
const GREETED_WITHIN: Duration = Duration::from_secs(2);
const LETTER: &[u8] = b"Subject: tide\r\n\r\nHigh at noon.\r\n";

fn start() -> Gatepost {
    let limits = format!(
        "[limits]\nconnections = {PLACES}\nconnections-per-network = {PLACES}\nmemory = \"{}MiB\"",
        MEMORY_KIB / 1024
    );
    Plan::default()
        .maildir("ours.example")
        .account("bob@ours.example", "correct horse", &[])
        .with(&limits)
        .start()
}

/// What became of a client at the door.
enum Outcome {
    Inside(Client),
    TurnedAway(Duration),
}

async fn knock(server: SocketAddr) -> io::Result<Outcome> {
    let begun = Instant::now();
    let mut client = Client::dial(server).await?;
    let greeting = client.reply().await?;
    match greeting.code() {
        220 => Ok(Outcome::Inside(client)),
        421 => Ok(Outcome::TurnedAway(begun.elapsed())),
        _ => Err(io::Error::other(greeting.text())),
    }
}

/// Comes all at once. Gives those who are inside, and how long the others took to hear that they are not.
async fn crowd(server: SocketAddr) -> io::Result<(Vec<Client>, Vec<Duration>)> {
    let mut knocking: JoinSet<_> = (0..CROWD).map(|_| knock(server)).collect();
    let (mut inside, mut turned_away) = (Vec::new(), Vec::new());
    while let Some(outcome) = knocking.join_next().await {
        match outcome.map_err(io::Error::other)?? {
            Outcome::Inside(client) => inside.push(client),
            Outcome::TurnedAway(after) => turned_away.push(after),
        }
    }
    Ok((inside, turned_away))
}

/// Sends messages one after the other; how long each took.
async fn send(client: &mut Client) -> io::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..MESSAGES {
        let begun = Instant::now();
        client.submit("ada@sender.example", &["bob@ours.example"], LETTER).await?;
        took.push(begun.elapsed());
    }
    Ok(took)
}

/// All senders at once.
async fn work(senders: &mut Vec<Client>) -> io::Result<Vec<Duration>> {
    let mut working: JoinSet<_> = std::mem::take(senders)
        .into_iter()
        .map(|mut client| async move { send(&mut client).await.map(|took| (client, took)) })
        .collect();
    let mut all = Vec::new();
    while let Some(done) = working.join_next().await {
        let (client, took) = done.map_err(io::Error::other)??;
        senders.push(client);
        all.extend(took);
    }
    Ok(all)
}

fn percentile(of: &mut [Duration], percent: usize) -> Duration {
    of.sort_unstable();
    of[(of.len() - 1) * percent / 100]
}

fn delivered(gatepost: &Gatepost) -> usize {
    let new = gatepost.mailbox("ours.example", "bob").join("new");
    std::fs::read_dir(new).map(Iterator::count).unwrap_or(0)
}

fn descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).expect("its descriptors").count()
}

fn high_water_kib(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a high-water mark");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Crowds come until `over`; how many clients were turned away, and the longest that one waited.
async fn crowds(server: SocketAddr, over: Arc<AtomicBool>, seen: Arc<AtomicUsize>) -> io::Result<Duration> {
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let (inside, turned_away) = crowd(server).await?;
        assert!(inside.is_empty(), "{} more than there are places", inside.len());
        seen.fetch_add(turned_away.len(), Ordering::Relaxed);
        longest = turned_away.into_iter().fold(longest, Duration::max);
    }
    Ok(longest)
}

/// New clients come one after the other until `over`; how long each waited for its greeting.
async fn greetings(server: SocketAddr, over: Arc<AtomicBool>) -> io::Result<Vec<Duration>> {
    let mut waited = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let client = Client::connect(server).await?;
        waited.push(begun.elapsed());
        client.quit().await?;
    }
    Ok(waited)
}

/// Opens what is opened once and kept: databases, the event log.
async fn warm_up(gatepost: &Gatepost) -> io::Result<()> {
    let mut client = Client::connect(gatepost.mx()).await?;
    client.say("EHLO sender.example", "250").await?;
    client.submit("ada@sender.example", &["bob@ours.example"], LETTER).await?;
    client.quit().await?;
    gatepost.await_mail("ours.example", "bob", 1);
    gatepost.await_events("disconnected", 1);
    Ok(())
}

/// All places are taken, and a crowd hears that there is none.
async fn fill(server: SocketAddr) -> io::Result<Vec<Client>> {
    let (mut inside, mut turned_away) = crowd(server).await?;
    assert_eq!(
        (inside.len(), turned_away.len()),
        (PLACES, CROWD - PLACES),
        "each place once, and 421 for the rest"
    );
    println!(
        "{CROWD} at once: {PLACES} inside, {} turned away after {:?} (median), {:?} at most",
        turned_away.len(),
        percentile(&mut turned_away, 50),
        percentile(&mut turned_away, 100),
    );
    for client in inside.iter_mut().take(SENDERS) {
        client.say("EHLO sender.example", "250").await?;
    }
    Ok(inside)
}

/// Those inside send beside crowds; how long each message took.
async fn beside_crowds(gatepost: &Gatepost, senders: &mut Vec<Client>) -> io::Result<Vec<Duration>> {
    let (over, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let crowds = tokio::spawn(crowds(gatepost.mx(), over.clone(), seen.clone()));
    while seen.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let (begun, before) = (Instant::now(), delivered(gatepost));
    let took = work(senders).await?;
    let (lasted, arrived) = (begun.elapsed(), delivered(gatepost) - before);
    over.store(true, Ordering::Relaxed);
    let longest = crowds.await.map_err(io::Error::other)??;
    let seen = seen.load(Ordering::Relaxed);
    println!(
        "{seen} turned away, the slowest after {longest:?}; {arrived} delivered in {lasted:?} beside that"
    );
    assert!(longest <= TURNED_AWAY_WITHIN, "a client waited {longest:?} for its 421");
    assert!(arrived > SENDERS * MESSAGES / 4, "{arrived} delivered beside crowds");
    Ok(took)
}

/// New clients are greeted while as much mail as can be is taken and delivered.
async fn greeted_beside_mail(server: SocketAddr, senders: &mut Vec<Client>) -> io::Result<()> {
    let over = Arc::new(AtomicBool::new(false));
    let greeted = tokio::spawn(greetings(server, over.clone()));
    work(senders).await?;
    over.store(true, Ordering::Relaxed);
    let mut waited = greeted.await.map_err(io::Error::other)??;
    let longest = percentile(&mut waited, 100);
    println!("{} greeted beside mail, the slowest after {longest:?}", waited.len());
    assert!(longest <= GREETED_WITHIN, "a client waited {longest:?} for its greeting");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_at_the_door_costs_those_inside_little_and_leaves_nothing_behind() -> io::Result<()> {
    raise_descriptors();
    let gatepost = start();
    warm_up(&gatepost).await?;
    let (server, process) = (gatepost.mx(), gatepost.pid());
    let before = descriptors(process);

    let mut inside = fill(server).await?;
    let mut senders: Vec<Client> = inside.drain(..SENDERS).collect();
    let mut alone = work(&mut senders).await?;
    await_that("all mail of the quiet time", || (delivered(&gatepost) > SENDERS * MESSAGES).then_some(()));
    let mut beside = beside_crowds(&gatepost, &mut senders).await?;
    let percentiles = |of: &mut [Duration]| [50, 95, 99].map(|percent| percentile(of, percent));
    let (alone, beside) = (percentiles(&mut alone), percentiles(&mut beside));
    println!("a message inside, 50th, 95th and 99th of 100: {alone:?} alone, {beside:?} beside crowds");
    assert!(beside[2] <= alone[2] * SLOWER + GRACE, "{alone:?} alone, {beside:?} beside crowds");

    drop(inside);
    await_that("free places", || (descriptors(process) < before + PLACES / 2).then_some(()));
    greeted_beside_mail(server, &mut senders).await?;

    // Everybody leaves: there is room again, and nothing is kept.
    drop(senders);
    await_that("its descriptors", || (descriptors(process) <= before).then_some(()));
    let client = Client::connect(server).await?;
    let memory = high_water_kib(process);
    println!("memory at most {} MiB of {} MiB", memory / 1024, MEMORY_KIB / 1024);
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    client.quit().await
}

/// Two thousand clients are two thousand descriptors of this process.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("descriptors");
}
