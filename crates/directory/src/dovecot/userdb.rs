//! Which users there are, by Dovecot's master protocol (version 1) on its `auth-userdb` socket.

use std::path::PathBuf;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::line::{Gone, Incoming};
use super::reply::escaped;
use crate::limits;

/// The socket. A connection for each question: Dovecot closes idle ones as it likes.
pub(super) struct Userdb {
    socket: PathBuf,
}

impl Userdb {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Whether Dovecot knows the user. The error says why it cannot be asked.
    pub(super) async fn knows(&self, user: &str) -> Result<bool, String> {
        let asked = timeout(limits::DOVECOT_ANSWER, self.ask(user)).await;
        let asked = asked.unwrap_or(Err(Gone::Silent));
        asked.map_err(|gone| format!("{}: {gone}", self.socket.display()))
    }

    async fn ask(&self, user: &str) -> Result<bool, Gone> {
        let stream = UnixStream::connect(&self.socket).await.map_err(Gone::Broken)?;
        let (read, mut write) = stream.into_split();
        let request = format!("VERSION\t1\t0\nUSER\t1\t{}\tservice=smtp\n", escaped(user));
        write.write_all(request.as_bytes()).await.map_err(Gone::Broken)?;
        let mut incoming = Incoming::new(read);
        for _ in 0..limits::DOVECOT_GREETING_MOST {
            let line = incoming.line().await?;
            let mut fields = line.split('\t');
            match (fields.next().unwrap_or_default(), fields.next()) {
                ("USER", Some("1")) => return Ok(true),
                ("NOTFOUND", Some("1")) => return Ok(false),
                ("FAIL", Some("1")) => return Err(Gone::Foreign("it cannot look users up now")),
                ("VERSION", major) if major != Some("1") => {
                    return Err(Gone::Foreign("its version is not 1"));
                }
                _ => {}
            }
        }
        Err(Gone::Foreign("it does not come to the point"))
    }
}
