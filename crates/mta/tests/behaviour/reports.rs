//! What senders are told: RFC 3461, RFC 3464, RFC 5321 section 6.1.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_mail::{EnvelopeId, Notify, NotifyOn, OriginalRecipient, Return};
use gatepost_testworld::client::Client;
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{ADA, HOSTNAME, Instance, Mail, facing, mail, rule};

const MX: &str = "mx.there.example";

async fn world(script: Script) -> World {
    World::new().zone("there.example. MX 10 mx.there.example.").exchanger(MX, script).start().await.unwrap()
}

/// A report, taken apart.
#[derive(Debug)]
struct Parsed {
    head: BTreeMap<String, String>,
    words: String,
    message: BTreeMap<String, String>,
    recipients: Vec<BTreeMap<String, String>>,
    returned_type: String,
    returned: String,
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            let value = &mut fields.last_mut().unwrap().1;
            value.push(' ');
            value.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(':').unwrap();
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields.into_iter().collect()
}

fn parse(report: &[u8]) -> Parsed {
    let text = String::from_utf8(report.to_vec()).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap();
    let head = fields(head);
    let kind = &head["content-type"];
    assert!(kind.starts_with("multipart/report; report-type=delivery-status;"), "{kind}");
    let boundary = kind.split('"').nth(1).unwrap();
    let (parts, end) = body.split_once(&format!("\n--{boundary}--")).unwrap();
    assert_eq!(end, "\n");
    let parts: Vec<_> = parts.split(&format!("--{boundary}\n")).skip(1).collect();
    assert_eq!(parts.len(), 3, "{text}");
    let part = |number: usize| {
        let (head, body) = parts[number].split_once("\n\n").unwrap();
        (fields(head), body.to_owned())
    };
    let (status_head, status) = part(1);
    assert_eq!(status_head["content-type"], "message/delivery-status");
    let mut groups = status.trim_end().split("\n\n").map(fields);
    let (returned_head, returned) = part(2);
    Parsed {
        head,
        words: part(0).1,
        message: groups.next().unwrap(),
        recipients: groups.collect(),
        returned_type: returned_head["content-type"].clone(),
        returned,
    }
}

/// The one report that Ada gets.
async fn report(instance: &Instance) -> Parsed {
    let messages = instance.maildir("ada").await_messages(1).await.unwrap();
    parse(&messages[0])
}

fn asking(mut mail: Mail, notify: Notify) -> Mail {
    for recipient in &mut mail.envelope.recipients {
        recipient.notify = notify;
    }
    mail
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_reported_with_all_that_is_known() {
    let world =
        world(Script::polite().reply("RCPT", "550-5.1.1 nobody\n550 5.1.1 of that name").when("bob")).await;
    let instance = Instance::facing(&world);
    let mut mail = mail(&["bob@there.example", "carol@there.example"]);
    mail.envelope.envelope_id = Some(EnvelopeId("QQ 314+159".into()));
    mail.envelope.recipients[0].original =
        Some(OriginalRecipient { kind: "rfc822".into(), address: "robert@list.example".into() });
    let id = instance.hand_in(&mail).await;
    let report = report(&instance).await;
    assert_eq!(report.head["return-path"], "<>");
    assert_eq!(report.head["to"], format!("<{}>", ADA.0));
    assert_eq!(report.head["auto-submitted"], "auto-replied");
    assert!(report.words.contains("bob@there.example") && !report.words.contains("carol"), "{report:?}");
    assert_eq!(report.message["reporting-mta"], format!("dns; {HOSTNAME}"));
    assert_eq!(report.message["original-envelope-id"], "QQ 314+159");
    assert!(report.message.contains_key("arrival-date"));
    assert_eq!(report.recipients.len(), 1);
    let bob = &report.recipients[0];
    assert_eq!(bob["original-recipient"], "rfc822; robert@list.example");
    assert_eq!(bob["final-recipient"], "rfc822; bob@there.example");
    assert_eq!((bob["action"].as_str(), bob["status"].as_str()), ("failed", "5.1.1"));
    assert_eq!(bob["remote-mta"], format!("dns; {MX}"));
    assert_eq!(bob["diagnostic-code"], "smtp; 550 5.1.1 nobody of that name");
    assert_eq!(report.returned_type, "text/rfc822-headers");
    assert!(report.returned.contains("Subject: a test") && !report.returned.contains("Hello"), "{report:?}");
    let reported = instance.await_events("reported", 1).await;
    assert_eq!(reported[0]["about"], id.to_string());
    instance.await_finished(2).await;
    assert_eq!(instance.events("reported").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_returned_is_what_was_asked_for() {
    for (wish, kind, whole) in [
        (Some(Return::Full), "message/rfc822", true),
        (Some(Return::Headers), "text/rfc822-headers", false),
        (None, "text/rfc822-headers", false),
    ] {
        let world = world(Script::polite().reply("MAIL", "550 5.7.1 no")).await;
        let instance = Instance::facing(&world);
        let mut mail = mail(&["bob@there.example"]);
        mail.envelope.returns = wish;
        instance.hand_in(&mail).await;
        let report = report(&instance).await;
        assert_eq!(report.returned_type, kind);
        assert_eq!(report.returned.contains("\nHello"), whole, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_no_report_gets_none() {
    let world = world(Script::polite().reply("RCPT", "550 5.1.1 nobody")).await;
    let instance = Instance::facing(&world);
    instance.hand_in(&asking(mail(&["bob@there.example"]), Notify::Never)).await;
    instance.hand_in(&asking(mail(&["bob@there.example"]), Notify::On(NotifyOn::SUCCESS))).await;
    instance.await_finished(2).await;
    let omitted = instance.events("report-omitted");
    assert_eq!(omitted.len(), 2);
    assert_eq!(omitted[0]["rule"], "notice.not-wanted");
    assert!(instance.maildir("ada").messages().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn success_is_reported_by_whoever_is_the_last_to_know() {
    let success = |to| asking(mail(&[to]), Notify::On(NotifyOn::SUCCESS));
    // A next hop with DSN tells the sender itself, and is asked to.
    let world = world(Script::polite()).await;
    let instance = Instance::facing(&world);
    instance.hand_in(&success("bob@there.example")).await;
    let messages = world.exchanger(MX).unwrap().await_messages(1).await.unwrap();
    assert!(messages[0].rcpts[0].contains("NOTIFY=SUCCESS"), "{messages:?}");
    instance.await_finished(1).await;
    assert!(instance.events("reported").is_empty());

    // One without DSN does not: we say that it is out of our hands.
    let world = self::world(Script::polite().lacks("DSN")).await;
    let instance = Instance::facing(&world);
    instance.hand_in(&success("bob@there.example")).await;
    let relayed = report(&instance).await;
    assert_eq!(relayed.recipients[0]["action"], "relayed");
    assert!(relayed.recipients[0]["status"].starts_with("2."), "{relayed:?}");

    // Into a mailbox of ours.
    let instance = Instance::start();
    instance.hand_in(&success("ada@ours.example")).await;
    instance.await_finished(2).await;
    let messages = instance.maildir("ada").messages().unwrap();
    let delivered = messages.iter().find(|message| message.starts_with(b"Return-Path: <>")).unwrap();
    assert_eq!(parse(delivered).recipients[0]["action"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_what_nobody_sent() {
    let world = world(Script::polite().reply("RCPT", "550 5.1.1 nobody")).await;
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(&["bob@there.example"]).from("")).await;
    let omitted = instance.await_events("report-omitted", 1).await;
    assert_eq!(omitted[0]["rule"], "notice.null-sender");
    instance.await_finished(1).await;
    assert!(instance.events("reported").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_delivered_is_the_end() {
    let world = world(Script::polite().reply("RCPT", "550 5.1.1 nobody")).await;
    let instance = Instance::facing(&world);
    // The report goes to the same host, which refuses it too.
    instance.hand_in(&mail(&["bob@there.example"]).from("carol@there.example")).await;
    instance.await_finished(2).await;
    assert_eq!(instance.events("reported").len(), 1);
    assert_eq!(instance.events("failed").len(), 2);
    assert_eq!(instance.events("report-omitted").len(), 1);
    let commands: Vec<String> =
        world.exchanger(MX).unwrap().memory().connections.into_iter().flat_map(|one| one.commands).collect();
    assert!(commands.iter().any(|line| line.starts_with("MAIL FROM:<>")), "{commands:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_is_told_once_and_the_end_too() {
    let world = world(Script::polite().reply("RCPT", "451 4.2.1 the mailbox is asleep")).await;
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        rule(settings, |rules| {
            rules.delivery.retry = vec![Duration::from_millis(100)];
            rules.delivery.warn_after = Duration::from_millis(300);
            rules.delivery.expire = Duration::from_millis(1500);
        });
    });
    instance.hand_in(&mail(&["bob@there.example"])).await;
    // The message, the notice of its delay, and that of its end.
    instance.await_finished(3).await;
    let reports: Vec<Parsed> =
        instance.maildir("ada").messages().unwrap().iter().map(|message| parse(message)).collect();
    assert_eq!(reports.len(), 2, "{reports:?}");
    let (delay, end) = (&reports[0].recipients[0], &reports[1].recipients[0]);
    assert_eq!((delay["action"].as_str(), delay["status"].as_str()), ("delayed", "4.2.1"));
    assert_eq!(delay["diagnostic-code"], "smtp; 451 4.2.1 the mailbox is asleep");
    assert_eq!(delay["remote-mta"], format!("dns; {MX}"));
    assert!(delay.contains_key("will-retry-until"), "{delay:?}");
    assert_eq!((end["action"].as_str(), end["status"].as_str()), ("failed", "5.4.7"));
    assert!(end["diagnostic-code"].contains("451 4.2.1 the mailbox is asleep"), "{end:?}");
    assert!(instance.events("deferred").len() >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_without_a_word_of_the_host_is_told_in_ours() {
    let world =
        World::new().zone("there.example. MX 10 mx.there.example.").refuses(MX).start().await.unwrap();
    let instance = Instance::start_with(|settings| {
        facing(&world)(settings);
        rule(settings, |rules| rules.delivery.warn_after = Duration::ZERO);
    });
    instance.hand_in(&mail(&["bob@there.example"])).await;
    let report = report(&instance).await;
    let bob = &report.recipients[0];
    assert_eq!((bob["action"].as_str(), bob["status"].as_str()), ("delayed", "4.4.1"));
    assert!(bob["diagnostic-code"].starts_with("x-gatepost; 451 4.4.1 cannot connect"), "{bob:?}");
    assert!(!bob.contains_key("remote-mta"), "{bob:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_for_reports_gets_them() {
    let world = world(Script::polite().reply("RCPT", "550 5.1.1 nobody")).await;
    let instance = Instance::facing(&world);
    let mut client = Client::connect(instance.address("submission")).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client.starttls(HOSTNAME).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client.login(ADA.0, ADA.1).await.unwrap();
    client.say("MAIL FROM:<ada@ours.example> RET=FULL ENVID=a+2Bb", "250").await.unwrap();
    let rcpt = "RCPT TO:<bob@there.example> NOTIFY=FAILURE ORCPT=rfc822;bob+2Bx@there.example";
    client.say(rcpt, "250").await.unwrap();
    client.say("DATA", "354").await.unwrap();
    client.send(b"From: ada@ours.example\r\n\r\nthe body\r\n.\r\n").await.unwrap();
    client.expect("250").await.unwrap();
    let report = report(&instance).await;
    assert_eq!(report.message["original-envelope-id"], "a+b");
    assert_eq!(report.recipients[0]["original-recipient"], "rfc822; bob+x@there.example");
    assert!(report.returned.contains("\nthe body"), "{report:?}");
}
