use super::{Exchanger, Privacy, Transfer};
use crate::{Authority, Client, Script};

async fn greeted(exchanger: &Exchanger) -> Client {
    let mut client = Client::connect(exchanger.address()).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    client
}

#[tokio::test]
async fn a_polite_host_takes_a_message_octet_by_octet() {
    let exchanger = Exchanger::start(Script::polite()).await.unwrap();
    let mut client = greeted(&exchanger).await;
    let content = b"Subject: dots\r\n\r\n.one\r\n..two\r\n.\r\nend\r\n";
    client.submit("ada@here.example", &["bob@there.example", "eve@there.example"], content).await.unwrap();
    let messages = exchanger.await_messages(1).await.unwrap();
    assert_eq!(messages[0].content, content);
    assert_eq!(messages[0].reverse_path, "ada@here.example");
    assert_eq!(messages[0].recipients, ["bob@there.example", "eve@there.example"]);
    assert_eq!(messages[0].transfer, Transfer::Data);
    assert_eq!(messages[0].privacy, Privacy::Clear);
    assert_eq!(messages[0].answer, Some(250));
    assert_eq!(exchanger.complaints(), Vec::<String>::new());
    client.quit().await.unwrap();
}

#[tokio::test]
async fn chunks_need_no_last_line_end() {
    let exchanger = Exchanger::start(Script::polite()).await.unwrap();
    let mut client = greeted(&exchanger).await;
    client.say("MAIL FROM:<> BODY=8BITMIME", "250").await.unwrap();
    client.say("RCPT TO:<bob@there.example>", "250").await.unwrap();
    client.send(b"BDAT 5\r\na\r\n.\r").await.unwrap();
    client.expect("250").await.unwrap();
    client.send(b"BDAT 2 LAST\r\n\nb").await.unwrap();
    client.expect("250").await.unwrap();
    let messages = exchanger.await_messages(1).await.unwrap();
    assert_eq!(messages[0].content, b"a\r\n.\r\nb");
    assert_eq!(messages[0].transfer, Transfer::Chunks);
    assert_eq!(exchanger.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn content_for_nobody_is_refused_and_is_no_message() {
    let exchanger =
        Exchanger::start(Script::polite().reply("RCPT", "550 5.1.1 nobody").once()).await.unwrap();
    let mut client = greeted(&exchanger).await;
    client.send(b"MAIL FROM:<a@here.example>\r\nRCPT TO:<b@there.example>\r\nDATA\r\n").await.unwrap();
    client.expect("250").await.unwrap();
    client.expect("550 5.1.1").await.unwrap();
    client.expect("554 5.5.1").await.unwrap();
    client.send(b"BDAT 6 LAST\r\nNOOP\r\n").await.unwrap();
    client.expect("554 5.5.1").await.unwrap();
    assert!(exchanger.memory().received.is_empty());
    client.say("RCPT TO:<b@there.example>", "250").await.unwrap();
    client.say("DATA", "354").await.unwrap();
    client.say(".", "250").await.unwrap();
    assert_eq!(exchanger.messages().len(), 1);
    assert_eq!(exchanger.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn a_rule_holds_as_often_as_it_says() {
    let script = Script::polite().reply("RCPT", "450 4.2.1 later").when("bob").once();
    let exchanger = Exchanger::start(script).await.unwrap();
    let mut client = greeted(&exchanger).await;
    client.say("MAIL FROM:<ada@here.example>", "250").await.unwrap();
    client.say("RCPT TO:<eve@there.example>", "250").await.unwrap();
    client.say("RCPT TO:<bob@there.example>", "450 4.2.1 later").await.unwrap();
    client.say("RCPT TO:<bob@there.example>", "250").await.unwrap();
}

#[tokio::test]
async fn in_doubt_the_message_was_taken_without_an_answer() {
    let exchanger = Exchanger::start(Script::polite().hang_up(".").once()).await.unwrap();
    let mut client = greeted(&exchanger).await;
    client.submit("a@here.example", &["b@there.example"], b"one\r\n").await.unwrap_err();
    let memory = exchanger.await_memory("the content", |memory| memory.received.len() == 1).await.unwrap();
    assert_eq!(memory.received[0].answer, None);
    assert!(memory.accepted().is_empty());
    let mut client = greeted(&exchanger).await;
    client.submit("a@here.example", &["b@there.example"], b"one\r\n").await.unwrap();
    assert_eq!(exchanger.messages().len(), 1);
}

#[tokio::test]
async fn a_421_closes_and_old_hosts_know_only_helo() {
    let exchanger = Exchanger::start(Script::polite().reply("CONNECT", "421 4.3.2 full")).await.unwrap();
    let mut client = Client::dial(exchanger.address()).await.unwrap();
    client.expect("421").await.unwrap();
    assert_eq!(client.closed().await.unwrap(), b"");

    let exchanger = Exchanger::start(Script::old()).await.unwrap();
    let mut client = Client::connect(exchanger.address()).await.unwrap();
    client.say("EHLO client.example", "500").await.unwrap();
    client.say("HELO client.example", "250").await.unwrap();
    client.say("MAIL FROM:<a@here.example> SIZE=1", "555").await.unwrap();
}

#[tokio::test]
async fn starttls_and_auth_as_offered() {
    let identity = Authority::new().unwrap().identity(&["there.example"]).unwrap();
    let script = Script::polite().starttls(identity.server_config().unwrap()).account("ada", "secret");
    let exchanger = Exchanger::start(script).await.unwrap();
    let mut client = Client::connect(exchanger.address()).await.unwrap();
    assert!(client.say("EHLO client.example", "250").await.unwrap().offers("STARTTLS"));
    client.starttls("there.example").await.unwrap();
    assert_eq!(client.tls().unwrap().version, "TLSv1_3");
    let hello = client.say("EHLO client.example", "250").await.unwrap();
    assert!(hello.offers("AUTH") && !hello.offers("STARTTLS"));
    client.say("AUTH LOGIN", "334 VXNlcm5hbWU6").await.unwrap();
    client.say("YWRh", "334 UGFzc3dvcmQ6").await.unwrap();
    client.say("bm9wZQ==", "535").await.unwrap();
    client.login("ada", "secret").await.unwrap();
    client.submit("ada@here.example", &["bob@there.example"], b"secret\r\n").await.unwrap();
    assert_eq!(exchanger.messages()[0].privacy, Privacy::Encrypted);
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp");
    let script = Script::lmtp().reply(".", "552 5.2.2 full").when("eve");
    let store = Exchanger::serve_unix(&path, script).unwrap();
    let mut client = Client::dial_unix(&path).await.unwrap();
    client.expect("220").await.unwrap();
    client.say("EHLO client.example", "500").await.unwrap();
    client.say("LHLO client.example", "250").await.unwrap();
    client.submit("a@here.example", &["bob@there.example", "eve@there.example"], b"one\r\n").await.unwrap();
    client.expect("552").await.unwrap();
    assert_eq!(store.memory().received[0].answer, Some(552));
}

#[tokio::test]
async fn what_breaks_the_standards_is_complained_about() {
    let exchanger = Exchanger::start(Script::polite().lacks("PIPELINING")).await.unwrap();
    let mut client = greeted(&exchanger).await;
    client.send(b"NOOP\nNOOP\r\n").await.unwrap();
    client.expect("250").await.unwrap();
    client.expect("250").await.unwrap();
    let long = "x".repeat(999);
    let content = format!("caf\u{e9}\r\nbare\nline\r\n{long}\r\n");
    client.submit("a@here.example", &["b@there.example"], content.as_bytes()).await.unwrap();
    let complaints = exchanger.complaints().join("\n");
    for wanted in ["LF alone", "in one go", "8-bit", "bare LF", "too long"] {
        assert!(complaints.contains(wanted), "{wanted} in {complaints}");
    }
}
