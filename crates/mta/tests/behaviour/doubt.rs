//! All was sent, and no answer came: the host may have the message or not.

use std::time::Duration;

use gatepost_mta::Settings;
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{Instance, facing, mail, rule};

const ZONE: &str = "there.example. MX 10 first.there.example.\nthere.example. MX 20 second.there.example.";

fn hasty(world: &World) -> impl FnOnce(&mut Settings) + use<> {
    let facing = facing(world);
    |settings| {
        facing(settings);
        settings.timeouts.final_reply = Duration::from_millis(300);
        rule(settings, |rules| rules.delivery.retry = vec![Duration::from_millis(50)]);
    }
}

/// Two hosts, of which the second is for when the first cannot be had.
async fn before_a_polite_one(first: Script) -> World {
    let plan = World::new().zone(ZONE).exchanger("first.there.example", first);
    plan.exchanger("second.there.example", Script::polite()).start().await.unwrap()
}

/// The same host gets it again, which is one copy too many at worst; another host would get one for sure.
async fn is_tried_again_at_the_same_host(script: Script) {
    let world = before_a_polite_one(script).await;
    let instance = Instance::start_with(hasty(&world));
    instance.hand_in(&mail(&["bob@there.example"])).await;
    instance.await_finished(1).await;
    let first = world.exchanger("first.there.example").unwrap();
    assert_eq!(first.memory().received.len(), 3, "each time it came whole");
    assert_eq!(first.messages().len(), 1);
    assert!(world.exchanger("second.there.example").unwrap().memory().connections.is_empty());
    let deferred = instance.events("deferred");
    assert_eq!(deferred.len(), 2);
    assert!(deferred[0]["cause"].as_str().unwrap().starts_with("in doubt"), "{deferred:?}");
    assert!(instance.events("failed").is_empty() && instance.events("reported").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_after_the_final_dot() {
    is_tried_again_at_the_same_host(Script::polite().hang_up(".").times(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_falls_silent_after_the_final_dot() {
    is_tried_again_at_the_same_host(Script::polite().stall(".").times(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_none_after_the_final_dot() {
    is_tried_again_at_the_same_host(Script::polite().reply(".", "what?").times(2)).await;
}

/// Content that went along with its envelope may have arrived although its recipient had no answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_falls_silent_in_the_middle_of_a_group() {
    let script = Script::polite().stall("RCPT").when("second@").once();
    let world = before_a_polite_one(script).await;
    let instance = Instance::start_with(hasty(&world));
    instance.hand_in(&mail(&["first@there.example"])).await;
    instance.await_finished(1).await;
    instance.hand_in(&mail(&["second@there.example"])).await;
    instance.await_finished(2).await;
    let deferred = instance.events("deferred");
    assert_eq!(deferred.len(), 1, "{deferred:?}");
    assert!(
        deferred[0]["cause"].as_str().unwrap().starts_with("in doubt at first.there.example"),
        "{deferred:?}"
    );
    assert_eq!(world.exchanger("first.there.example").unwrap().messages().len(), 2);
    assert!(world.exchanger("second.there.example").unwrap().memory().connections.is_empty());
}

/// Two hosts share the mail by chance; whoever may have it is asked first, also by the next server.
#[tokio::test(flavor = "multi_thread")]
async fn chance_does_not_send_a_second_copy_to_another_host() {
    let cut = || Script::polite().hang_up(".").times(6);
    let world = World::new()
        .zone("there.example. MX 10 a.there.example.\nthere.example. MX 10 b.there.example.")
        .exchanger("a.there.example", cut())
        .exchanger("b.there.example", cut())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(hasty(&world));
    instance.hand_in(&mail(&["bob@there.example"])).await;
    instance.await_events("deferred", 3).await;
    let next = Instance::start_in(instance.stop().await, hasty(&world));
    next.await_finished(1).await;
    let copies = |name: &str| world.exchanger(name).unwrap().memory().received.len();
    let (a, b) = (copies("a.there.example"), copies("b.there.example"));
    assert_eq!((a.max(b), a.min(b)), (7, 0), "a and b");
}

/// A host in doubt that puts it off leaves it to the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_in_doubt_that_puts_it_off_leaves_it_to_the_next() {
    let first = Script::polite().hang_up(".").once().reply(".", "450 4.2.0 later");
    let world = World::new()
        .zone(ZONE)
        .exchanger("first.there.example", first)
        .exchanger("second.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(hasty(&world));
    instance.hand_in(&mail(&["bob@there.example"])).await;
    instance.await_finished(1).await;
    assert_eq!(instance.events("deferred").len(), 1);
    assert_eq!(world.exchanger("second.there.example").unwrap().messages().len(), 1);
}

async fn report(script: Script, words: &[&str]) {
    let world = World::new().zone(ZONE).exchanger("first.there.example", script).start().await.unwrap();
    let instance = Instance::start_with(|settings| {
        hasty(&world)(settings);
        rule(settings, |rules| rules.delivery.expire = Duration::from_secs(1));
    });
    instance.hand_in(&mail(&["bob@there.example"])).await;
    let bounce = instance.maildir("ada").await_messages(1).await.unwrap();
    let bounce = String::from_utf8_lossy(&bounce[0]).replace("\r\n", "\n").replace("\n    ", " ");
    for words in words {
        assert!(bounce.contains(words), "{words}: {bounce}");
    }
}

const MAY_HAVE: &str = "It may have arrived all the same: once all of it was sent to first.there.example [";

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_that_it_may_have_arrived() {
    let words = [
        "at last: all was sent and no answer came",
        MAY_HAVE,
        "no answer came. Ask the person before you send it again.",
    ];
    report(Script::polite().hang_up("."), &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_so_whatever_came_later() {
    let refuses = || Script::polite().hang_up(".").once();
    report(refuses().reply(".", "550 5.7.1 never"), &[MAY_HAVE, "550 5.7.1 never"]).await;
    report(refuses().reply(".", "450 4.2.0 later"), &[MAY_HAVE, "450 4.2.0 later"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_waits_longer() {
    let world = World::new()
        .zone(ZONE)
        .exchanger("first.there.example", Script::polite().hang_up(".").once())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(hasty(&world));
    instance.hand_in(&mail(&["bob@there.example"])).await;
    instance.await_finished(1).await;
    let received = world.exchanger("first.there.example").unwrap().memory();
    assert_eq!(received.received.len(), 2);
    let delay = instance.events("delivered")[0]["delay"].as_f64().unwrap();
    assert!(delay >= 0.2, "{delay}: four times 50 ms");
}
