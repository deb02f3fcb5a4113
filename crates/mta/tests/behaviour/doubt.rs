//! All was sent, and no answer came: the host may have the message or not.

use std::time::Duration;

use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{Instance, facing, mail};

const ZONE: &str = "there.example. MX 10 first.there.example.\nthere.example. MX 20 second.there.example.";

/// The same host gets it again, which is one copy too many at worst; another host would get one for sure.
async fn is_tried_again_at_the_same_host(script: Script) {
    let world = World::new()
        .zone(ZONE)
        .exchanger("first.there.example", script)
        .exchanger("second.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.final_reply = Duration::from_millis(300);
    });
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
