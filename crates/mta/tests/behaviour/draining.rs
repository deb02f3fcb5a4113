//! The end of a server: what has begun may end, and nothing is lost or sent twice.

use std::time::{Duration, Instant};

use gatepost_testworld::fault::{Direction, Fault};
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{Instance, facing, hand_in, mail};

const ZONE: &str = "there.example. MX 10 mx.there.example.";
const MX: &str = "mx.there.example";
const TO: &[&str] = &["bob@there.example"];
/// More messages than are delivered in the moment that a drain takes.
const COUNT: usize = 1500;

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_delivered_by_the_next_server_once() {
    let world = World::new().zone(ZONE).exchanger(MX, Script::polite()).start().await.unwrap();
    let instance = Instance::facing(&world);
    let mut together = tokio::task::JoinSet::new();
    for number in 0..COUNT {
        let mail = mail(TO).with(format!("Subject: {number}\r\n\r\nx\r\n").as_bytes());
        let queue = instance.queue.clone();
        together.spawn(async move { hand_in(&queue, &mail).await });
    }
    together.join_all().await;
    let exchanger = world.exchanger(MX).unwrap();
    exchanger.await_messages(1).await.unwrap();
    let at_drain = exchanger.messages().len();
    let dir = instance.stop().await;
    let before = exchanger.messages().len();
    // Each of twenty workers ends what it has; a few more may have come between the count and the drain.
    assert!(before - at_drain <= 100, "{} begun in a drain", before - at_drain);
    let next = Instance::start_in(dir, facing(&world));
    next.await_finished(COUNT - before).await;
    let mut contents: Vec<_> =
        exchanger.memory().received.iter().map(|message| message.content.clone()).collect();
    assert_eq!(contents.len(), COUNT, "{before} before");
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), COUNT, "none is there twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_has_begun_may_end() {
    let slow = Fault::trickle(Direction::ToServer, 2048, Duration::from_millis(2));
    let world = World::new().zone(ZONE).faulty(MX, Script::polite(), slow).start().await.unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO).with(&b"0123456789\r\n".repeat(20_000))).await;
    let exchanger = world.exchanger(MX).unwrap();
    let begun = |memory: &gatepost_testworld::exchanger::Memory| {
        memory.connections.iter().any(|connection| connection.commands.iter().any(|line| line == "DATA"))
    };
    exchanger.await_memory("DATA", begun).await.unwrap();
    assert!(exchanger.messages().is_empty(), "it was too quick to tell");
    instance.stop().await;
    assert_eq!(exchanger.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_ends_what_does_not_end_by_itself() {
    let world =
        World::new().zone(ZONE).exchanger(MX, Script::polite().stall("DATA").once()).start().await.unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    let exchanger = world.exchanger(MX).unwrap();
    let begun = |memory: &gatepost_testworld::exchanger::Memory| {
        memory.connections.iter().any(|connection| connection.commands.iter().any(|line| line == "DATA"))
    };
    exchanger.await_memory("DATA", begun).await.unwrap();
    let start = Instant::now();
    assert!(!instance.server.drain(Duration::from_millis(300)).await, "it was broken off");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let Instance { dir, server, queue, .. } = instance;
    drop((server, queue));
    let next = Instance::start_in(dir, facing(&world));
    next.await_finished(1).await;
    assert_eq!(exchanger.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_hosts_that_are_only_being_reached_or_kept() {
    // One host never greets, another has been reached and its line is kept.
    let world = World::new()
        .zone(ZONE)
        .zone("stuck.example. MX 10 mx.stuck.example.")
        .exchanger(MX, Script::polite())
        .exchanger("mx.stuck.example", Script::polite().stall("CONNECT"))
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_secs(300);
    });
    for _ in 0..10 {
        instance.hand_in(&mail(&["bob@stuck.example"])).await;
    }
    instance.hand_in(&mail(TO)).await;
    instance.await_finished(1).await;
    let stuck = world.exchanger("mx.stuck.example").unwrap();
    stuck.await_memory("a connection", |memory| !memory.connections.is_empty()).await.unwrap();
    let start = Instant::now();
    instance.stop().await;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let commands = world.exchanger(MX).unwrap().memory().connections[0].commands.clone();
    assert_eq!(commands.last().map(String::as_str), Some("QUIT"));
}
