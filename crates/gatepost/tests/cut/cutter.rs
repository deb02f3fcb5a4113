//! Carries SMTP between two sides and cuts each letter's connection once, at a place of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use gatepost_testworld::loopback::Neighbourhood;
use gatepost_testworld::patience::{PATIENCE, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::letter::number;

/// How many octets of the content's end are cut apart: its last three, and `CRLF.CRLF`.
pub(crate) const END: usize = 8;
/// How many octets of what the client says after the reply are cut apart.
pub(crate) const NEXT: usize = 6;
const FINAL_DOT: &[u8] = b"\r\n.\r\n";

/// Where a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// After so many of the last [`END`] octets of the content, its final dot and that line's end counted where it has one. With all
    /// of them the server can take the message, and no octet of its reply comes through.
    End(usize),
    /// After so many octets of the reply, or of all replies to a group of commands that ends with the content. The server has
    /// taken the message.
    Reply(usize),
    /// After so many octets of what the client says when it has read the reply.
    Next(usize),
}

impl Place {
    /// All places around a reply of this length.
    pub(crate) fn all(reply: usize) -> Vec<Self> {
        let end = (0..=END).map(Self::End);
        end.chain((0..=reply).map(Self::Reply)).chain((1..=NEXT).map(Self::Next)).collect()
    }

    /// Whether the server can have taken the message while its client cannot have read the whole reply.
    pub(crate) fn is_in_doubt(self, reply: usize) -> bool {
        match self {
            Self::End(octets) => octets == END,
            Self::Reply(octets) => octets < reply,
            Self::Next(_) => false,
        }
    }
}

/// The cutter. Dropping it cuts everything.
pub(crate) struct Cutter {
    address: SocketAddr,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Desk {
    /// Where the connection of each letter is still to be cut.
    places: Mutex<BTreeMap<usize, Place>>,
    /// How long the last whole reply to content was.
    reply: Mutex<usize>,
    /// How many contents came in one group with their envelopes.
    groups: Mutex<usize>,
    /// How many connections are open.
    open: watch::Sender<usize>,
}

impl Cutter {
    /// Carries to this server, at first without a cut.
    pub(crate) async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Neighbourhood::new().address(1), 0)).await?;
        let (address, desk) = (listener.local_addr()?, Arc::<Desk>::default());
        let task = tokio::spawn(accept(listener, server, desk.clone()));
        Ok(Self { address, desk, task })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long the last whole reply to content was.
    pub(crate) fn reply(&self) -> usize {
        *self.desk.reply.lock().expect("the length")
    }

    /// How many contents came in one group with their envelopes.
    pub(crate) fn groups(&self) -> usize {
        *self.desk.groups.lock().expect("the groups")
    }

    /// From now on cuts letter 1 at the first place, and so on.
    pub(crate) fn cut_at(&self, places: &[Place]) {
        *self.desk.places.lock().expect("the places") = (1..).zip(places.iter().copied()).collect();
    }

    /// How many letters were not cut.
    pub(crate) fn uncut(&self) -> usize {
        self.desk.places.lock().expect("the places").len()
    }

    /// Waits until both sides have closed all connections.
    pub(crate) async fn await_quiet(&self) -> io::Result<()> {
        let mut open = self.desk.open.subscribe();
        let quiet =
            async { open.wait_for(|open| *open == 0).await.map(|_open| ()).map_err(io::Error::other) };
        within("the server to close", PATIENCE, quiet).await
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, desk: Arc<Desk>) {
    let mut lines = JoinSet::new();
    while let Ok((client, _peer)) = listener.accept().await {
        desk.open.send_modify(|open| *open += 1);
        let desk = desk.clone();
        lines.spawn(async move {
            let _ = carry(client, server, &desk).await;
            desk.open.send_modify(|open| *open -= 1);
        });
        while lines.try_join_next().is_some() {}
    }
}

async fn carry(client: TcpStream, server: SocketAddr, desk: &Desk) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let client = Side { from: from_client, to: to_client, held: Vec::new() };
    let server = Side { from: from_server, to: to_server, held: Vec::new() };
    let mut line = Line { client, server, unanswered: 0 };
    while let Some(content) = line.until_content().await? {
        if line.content(desk, content).await? == After::Cut {
            return line.cut().await;
        }
    }
    Ok(())
}

/// How content comes.
#[derive(Clone, Copy)]
enum Content {
    /// Behind a 354, up to a final dot.
    Dotted,
    /// In one chunk; so many octets with the line that announces it.
    Chunk(usize),
}

#[derive(PartialEq, Eq)]
enum After {
    Cut,
    GoesOn,
}

struct Side {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    /// What came from it and is not passed on.
    held: Vec<u8>,
}

impl Side {
    async fn read(&mut self) -> io::Result<usize> {
        self.from.read_buf(&mut self.held).await
    }

    /// Holds so many octets, or all that come before the end.
    async fn hold(&mut self, octets: usize) -> io::Result<()> {
        while self.held.len() < octets && self.read().await? > 0 {}
        Ok(())
    }

    /// Holds up to this sequence, and says where it ends.
    async fn hold_to(&mut self, wanted: &[u8]) -> io::Result<usize> {
        self.hold_beyond(0, wanted).await
    }

    /// The same, behind this place.
    async fn hold_beyond(&mut self, from: usize, wanted: &[u8]) -> io::Result<usize> {
        loop {
            let held = self.held.get(from..).unwrap_or_default();
            if let Some(at) = held.windows(wanted.len()).position(|part| part == wanted) {
                return Ok(from + at + wanted.len());
            }
            if self.read().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// A whole line that is held.
    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.held.iter().position(|octet| *octet == b'\n')? + 1;
        Some(self.take(end))
    }

    fn take(&mut self, octets: usize) -> Vec<u8> {
        self.held.drain(..octets.min(self.held.len())).collect()
    }
}

struct Line {
    client: Side,
    server: Side,
    /// Commands whose replies have not come.
    unanswered: usize,
}

impl Line {
    /// Passes everything on until content is to come; says how, or that all is over.
    async fn until_content(&mut self) -> io::Result<Option<Content>> {
        loop {
            while let Some(command) = self.client.line() {
                if let Some(octets) = chunk(&command) {
                    self.client.held.splice(..0, command.iter().copied());
                    return Ok(Some(Content::Chunk(command.len() + octets)));
                }
                self.unanswered += 1;
                self.server.to.write_all(&command).await?;
            }
            if let Some(reply) = self.server.line() {
                self.client.to.write_all(&reply).await?;
                if reply.get(3) != Some(&b'-') {
                    // The greeting answers nothing.
                    self.unanswered = self.unanswered.saturating_sub(1);
                }
                if reply.starts_with(b"354") {
                    return Ok(Some(Content::Dotted));
                }
                continue;
            }
            let read = tokio::select! {
                read = self.client.read() => read?,
                read = self.server.read() => read?,
            };
            if read == 0 {
                return Ok(None);
            }
        }
    }

    /// Passes content and replies on, as far as they may come.
    async fn content(&mut self, desk: &Desk, content: Content) -> io::Result<After> {
        let end = match content {
            Content::Dotted => self.client.hold_to(FINAL_DOT).await?,
            Content::Chunk(octets) => {
                self.client.hold(octets).await?;
                *desk.groups.lock().expect("the groups") += usize::from(self.unanswered > 0);
                octets
            }
        };
        let letter = number(&self.client.held[..end]);
        let place = letter.and_then(|letter| desk.places.lock().expect("the places").remove(&letter));
        let content = match place {
            Some(Place::End(octets)) => self.client.take(end - END + octets),
            Some(Place::Reply(_) | Place::Next(_)) | None => self.client.take(end),
        };
        self.server.to.write_all(&content).await?;
        if let Some(Place::End(_)) = place {
            return Ok(After::Cut);
        }
        let reply = self.replies().await?;
        *desk.reply.lock().expect("the length") = reply;
        let passes = if let Some(Place::Reply(octets)) = place { octets } else { reply };
        let passed = self.server.take(passes);
        self.client.to.write_all(&passed).await?;
        match place {
            None => Ok(After::GoesOn),
            Some(Place::End(_) | Place::Reply(_)) => Ok(After::Cut),
            Some(Place::Next(octets)) => {
                self.client.hold(octets).await?;
                let said = self.client.take(octets);
                self.server.to.write_all(&said).await?;
                Ok(After::Cut)
            }
        }
    }

    /// Holds the replies to all that was said, each a line; says where the last one ends.
    async fn replies(&mut self) -> io::Result<usize> {
        let mut end = 0;
        for _ in 0..=std::mem::take(&mut self.unanswered) {
            end = self.server.hold_beyond(end, b"\n").await?;
        }
        Ok(end)
    }

    /// Nothing more passes. Each side sees an end; the line is over when the server has closed too.
    async fn cut(self) -> io::Result<()> {
        let Self { client, mut server, .. } = self;
        drop(client);
        server.to.shutdown().await?;
        loop {
            server.held.clear();
            if server.read().await? == 0 {
                return Ok(());
            }
        }
    }
}

/// The octets that this line announces, if they are all that is to come.
fn chunk(command: &[u8]) -> Option<usize> {
    let text = str::from_utf8(command).ok()?.trim_ascii_end();
    text.strip_prefix("BDAT ")?.strip_suffix(" LAST")?.parse().ok()
}
