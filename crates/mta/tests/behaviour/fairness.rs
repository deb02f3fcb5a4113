//! One site's trouble is its own.

use std::collections::BTreeSet;
use std::time::Duration;

use gatepost_spool::{RecipientState, Spool};
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{Instance, facing, hand_in, mail, rule, taken};

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_stalls_delays_nobody_else() {
    let world = World::new()
        .zone("stuck.example. MX 10 mx.stuck.example.\nthere.example. MX 10 mx.there.example.")
        .exchanger("mx.stuck.example", Script::polite().stall("CONNECT"))
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_secs(300);
    });
    for _ in 0..200 {
        instance.hand_in(&mail(&["bob@stuck.example"])).await;
    }
    let stuck = world.exchanger("mx.stuck.example").unwrap();
    stuck.await_memory("a connection", |memory| !memory.connections.is_empty()).await.unwrap();
    instance.hand_in(&mail(&["bob@there.example", "ada@ours.example"])).await;
    // Far less than the greeting that the stalled site is given.
    let soon = Duration::from_secs(10);
    let arrived = |memory: &gatepost_testworld::exchanger::Memory| !memory.received.is_empty();
    world.exchanger("mx.there.example").unwrap().await_within("the other", soon, arrived).await.unwrap();
    instance.maildir("ada").await_messages(1).await.unwrap();
    assert!(stuck.memory().connections.len() <= 3, "a site that nobody reached has few workers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_for_one_site_leaves_room_for_all_others() {
    let world = World::new()
        .zone("stuck.example. MX 10 mx.stuck.example.\nthere.example. MX 10 mx.there.example.")
        .exchanger("mx.stuck.example", Script::polite().stall("CONNECT"))
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_secs(300);
    });
    // More than a server holds in memory; 125 at a time, so that they share the disk's syncs.
    let stuck = mail(&["bob@stuck.example"]);
    for _ in 0..88 {
        let mut together = tokio::task::JoinSet::new();
        for _ in 0..125 {
            let (queue, stuck) = (instance.queue.clone(), stuck.clone());
            together.spawn(async move { hand_in(&queue, &stuck).await });
        }
        together.join_all().await;
    }
    instance.hand_in(&mail(&["bob@there.example"])).await;
    world.exchanger("mx.there.example").unwrap().await_messages(1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_cannot_be_reached_is_tried_for_all_its_messages_at_once() {
    let world = World::new()
        .zone("stuck.example. MX 10 mx.stuck.example.")
        .exchanger("mx.stuck.example", Script::polite().stall("CONNECT"))
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_secs(1);
        rule(settings, |rules| rules.delivery.retry = vec![Duration::from_secs(600)]);
    });
    for _ in 0..200 {
        instance.hand_in(&mail(&["bob@stuck.example"])).await;
    }
    let deferred = instance.await_events("deferred", 200).await;
    assert!(deferred[0]["cause"].as_str().unwrap().contains("at the greeting"), "{deferred:?}");
    let connections = world.exchanger("mx.stuck.example").unwrap().memory().connections.len();
    assert!(connections <= 12, "{connections} connections for 200 messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_on_when_the_site_is_back() {
    let world = World::new()
        .zone("there.example. MX 10 mx.there.example.")
        .exchanger(
            "mx.there.example",
            Script::polite().reply("CONNECT", "421 4.3.2 down for repair").times(5),
        )
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    for _ in 0..100 {
        instance.hand_in(&mail(&["bob@there.example"])).await;
    }
    instance.await_finished(100).await;
    assert_eq!(world.exchanger("mx.there.example").unwrap().memory().received.len(), 100);
}

/// A message is tried again for those who wait, whatever keeps its other recipients.
#[tokio::test(flavor = "multi_thread")]
async fn recipients_have_fates_of_their_own() {
    let world = World::new()
        .zone("later.example. MX 10 mx.later.example.\nthere.example. MX 10 mx.there.example.")
        .exchanger("mx.later.example", Script::polite().reply("RCPT", "450 4.2.0 later").times(3))
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(&["bob@later.example", "bob@there.example", "bob@gone.example"])).await;
    // The message and its report.
    instance.await_finished(2).await;
    assert_eq!(world.exchanger("mx.there.example").unwrap().memory().received.len(), 1);
    assert_eq!(taken(world.exchanger("mx.later.example").unwrap()).len(), 1);
    assert_eq!(instance.events("failed").len(), 1);
    assert_eq!(instance.events("deferred").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_rests_is_not_tried_for_what_comes_meanwhile() {
    let world = World::new()
        .zone("down.example. MX 10 mx.down.example.\nthere.example. MX 10 mx.there.example.")
        .exchanger("mx.down.example", Script::polite().reply("CONNECT", "421 4.3.2 down for repair"))
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        rule(settings, |rules| rules.delivery.retry = vec![Duration::from_secs(600)]);
    });
    instance.hand_in(&mail(&["bob@down.example"])).await;
    instance.await_events("deferred", 1).await;
    let rests = instance.events("site-rests");
    assert_eq!(rests.len(), 1, "{rests:?}");
    assert_eq!((&rests[0]["seconds"], &rests[0]["rule"]), (&30.into(), &"retry.rest".into()));
    assert!(rests[0]["cause"].as_str().unwrap().contains("421 4.3.2 down for repair"), "{rests:?}");
    let down = world.exchanger("mx.down.example").unwrap();
    let tried = down.memory().connections.len();
    for _ in 0..20 {
        instance.hand_in(&mail(&["bob@down.example", "bob@there.example"])).await;
    }
    let deferred = instance.await_events("deferred", 21).await;
    let cause = deferred[20]["cause"].as_str().unwrap();
    assert!(cause.starts_with("not tried so soon") && cause.contains("421 4.3.2 down for repair"), "{cause}");
    assert_eq!(down.memory().connections.len(), tried);
    world.exchanger("mx.there.example").unwrap().await_messages(20).await.unwrap();
    assert_eq!(instance.events("failed").len(), 0);
    // An operator wants it tried now.
    instance.server.rouse().call();
    instance.hand_in(&mail(&["bob@down.example"])).await;
    instance.await_events("deferred", 22).await;
    assert!(down.memory().connections.len() > tried);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_off_together_does_not_come_due_together() {
    let world = World::new()
        .zone("down.example. MX 10 mx.down.example.")
        .refuses("mx.down.example")
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        rule(settings, |rules| rules.delivery.retry = vec![Duration::from_secs(600)]);
    });
    for _ in 0..50 {
        instance.hand_in(&mail(&["bob@down.example"])).await;
    }
    let deferred = instance.await_events("deferred", 50).await;
    let seconds: BTreeSet<_> = deferred.iter().map(|event| event["due"].to_string()).collect();
    assert!(seconds.len() > 25, "{seconds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_answers_for_delays_only_its_own_mail() {
    let world = World::new()
        .zone("silent.example. STALL\nthere.example. MX 10 mx.there.example.")
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    for _ in 0..50 {
        instance.hand_in(&mail(&["bob@silent.example", "carol@there.example"])).await;
    }
    let soon = Duration::from_secs(4);
    let all = |memory: &gatepost_testworld::exchanger::Memory| memory.received.len() == 50;
    world.exchanger("mx.there.example").unwrap().await_within("the others", soon, all).await.unwrap();
    // One question is asked for all of them, and answered for all of them in the end.
    let deferred = instance.await_events("deferred", 50).await;
    assert!(deferred.iter().all(|event| event["cause"].as_str().unwrap().contains("DNS")), "{deferred:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_site_keeps_no_other_recipient_of_the_message_from_its_retry() {
    let world = World::new()
        .zone("stuck.example. MX 10 mx.stuck.example.\nlater.example. MX 10 mx.later.example.")
        .exchanger("mx.stuck.example", Script::polite().stall("CONNECT"))
        .exchanger("mx.later.example", Script::polite().reply("RCPT", "450 4.2.0 later").times(2))
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_secs(300);
    });
    let id = instance.hand_in(&mail(&["bob@stuck.example", "bob@later.example"])).await;
    instance.await_events("delivered", 1).await;
    assert_eq!(taken(world.exchanger("mx.later.example").unwrap()).len(), 1);
    let deferred = instance.events("deferred");
    let attempts: Vec<_> = deferred.iter().map(|event| event["attempts"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 2]);
    let entry = instance.queue.entry(id).await.unwrap().unwrap();
    assert!(matches!(entry.recipients[0], RecipientState::Waiting { attempts: 0, .. }), "{entry:?}");
    assert!(instance.events("finished").is_empty());
}
