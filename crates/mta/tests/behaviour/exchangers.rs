//! Which hosts get a domain's mail: RFC 5321 section 5.1, RFC 7505.

use std::net::{IpAddr, Ipv6Addr};

use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{HOSTNAME, Instance, mail};

const TO: &[&str] = &["bob@there.example"];

async fn fails(zone: &str, rule: &str, reply: &str) {
    let world = World::new().zone(zone).start().await.unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    let failed = instance.await_events("failed", 1).await;
    assert_eq!(failed[0]["rule"], rule, "{failed:?}");
    assert!(failed[0]["cause"].as_str().unwrap().starts_with(reply), "{failed:?}");
    let bounce = instance.maildir("ada").await_messages(1).await.unwrap();
    assert!(String::from_utf8_lossy(&bounce[0]).contains(&reply[4..]), "{bounce:?}");
    assert!(instance.events("deferred").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lowest_preference_gets_the_mail() {
    let world = World::new()
        .zone("there.example. MX 20 second.there.example.\nthere.example. MX 10 first.there.example.")
        .exchanger("first.there.example", Script::polite())
        .exchanger("second.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    for _ in 0..5 {
        instance.hand_in(&mail(TO)).await;
    }
    instance.await_finished(5).await;
    assert_eq!(world.exchanger("first.there.example").unwrap().messages().len(), 5);
    assert!(world.exchanger("second.there.example").unwrap().memory().connections.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_preferences_share_the_mail() {
    // A connection for each message: the order is drawn for each.
    let script = || Script::polite().offers("LIMITS MAILMAX=1");
    let world = World::new()
        .zone("there.example. MX 10 a.there.example.\nthere.example. MX 10 b.there.example.")
        .exchanger("a.there.example", script())
        .exchanger("b.there.example", script())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    for _ in 0..30 {
        instance.hand_in(&mail(TO)).await;
    }
    instance.await_finished(30).await;
    let count = |name: &str| world.exchanger(name).unwrap().messages().len();
    let (a, b) = (count("a.there.example"), count("b.there.example"));
    assert_eq!(a + b, 30);
    // Chance gives all to one of them once in half a thousand million runs.
    assert!(a > 0 && b > 0, "{a} and {b}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_without_mx_is_its_own_exchanger() {
    let world = World::new().exchanger("there.example", Script::polite()).start().await.unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    world.exchanger("there.example").unwrap().await_messages(1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_mx_fails_at_once() {
    fails("there.example. MX 0 .", "exchanger.null", "556 5.1.10").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_does_not_exist_fails_at_once() {
    fails("elsewhere.example. MX 0 .", "exchanger.no-domain", "550 5.1.2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exchangers_without_addresses_fail_at_once() {
    let zone = "there.example. MX 10 gone.there.example.\nthere.example. MX 20 text.there.example.\n\
                text.there.example. TXT \"no address here\"";
    fails(zone, "exchanger.no-address", "550 5.4.4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_with_neither_mx_nor_address_fails_at_once() {
    fails("there.example. TXT \"no mail here\"", "exchanger.no-address", "550 5.4.4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_can_tell_defer_until_somebody_can() {
    let world = World::new()
        .zone("there.example. SERVFAIL")
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    let deferred = instance.await_events("deferred", 1).await;
    assert!(deferred[0]["cause"].as_str().unwrap().contains("DNS"), "{deferred:?}");
    world.change_zone("there.example. MX 10 mx.there.example.").unwrap();
    world.exchanger("mx.there.example").unwrap().await_messages(1).await.unwrap();
    assert!(instance.events("failed").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_can_tell_defers_until_somebody_can() {
    let world = World::new()
        .zone("there.example. MX 10 mx.there.example.\nmx.there.example. SERVFAIL")
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    instance.await_events("deferred", 1).await;
    world.change_zone("there.example. MX 10 mx.there.example.").unwrap();
    world.exchanger("mx.there.example").unwrap().await_messages(1).await.unwrap();
    assert!(instance.events("failed").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_address_nobody_can_tell_leaves_it_to_the_next() {
    let world = World::new()
        .zone("there.example. MX 10 gone.there.example.\nthere.example. MX 20 dark.there.example.")
        .zone("there.example. MX 30 mx.there.example.\ndark.there.example. SERVFAIL")
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    world.exchanger("mx.there.example").unwrap().await_messages(1).await.unwrap();
    assert!(instance.events("deferred").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_that_stalls_is_asked_again() {
    let world = World::new()
        .zone("there.example. MX 10 mx.there.example.\nthere.example. STALL MX 1")
        .exchanger("mx.there.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    world.exchanger("mx.there.example").unwrap().await_messages(1).await.unwrap();
    assert!(instance.events("failed").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_are_followed() {
    let world = World::new()
        .zone("there.example. CNAME real.example.\nreal.example. MX 10 mx.real.example.")
        .zone("mx.real.example. CNAME host.real.example.")
        .exchanger("host.real.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    let messages = world.exchanger("host.real.example").unwrap().await_messages(1).await.unwrap();
    assert_eq!(messages[0].recipients, ["bob@there.example"], "the address stays as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_families_of_addresses_are_tried() {
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("this machine has no ::1");
        return;
    }
    let world = World::new()
        .zone("there.example. MX 10 mx.there.example.\ndead.example. MX 10 half.dead.example.")
        .exchanger_at("mx.there.example", IpAddr::V6(Ipv6Addr::LOCALHOST), Script::polite())
        // Nobody listens at its IPv6 address.
        .zone("half.dead.example. AAAA ::2")
        .exchanger("half.dead.example", Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    instance.hand_in(&mail(&["bob@dead.example"])).await;
    let six = world.exchanger("mx.there.example").unwrap().await_messages(1).await.unwrap();
    assert_eq!(six.len(), 1);
    world.exchanger("half.dead.example").unwrap().await_messages(1).await.unwrap();
    let delivered = instance.await_events("delivered", 2).await;
    let hops: Vec<_> = delivered.iter().map(|event| event["next-hop"].as_str().unwrap()).collect();
    assert!(hops.iter().any(|hop| hop.starts_with("mx.there.example [::1]:")), "{hops:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn we_and_all_that_are_not_better_are_left_out() {
    let world = World::new()
        .zone("there.example. MX 10 best.there.example.")
        .zone(&format!("there.example. MX 20 {HOSTNAME}."))
        .zone("there.example. MX 20 equal.there.example.\nthere.example. MX 30 worse.there.example.")
        .exchanger("best.there.example", Script::polite().reply("RCPT", "450 4.2.0 later").once())
        .exchanger("equal.there.example", Script::polite())
        .exchanger("worse.there.example", Script::polite())
        .exchanger(HOSTNAME, Script::polite())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    world.exchanger("best.there.example").unwrap().await_messages(1).await.unwrap();
    assert_eq!(instance.await_events("deferred", 1).await.len(), 1);
    for other in ["equal.there.example", "worse.there.example", HOSTNAME] {
        assert!(world.exchanger(other).unwrap().memory().connections.is_empty(), "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_would_only_come_to_us_again_fails() {
    fails(&format!("there.example. MX 10 {HOSTNAME}."), "exchanger.loop", "554 5.4.6").await;
}
