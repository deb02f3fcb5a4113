//! The queue of a running server, through its control socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use gatepost_mail::SpoolId;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::{
    Action, ControlError, LONGEST_PIECE, LONGEST_RESPONSE, Message, Queue, Request, Response, Sink, Status,
    Unchanged, Was, socket_path,
};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a running server.
pub struct Remote {
    stream: Mutex<BufReader<UnixStream>>,
}

impl Remote {
    /// Connects to the server of this data-dir; `None` if none runs.
    ///
    /// # Errors
    ///
    /// When there is a socket that may not be used.
    pub async fn connect(data_dir: &Path) -> io::Result<Option<Self>> {
        match UnixStream::connect(socket_path(data_dir)).await {
            Ok(stream) => Ok(Some(Self { stream: Mutex::new(BufReader::new(stream)) })),
            // A socket without a listener is what a killed server leaves behind.
            Err(cause)
                if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(cause) => Err(cause),
        }
    }

    /// Who answers.
    ///
    /// # Errors
    ///
    /// When nobody does.
    pub async fn status(&self) -> Result<Status, ControlError> {
        let answer = self.ask(&Request::Status).await?;
        if let Response::Status(status) = answer { Ok(status) } else { Err(unexpected(answer)) }
    }

    /// Lets the server read its configuration again.
    ///
    /// # Errors
    ///
    /// Why the new one was refused; the old one stays in force then.
    pub async fn reload(&self) -> Result<(), ControlError> {
        self.done(&Request::Reload).await
    }

    async fn ask(&self, request: &Request) -> Result<Response, ControlError> {
        let asked = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let answer = asked.map_err(|_| ControlError("the server does not answer".to_owned()))?;
        answer.map_err(|cause| ControlError(format!("the server's control socket: {cause}")))
    }

    async fn exchange(&self, request: &Request) -> io::Result<Response> {
        let mut stream = self.stream.lock().await;
        say(&mut stream, request).await?;
        hear(&mut stream).await
    }

    async fn fetch(&self, id: SpoolId, to: &mut (impl Sink + Send)) -> io::Result<Response> {
        let mut stream = self.stream.lock().await;
        say(&mut stream, &Request::Export { id: id.to_string() }).await?;
        let mut buffer = Vec::new();
        loop {
            let answer = hear(&mut stream).await?;
            let Response::Piece { octets } = answer else { return Ok(answer) };
            if octets > LONGEST_PIECE {
                return Err(io::ErrorKind::InvalidData.into());
            }
            buffer.resize(octets, 0);
            patient(stream.read_exact(&mut buffer)).await?;
            to.take(&buffer).await?;
        }
    }

    async fn bring(&self, from: &mut (impl io::Read + Send), request: &Request) -> io::Result<Response> {
        let mut stream = self.stream.lock().await;
        say(&mut stream, request).await?;
        let mut buffer = vec![0; LONGEST_PIECE];
        loop {
            let octets = from.read(&mut buffer)?;
            if octets == 0 {
                break;
            }
            say(&mut stream, &Request::Piece { octets }).await?;
            patient(stream.get_mut().write_all(buffer.get(..octets).unwrap_or_default())).await?;
        }
        say(&mut stream, &Request::End).await?;
        hear(&mut stream).await
    }

    async fn done(&self, request: &Request) -> Result<(), ControlError> {
        let answer = self.ask(request).await?;
        if let Response::Done = answer { Ok(()) } else { Err(unexpected(answer)) }
    }

    async fn messages(&self, request: &Request) -> Result<Vec<Message>, ControlError> {
        let answer = self.ask(request).await?;
        if let Response::Messages { messages } = answer { Ok(messages) } else { Err(unexpected(answer)) }
    }
}

async fn say(stream: &mut BufReader<UnixStream>, request: &Request) -> io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    patient(stream.get_mut().write_all(&line)).await
}

async fn hear(stream: &mut BufReader<UnixStream>) -> io::Result<Response> {
    let mut line = Vec::new();
    let mut limited = stream.take(LONGEST_RESPONSE);
    patient(limited.read_until(b'\n', &mut line)).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}

async fn patient<T>(step: impl Future<Output = io::Result<T>> + Send) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, step).await.map_err(io::Error::from)?
}

fn broken(cause: io::Error) -> ControlError {
    ControlError(format!("the server's control socket: {cause}"))
}

/// A refusal in its own words; anything else is a server of another version.
fn unexpected(response: Response) -> ControlError {
    match response {
        Response::Refused { cause } => ControlError(cause),
        Response::Status(_)
        | Response::Messages { .. }
        | Response::Piece { .. }
        | Response::Imported { .. }
        | Response::Changed { .. }
        | Response::Done => {
            ControlError("the server answers another question: is it of another version?".to_owned())
        }
    }
}

impl Queue for Remote {
    async fn list(&self, after: Option<SpoolId>) -> Result<Vec<Message>, ControlError> {
        self.messages(&Request::List { after: after.map(|id| id.to_string()) }).await
    }

    async fn show(&self, id: SpoolId) -> Result<Message, ControlError> {
        let found = self.messages(&Request::Show { id: id.to_string() }).await?;
        found.into_iter().next().ok_or_else(|| ControlError(format!("there is no message {id}")))
    }

    async fn change(
        &self,
        action: Action,
        ids: &[SpoolId],
        by: &str,
    ) -> Result<Vec<Unchanged>, ControlError> {
        let ids = ids.iter().map(ToString::to_string).collect();
        let answer = self.ask(&Request::Change { action, ids, by: by.to_owned() }).await?;
        if let Response::Changed { but } = answer { Ok(but) } else { Err(unexpected(answer)) }
    }

    async fn export(&self, id: SpoolId, to: &mut (impl Sink + Send)) -> Result<(), ControlError> {
        let answer = self.fetch(id, to).await.map_err(broken)?;
        if let Response::Done = answer { Ok(()) } else { Err(unexpected(answer)) }
    }

    async fn import(
        &self,
        from: &mut (impl io::Read + Send),
        same: &[SpoolId],
        by: &str,
    ) -> Result<(SpoolId, Was), ControlError> {
        let same = same.iter().map(ToString::to_string).collect();
        let request = Request::Import { same, by: by.to_owned() };
        let answer = self.bring(from, &request).await.map_err(broken)?;
        if let Response::Imported { id, was } = answer {
            let id = id.parse().map_err(|cause| ControlError(format!("\"{id}\": {cause}")))?;
            Ok((id, was))
        } else {
            Err(unexpected(answer))
        }
    }

    async fn damaged(&self) -> Result<u64, ControlError> {
        Ok(self.status().await?.damaged)
    }
}
