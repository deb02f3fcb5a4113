//! Few connections for many messages, few transactions for many recipients.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use gatepost_mail::Domain;
use gatepost_policy::rules::{Endpoint, Pattern, Route, TlsRule};
use gatepost_spool::{Entry, RecipientState};
use gatepost_testworld::exchanger::Transfer;
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::instance::{Instance, facing, hand_in, mail, rule};

const ZONE: &str = "there.example. MX 10 mx.there.example.\nelse.example. MX 10 mx.else.example.";
const MX: &str = "mx.there.example";

async fn world(script: Script) -> World {
    let plan = World::new().zone(ZONE).exchanger(MX, script);
    plan.exchanger("mx.else.example", Script::polite()).start().await.unwrap()
}

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user{number}@there.example")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_go_over_few_connections() {
    let world = world(Script::polite()).await;
    let instance = Instance::facing(&world);
    for _ in 0..100 {
        instance.hand_in(&mail(&["bob@there.example"])).await;
    }
    instance.await_finished(100).await;
    let exchanger = world.exchanger(MX).unwrap();
    assert_eq!(exchanger.messages().len(), 100);
    assert!(exchanger.memory().connections.len() <= 20, "{}", exchanger.memory().connections.len());
    assert!(exchanger.complaints().is_empty(), "{:?}", exchanger.complaints());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_was_reached_gets_more_connections() {
    // Five lines hang: more than a site has that nobody has reached yet.
    let world = world(Script::polite().stall("DATA").times(5)).await;
    let instance = Instance::facing(&world);
    for _ in 0..30 {
        instance.hand_in(&mail(&["bob@there.example"])).await;
    }
    world.exchanger(MX).unwrap().await_messages(25).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_after_the_other_goes_over_one_connection() {
    let world = world(Script::polite()).await;
    let instance = Instance::facing(&world);
    for number in 1..=10 {
        instance.hand_in(&mail(&["bob@there.example"])).await;
        instance.await_finished(number).await;
    }
    assert_eq!(world.exchanger(MX).unwrap().memory().connections.len(), 1);
}

/// The first message of a line goes by DATA; what follows it closely goes in one group with its envelope.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_has_taken_one_gets_the_next_in_one_group() {
    let content = b"Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n";
    for (script, wanted) in [
        (Script::polite(), Transfer::Chunks),
        (Script::polite().lacks("CHUNKING"), Transfer::Data),
        // One reply for each command: nothing goes before its turn.
        (Script::polite().lacks("PIPELINING"), Transfer::Chunks),
    ] {
        let world = world(script).await;
        let instance = Instance::facing(&world);
        for number in 1..=3 {
            instance.hand_in(&mail(&["bob@there.example"]).with(content)).await;
            instance.await_finished(number).await;
        }
        let exchanger = world.exchanger(MX).unwrap();
        let messages = exchanger.messages();
        let transfers: Vec<Transfer> = messages.iter().map(|message| message.transfer).collect();
        assert_eq!(transfers, [Transfer::Data, wanted, wanted], "{}", exchanger.story());
        assert!(messages.iter().all(|message| message.content == content));
        assert_eq!(exchanger.memory().connections.len(), 1);
        assert!(exchanger.complaints().is_empty(), "{:?}", exchanger.complaints());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_the_host_closed_meanwhile_is_no_failure() {
    for script in [
        // Without a word at the next MAIL, and with one.
        Script::polite().hang_up("MAIL").when("second"),
        Script::polite().reply("MAIL", "421 4.4.2 idle for too long").when("second"),
    ] {
        let world = world(script.once()).await;
        let instance = Instance::facing(&world);
        instance.hand_in(&mail(&["bob@there.example"])).await;
        instance.await_finished(1).await;
        instance.hand_in(&mail(&["bob@there.example"]).from("second@ours.example")).await;
        instance.await_finished(2).await;
        let exchanger = world.exchanger(MX).unwrap();
        assert_eq!(exchanger.messages().len(), 2);
        assert_eq!(exchanger.memory().connections.len(), 2);
        assert!(instance.events("deferred").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_of_one_domain_share_a_transaction_and_domains_do_not() {
    let world = world(Script::polite()).await;
    let instance = Instance::facing(&world);
    let to = ["a@there.example", "x@else.example", "b@there.example", "ada@ours.example", "y@else.example"];
    instance.hand_in(&mail(&to)).await;
    instance.await_finished(1).await;
    let of = |name: &str| world.exchanger(name).unwrap().messages();
    assert_eq!(of(MX).len(), 1);
    assert_eq!(of(MX)[0].recipients, ["a@there.example", "b@there.example"]);
    assert_eq!(of("mx.else.example").len(), 1);
    assert_eq!(of("mx.else.example")[0].recipients, ["x@else.example", "y@else.example"]);
    assert_eq!(instance.maildir("ada").messages().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_recipients_are_one_transaction() {
    let world = world(Script::polite()).await;
    let instance = Instance::facing(&world);
    let to = addresses(500);
    instance.hand_in(&mail(&to.iter().map(String::as_str).collect::<Vec<_>>())).await;
    instance.await_finished(1).await;
    let messages = world.exchanger(MX).unwrap().messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].recipients, to);
    assert_eq!(instance.events("delivered").len(), 500);
}

async fn splits(script: Script, transactions: usize) -> World {
    let world = world(script).await;
    let instance = Instance::start_with(facing(&world));
    let to = addresses(25);
    instance.hand_in(&mail(&to.iter().map(String::as_str).collect::<Vec<_>>())).await;
    instance.await_finished(1).await;
    assert!(instance.events("deferred").is_empty());
    let messages = world.exchanger(MX).unwrap().messages();
    let mut reached: Vec<String> = messages.iter().flat_map(|message| message.recipients.clone()).collect();
    assert_eq!(messages.len(), transactions);
    assert_eq!(reached.len(), 25);
    reached.sort();
    reached.dedup();
    assert_eq!(reached.len(), 25, "nobody twice");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn more_recipients_than_the_host_takes_are_split() {
    let world = splits(Script::polite().offers("LIMITS RCPTMAX=10"), 3).await;
    assert_eq!(world.exchanger(MX).unwrap().memory().connections.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_ends_the_session_after_each_message_gets_them_all() {
    let world = splits(Script::polite().offers("LIMITS RCPTMAX=10 MAILMAX=1"), 3).await;
    assert_eq!(world.exchanger(MX).unwrap().memory().connections.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_says_452_gets_the_others_next() {
    // One of them is one too many, once.
    let script = Script::polite().reply("RCPT", "452 4.5.3 too many recipients").when("user10@").once();
    let world = splits(script, 2).await;
    assert_eq!(world.exchanger(MX).unwrap().memory().connections.len(), 1);
}

/// What a crash in the middle of the second transaction must not repeat.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_transaction_delivered_is_written_down_before_the_next() {
    let script = Script::polite().offers("LIMITS RCPTMAX=10").stall("RCPT").when("user10@");
    let world = world(script).await;
    let instance = Instance::facing(&world);
    let to = addresses(25);
    let id = instance.hand_in(&mail(&to.iter().map(String::as_str).collect::<Vec<_>>())).await;
    world.exchanger(MX).unwrap().await_messages(1).await.unwrap();
    let ten = |entry: &Entry| entry.recipients.iter().filter(|state| is_delivered(state)).count() == 10;
    instance.await_entry(id, "ten deliveries to be written down", ten).await;
}

const fn is_delivered(state: &RecipientState) -> bool {
    matches!(state, RecipientState::Delivered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_takes_fewer_connections_than_we_open_gets_all_mail_over_those() {
    // Three connections are let in; all others are told to go away.
    let script = Script::polite()
        .reply("CONNECT", "220 exchanger.example")
        .times(3)
        .reply("CONNECT", "421 4.7.0 too many connections");
    let world = world(script).await;
    let instance = Instance::facing(&world);
    for _ in 0..60 {
        instance.hand_in(&mail(&["bob@there.example"])).await;
    }
    instance.await_finished(60).await;
    assert_eq!(world.exchanger(MX).unwrap().messages().len(), 60);
    assert!(instance.events("deferred").is_empty(), "{:?}", instance.events("deferred"));
}

/// A door before a host. It turns the first one away once three have come, and lets all others in.
async fn door(host: SocketAddr) -> io::Result<(SocketAddr, JoinHandle<io::Result<()>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await?;
        let mut inside = JoinSet::new();
        for number in 2.. {
            let (mut client, _) = listener.accept().await?;
            inside.spawn(async move {
                copy_bidirectional(&mut client, &mut TcpStream::connect(host).await?).await
            });
            if number == 3 {
                first.write_all(b"421 4.7.0 too many connections\r\n").await?;
                first.shutdown().await?;
            }
        }
        Ok(())
    });
    Ok((address, task))
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_host_refuses_leaves_its_mail_to_those_who_still_seek() {
    let world = world(Script::polite()).await;
    let (address, task) = door(world.exchanger(MX).unwrap().address()).await.unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        let pattern = Pattern::Exactly(Domain::parse("there.example").unwrap());
        let via = Endpoint::Address(address.ip(), address.port());
        let route = Route { pattern, via, login: None, tls: TlsRule::Off };
        rule(settings, |rules| rules.routes.push(route));
    });
    for _ in 0..10 {
        instance.hand_in(&mail(&["bob@there.example"])).await;
    }
    instance.await_finished(10).await;
    assert!(instance.events("deferred").is_empty(), "{:?}", instance.events("deferred"));
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn open_lines_do_not_give_way_to_workers_that_still_seek_one() {
    // One refusal means fewer workers while many others wait for a greeting.
    let script = Script::polite()
        .reply("CONNECT", "220 exchanger.example")
        .times(3)
        .reply("CONNECT", "421 4.7.0 too many connections")
        .once()
        .stall("CONNECT");
    let world = world(script).await;
    let instance = Instance::facing(&world);
    for _ in 0..60 {
        instance.hand_in(&mail(&["bob@there.example"])).await;
    }
    // At most ten workers: three with a line, one refused, the others with a message each that waits.
    world.exchanger(MX).unwrap().await_messages(54).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_closed_politely_when_there_is_no_more_to_do() {
    let world = world(Script::polite()).await;
    let instance = Instance::facing(&world);
    for _ in 0..10 {
        instance.hand_in(&mail(&["bob@there.example"])).await;
    }
    instance.await_finished(10).await;
    let exchanger = world.exchanger(MX).unwrap();
    let closed = |memory: &gatepost_testworld::exchanger::Memory| {
        memory
            .connections
            .iter()
            .all(|connection| connection.life == gatepost_testworld::exchanger::Life::Closed)
    };
    let memory = exchanger.await_memory("all lines closed", closed).await.unwrap();
    for connection in memory.connections {
        assert_eq!(connection.commands.last().map(String::as_str), Some("QUIT"));
    }
    instance.stop().await;
}

/// Three domains, of which two have the same hosts in the same order, whatever they call the preferences.
async fn shared() -> World {
    World::new()
        .zone("one.example. MX 10 mx.there.example.\none.example. MX 20 mx.else.example.")
        .zone("two.example. MX 5 mx.there.example.\ntwo.example. MX 7 mx.else.example.")
        .zone("three.example. MX 20 mx.there.example.\nthree.example. MX 10 mx.else.example.")
        .exchanger(MX, Script::polite())
        .exchanger("mx.else.example", Script::polite())
        .start()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_with_the_same_exchangers_share_connections() {
    let world = shared().await;
    let instance = Instance::facing(&world);
    for (number, domain) in (1..).zip(["one", "two", "one", "two", "three"]) {
        instance.hand_in(&mail(&[&format!("bob@{domain}.example")])).await;
        instance.await_finished(number).await;
    }
    let connections = |name: &str| world.exchanger(name).unwrap().memory().connections.len();
    assert_eq!((connections(MX), connections("mx.else.example")), (1, 1));
    assert_eq!(world.exchanger(MX).unwrap().messages().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_at_domains_of_one_site_share_a_transaction_and_keep_their_fates() {
    let world = World::new()
        .zone("one.example. MX 10 mx.there.example.\ntwo.example. MX 10 mx.there.example.")
        .exchanger(MX, Script::polite().reply("RCPT", "550 5.1.1 nobody").when("nobody@two").once())
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    // Then the names are known.
    instance.hand_in(&mail(&["bob@one.example"])).await;
    instance.hand_in(&mail(&["bob@two.example"])).await;
    instance.await_finished(2).await;
    instance.hand_in(&mail(&["a@one.example", "b@two.example", "nobody@two.example", "c@one.example"])).await;
    // Itself, and the report.
    instance.await_finished(4).await;
    let messages = world.exchanger(MX).unwrap().messages();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[2].recipients, ["a@one.example", "b@two.example", "c@one.example"]);
    let failed = instance.events("failed");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["recipient"], "<nobody@two.example>");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_does_not_last_for_ever() {
    let world = world(Script::polite()).await;
    let instance = Instance::facing(&world);
    // More than twenty lines carry, each with as many as it may.
    for _ in 0..22 {
        let mut together = tokio::task::JoinSet::new();
        for _ in 0..250 {
            let queue = instance.queue.clone();
            together.spawn(async move { hand_in(&queue, &mail(&["bob@there.example"])).await });
        }
        together.join_all().await;
    }
    let exchanger = world.exchanger(MX).unwrap();
    let all = |memory: &gatepost_testworld::exchanger::Memory| memory.received.len() == 22 * 250;
    let connections = exchanger.await_memory("all of them", all).await.unwrap().connections.len();
    assert!(connections > 20, "{connections} connections");
    assert!(instance.events("deferred").is_empty());
}
