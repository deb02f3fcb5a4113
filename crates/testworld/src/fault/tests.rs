use std::io;
use std::time::Duration;

use super::{Direction, Fault, FaultProxy};
use crate::{Client, Exchanger, Script};

async fn through(fault: Fault) -> (Exchanger, FaultProxy) {
    let exchanger = Exchanger::start(Script::polite().greeting("220 fine")).await.unwrap();
    let proxy = FaultProxy::start(exchanger.address(), fault).await.unwrap();
    (exchanger, proxy)
}

#[tokio::test]
async fn a_cut_ends_both_directions_for_as_many_connections_as_asked() {
    let (_exchanger, proxy) = through(Fault::cut(Direction::ToServer, 8).connections(1)).await;
    let mut client = Client::connect(proxy.address()).await.unwrap();
    client.send_line("NOOP").await.unwrap();
    client.expect("250").await.unwrap();
    client.send_line("NOOP").await.unwrap();
    assert_eq!(client.closed().await.unwrap(), b"");
    let mut client = Client::connect(proxy.address()).await.unwrap();
    client.say("NOOP", "250").await.unwrap();
    client.say("NOOP", "250").await.unwrap();
}

#[tokio::test]
async fn a_stall_keeps_the_line_open_and_silent() {
    let (_exchanger, proxy) = through(Fault::stall(Direction::ToClient, 3)).await;
    let mut client = Client::dial(proxy.address()).await.unwrap().patience(Duration::from_millis(200));
    assert_eq!(client.reply().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_trickle_arrives_whole_and_garbling_hits_one_octet() {
    let (_exchanger, proxy) = through(Fault::trickle(Direction::ToClient, 1, Duration::from_millis(1))).await;
    let mut client = Client::dial(proxy.address()).await.unwrap();
    assert_eq!(client.reply().await.unwrap().text(), "220 fine");

    let (exchanger, proxy) = through(Fault::garble(Direction::ToServer, 1)).await;
    let mut client = Client::connect(proxy.address()).await.unwrap();
    client.say("NOOP", "500").await.unwrap();
    client.say("NOOP", "250").await.unwrap();
    assert!(exchanger.memory().connections[0].commands[0].starts_with('N'));
}
