use std::collections::BTreeSet;

use super::{LineEnds, Need, all, same_apart_from_trace};
use crate::{Client, Exchanger, Script};

#[test]
fn there_are_enough_and_each_is_what_its_flags_say() {
    let samples = all();
    assert!(samples.len() >= 50, "{}", samples.len());
    let names: BTreeSet<&str> = samples.iter().map(|sample| sample.name).collect();
    assert_eq!(names.len(), samples.len());
    for sample in &samples {
        let content = &sample.content;
        let header = content.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(content.len());
        assert_eq!(sample.needs(Need::EightBit), !content.is_ascii(), "{sample:?}");
        assert_eq!(sample.needs(Need::International), !content[..header].is_ascii(), "{sample:?}");
        assert_eq!(sample.needs(Need::Chunking), !content.ends_with(b"\r\n"), "{sample:?}");
        assert!(!content.contains(&0), "{sample:?}");
        for line in content.split(|octet| *octet == b'\n') {
            assert!(line.len() <= 999, "{sample:?}");
            assert!(!line[..line.len().saturating_sub(1)].contains(&b'\r'), "{sample:?}");
        }
    }
    let large = samples.iter().find(|sample| sample.name == "large-attachment").unwrap();
    assert!(large.content.len() > 20 * 1024 * 1024);
}

#[test]
fn only_what_was_added_on_top_may_differ() {
    let sent = b"Received: own\r\nSubject: a\r\n\r\n.b\r\n";
    let same = |received: &[u8], ends| same_apart_from_trace(sent, received, ends).is_ok();
    assert!(same(sent, LineEnds::Crlf));
    assert!(same(
        b"Return-Path: <>\r\nReceived: from x\r\n\tby y\r\nReceived: own\r\nSubject: a\r\n\r\n.b\r\n",
        LineEnds::Crlf
    ));
    assert!(same(b"Delivered-To: x\nReceived: own\nSubject: a\n\n.b\n", LineEnds::Lf));
    assert!(!same(b"Subject: a\r\n\r\n.b\r\n", LineEnds::Crlf), "its own trace field is gone");
    assert!(!same(b"X-Other: 1\r\nReceived: own\r\nSubject: a\r\n\r\n.b\r\n", LineEnds::Crlf));
    assert!(!same(b"Received: own\r\nSubject: a\r\n\r\nb\r\n", LineEnds::Crlf));
    assert!(!same(b"Received: own\r\nSubject: a\r\n\r\n.b\r\n\r\n", LineEnds::Crlf));
    assert!(!same(b"", LineEnds::Crlf));
    let fault = same_apart_from_trace(sent, b"Received: own\r\nSubject: b\r\n", LineEnds::Crlf).unwrap_err();
    assert_eq!(fault.octet, 24, "{fault}");
}

#[tokio::test]
async fn an_exchanger_gets_every_message_unchanged() {
    let exchanger = Exchanger::start(Script::polite()).await.unwrap();
    let mut client = Client::connect(exchanger.address()).await.unwrap();
    client.say("EHLO client.example", "250").await.unwrap();
    for sample in all() {
        client.submit("ada@here.example", &["bob@there.example"], &sample.content).await.unwrap();
        let arrived = exchanger.messages().pop().unwrap();
        same_apart_from_trace(&sample.as_data(), &arrived.content, LineEnds::Crlf)
            .unwrap_or_else(|difference| panic!("{sample:?}: {difference}"));
    }
}
