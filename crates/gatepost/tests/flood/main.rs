//! A flood of wrong passwords from many addresses: memory stays under a bound, and who is right gets in.
//!
//! A test program of its own, since it takes both cores for a minute and measures a whole process.

// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]

#[expect(dead_code, reason = "the rig serves other test programs too")]
#[path = "../rig/rig.rs"]
mod rig;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;
use tokio::task::JoinSet;

use crate::rig::{Gatepost, HOSTNAME, Plan};

const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

/// How long the flood lasts, and its rate.
const FLOOD: Duration = Duration::from_secs(60);
const LOGINS_A_SECOND: u32 = 200;
/// How many addresses it comes from: each fails less often than locks it out.
const ADDRESSES: u32 = 4_000;
/// What a right login may take.
const LONGEST: Duration = Duration::from_secs(1);
/// What the whole process may come to: two password threads of 19 MiB, and the sessions that wait.
const MEMORY_KIB: usize = 256 * 1024;
/// The address that Ada logs in from.
const HOME: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

/// What the flood was told.
#[derive(Default)]
struct Told {
    wrong: AtomicUsize,
    later: AtomicUsize,
    other: AtomicUsize,
}

async fn login(gatepost: SocketAddr, from: Ipv4Addr, (user, password): (&str, &str)) -> io::Result<u16> {
    let mut client = Client::dial_from(SocketAddr::from((from, 0)), gatepost).await?;
    client.shake_hands(HOSTNAME).await?;
    client.expect("220").await?;
    client.say("EHLO client.example", "250").await?;
    client.send_line(&format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0{password}")))).await?;
    let reply = client.reply().await?;
    Ok(reply.code())
}

/// The flood's address of that number, none of them [`HOME`].
fn address(number: u32) -> Ipv4Addr {
    let [_, _, high, low] = (number % ADDRESSES).to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}

async fn flood(gatepost: SocketAddr, told: Arc<Told>) -> u32 {
    let mut turns = tokio::time::interval(Duration::from_secs(1) / LOGINS_A_SECOND);
    let mut sessions = JoinSet::new();
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < FLOOD {
        turns.tick().await;
        let told = told.clone();
        let user = if number % 2 == 0 { ADA.to_owned() } else { format!("guess{number}@ours.example") };
        let from = address(number);
        sessions.spawn(async move {
            match login(gatepost, from, (&user, "wrong horse")).await {
                Ok(535) => told.wrong.fetch_add(1, Ordering::Relaxed),
                Ok(454 | 421) => told.later.fetch_add(1, Ordering::Relaxed),
                Ok(_) | Err(_) => told.other.fetch_add(1, Ordering::Relaxed),
            };
        });
        while sessions.try_join_next().is_some() {}
        number += 1;
    }
    while sessions.join_next().await.is_some() {}
    number
}

/// The high-water mark of a process, in KiB.
fn high_water_kib(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a high-water mark");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn start() -> Gatepost {
    Plan::default().maildir("ours.example").account(ADA, PASSWORD, &[]).start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_wrong_logins_a_second_keep_nobody_out_and_cost_bounded_memory() -> io::Result<()> {
    let gatepost = start();
    let server = gatepost.submissions();
    assert_eq!(login(server, HOME, (ADA, PASSWORD)).await?, 235, "before the flood");
    let told = Arc::new(Told::default());
    let flood = tokio::spawn(flood(server, told.clone()));
    let mut longest = Duration::ZERO;
    let mut right = 0;
    let mut turns = tokio::time::interval(Duration::from_secs(1));
    while !flood.is_finished() {
        turns.tick().await;
        let begun = Instant::now();
        let code = login(server, HOME, (ADA, PASSWORD)).await?;
        let took = begun.elapsed();
        assert_eq!(code, 235, "login {right} during the flood");
        assert!(took < LONGEST, "login {right} took {took:?}");
        (longest, right) = (longest.max(took), right + 1);
    }
    let sent = flood.await.map_err(io::Error::other)?;
    let count = |told: &AtomicUsize| told.load(Ordering::Relaxed);
    let memory = high_water_kib(gatepost.pid());
    println!(
        "{sent} wrong logins in {FLOOD:?}: {} heard 535, {} 4xx, {} neither; {right} right ones, the slowest \
         {longest:?}; memory at most {} MiB",
        count(&told.wrong),
        count(&told.later),
        count(&told.other),
        memory / 1024
    );
    assert!(right >= 30, "{right} right logins");
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    assert!(count(&told.wrong) > 0 && count(&told.other) < sent as usize / 100, "the flood was real");
    Ok(())
}
