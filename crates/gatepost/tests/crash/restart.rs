//! Ends and starts: the queue is what it was, and one server at a time has it.

use std::io;

use gatepost_testworld::{Client, Script};
use serde_json::Value;

use crate::book::Audit;
use crate::load::{Load, MAILBOX, SENDER, Server, THERE};
use crate::queue::{arrivals, await_empty, change, list, start};
use crate::rig::await_that;

const WRITERS: u32 = 4;

fn states(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["state"].as_str().expect("a state")).collect()
}

/// What was deferred and what was held is so after a kill, with the same due times and causes, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_is_the_same_after_a_kill() -> io::Result<()> {
    let later = Script::polite().reply("RCPT", "450 4.2.1 not today");
    let (sink, mut gatepost) = start(later, r#"["1h"]"#).await?;
    let mut client = Client::connect(gatepost.mx()).await?;
    client.say("EHLO elsewhere.example", "250").await?;
    let recipients = [format!("{MAILBOX}@{THERE}"), format!("other@{THERE}")];
    for number in 0..6 {
        let content = format!("Subject: waits {number}\r\n\r\nLine.\r\n");
        client.submit(SENDER, &[&recipients[0], &recipients[1]], content.as_bytes()).await?;
    }
    await_that("six deferred messages", || (states(&list(&gatepost)) == ["deferred"; 6]).then_some(()));
    let held = list(&gatepost)[2]["id"].as_str().expect("an id").to_owned();
    change(&gatepost, &["hold", &held]);
    let before = list(&gatepost);
    assert_eq!(states(&before), ["deferred", "deferred", "held", "deferred", "deferred", "deferred"]);

    gatepost.kill();
    gatepost.serve();
    assert_eq!(list(&gatepost), before, "after a kill");
    gatepost.signal("TERM");
    assert_eq!(gatepost.await_end(), Some(0));
    assert_eq!(list(&gatepost), before, "with no server");
    gatepost.serve();
    assert_eq!(list(&gatepost), before, "after a good end");

    sink.follow(Script::polite());
    change(&gatepost, &["retry", "--all"]);
    await_that("the held message alone", || (states(&list(&gatepost)) == ["held"]).then_some(()));
    change(&gatepost, &["release", &held]);
    await_empty(&gatepost);
    let messages = sink.messages();
    for number in 0..6 {
        let subject = format!("Subject: waits {number}\r\n");
        let of_it =
            messages.iter().filter(|message| String::from_utf8_lossy(&message.content).contains(&subject));
        let told: Vec<_> = of_it.flat_map(|message| &message.recipients).collect();
        assert_eq!(told, [&recipients[0], &recipients[1]], "{subject}");
    }
    Ok(())
}

/// SIGTERM in the middle of work loses nothing and repeats nothing; the next start delivers the rest by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sigterm_leaves_is_delivered_after_the_next_start() -> io::Result<()> {
    let busy = Script::polite().reply("RCPT", "450 4.2.1 come again").times(20);
    let (sink, mut gatepost) = start(busy, r#"["5s"]"#).await?;
    let mut load = Load::start(WRITERS, 50);
    load.server_is(Server::At(gatepost.mx()));
    let book = load.book_of_all().await;
    gatepost.signal("TERM");
    assert_eq!(gatepost.await_end(), Some(0));
    let left = list(&gatepost).len();
    assert_ne!(left, 0, "nothing was left to do");
    gatepost.serve();
    await_empty(&gatepost);
    let audit = book.audit(&arrivals(&gatepost, &sink)?);
    println!("SIGTERM left {left} of {} messages", book.promises());
    assert_eq!(book.promises(), WRITERS as usize * 50);
    assert_eq!(audit, Audit::default());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_data_is_refused() -> io::Result<()> {
    let (sink, gatepost) = start(Script::polite(), r#"["1h"]"#).await?;
    let second = gatepost.run(&["serve"]);
    let told = String::from_utf8_lossy(&second.stderr);
    assert_ne!(second.status.code(), Some(0));
    assert!(second.status.code().is_some(), "{}", second.status);
    let data = gatepost.dir().join("data");
    assert!(told.contains("running already?") && told.contains(&data.display().to_string()), "{told}");
    assert!(told.contains(&format!("process {} (gatepost)", gatepost.pid())), "{told}");
    let mut load = Load::start(1, 6);
    load.server_is(Server::At(gatepost.mx()));
    let book = load.book_of_all().await;
    await_empty(&gatepost);
    assert_eq!(book.audit(&arrivals(&gatepost, &sink)?), Audit::default());
    Ok(())
}

/// The spool's lock ends with its process, and a command beside a server that does not answer is told who has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_no_lock() -> io::Result<()> {
    let (_sink, mut gatepost) = start(Script::polite(), r#"["1h"]"#).await?;
    std::fs::remove_file(gatepost.dir().join("data/control.sock"))?;
    let refused = gatepost.run(&["queue", "list"]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("process {} (gatepost) uses the spool in", gatepost.pid())), "{told}");
    assert!(told.contains("does not answer on its control socket"), "{told}");
    gatepost.kill();
    assert!(list(&gatepost).is_empty());
    gatepost.serve();
    assert!(list(&gatepost).is_empty());
    Ok(())
}
