//! Postfix's load tools: `smtp-source` sends, `smtp-sink` takes and forgets.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};

use super::{await_listener, program};
use crate::loopback::Neighbourhood;
use crate::patience::{PATIENCE, until};

const SINK: &str = "/usr/sbin/smtp-sink";
const SOURCE: &str = "/usr/sbin/smtp-source";

/// Most connections waiting at the sink.
const BACKLOG: &str = "512";

/// A sink that ends by itself once it has a number of messages, without a reply to the last one. Dropping it
/// ends it before.
pub struct SmtpSink {
    child: Child,
    address: SocketAddr,
}

impl SmtpSink {
    /// Takes this many messages.
    ///
    /// # Errors
    ///
    /// When it is not here or does not listen in time.
    pub async fn start(messages: u32) -> io::Result<Self> {
        let address = Neighbourhood::new().free_port(1)?;
        let mut command = program(Path::new(SINK))?;
        command.args(["-u", "postfix", "-M", &messages.to_string(), &address.to_string(), BACKLOG]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let sink = Self { child: command.spawn()?, address };
        await_listener(address, Path::new("")).await?;
        Ok(sink)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has all messages.
    ///
    /// # Errors
    ///
    /// `TimedOut` after [`PATIENCE`].
    pub async fn await_all(&mut self) -> io::Result<()> {
        until("smtp-sink to have all messages", PATIENCE, || self.child.try_wait()).await.map(|_status| ())
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends messages over so many sessions at once, each session used for many, and waits for the end.
///
/// # Errors
///
/// When it is not here, or the server refuses anything.
pub fn smtp_source(server: SocketAddr, messages: u32, sessions: u32) -> io::Result<()> {
    let mut command = program(Path::new(SOURCE))?;
    command.args(["-d", "-s", &sessions.to_string(), "-m", &messages.to_string(), "-l", "4096"]);
    command.args(["-f", "ada@sender.example", "-t", "bob@there.example", &server.to_string()]);
    let told = command.stdin(Stdio::null()).output()?;
    if told.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("smtp-source: {}", String::from_utf8_lossy(&told.stderr))))
}
