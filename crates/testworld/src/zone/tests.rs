use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{NameServer, Zone};

fn question(name: &str, record_type: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_str(name).unwrap(), record_type));
    message
}

async fn ask(server: SocketAddr, message: &Message) -> Option<Message> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&message.to_vec().unwrap(), server).await.unwrap();
    let mut room = [0_u8; 4096];
    let (length, _) = timeout(Duration::from_secs(1), socket.recv_from(&mut room)).await.ok()?.unwrap();
    Some(Message::from_vec(&room[..length]).unwrap())
}

async fn ask_tcp(server: SocketAddr, message: &Message) -> Message {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let octets = message.to_vec().unwrap();
    stream.write_u16(octets.len().try_into().unwrap()).await.unwrap();
    stream.write_all(&octets).await.unwrap();
    let mut room = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut room).await.unwrap();
    Message::from_vec(&room).unwrap()
}

fn told(message: &Message) -> Vec<String> {
    let mut told: Vec<String> = message.answers.iter().map(|record| record.data.to_string()).collect();
    told.sort();
    told
}

const ZONE: &str = r#"
    there.example.   MX 10 a.there.example.   ; the first
    there.example.   MX 20 b.there.example
    there.example.   TXT "a; b" "c"
    a.there.example. 60 IN A 127.0.3.1
    a.there.example. AAAA ::1
    alias.example.   CNAME there.example.
    loop.example.    CNAME loop.example.
    1.3.0.127.in-addr.arpa. PTR a.there.example.
    none.example.    MX 0 .
    deep.er.example. A 127.0.3.2
"#;

#[tokio::test]
async fn records_are_told_as_written() {
    let server = NameServer::start(Zone::read(ZONE).unwrap()).await.unwrap();
    let rows: [(&str, RecordType, &[&str], ResponseCode); 12] = [
        (
            "there.example.",
            RecordType::MX,
            &["10 a.there.example.", "20 b.there.example."],
            ResponseCode::NoError,
        ),
        ("There.EXAMPLE.", RecordType::TXT, &["a; bc"], ResponseCode::NoError),
        ("a.there.example.", RecordType::A, &["127.0.3.1"], ResponseCode::NoError),
        ("a.there.example.", RecordType::AAAA, &["::1"], ResponseCode::NoError),
        ("a.there.example.", RecordType::MX, &[], ResponseCode::NoError),
        ("b.there.example.", RecordType::A, &[], ResponseCode::NXDomain),
        ("er.example.", RecordType::A, &[], ResponseCode::NoError),
        ("nowhere.example.", RecordType::MX, &[], ResponseCode::NXDomain),
        ("none.example.", RecordType::MX, &["0 ."], ResponseCode::NoError),
        ("1.3.0.127.in-addr.arpa.", RecordType::PTR, &["a.there.example."], ResponseCode::NoError),
        (
            "alias.example.",
            RecordType::MX,
            &["10 a.there.example.", "20 b.there.example.", "there.example."],
            ResponseCode::NoError,
        ),
        ("loop.example.", RecordType::A, &["loop.example."; 12], ResponseCode::NoError),
    ];
    for (name, record_type, wanted, code) in rows {
        let answer = ask(server.address(), &question(name, record_type)).await.unwrap();
        assert_eq!(told(&answer), wanted, "{name} {record_type}");
        assert_eq!(answer.metadata.response_code, code, "{name} {record_type}");
        assert_eq!(answer.authorities.is_empty(), !wanted.is_empty() && name != "loop.example.", "{name}");
    }
    server.await_question("there.example. MX").await.unwrap();
}

#[tokio::test]
async fn troubles_happen_as_often_as_written() {
    let zone = "slow.example. STALL\nbroken.example. SERVFAIL MX\nbroken.example. A 127.0.0.1\n\
                once.example. REFUSED 1\nonce.example. A 127.0.0.1\nforged.example. WRONGID";
    let server = NameServer::start(Zone::read(zone).unwrap()).await.unwrap();
    let at = server.address();
    let code = |message: Message| message.metadata.response_code;
    let broken = ask(at, &question("broken.example.", RecordType::MX)).await.unwrap();
    assert_eq!(code(broken), ResponseCode::ServFail);
    let whole = ask(at, &question("broken.example.", RecordType::A)).await.unwrap();
    assert_eq!(told(&whole), ["127.0.0.1"]);
    let first = ask(at, &question("once.example.", RecordType::A)).await.unwrap();
    assert_eq!(code(first), ResponseCode::Refused);
    let second = ask(at, &question("once.example.", RecordType::A)).await.unwrap();
    assert_eq!(code(second), ResponseCode::NoError);
    let asked = question("forged.example.", RecordType::A);
    assert_ne!(ask(at, &asked).await.unwrap().metadata.id, asked.metadata.id);
    assert_eq!(ask(at, &question("slow.example.", RecordType::A)).await.map(|_| ()), None);
}

#[tokio::test]
async fn what_does_not_fit_comes_over_tcp() {
    let long = (0..40).map(|n| format!("large.example. MX {n} a-rather-long-name-{n}.there.example.\n"));
    let zone =
        Zone::read(&(long.collect::<String>() + "small.example. A 127.0.0.1\nsmall.example. TRUNCATE"));
    let server = NameServer::start(zone.unwrap()).await.unwrap();
    for (name, record_type, count) in
        [("large.example.", RecordType::MX, 40), ("small.example.", RecordType::A, 1)]
    {
        let asked = question(name, record_type);
        let cut = ask(server.address(), &asked).await.unwrap();
        assert!(cut.metadata.truncation && cut.answers.is_empty(), "{name}");
        assert_eq!(ask_tcp(server.address(), &asked).await.answers.len(), count, "{name}");
    }
    let mut roomy = question("large.example.", RecordType::MX);
    roomy.set_edns({
        let mut edns = Edns::new();
        edns.set_max_payload(4096);
        edns
    });
    assert_eq!(ask(server.address(), &roomy).await.unwrap().answers.len(), 40);
}

#[test]
fn a_line_that_is_none_is_named() {
    for line in ["there.example.", "there.example. MX ten a.example.", "there.example. NONSENSE x"] {
        let fault = Zone::read(line).unwrap_err().to_string();
        assert!(fault.contains(line), "{fault}");
    }
}
