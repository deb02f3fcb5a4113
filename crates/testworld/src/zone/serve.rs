//! The two ports of the name server.

use std::io;
use std::sync::{Arc, PoisonError};

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::Shared;
use super::answer::Transport;

/// Longest question over UDP.
const LONGEST_DATAGRAM: usize = 4096;

pub(super) async fn datagrams(socket: UdpSocket, shared: Arc<Shared>) {
    let mut room = vec![0_u8; LONGEST_DATAGRAM];
    // A failed read is an ICMP message about an earlier answer; the next question may be fine.
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut room).await else { continue };
        let octets = room.get(..length).unwrap_or_default();
        if let Some(answer) = shared.answer(octets, Transport::Udp) {
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

pub(super) async fn streams(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        connections.spawn(stream_of_questions(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn stream_of_questions(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut octets = vec![0_u8; usize::from(length)];
        stream.read_exact(&mut octets).await?;
        if let Some(answer) = shared.answer(&octets, Transport::Tcp) {
            let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
            stream.write_u16(length).await?;
            stream.write_all(&answer).await?;
        }
    }
}

impl Shared {
    /// Takes note of the question and answers it from the zone.
    fn answer(&self, octets: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let request = Message::from_vec(octets).ok()?;
        let query = request.queries.first()?;
        let asked = format!("{} {}", query.name().to_lowercase(), query.query_type());
        self.asked.send_modify(|all| all.push(asked));
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).answer(&request, transport)
    }
}
