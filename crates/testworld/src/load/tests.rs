//! Generator and sink against each other.

use std::io;

use super::{Made, Marker, Mood, Plan, Security, Sink, SinkPlan, hold};
use crate::patience::PATIENCE;
use crate::{Authority, Direction, Fault, FaultProxy};

/// As it is, with a deadline.
async fn generate(plan: Plan) -> io::Result<Made> {
    tokio::time::timeout(PATIENCE, super::generate(plan)).await?
}

async fn sink() -> Sink {
    Sink::start(SinkPlan::default()).await.unwrap()
}

#[tokio::test]
async fn every_message_is_counted_once() {
    let sink = sink().await;
    for octets in [0, 200, 4096, 100_000, 300_001] {
        let sink = Sink::start(SinkPlan::default()).await.unwrap();
        let plan = Plan { messages: 103, sessions: 7, octets, ..Plan::to(sink.address()) };
        let made = generate(plan).await.unwrap();
        sink.has(103).await;
        let tally = sink.tally();
        assert_eq!((made.taken, tally.distinct()), (103, 103), "{octets}");
        assert_eq!((tally.twice, tally.unmarked), (0, 0), "{octets}");
        assert_eq!(tally.missing(104, 5), [103], "{octets}");
        if octets > 200 {
            // The line end before it, and the final dot.
            assert_eq!(tally.octets, 103 * (octets as u64 + 5), "{octets}");
        }
    }
    generate(Plan { messages: 5, ..Plan::to(sink.address()) }).await.unwrap();
    generate(Plan { messages: 5, ..Plan::to(sink.address()) }).await.unwrap();
    assert_eq!((sink.tally().distinct(), sink.tally().twice), (5, 5));
}

#[tokio::test]
async fn what_is_lost_on_the_way_is_noticed() {
    let sink = sink().await;
    let cut = Fault::cut(Direction::ToServer, 10_000);
    let proxy = FaultProxy::start(sink.address(), cut).await.unwrap();
    let plan = Plan { messages: 10, ..Plan::to(proxy.address()) };
    let fault = generate(plan).await.unwrap_err();
    assert!(matches!(fault.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset), "{fault}");
    assert_eq!(sink.tally().distinct(), 2);
    assert_eq!(sink.tally().missing(10, 3), [2, 3, 4]);
}

#[tokio::test]
async fn a_sink_defers_until_it_is_told_otherwise() {
    let sink = Sink::start(SinkPlan { mood: Mood::Deferring, ..SinkPlan::default() }).await.unwrap();
    let plan = || Plan { messages: 3, ..Plan::to(sink.address()) };
    let refusal = generate(plan()).await.unwrap_err().to_string();
    assert!(refusal.contains("450 4.2.1"), "{refusal}");
    assert_eq!((sink.tally().deferred, sink.tally().distinct()), (1, 0));
    sink.turn(Mood::Accepting);
    generate(plan()).await.unwrap();
    assert_eq!((sink.tally().deferred, sink.tally().distinct()), (1, 3));
}

/// Says a group and hears as many replies as it has commands.
async fn said(sink: &Sink, group: &str, replies: usize) -> Vec<String> {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let mut line = BufReader::new(tokio::net::TcpStream::connect(sink.address()).await.unwrap());
    line.write_all(group.as_bytes()).await.unwrap();
    let mut lines = line.lines();
    let mut heard = Vec::new();
    // The greeting comes first.
    for _ in 0..=replies {
        heard.push(lines.next_line().await.unwrap().unwrap()[..3].to_owned());
    }
    heard.split_off(1)
}

#[tokio::test]
async fn chunks_are_counted_with_their_last_one() {
    let sink = sink().await;
    let content = format!("{}\r\n.\r\nno end", Marker(7).field());
    let (half, rest) = content.split_at(10);
    let chunks = format!("BDAT {}\r\n{half}BDAT {} LAST\r\n{rest}", half.len(), rest.len());
    let refused = said(&sink, &format!("MAIL FROM:<>\r\n{chunks}QUIT\r\n"), 4).await;
    assert_eq!(refused, ["250", "554", "554", "221"]);
    assert_eq!(sink.tally().distinct(), 0);
    let taken = said(&sink, &format!("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n{chunks}QUIT\r\n"), 5).await;
    assert_eq!(taken, ["250", "250", "250", "250", "221"]);
    let tally = sink.tally();
    assert_eq!((tally.distinct(), tally.unmarked, tally.octets), (1, 0, content.len() as u64));
}

#[tokio::test]
async fn sessions_may_be_encrypted_from_their_first_octet() {
    let sink = sink().await;
    let config = Authority::self_signed(&["relay.example"]).unwrap().server_config().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, behind) = (listener.local_addr().unwrap(), sink.address());
    let front = tokio::spawn(async move {
        for _ in 0..2 {
            let (client, _address) = listener.accept().await.unwrap();
            let mut client = acceptor.accept(client).await.unwrap();
            let mut server = tokio::net::TcpStream::connect(behind).await.unwrap();
            // Either side may be gone first.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    });
    let plan = Plan { messages: 4, per_session: 2, security: Security::Implicit, ..Plan::to(address) };
    assert_eq!(generate(plan).await.unwrap().taken, 4);
    front.await.unwrap();
    assert_eq!((sink.tally().distinct(), sink.tally().twice), (4, 0));
}

#[tokio::test]
async fn sessions_are_held_open() {
    let sink = sink().await;
    let held = hold(Plan { sessions: 100, ..Plan::to(sink.address()) }).await.unwrap();
    assert_eq!((held.count(), &held.refusal), (100, &None));
}

#[test]
fn a_marker_is_found_behind_what_relays_add() {
    let field = Marker(42).field();
    let message = format!("Received: from a by b\r\nSubject: x\r\n{field}\r\nbody\r\n");
    assert_eq!(Marker::find(message.as_bytes()), Some(Marker(42)));
    assert_eq!(Marker::find(b"X-Load: 42\r\n"), None);
}
