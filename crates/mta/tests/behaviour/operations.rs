//! What operators do to the queue while the server runs.

use std::time::Duration;

use gatepost_mail::SpoolId;
use gatepost_mta::event::now;
use gatepost_spool::Spool;
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{Instance, facing, mail, rule, taken};

const MX: &str = "mx.there.example";
const TO: &[&str] = &["bob@there.example"];

/// A host that puts the first message off, and a schedule that does not try it again in this test.
async fn world(script: Script) -> (World, Instance) {
    let plan = World::new().zone("there.example. MX 10 mx.there.example.");
    let world = plan.exchanger(MX, script).start().await.unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        rule(settings, |rules| rules.delivery.retry = vec![Duration::from_secs(600)]);
    });
    (world, instance)
}

fn later_once() -> Script {
    Script::polite().reply("RCPT", "450 4.2.0 later").once()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_tried_at_once() {
    let (world, instance) = world(later_once()).await;
    let id = instance.hand_in(&mail(TO)).await;
    instance.await_events("deferred", 1).await;
    instance.await_back(id).await;
    instance.queue.retry(id, now()).await.unwrap();
    instance.await_finished(1).await;
    assert_eq!(taken(world.exchanger(MX).unwrap()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stays_until_it_is_released() {
    let (world, instance) = world(later_once()).await;
    let held = instance.hand_in(&mail(TO)).await;
    instance.await_events("deferred", 1).await;
    instance.await_back(held).await;
    instance.queue.hold(held).await.unwrap();
    instance.queue.retry(held, now()).await.unwrap();
    // What comes later overtakes it.
    let other = instance.hand_in(&mail(TO)).await;
    instance.await_finished(1).await;
    assert_eq!(instance.events("finished")[0]["message"], other.to_string());
    assert_eq!(taken(world.exchanger(MX).unwrap()).len(), 1);
    instance.queue.release(held).await.unwrap();
    instance.await_finished(2).await;
    assert_eq!(instance.events("finished")[1]["message"], held.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_is_gone_without_a_word() {
    let (world, instance) = world(later_once()).await;
    let id = instance.hand_in(&mail(TO)).await;
    instance.await_events("deferred", 1).await;
    instance.await_back(id).await;
    instance.queue.remove(id).await.unwrap();
    assert!(instance.queue.retry(id, now()).await.is_err());
    instance.hand_in(&mail(TO)).await;
    instance.await_finished(1).await;
    assert_eq!(taken(world.exchanger(MX).unwrap()).len(), 1);
    assert!(instance.events("reported").is_empty() && instance.events("failed").is_empty());
}

/// Three workers wait for a greeting; behind them wait messages.
async fn waiting() -> (World, Instance, Vec<SpoolId>) {
    let script = Script::polite().stall("CONNECT").times(3);
    let plan = World::new().zone("there.example. MX 10 mx.there.example.");
    let world = plan.exchanger(MX, script).start().await.unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_secs(3);
    });
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(instance.hand_in(&mail(TO)).await);
    }
    let waiting = |memory: &gatepost_testworld::exchanger::Memory| memory.connections.len() >= 3;
    world.exchanger(MX).unwrap().await_memory("three workers", waiting).await.unwrap();
    instance.await_stats("all of them in memory", |stats| stats.claimed == 6).await;
    (world, instance, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_while_it_waits_for_a_worker_is_not_sent() {
    let (world, instance, ids) = waiting().await;
    instance.queue.remove(ids[5]).await.unwrap();
    instance.await_finished(5).await;
    let removed = ids[5].to_string();
    for kind in ["delivered", "deferred", "failed", "finished"] {
        assert!(!instance.events(kind).iter().any(|event| event["message"] == removed), "{kind}");
    }
    assert_eq!(world.exchanger(MX).unwrap().messages().len(), 5);
    assert!(instance.events("trouble").is_empty(), "{:?}", instance.events("trouble"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_while_it_waits_for_a_worker_is_not_sent_before_it_is_released() {
    let (world, instance, ids) = waiting().await;
    instance.queue.hold(ids[5]).await.unwrap();
    instance.await_finished(5).await;
    let held = ids[5].to_string();
    for kind in ["delivered", "deferred", "failed", "finished"] {
        assert!(!instance.events(kind).iter().any(|event| event["message"] == held), "{kind}");
    }
    // Nobody has it any more: it need not wait for the end of a lease.
    instance.await_back(ids[5]).await;
    instance.queue.release(ids[5]).await.unwrap();
    instance.await_finished(6).await;
    assert_eq!(instance.events("finished")[5]["message"], held);
    assert_eq!(world.exchanger(MX).unwrap().messages().len(), 6);
    assert!(instance.events("trouble").is_empty(), "{:?}", instance.events("trouble"));
}
