//! A host that takes mail by a script, and remembers all of it.
//!
//! It is strict where a real host might be lenient: what the other side does against the standards it takes
//! note of as a complaint, so that a test can ask for none.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::loopback::Neighbourhood;
use crate::patience::{PATIENCE, within};
use crate::script::{Act, Script};
use crate::wire::Wire;

mod session;

/// A running host. Dropping it closes its connections and its port.
pub struct Exchanger {
    address: SocketAddr,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

/// One message, as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The address between the brackets of MAIL; empty for the null reverse-path.
    pub reverse_path: String,
    /// The whole MAIL line, parameters included.
    pub mail: String,
    /// The addresses between the brackets of the accepted RCPTs.
    pub recipients: Vec<String>,
    /// The whole lines of the accepted RCPTs.
    pub rcpts: Vec<String>,
    /// The content, dots unstuffed, else octet by octet as it came.
    pub content: Vec<u8>,
    /// Whether it came by DATA or by BDAT.
    pub transfer: Transfer,
    /// Whether it came in the clear or not.
    pub privacy: Privacy,
    /// Number of the connection, from 0.
    pub connection: usize,
    /// The reply code that it got; `None` when the host hung up or fell silent instead. For LMTP the
    /// highest of the codes.
    pub answer: Option<u16>,
}

/// How content came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// RFC 5321 section 4.1.1.4.
    Data,
    /// RFC 3030 section 2.
    Chunks,
}

/// Who could read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Everybody on the way.
    Clear,
    /// Nobody: TLS was on.
    Encrypted,
}

/// What was seen of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// The address it came from; empty for a unix socket.
    pub peer: String,
    /// The command lines, without line ends.
    pub commands: Vec<String>,
    /// Transactions that reached the end of their content.
    pub transactions: u32,
    /// Whether it is over.
    pub life: Life,
}

/// Whether a connection is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Life {
    /// It is there.
    #[default]
    Open,
    /// It is closed.
    Closed,
}

/// All that a host remembers.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Messages whose content came whole, in order.
    pub received: Vec<Arc<Message>>,
    /// Connections in order.
    pub connections: Vec<Connection>,
    /// What the other side did against the standards.
    pub complaints: Vec<String>,
}

impl Memory {
    /// Messages that got a positive reply.
    #[must_use]
    pub fn accepted(&self) -> Vec<Arc<Message>> {
        let positive = |message: &&Arc<Message>| message.answer.is_some_and(|code| code / 100 == 2);
        self.received.iter().filter(positive).cloned().collect()
    }
}

/// What the sessions of one host share.
pub(crate) struct Desk {
    script: Mutex<Script>,
    memory: watch::Sender<Memory>,
}

impl Desk {
    /// What a rule says about this command, and uses the rule once.
    pub(crate) fn act(&self, verb: &str, line: &str) -> Option<Act> {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = script.rules.iter_mut().find(|rule| rule.fits(verb, line))?;
        if let Some(left) = rule.times.as_mut() {
            *left -= 1;
        }
        Some(rule.act.clone())
    }

    fn script(&self) -> Script {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn remember(&self, change: impl FnOnce(&mut Memory)) {
        self.memory.send_modify(change);
    }

    fn connected(&self, peer: String) -> usize {
        let mut number = 0;
        self.remember(|memory| {
            number = memory.connections.len();
            memory.connections.push(Connection { peer, ..Connection::default() });
        });
        number
    }
}

impl Exchanger {
    /// Starts a host on an address and port of its own.
    ///
    /// # Errors
    ///
    /// When the machine has no port left.
    pub async fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind((Neighbourhood::new().address(1), 0)).await?;
        Self::serve(listener, script)
    }

    /// Starts a host on this listener.
    ///
    /// # Errors
    ///
    /// When the listener has no address.
    pub fn serve(listener: TcpListener, script: Script) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk { script: Mutex::new(script), memory: watch::Sender::default() });
        let task = tokio::spawn(accept_tcp(listener, Arc::clone(&desk)));
        Ok(Self { address, desk, task })
    }

    /// Starts a host on a unix socket; [`Exchanger::address`] then says nothing.
    ///
    /// # Errors
    ///
    /// When the path is taken or cannot be made.
    pub fn serve_unix(path: &Path, script: Script) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let desk = Arc::new(Desk { script: Mutex::new(script), memory: watch::Sender::default() });
        let task = tokio::spawn(accept_unix(listener, Arc::clone(&desk)));
        Ok(Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), desk, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the next connection on, follows this script; rules hold from the next command on.
    pub fn follow(&self, script: Script) {
        *self.desk.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// All that was seen so far.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.desk.memory.borrow().clone()
    }

    /// The messages that got a positive reply so far.
    #[must_use]
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.desk.memory.borrow().accepted()
    }

    /// What the other side did against the standards so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.desk.memory.borrow().complaints.clone()
    }

    /// Waits until at least `count` messages got a positive reply, and gives them.
    ///
    /// # Errors
    ///
    /// `TimedOut` after [`PATIENCE`]; the text says what came instead.
    pub async fn await_messages(&self, count: usize) -> io::Result<Vec<Arc<Message>>> {
        let memory = self
            .await_memory(&format!("{count} messages"), |memory| memory.accepted().len() >= count)
            .await?;
        Ok(memory.accepted())
    }

    /// Waits until `enough` holds for what was seen, and gives that.
    ///
    /// # Errors
    ///
    /// `TimedOut` after [`PATIENCE`]; the text says what came instead.
    pub async fn await_memory(&self, what: &str, enough: impl Fn(&Memory) -> bool) -> io::Result<Memory> {
        self.await_within(what, PATIENCE, enough).await
    }

    /// The same with a patience of the caller's choice.
    ///
    /// # Errors
    ///
    /// `TimedOut`; the text says what came instead.
    pub async fn await_within(
        &self,
        what: &str,
        patience: Duration,
        enough: impl Fn(&Memory) -> bool,
    ) -> io::Result<Memory> {
        let mut watched = self.desk.memory.subscribe();
        let wait = async {
            let memory = watched.wait_for(|memory| enough(memory)).await.map_err(io::Error::other)?;
            Ok(memory.clone())
        };
        let waited = within(what, patience, wait).await;
        waited.map_err(|cause| io::Error::new(cause.kind(), format!("{cause}\n{}", self.story())))
    }

    /// What the connections said, for the message of a failing test.
    #[must_use]
    pub fn story(&self) -> String {
        let memory = self.desk.memory.borrow();
        let lines = memory.connections.iter().enumerate().map(|(number, connection)| {
            format!("connection {number} ({:?}):\n  {}", connection.life, connection.commands.join("\n  "))
        });
        let told: Vec<String> = lines.chain(memory.complaints.iter().cloned()).collect();
        if told.is_empty() { "nobody connected".to_owned() } else { told.join("\n") }
    }
}

impl Drop for Exchanger {
    fn drop(&mut self) {
        // The sessions are owned by this task and end with it.
        self.task.abort();
    }
}

async fn accept_tcp(listener: TcpListener, desk: Arc<Desk>) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let number = desk.connected(peer.to_string());
        sessions.spawn(session::run(Wire::new(stream), Arc::clone(&desk), number));
        while sessions.try_join_next().is_some() {}
    }
}

async fn accept_unix(listener: UnixListener, desk: Arc<Desk>) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        let number = desk.connected(String::new());
        sessions.spawn(session::run(Wire::new(stream), Arc::clone(&desk), number));
        while sessions.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests;
