use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

/// So long nothing comes that is held back.
const SILENCE: Duration = Duration::from_millis(50);

/// Longest that all of it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// So much waits for a peer that reads slowly.
const FULL: usize = 64 * 1024;

async fn pair() -> (Corked, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (Corked::new(ours), listener.accept().await.unwrap().0)
}

/// What comes in one piece.
async fn piece(peer: &mut TcpStream) -> Vec<u8> {
    let mut octets = vec![0; 64 * 1024];
    let read = peer.read(&mut octets).await.unwrap();
    octets.truncate(read);
    octets
}

async fn nothing_comes(peer: &mut TcpStream) {
    assert!(timeout(SILENCE, piece(peer)).await.is_err(), "something came");
}

/// Waits for the peer, in vain.
async fn wait(ours: &mut Corked) {
    assert!(timeout(SILENCE, ours.read_u8()).await.is_err());
}

#[tokio::test]
async fn a_flush_sends_all_in_one_piece() {
    let (mut ours, mut peer) = pair().await;
    ours.open();
    ours.write_all(b"250 one\r\n").await.unwrap();
    ours.write_all(b"250 two\r\n").await.unwrap();
    nothing_comes(&mut peer).await;
    ours.flush().await.unwrap();
    assert_eq!(piece(&mut peer).await, b"250 one\r\n250 two\r\n");
}

#[tokio::test]
async fn who_waits_for_the_peer_has_sent_all() {
    let (mut ours, mut peer) = pair().await;
    // A flush within a handshake is none.
    ours.write_all(b"hello").await.unwrap();
    ours.flush().await.unwrap();
    nothing_comes(&mut peer).await;
    wait(&mut ours).await;
    assert_eq!(piece(&mut peer).await, b"hello");
    ours.open();
    ours.write_all(b"ready?").await.unwrap();
    wait(&mut ours).await;
    assert_eq!(piece(&mut peer).await, b"ready?");
}

#[tokio::test]
async fn a_ticket_goes_with_the_next_words() {
    let (mut ours, mut peer) = pair().await;
    ours.write_all(b"ticket ").await.unwrap();
    ours.trail();
    ours.flush().await.unwrap();
    wait(&mut ours).await;
    nothing_comes(&mut peer).await;
    ours.write_all(b"and words").await.unwrap();
    ours.flush().await.unwrap();
    assert_eq!(piece(&mut peer).await, b"ticket and words");
    ours.write_all(b"more").await.unwrap();
    wait(&mut ours).await;
    assert_eq!(piece(&mut peer).await, b"more");
}

#[tokio::test]
async fn much_is_not_held_and_keeps_its_place() {
    let (mut ours, mut peer) = pair().await;
    ours.open();
    let much = vec![b'x'; 3 * MOST_HELD];
    ours.write_all(b"first ").await.unwrap();
    ours.write_all(&much).await.unwrap();
    ours.write_all(b"last").await.unwrap();
    ours.shutdown().await.unwrap();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).await.unwrap();
    assert!(all.starts_with(b"first x") && all.ends_with(b"xlast"));
    assert_eq!(all.len(), much.len() + "first last".len());
    assert_eq!(ours.held.capacity(), 0);
}

#[tokio::test]
async fn a_peer_that_reads_slowly_gets_all_in_order() {
    let (mut ours, mut peer) = pair().await;
    ours.open();
    let writing = async move {
        for number in 0..200_000_u32 {
            ours.write_all(&number.to_be_bytes()).await.unwrap();
            if number % 100 == 0 {
                ours.flush().await.unwrap();
            }
        }
        ours.shutdown().await.unwrap();
    };
    let reading = async {
        let mut all = Vec::new();
        // Until the connection is full.
        while peer.peek(&mut [0; FULL]).await.unwrap() < FULL {
            tokio::task::yield_now().await;
        }
        peer.read_to_end(&mut all).await.unwrap();
        all
    };
    let both = async { tokio::join!(writing, reading) };
    let ((), all) = timeout(PATIENCE, both).await.unwrap();
    let expected: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
    assert!(all == expected, "{} of {} octets", all.len(), expected.len());
}

#[tokio::test]
async fn last_words_are_sent_when_it_is_dropped() {
    let (mut ours, mut peer) = pair().await;
    ours.write_all(b"alert").await.unwrap();
    drop(ours);
    assert_eq!(piece(&mut peer).await, b"alert");
}
