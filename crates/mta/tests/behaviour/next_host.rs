//! What a host does wrong sends the mail to the next one; what no host takes waits for the schedule.

use std::time::Duration;

use gatepost_mta::Settings;
use gatepost_spool::{RecipientState, Spool};
use gatepost_testworld::fault::{Direction, Fault};
use gatepost_testworld::script::Script;
use gatepost_testworld::world::{Plan, World};

use crate::instance::{Instance, Mail, facing, mail, rule, taken};

const TO: &[&str] = &["bob@there.example"];
const ZONE: &str = "there.example. MX 10 first.there.example.\nthere.example. MX 20 second.there.example.";

/// Mail reaches the second host in its first attempt, whatever the first one does.
async fn reaches_the_second(plan: Plan) {
    carries_to_the_second(plan, &mail(TO)).await;
}

async fn carries_to_the_second(plan: Plan, mail: &Mail) {
    let world = plan.zone(ZONE).exchanger("second.there.example", Script::polite()).start().await.unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_millis(300);
        settings.timeouts.reply = Duration::from_millis(300);
    });
    instance.hand_in(mail).await;
    let second = world.exchanger("second.there.example").unwrap();
    second.await_messages(1).await.unwrap();
    instance.await_finished(1).await;
    assert_eq!(second.messages().len(), 1);
    assert!(second.complaints().is_empty(), "{:?}", second.complaints());
    assert!(instance.events("deferred").is_empty(), "{:?}", instance.events("deferred"));
    if let Ok(first) = world.exchanger("first.there.example") {
        assert!(taken(first).is_empty(), "{}", first.story());
        assert!(first.complaints().is_empty(), "{:?}", first.complaints());
    }
}

fn first(script: Script) -> Plan {
    World::new().exchanger("first.there.example", script)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_refuses_connections() {
    reaches_the_second(World::new().refuses("first.there.example")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_greets_with_554() {
    reaches_the_second(first(Script::polite().greeting("554 5.3.2 no service"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_greets_with_421() {
    reaches_the_second(first(Script::polite().reply("CONNECT", "421 4.3.2 busy"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_refuses_ehlo_and_helo() {
    let script = Script::polite().reply("EHLO", "550 5.7.1 not you").reply("HELO", "550 5.7.1 not you");
    reaches_the_second(first(script)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hangs_up() {
    for verb in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        reaches_the_second(first(Script::polite().hang_up(verb))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_falls_silent() {
    for verb in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        reaches_the_second(first(Script::polite().stall(verb))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_closes_with_421_in_a_transaction() {
    for verb in ["MAIL", "RCPT", "DATA"] {
        reaches_the_second(first(Script::polite().reply(verb, "421 4.3.2 closing"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_says_later() {
    for verb in ["MAIL", "RCPT", "DATA", "."] {
        let script = Script::polite().reply(verb, "451 4.3.0 later");
        reaches_the_second(first(script)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut() {
    // More than the network's buffers hold: the end of the content cannot have been sent.
    let large = mail(TO).with(&b"0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(400_000));
    for (after, mail) in [(10, mail(TO)), (60, mail(TO)), (300, large)] {
        let fault = Fault::cut(Direction::ToServer, after);
        let plan = World::new().faulty("first.there.example", Script::polite(), fault);
        carries_to_the_second(plan, &mail).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_stalls() {
    let fault = Fault::stall(Direction::ToClient, 100);
    reaches_the_second(World::new().faulty("first.there.example", Script::polite(), fault)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_garbles_replies() {
    let fault = Fault::garble(Direction::ToClient, 0);
    reaches_the_second(World::new().faulty("first.there.example", Script::polite(), fault)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_that_one_host_takes_and_those_it_puts_off_part() {
    let script = Script::polite().reply("RCPT", "450 4.2.1 later").when("carol");
    let world =
        first(script).zone(ZONE).exchanger("second.there.example", Script::polite()).start().await.unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(&["bob@there.example", "carol@there.example", "dave@there.example"])).await;
    instance.await_finished(1).await;
    let of = |name: &str| world.exchanger(name).unwrap().messages();
    assert_eq!(of("first.there.example")[0].recipients, ["bob@there.example", "dave@there.example"]);
    assert_eq!(of("second.there.example")[0].recipients, ["carol@there.example"]);
    assert!(instance.events("deferred").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_host_has_taken_is_written_down_before_the_next_is_tried() {
    let script = Script::polite().reply("RCPT", "450 4.2.1 later").when("carol");
    let world = first(script)
        .zone(ZONE)
        .exchanger("second.there.example", Script::polite().stall("CONNECT"))
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        settings.timeouts.greeting = Duration::from_secs(300);
    });
    let id = instance.hand_in(&mail(&["bob@there.example", "carol@there.example"])).await;
    let second = world.exchanger("second.there.example").unwrap();
    second.await_memory("a connection", |memory| !memory.connections.is_empty()).await.unwrap();
    let entry = instance.queue.entry(id).await.unwrap().unwrap();
    assert_eq!(entry.recipients[0], RecipientState::Delivered);
    assert!(matches!(entry.recipients[1], RecipientState::Waiting { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_one_host_count_more_than_the_silence_of_the_next() {
    let world = first(Script::polite().reply("RCPT", "450 4.2.1 later"))
        .zone(ZONE)
        .exchanger("second.there.example", Script::polite().hang_up("MAIL"))
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(TO)).await;
    assert_eq!(instance.await_events("deferred", 1).await[0]["cause"], "450 4.2.1 later");
}

fn patient(world: &World) -> impl FnOnce(&mut Settings) + use<> {
    let facing = facing(world);
    |settings| {
        facing(settings);
        rule(settings, |rules| {
            rules.delivery.retry = [50, 100, 200].map(Duration::from_millis).to_vec();
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_hosts_put_off_is_tried_by_the_schedule() {
    let later = |times| Script::polite().reply("RCPT", "450 4.2.1 later").times(times);
    let world = first(later(4)).zone(ZONE).exchanger("second.there.example", later(4)).start().await.unwrap();
    let instance = Instance::start_with(patient(&world));
    instance.hand_in(&mail(TO)).await;
    instance.await_finished(1).await;
    let deferred = instance.events("deferred");
    let attempts: Vec<_> = deferred.iter().map(|event| event["attempts"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    for event in &deferred {
        assert_eq!(event["cause"], "450 4.2.1 later");
    }
    // Each attempt asks each host once, no more.
    let asked = |name: &str| {
        let connections = world.exchanger(name).unwrap().memory().connections;
        let all = connections.into_iter().flat_map(|connection| connection.commands);
        all.filter(|command| command.starts_with("RCPT")).count()
    };
    assert_eq!((asked("first.there.example"), asked("second.there.example")), (5, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_line_asks_its_host_no_second_time() {
    let world = World::new()
        .zone("there.example. MX 10 mx.there.example.")
        .exchanger("mx.there.example", Script::polite().reply("RCPT", "450 4.2.1 later").when("carol").once())
        .start()
        .await
        .unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        rule(settings, |rules| rules.delivery.retry = vec![Duration::from_secs(600)]);
    });
    instance.hand_in(&mail(TO)).await;
    instance.await_finished(1).await;
    instance.hand_in(&mail(&["carol@there.example"])).await;
    instance.await_events("deferred", 1).await;
    let exchanger = world.exchanger("mx.there.example").unwrap();
    assert_eq!(exchanger.memory().connections.len(), 1, "{}", exchanger.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_refuses_for_good_fails_once_and_goes_nowhere_else() {
    for verb in ["MAIL", "RCPT", "DATA", "."] {
        let world = first(Script::polite().reply(verb, "550 5.7.1 never"))
            .zone(ZONE)
            .exchanger("second.there.example", Script::polite())
            .start()
            .await
            .unwrap();
        let instance = Instance::facing(&world);
        instance.hand_in(&mail(TO)).await;
        // The message and its report.
        instance.await_finished(2).await;
        assert_eq!(instance.events("failed").len(), 1, "{verb}");
        assert_eq!(instance.maildir("ada").messages().unwrap().len(), 1, "{verb}");
        assert!(world.exchanger("second.there.example").unwrap().memory().connections.is_empty(), "{verb}");
    }
}
