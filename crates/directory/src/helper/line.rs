//! The line to one helper.

use std::io;
use std::time::Duration;

use gatepost_sasl::Secret;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Join};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::OwnedSemaphorePermit;

use super::frame::{self, Frame, LENGTH_OCTETS};
use super::process::{Fault, Task};

/// The version of what is spoken.
const VERSION: &[u8] = b"1";

/// The line to one helper, which is one of a bounded number.
pub(super) struct Line {
    stream: Stream,
    _permit: OwnedSemaphorePermit,
}

/// What the frames go through.
pub(super) enum Stream {
    /// A process of ours.
    Process { _process: Process, pipes: Box<Join<ChildStdout, ChildStdin>> },
    /// Somebody else's, who sees the end of the line.
    Socket(UnixStream),
}

/// A helper that we started, and what its modules started, unless in a session of its own. Killed when dropped.
pub(super) struct Process(Box<Child>);

impl Process {
    /// Takes a process that leads a group of its own, and is killed when dropped.
    pub(super) fn new(child: Child) -> Self {
        Self(Box::new(child))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // No number where the process is known to have ended: the number may be somebody else's then.
        let leader = self.0.id().and_then(|number| i32::try_from(number).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Line {
    pub(super) fn new(stream: Stream, permit: OwnedSemaphorePermit) -> Self {
        Self { stream, _permit: permit }
    }

    /// Reads the greeting, and whether it is that of a helper for this.
    pub(super) async fn greeted(&mut self, task: &Task) -> Result<(), Fault> {
        let frame = self.read().await?;
        let fields = frame.fields();
        let [b"gatepost-helper", version, kind, service] = *fields.as_slice() else {
            return Err(Fault::Nonsense);
        };
        if version == VERSION && (kind, service) == task.greeting() {
            return Ok(());
        }
        let shown =
            [version, kind, service].map(|field| String::from_utf8_lossy(field).escape_debug().to_string());
        let [version, kind, service] = shown;
        Err(Fault::Stranger(format!("version {version}, for {kind} {service}")))
    }

    /// Asks, and reads the answer.
    pub(super) async fn ask(&mut self, fields: &[&[u8]], time: Duration) -> Result<Frame, Fault> {
        let question = frame::written(fields).ok_or(Fault::TooLong)?;
        let answered = tokio::time::timeout(time, async {
            self.write(&question).await?;
            self.read().await
        });
        answered.await.unwrap_or(Err(Fault::Late(time)))
    }

    async fn read(&mut self) -> Result<Frame, Fault> {
        let mut length = [0; LENGTH_OCTETS];
        self.stream.read_exact(&mut length).await?;
        let mut body = vec![0; Frame::octets(length)?];
        self.stream.read_exact(&mut body).await?;
        Ok(Frame::new(body))
    }

    async fn write(&mut self, octets: &Secret) -> Result<(), Fault> {
        match &mut self.stream {
            Stream::Process { pipes, .. } => pipes.write_all(octets.expose()).await?,
            Stream::Socket(socket) => socket.write_all(octets.expose()).await?,
        }
        Ok(())
    }
}

impl Stream {
    async fn read_exact(&mut self, octets: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Process { pipes, .. } => pipes.read_exact(octets).await.map(|_| ()),
            Self::Socket(socket) => socket.read_exact(octets).await.map(|_| ()),
        }
    }
}
