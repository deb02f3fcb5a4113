//! The line to one helper.

use std::io;
use std::time::Duration;

use gatepost_sasl::Secret;
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
    /// A process of ours, killed when this is dropped.
    Process { _child: Child, pipes: Join<ChildStdout, ChildStdin> },
    /// Somebody else's, who sees the end of the line.
    Socket(UnixStream),
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
