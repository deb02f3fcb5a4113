//! What a next hop cannot take is converted where the standards allow, and fails clearly where they do not.

use gatepost_mail::{Body, Ending, International};
use gatepost_testworld::exchanger::{Message, Transfer};
use gatepost_testworld::script::Script;
use gatepost_testworld::world::World;

use crate::instance::{Instance, Mail, mail};

const TO: &[&str] = &["bob@there.example"];
const MX: &str = "mx.there.example";

async fn world(script: Script) -> World {
    World::new().zone("there.example. MX 10 mx.there.example.").exchanger(MX, script).start().await.unwrap()
}

async fn arrives(script: Script, mail: &Mail) -> Message {
    let world = world(script).await;
    let instance = Instance::facing(&world);
    instance.hand_in(mail).await;
    instance.await_finished(1).await;
    let exchanger = world.exchanger(MX).unwrap();
    assert!(exchanger.complaints().is_empty(), "{:?}", exchanger.complaints());
    let messages = exchanger.messages();
    assert_eq!(messages.len(), 1, "{:?}", instance.events("failed"));
    Message::clone(&messages[0])
}

async fn fails(script: Script, mail: &Mail, reply: &str) {
    let world = world(script).await;
    let instance = Instance::facing(&world);
    instance.hand_in(mail).await;
    let failed = instance.await_events("failed", 1).await;
    assert!(failed[0]["cause"].as_str().unwrap().starts_with(reply), "{failed:?}");
    assert_eq!(failed[0]["rule"], "delivery.cannot-carry");
    let commands: Vec<String> =
        world.exchanger(MX).unwrap().memory().connections.into_iter().flat_map(|one| one.commands).collect();
    assert!(!commands.iter().any(|line| line.starts_with("MAIL")), "{commands:?}");
}

fn eight_bit(content: &str) -> Mail {
    let mut mail = mail(TO).with(content.as_bytes());
    mail.envelope.body = Body::EightBitMime;
    mail
}

const GREETINGS: &str = "From: ada@ours.example\r\nMIME-Version: 1.0\r\n\
                         Content-Type: text/plain; charset=utf-8\r\n\
                         Content-Transfer-Encoding: 8bit\r\n\r\nGr\u{fc}\u{df}e\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn eight_bit_content_goes_as_it_is_where_that_is_taken() {
    let message = arrives(Script::polite(), &eight_bit(GREETINGS)).await;
    assert!(message.mail.contains("BODY=8BITMIME"), "{}", message.mail);
    assert_eq!(message.content, GREETINGS.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_bit_content_is_encoded_where_it_is_not_taken() {
    let message = arrives(Script::polite().lacks("8BITMIME"), &eight_bit(GREETINGS)).await;
    let text = String::from_utf8(message.content.clone()).unwrap();
    assert!(text.is_ascii() && text.contains("\r\n\r\nGr=C3=BC=C3=9Fe\r\n"), "{text}");
    assert!(!message.mail.contains("BODY="), "{}", message.mail);
    assert!(message.mail.contains(&format!("SIZE={}", message.content.len())), "{}", message.mail);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_content_is_encoded_too() {
    let line = "Viele Gr\u{fc}\u{df}e aus der Ferne\r\n";
    let content = format!("{GREETINGS}{}", line.repeat(40_000));
    let message = arrives(Script::polite().lacks("8BITMIME"), &eight_bit(&content)).await;
    let text = String::from_utf8(message.content).unwrap();
    assert_eq!(text.matches("Viele Gr=C3=BC=C3=9Fe aus der Ferne\r\n").count(), 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_is_not_encoded_and_fails() {
    let signed = "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\
                  Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
                  Gr\u{fc}\u{df}e\r\n--b--\r\n";
    fails(Script::polite().lacks("8BITMIME"), &eight_bit(signed), "554 5.6.3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_beyond_ascii_need_smtputf8() {
    let mut sender = mail(TO).from("\u{e4}da@ours.example");
    sender.envelope.international = International::Yes;
    let message = arrives(Script::polite(), &sender).await;
    assert!(message.mail.contains("<\u{e4}da@ours.example>") && message.mail.contains("SMTPUTF8"));
    fails(Script::polite().lacks("SMTPUTF8"), &sender, "553 5.6.7").await;

    // What needs it in neither address nor header goes without.
    let mut plain = mail(TO);
    plain.envelope.international = International::Yes;
    arrives(Script::polite().lacks("SMTPUTF8"), &plain).await;

    let mut header = mail(TO).with("Subject: Gr\u{fc}\u{df}e\r\n\r\nx\r\n".as_bytes());
    header.envelope.international = International::Yes;
    header.envelope.body = Body::EightBitMime;
    let script = Script::polite().lacks("SMTPUTF8");
    fails(script, &header, "553 5.6.7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_beyond_ascii_goes_as_a_labels() {
    let world = World::new()
        .zone("xn--bcher-kva.example. MX 10 mx.there.example.")
        .exchanger(MX, Script::polite().lacks("SMTPUTF8"))
        .start()
        .await
        .unwrap();
    let instance = Instance::facing(&world);
    instance.hand_in(&mail(&["bob@b\u{fc}cher.example"])).await;
    let messages = world.exchanger(MX).unwrap().await_messages(1).await.unwrap();
    assert_eq!(messages[0].recipients, ["bob@xn--bcher-kva.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_the_host_takes_fails() {
    let large = mail(TO).with(&b"0123456789\r\n".repeat(100));
    fails(Script::polite().offers("SIZE 1000"), &large, "552 5.3.4").await;
    arrives(Script::polite().offers("SIZE 1200"), &large).await;
}

fn open(content: &[u8]) -> Mail {
    let mut mail = mail(TO).with(content);
    mail.envelope.ending = Ending::Open;
    mail
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_line_without_an_end_stays_so_by_bdat() {
    for content in [
        b"Subject: x\r\n\r\n.no end".to_vec(),
        [b"Subject: x\r\n\r\n".as_slice(), &b".0123456789\r\n".repeat(100_000), b".\r\n.."].concat(),
    ] {
        let message = arrives(Script::polite(), &open(&content)).await;
        assert_eq!((message.transfer, message.content.len()), (Transfer::Chunks, content.len()));
        assert!(message.content == content);
        // Without CHUNKING there is no way to say it.
        let message = arrives(Script::polite().lacks("CHUNKING"), &open(&content)).await;
        assert_eq!(message.transfer, Transfer::Data);
        assert!(message.content == [content.as_slice(), b"\r\n"].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_arrives_octet_by_octet() {
    let long = [b"x".repeat(998), b"\r\n".to_vec()].concat();
    for content in [
        Vec::new(),
        b"\r\n".to_vec(),
        b".\r\n..\r\n...\r\n".to_vec(),
        b"Subject: no body\r\n".to_vec(),
        [b"Subject: long\r\n\r\n".to_vec(), long.repeat(3)].concat(),
        [b"Subject: large\r\n\r\n".as_slice(), &b".line with a dot\r\n\r\n..two\r\n".repeat(200_000)]
            .concat(),
    ] {
        let message = arrives(Script::polite(), &mail(TO).with(&content)).await;
        assert!(message.content == content, "{} octets", content.len());
        assert_eq!(message.transfer, Transfer::Data);
    }
}
