//! A backlog of one account delays nobody else: what another hands in leaves within a second of when it would have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatepost_mail::Principal;
use gatepost_mta::Settings;
use gatepost_mta::event::now;
use gatepost_spool::{Embedded, EmbeddedSettings, Spool};
use gatepost_testworld::exchanger::{Memory, Message};
use gatepost_testworld::fault::{Direction, Fault};
use gatepost_testworld::script::Script;
use gatepost_testworld::world::{Plan, World};

use crate::instance::{Instance, Mail, facing, hand_in, mail, rule};

/// So much longer than without the backlog it may take, tests and all on a busy machine.
const A_SECOND: Duration = Duration::from_secs(1);
/// Dead domains: more than there are connections.
const DEAD: usize = 3500;
/// Messages that are handed in at once, so that they share the disk's syncs.
const TOGETHER: usize = 250;
const LIVE: &str = "mx.there.example";
const STUCK: &str = "mx.stuck.example";

fn plan() -> Plan {
    World::new()
        .zone("there.example. MX 10 mx.there.example.\nstuck.example. MX 10 mx.stuck.example.")
        .exchanger(LIVE, Script::polite())
}

/// The stalled site keeps its workers for longer than the test takes.
fn patient(world: &World) -> impl FnOnce(&mut Settings) + use<> {
    let facing = facing(world);
    |settings| {
        facing(settings);
        settings.timeouts.greeting = Duration::from_secs(300);
        rule(settings, |rules| rules.delivery.retry = vec![Duration::from_secs(600)]);
    }
}

fn of(account: &str, to: &str) -> Mail {
    let mut mail = mail(&[to]).with(b"Subject: x\r\n\r\nx\r\n");
    mail.envelope.principal = Principal::Account(account.to_owned());
    mail
}

/// Hands in so many, by turns to each of these.
async fn flood(queue: &Arc<Embedded>, (account, to): (&str, &[String]), count: usize) {
    let mails: Arc<Vec<Mail>> = Arc::new(to.iter().map(|to| of(account, to)).collect());
    for begin in (0..count).step_by(TOGETHER) {
        let mut together = tokio::task::JoinSet::new();
        for number in begin..count.min(begin + TOGETHER) {
            let (queue, mails) = (queue.clone(), mails.clone());
            together.spawn(async move { hand_in(&queue, &mails[number % mails.len()]).await });
        }
        together.join_all().await;
    }
}

/// Tells the others' messages apart.
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn newest(memory: &Memory) -> impl Iterator<Item = &Arc<Message>> {
    memory.received.iter().rev().take(100)
}

/// How long a message of another account takes until the host has it.
async fn another(instance: &Instance, world: &World, to: &str) -> Duration {
    let exchanger = world.exchanger(LIVE).unwrap();
    let sender = format!("eve{}@ours.example", COUNT.fetch_add(1, Ordering::Relaxed));
    let mail = of("eve@ours.example", to).from(&sender);
    let begin = Instant::now();
    instance.hand_in(&mail).await;
    let there = |memory: &Memory| newest(memory).any(|message| message.reverse_path == sender);
    exchanger.await_memory("the other's message", there).await.unwrap();
    begin.elapsed()
}

/// The longest of a few, each at its own moment.
async fn slowest(instance: &Instance, world: &World, to: &[String]) -> Duration {
    let mut slowest = Duration::ZERO;
    for to in to {
        slowest = slowest.max(another(instance, world, to).await);
    }
    slowest
}

/// A few times the same.
fn bob() -> Vec<String> {
    vec!["bob@there.example".to_owned(); 5]
}

/// Another's mail before the flood, while it comes, and behind it.
async fn measured(
    (world, instance): (&World, &Instance),
    (bulk, count): (&[String], usize),
    [before, while_it_comes, afterwards]: [Vec<String>; 3],
) {
    let alone = slowest(instance, world, &before).await;
    let flooded = Instant::now();
    let (meanwhile, ()) = tokio::join!(slowest(instance, world, &while_it_comes), async {
        flood(&instance.queue, ("bulk@ours.example", bulk), count).await;
    });
    let flood = flooded.elapsed();
    let behind = slowest(instance, world, &afterwards).await;
    let waiting = instance.queue.stats().await.messages;
    println!(
        "alone {alone:?}, meanwhile {meanwhile:?}, behind {waiting} of {count} {behind:?}, flood {flood:?}"
    );
    // The flood itself, and those who answer for names and hosts in this process, keep its processors busy.
    assert!(meanwhile < alone + 2 * A_SECOND, "{meanwhile:?} while the flood came, {alone:?} alone");
    assert!(behind < alone + A_SECOND, "{behind:?} behind {waiting}, {alone:?} alone");
}

fn one(address: &str) -> Vec<String> {
    vec![address.to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_for_a_site_that_hangs_delay_nobody_else() {
    let world = plan().exchanger(STUCK, Script::polite().stall("CONNECT")).start().await.unwrap();
    let instance = Instance::start_with(patient(&world));
    measured((&world, &instance), (&one("bob@stuck.example"), 100_000), [bob(), bob(), bob()]).await;
    assert!(instance.queue.stats().await.messages >= 100_000);
    // Not even mail of the same account.
    instance.hand_in(&of("bulk@ours.example", "carol@there.example")).await;
    let there = |memory: &Memory| newest(memory).any(|message| message.recipients[0].contains("carol"));
    world.exchanger(LIVE).unwrap().await_within("its own", A_SECOND * 5, there).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_for_a_site_that_refuses_delay_nobody_else() {
    let world = plan().refuses(STUCK).start().await.unwrap();
    let instance = Instance::start_with(patient(&world));
    measured((&world, &instance), (&one("bob@stuck.example"), 100_000), [bob(), bob(), bob()]).await;
}

/// Neither do they at sites that nobody has reached before.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_dead_domains_delay_nobody_else() {
    let world = plan().exchanger(STUCK, Script::polite().stall("CONNECT")).start().await.unwrap();
    let at = |kind: &str, number: usize, host: &str| {
        let (domain, address) = (format!("{kind}{number}.example."), world.address_of(host).unwrap());
        format!("{domain} MX 10 mx.{domain}\nmx.{domain} A {address}\n")
    };
    let dead = (0..DEAD).map(|number| at("dead", number, STUCK));
    let live = (0..15).map(|number| at("live", number, LIVE));
    world.change_zone(&dead.chain(live).collect::<String>()).unwrap();
    let instance = Instance::start_with(patient(&world));
    let bulk: Vec<String> = (0..DEAD).map(|number| format!("bob@dead{number}.example")).collect();
    let new = [0..5, 5..10, 10..15].map(|numbers: std::ops::Range<usize>| {
        numbers.map(|number| format!("bob@live{number}.example")).collect::<Vec<_>>()
    });
    measured((&world, &instance), (&bulk, 2 * DEAD), new).await;
    let dead = world.exchanger(STUCK).unwrap().memory().connections.len();
    println!("{dead} connections to dead sites");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_sender_to_a_slow_site_takes_turns_with_others() {
    let slow = Fault::trickle(Direction::ToServer, 1024, Duration::from_millis(3));
    let zone = "there.example. MX 10 mx.there.example.";
    let world = World::new().zone(zone).faulty(LIVE, Script::polite(), slow).start().await.unwrap();
    let instance = Instance::start_with(patient(&world));
    let alone = slowest(&instance, &world, &bob()).await;
    flood(&instance.queue, ("bulk@ours.example", &one("bulk@there.example")), 10_000).await;
    let behind = another(&instance, &world, "bob@there.example").await;
    let left = instance.queue.stats().await.messages;
    println!("alone {alone:?}, behind {left} {behind:?}");
    assert!(behind < alone + A_SECOND, "{behind:?} behind {left}, {alone:?} alone");
    assert!(left > 1000, "the site was too quick to tell: {left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_that_were_due_before_the_start_delay_nobody_else() {
    let world = plan().exchanger(STUCK, Script::polite().stall("CONNECT")).start().await.unwrap();
    // What is in a queue that no server has looked at yet.
    let dir = tempfile::tempdir().unwrap();
    let (queue, _recovery) =
        Embedded::open(&dir.path().join("queue"), EmbeddedSettings::default(), now()).unwrap();
    let queue = Arc::new(queue);
    flood(&queue, ("bulk@ours.example", &one("bob@stuck.example")), 100_000).await;
    drop(queue);
    let instance = Instance::start_in(dir, patient(&world));
    let behind = another(&instance, &world, "bob@there.example").await;
    let claimed = instance.queue.stats().await.claimed;
    println!("behind 100000 at the start {behind:?}, when {claimed} were claimed");
    assert!(behind < A_SECOND * 2, "{behind:?}, which takes a few milliseconds alone");
    assert!(claimed < 100_000, "it did not overtake: all {claimed} were claimed before");
}

/// More than there is room for at a site, all of which goes in the end: what was put aside comes in again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_aside_comes_in_when_there_is_room() {
    let script = Script::polite().stall("CONNECT").times(3);
    let zone = "there.example. MX 10 mx.there.example.";
    let world = World::new().zone(zone).exchanger(LIVE, script).start().await.unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_secs(5);
    });
    flood(&instance.queue, ("bulk@ours.example", &one("bob@there.example")), 6000).await;
    let all = |memory: &Memory| memory.received.len() >= 6000;
    let patience = Duration::from_secs(60);
    world.exchanger(LIVE).unwrap().await_within("all of them", patience, all).await.unwrap();
    instance.await_stats("the end", |stats| stats.messages == 0).await;
    assert_eq!(world.exchanger(LIVE).unwrap().memory().received.len(), 6000);
}

/// More names that nobody answers for than there are questions at once.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_silent_names_delay_nobody_elses_names() {
    let world = plan().start().await.unwrap();
    let address = world.address_of(LIVE).unwrap();
    let silent = (0..400).map(|number| format!("silent{number}.example. STALL\n"));
    let live = (0..15).map(|number| format!("live{number}.example. A {address}\n"));
    world.change_zone(&silent.chain(live).collect::<String>()).unwrap();
    let instance = Instance::start_with(patient(&world));
    let bulk: Vec<String> = (0..400).map(|number| format!("bob@silent{number}.example")).collect();
    let new = |numbers: std::ops::Range<usize>| {
        numbers.map(|number| format!("bob@live{number}.example")).collect::<Vec<_>>()
    };
    let alone = slowest(&instance, &world, &new(0..5)).await;
    flood(&instance.queue, ("bulk@ours.example", &bulk), bulk.len()).await;
    instance.await_stats("all of them in memory", |stats| stats.claimed == 400).await;
    let behind = slowest(&instance, &world, &new(5..15)).await;
    println!("alone {alone:?}, behind 400 silent names {behind:?}");
    assert!(behind < alone + A_SECOND, "{behind:?} behind silent names, {alone:?} alone");
}
