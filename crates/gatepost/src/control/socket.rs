//! The server's end of the control socket.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatepost_mail::SpoolId;
use gatepost_spool::Restore;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

use super::{
    ControlError, LONGEST_PIECE, LONGEST_REQUEST, Local, Queue, Request, Response, Sink, Status, socket_path,
};

/// Most commands at once.
const CONNECTIONS: usize = 32;
/// How long a command may be silent: people page through lists.
const SILENCE: Duration = Duration::from_secs(300);
/// Owner and group.
const MODE: u32 = 0o660;

/// What a running server can do beside its queue.
pub trait Reload: Send + Sync + 'static {
    /// Reads the configuration again.
    fn reload(&self) -> impl Future<Output = Result<(), ControlError>> + Send;
}

/// The socket of a running server. Dropping it removes the file.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Opens the socket in data-dir. Whoever holds the spool's lock may replace a socket that a killed server
    /// left behind, so open the spool first. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = socket_path(data_dir);
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(MODE))?;
        Ok(Self { listener, path })
    }

    /// Serves commands until `ended` says so; commands that are being answered then are broken off.
    pub async fn serve<S: Restore, R: Reload>(
        self,
        queue: Arc<Local<S>>,
        reload: Arc<R>,
        mut ended: watch::Receiver<bool>,
    ) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = ended.wait_for(|ended| *ended) => return,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors: commands wait, mail goes first.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let (queue, reload, mut ended) = (queue.clone(), reload.clone(), ended.clone());
            tokio::spawn(async move {
                let _place = place;
                tokio::select! {
                    // A command that went away has nobody left to be told.
                    _ = converse(stream, &queue, &*reload) => {}
                    _ = ended.wait_for(|ended| *ended) => {}
                }
            });
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // A socket that is gone already is what we want.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse<S: Restore, R: Reload>(stream: UnixStream, queue: &Local<S>, reload: &R) -> io::Result<()> {
    let user = stream.peer_cred()?.uid();
    let mut stream = BufReader::new(stream);
    while let Some(request) = hear(&mut stream).await? {
        let response = match request {
            Ok(Request::Export { id }) => give(&mut stream, &id, queue).await,
            Ok(Request::Import { same, by }) => {
                receive(&mut stream, queue, (&same, &format!("{by} (user id {user})"))).await?
            }
            Ok(request) => answer(request, user, queue, reload).await,
            Err(error) => Err(error),
        };
        let response = response.unwrap_or_else(|error| Response::Refused { cause: error.0 });
        say(stream.get_mut(), &response).await?;
    }
    Ok(())
}

/// The next request, or what is wrong with it; nothing behind the last.
async fn hear(stream: &mut BufReader<UnixStream>) -> io::Result<Option<Result<Request, ControlError>>> {
    let mut line = Vec::new();
    let mut limited = stream.take(LONGEST_REQUEST);
    let read = limited.read_until(b'\n', &mut line);
    let read = tokio::time::timeout(SILENCE, read).await.map_err(io::Error::other)??;
    let request = serde_json::from_slice(&line)
        .map_err(|cause| ControlError(format!("the request cannot be understood: {cause}")));
    Ok((read > 0).then_some(request))
}

async fn say(stream: &mut UnixStream, response: &Response) -> io::Result<()> {
    let mut octets = serde_json::to_vec(response)?;
    octets.push(b'\n');
    stream.write_all(&octets).await
}

/// The other end of the socket.
struct Out<'a>(&'a mut UnixStream);

impl Sink for Out<'_> {
    async fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        for piece in octets.chunks(LONGEST_PIECE) {
            say(self.0, &Response::Piece { octets: piece.len() }).await?;
            self.0.write_all(piece).await?;
        }
        Ok(())
    }
}

async fn give<S: Restore>(
    stream: &mut BufReader<UnixStream>,
    id: &str,
    queue: &Local<S>,
) -> Result<Response, ControlError> {
    queue.export(read_id(id)?, &mut Out(stream.get_mut())).await?;
    Ok(Response::Done)
}

/// Takes a message to its end, also one that is refused: the answer comes behind it.
async fn receive<S: Restore>(
    stream: &mut BufReader<UnixStream>,
    queue: &Local<S>,
    (same, by): (&[String], &str),
) -> io::Result<Result<Response, ControlError>> {
    let mut intake = Ok(queue.intake());
    let mut buffer = Vec::new();
    loop {
        match hear(stream).await? {
            Some(Ok(Request::Piece { octets })) if octets <= LONGEST_PIECE => {
                buffer.resize(octets, 0);
                let read = stream.read_exact(&mut buffer);
                tokio::time::timeout(SILENCE, read).await.map_err(io::Error::other)??;
                if let Ok(open) = &mut intake
                    && let Err(error) = open.take(&buffer).await
                {
                    intake = Err(error);
                }
            }
            Some(Ok(Request::End)) => break,
            Some(_) | None => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    let same: Result<Vec<SpoolId>, ControlError> = same.iter().map(|id| read_id(id)).collect();
    Ok(match (intake, same) {
        (Err(error), _) | (_, Err(error)) => Err(error),
        (Ok(intake), Ok(same)) => {
            let taken = queue.taken(intake, &same, by).await;
            taken.map(|(id, was)| Response::Imported { id: id.to_string(), was })
        }
    })
}

async fn answer<S: Restore, R: Reload>(
    request: Request,
    user: u32,
    queue: &Local<S>,
    reload: &R,
) -> Result<Response, ControlError> {
    match request {
        Request::Status => Ok(Response::Status(status(queue).await)),
        Request::List { after } => {
            let after = after.as_deref().map(read_id).transpose()?;
            Ok(Response::Messages { messages: queue.list(after).await? })
        }
        Request::Show { id } => Ok(Response::Messages { messages: vec![queue.show(read_id(&id)?).await?] }),
        Request::Change { action, ids, by } => {
            let ids = ids.iter().map(|id| read_id(id)).collect::<Result<Vec<_>, _>>()?;
            let but = queue.change(action, &ids, &format!("{by} (user id {user})")).await?;
            Ok(Response::Changed { but })
        }
        Request::Reload => reload.reload().await.map(|()| Response::Done),
        Request::Export { .. } | Request::Import { .. } | Request::Piece { .. } | Request::End => {
            Err(ControlError("the request comes at the wrong time".to_owned()))
        }
    }
}

fn read_id(text: &str) -> Result<SpoolId, ControlError> {
    text.parse().map_err(|cause| ControlError(format!("\"{text}\": {cause}")))
}

async fn status<S: Restore>(queue: &Local<S>) -> Status {
    let stats = queue.spool().stats().await;
    Status {
        process: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        messages: stats.messages,
        held: stats.held,
        damaged: stats.damaged,
    }
}
