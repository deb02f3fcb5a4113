//! Who has logged in is still nobody else.

use gatepost_testworld::{Client, Exchanger, Script};

use crate::rig::{Gatepost, HOSTNAME, Plan};

const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

/// Envelope senders that ada may not use.
const FOREIGN_SENDERS: [&str; 14] = [
    "FROM:<bob@ours.example>",
    "FROM:<BOB@OURS.EXAMPLE>",
    "FROM:<\"bob\"@ours.example>",
    "FROM:<postmaster@ours.example>",
    "FROM:<ada@elsewhere.example>",
    "FROM:<ada@mail.ours.example>",
    "FROM:<ada@[127.0.0.1]>",
    "FROM:<ada@ours.example.elsewhere.example>",
    "FROM:<@ours.example:bob@ours.example>",
    "FROM:<ada%ours.example@elsewhere.example>",
    "FROM:<\"ada@ours.example\"@elsewhere.example>",
    "FROM:<bob@ours.example> AUTH=ada@ours.example",
    "FROM:<ada+tag@ours.example>",
    "FROM:<\u{430}da@ours.example> SMTPUTF8",
];

/// Header sections that show, or may show to some reader, an author who is not ada.
const FOREIGN_AUTHORS: [(&str, &str); 42] = [
    ("another's address", "From: bob@ours.example"),
    ("another's address in brackets", "From: Bob <bob@ours.example>"),
    ("a stranger's", "From: <president@elsewhere.example>"),
    ("two authors, ours first", "From: ada@ours.example, bob@ours.example"),
    ("two authors, ours last", "From: bob@ours.example, ada@ours.example"),
    ("two authors and our Sender", "From: ada@ours.example, bob@ours.example\r\nSender: ada@ours.example"),
    ("two From fields, ours first", "From: ada@ours.example\r\nFrom: bob@ours.example"),
    ("two From fields, ours last", "From: bob@ours.example\r\nFrom: ada@ours.example"),
    ("two From fields, others between", "From: ada@ours.example\r\nX-A: b\r\nfrom: bob@ours.example"),
    ("two From fields, both ours", "From: ada@ours.example\r\nFROM: ada@ours.example"),
    ("From with a space before the colon", "From : bob@ours.example"),
    ("two, one with a space before the colon", "From: ada@ours.example\r\nFrom : bob@ours.example"),
    ("two, one with a tab before the colon", "From: ada@ours.example\r\nFrom\t: bob@ours.example"),
    ("From in odd case", "fROM: bob@ours.example"),
    ("From folded", "From:\r\n bob@ours.example"),
    ("From folded twice", "From:\r\n Ada\r\n\t<bob@ours.example>"),
    ("a group", "From: Friends: bob@ours.example;"),
    ("a group with ours too", "From: Friends: ada@ours.example, bob@ours.example;"),
    ("a group, and ours outside", "From: ada@ours.example, Friends: bob@ours.example;"),
    ("an empty group", "From: undisclosed:;"),
    ("our address as display name", "From: \"ada@ours.example\" <bob@ours.example>"),
    ("our address in brackets as display name", "From: \"<ada@ours.example>\" <bob@ours.example>"),
    ("our address without quotes before another's", "From: ada@ours.example <bob@ours.example>"),
    ("our address in brackets before another's", "From: <ada@ours.example> <bob@ours.example>"),
    ("another's in brackets before ours", "From: <bob@ours.example> <ada@ours.example>"),
    ("our address as encoded word", "From: =?utf-8?q?ada=40ours.example?= <bob@ours.example>"),
    ("our address as comment", "From: bob@ours.example (ada@ours.example)"),
    ("our address as comment before", "From: (ada@ours.example) bob@ours.example"),
    ("comment inside", "From: bob(<ada@ours.example>)@ours.example"),
    ("comment that does not end", "From: bob@ours.example (<ada@ours.example>"),
    ("quote that does not end", "From: \"ada@ours.example <bob@ours.example>"),
    ("a route", "From: <@ours.example:bob@ours.example>"),
    ("two at signs", "From: ada@ours.example@elsewhere.example"),
    ("look-alike", "From: \u{430}da@ours.example"),
    ("no From", "To: bob@ours.example"),
    ("an empty From", "From:"),
    ("only Resent-From", "Resent-From: ada@ours.example"),
    ("a Sender of another", "From: ada@ours.example\r\nSender: bob@ours.example"),
    ("two Sender fields", "From: ada@ours.example\r\nSender: ada@ours.example\r\nSender: bob@ours.example"),
    ("garbage, then From", "From: ada@ours.example\r\nthis is no field\r\nFrom: bob@ours.example"),
    ("a line of spaces, then From", "From: ada@ours.example\r\n \r\nFrom: bob@ours.example"),
    ("an mbox line, then From", "From bob@ours.example Sat Nov 21 12:00:00 2026\r\nX-A: b"),
];

/// Header sections with line ends that only BODY=BINARYMIME lets through, and that some readers take for such.
const FOREIGN_TO_SOME: [&str; 5] = [
    "X-A: b\rFrom: bob@ours.example\r\nFrom: ada@ours.example",
    "X-A: b\nFrom: bob@ours.example\r\nFrom: ada@ours.example",
    "From: ada@ours.example\rFrom: bob@ours.example",
    "From: ada@ours.example\r\nno field\rFrom: bob@ours.example",
    "\rFrom: bob@ours.example\r\nFrom: ada@ours.example",
];

/// Header sections that are ada's own, as odd as some look: a refusal here would be as wrong as a yes there.
const OWN_AUTHORS: [(&str, &str); 9] = [
    ("plain", "From: ada@ours.example"),
    ("upper case", "FROM: ADA@OURS.EXAMPLE"),
    ("a name", "From: Ada Lovelace <ada@ours.example>"),
    ("an encoded name", "From: =?utf-8?q?Ad=C3=A4?= <ada@ours.example>"),
    ("another's address as display name", "From: \"bob@ours.example\" <ada@ours.example>"),
    ("folded", "From: Ada\r\n <ada@ours.example>"),
    ("a comment", "From: ada@ours.example (Ada, not bob@ours.example)"),
    ("an address that she may use too", "From: Orders <orders@ours.example>"),
    ("with a Sender", "From: orders@ours.example\r\nSender: ada@ours.example"),
];

fn start(route: &str) -> Gatepost {
    let plan = Plan::default().maildir("ours.example").with(route);
    let plan = plan.account(ADA, PASSWORD, &["--sends-as", "orders@ours.example"]);
    plan.account("bob@ours.example", PASSWORD, &[]).start()
}

async fn logged_in(gatepost: &Gatepost) -> std::io::Result<Client> {
    let mut client = Client::connect_tls(gatepost.submissions(), HOSTNAME).await?;
    client.say("EHLO client.example", "250").await?;
    client.login(ADA, PASSWORD).await?;
    Ok(client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sends_as_another() -> std::io::Result<()> {
    let away = Exchanger::start(Script::polite()).await?;
    let gatepost = start(&format!("[route.\"*\"]\nvia = \"smtp:{}\"", away.address()));
    let mut wrong = Vec::new();
    for sender in FOREIGN_SENDERS {
        let mut client = logged_in(&gatepost).await?;
        client.send_line(&format!("MAIL {sender}")).await?;
        let reply = client.reply().await?;
        if reply.code() / 100 != 5 {
            wrong.push(format!("{sender}: {}", reply.text()));
        }
        client.say("RCPT TO:<carol@elsewhere.example>", "503").await?;
        client.quit().await?;
    }
    for (name, header) in FOREIGN_AUTHORS {
        for to in ["carol@elsewhere.example", "bob@ours.example"] {
            let reply = hand_in(&gatepost, header, to).await?;
            if !reply.starts_with("550 5.7.1") && !reply.starts_with("550 5.6.0") {
                wrong.push(format!("{name}: {header:?} to {to}: {reply}"));
            }
        }
    }
    for header in FOREIGN_TO_SOME {
        let reply = hand_in_chunk(&gatepost, header).await?;
        if !reply.starts_with("550 5.6.0") {
            wrong.push(format!("{header:?}: {reply}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(gatepost.events("queued").is_empty());
    assert!(away.memory().connections.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sends_as_themselves() -> std::io::Result<()> {
    let gatepost = start("");
    for (name, header) in OWN_AUTHORS {
        let reply = hand_in(&gatepost, header, "bob@ours.example").await?;
        assert!(reply.starts_with("250 "), "{name}: {reply}");
    }
    for sender in ["FROM:<orders@ours.example>", "FROM:<Ada@Ours.Example>", "FROM:<>"] {
        let mut client = logged_in(&gatepost).await?;
        client.say(&format!("MAIL {sender}"), "250").await?;
        client.quit().await?;
    }
    assert_eq!(gatepost.await_mail("ours.example", "bob", OWN_AUTHORS.len()).len(), OWN_AUTHORS.len());
    Ok(())
}

/// Hands in a message with this header section; gives the reply to its content.
async fn hand_in(gatepost: &Gatepost, header: &str, to: &str) -> std::io::Result<String> {
    let mut client = logged_in(gatepost).await?;
    client.say(&format!("MAIL FROM:<{ADA}> BODY=8BITMIME SMTPUTF8"), "250").await?;
    client.say(&format!("RCPT TO:<{to}>"), "250").await?;
    client.say("DATA", "354").await?;
    client.send(format!("{header}\r\nSubject: hello\r\n\r\nFrom: nobody\r\n.\r\n").as_bytes()).await?;
    let reply = client.reply().await?.text();
    client.quit().await?;
    Ok(reply)
}

/// The same with BDAT and BODY=BINARYMIME.
async fn hand_in_chunk(gatepost: &Gatepost, header: &str) -> std::io::Result<String> {
    let content = format!("{header}\r\nSubject: hello\r\n\r\nHello.\r\n");
    let mut client = logged_in(gatepost).await?;
    client.say(&format!("MAIL FROM:<{ADA}> BODY=BINARYMIME"), "250").await?;
    client.say("RCPT TO:<bob@ours.example>", "250").await?;
    client.send(format!("BDAT {} LAST\r\n{content}", content.len()).as_bytes()).await?;
    let reply = client.reply().await?.text();
    client.quit().await?;
    Ok(reply)
}
