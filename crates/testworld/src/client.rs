//! A mail client typed by hand: what it sends and what it expects are the test's words.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use self::trust::Signature;
use crate::patience::{PATIENCE, within};
use crate::wire::{TlsFacts, Wire};

pub(crate) mod trust;

/// One connection to a server. Every wait lasts at most [`Client::patience`].
pub struct Client {
    wire: Option<Wire>,
    tls: Option<TlsFacts>,
    patience: Duration,
    transcript: String,
}

/// One whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The lines without their line ends, codes included.
    pub lines: Vec<String>,
}

impl Reply {
    /// The reply code; 0 when there is none.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.lines.last().and_then(|line| line.get(..3)).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The lines with `\n` between them.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Whether an EHLO reply has a line of this keyword.
    #[must_use]
    pub fn offers(&self, keyword: &str) -> bool {
        let words = self.lines.iter().filter_map(|line| line.get(4..)?.split(' ').next());
        words.skip(1).any(|word| word.eq_ignore_ascii_case(keyword))
    }
}

impl Client {
    /// Connects over TCP; the greeting is not read yet.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub async fn dial(server: SocketAddr) -> io::Result<Self> {
        let connected = within("a connection", PATIENCE, TcpStream::connect(server)).await?;
        connected.set_nodelay(true)?;
        Ok(Self::over(Wire::new(connected)))
    }

    /// Connects from an address of our choice, such as `127.0.0.9`; the greeting is not read yet.
    ///
    /// # Errors
    ///
    /// When nobody listens there, or the address is not ours.
    pub async fn dial_from(from: SocketAddr, server: SocketAddr) -> io::Result<Self> {
        let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(from)?;
        let connected = within("a connection", PATIENCE, socket.connect(server)).await?;
        connected.set_nodelay(true)?;
        Ok(Self::over(Wire::new(connected)))
    }

    /// Connects to a unix socket; the greeting is not read yet.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub async fn dial_unix(path: &Path) -> io::Result<Self> {
        Ok(Self::over(Wire::new(UnixStream::connect(path).await?)))
    }

    /// Connects and reads a greeting that must be positive.
    ///
    /// # Errors
    ///
    /// When nobody listens there or the greeting is not 220.
    pub async fn connect(server: SocketAddr) -> io::Result<Self> {
        let mut client = Self::dial(server).await?;
        client.expect("220").await?;
        Ok(client)
    }

    /// Connects, shakes hands at once (RFC 8314 section 3.3) and reads a greeting that must be positive.
    ///
    /// # Errors
    ///
    /// When nobody listens there, the handshake fails, or the greeting is not 220.
    pub async fn connect_tls(server: SocketAddr, name: &str) -> io::Result<Self> {
        let mut client = Self::dial(server).await?;
        client.shake_hands(name).await?;
        client.expect("220").await?;
        Ok(client)
    }

    fn over(wire: Wire) -> Self {
        Self { wire: Some(wire), tls: None, patience: PATIENCE, transcript: String::new() }
    }

    /// Sets the longest wait for anything.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What both sides said, for the message of a failing test.
    #[must_use]
    pub fn transcript(&self) -> &str {
        &self.transcript
    }

    /// What the TLS handshake gave.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let _ = writeln!(self.transcript, "C {}", crate::wire::shown(octets));
        let patience = self.patience;
        within("the server to read", patience, self.wire()?.send(octets)).await
    }

    /// Sends a line and its CRLF.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn send_line(&mut self, line: &str) -> io::Result<()> {
        self.send(format!("{line}\r\n").as_bytes()).await
    }

    /// Reads one whole reply.
    ///
    /// # Errors
    ///
    /// When the server closes, says what is no reply, or nothing in time; the text holds the transcript.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        let patience = self.patience;
        let wire = self.wire.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut lines = Vec::new();
        let read = within("a reply", patience, read_reply(wire, &mut lines)).await;
        for line in &lines {
            let _ = writeln!(self.transcript, "S {line}");
        }
        read.map_err(|cause| io::Error::new(cause.kind(), format!("{cause}\n{}", self.transcript)))?;
        Ok(Reply { lines })
    }

    /// Reads one whole reply that begins with `wanted`, such as `250` or `550 5.7.1`.
    ///
    /// # Errors
    ///
    /// Any other reply; the text holds the transcript.
    pub async fn expect(&mut self, wanted: &str) -> io::Result<Reply> {
        let reply = self.reply().await?;
        if reply.lines.last().is_some_and(|line| line.starts_with(wanted)) {
            return Ok(reply);
        }
        Err(io::Error::other(format!("expected `{wanted}`, got `{}`\n{}", reply.text(), self.transcript)))
    }

    /// Sends a line and reads the reply, which must begin with `wanted`.
    ///
    /// # Errors
    ///
    /// As for [`Client::expect`].
    pub async fn say(&mut self, line: &str, wanted: &str) -> io::Result<Reply> {
        self.send_line(line).await?;
        self.expect(wanted).await
    }

    /// Says STARTTLS, shakes hands, trusts any certificate.
    ///
    /// # Errors
    ///
    /// When the server refuses or the handshake fails.
    pub async fn starttls(&mut self, name: &str) -> io::Result<()> {
        self.say("STARTTLS", "220").await?;
        self.shake_hands(name).await
    }

    /// Shakes hands now; any certificate is trusted, [`Client::tls`] has it.
    ///
    /// # Errors
    ///
    /// When the handshake fails.
    pub async fn shake_hands(&mut self, name: &str) -> io::Result<()> {
        let wire = self.wire.take().ok_or(io::ErrorKind::NotConnected)?;
        let handshake = wire.connect_tls(trust::anything(Signature::Checked)?, name);
        let (wire, facts) = within("the TLS handshake", self.patience, handshake).await?;
        let _ = writeln!(self.transcript, "- {}", facts.version);
        self.wire = Some(wire);
        self.tls = Some(facts);
        Ok(())
    }

    /// Logs in with PLAIN and an initial response.
    ///
    /// # Errors
    ///
    /// Any reply other than 235.
    pub async fn login(&mut self, user: &str, password: &str) -> io::Result<Reply> {
        let response = STANDARD.encode(format!("\0{user}\0{password}"));
        self.say(&format!("AUTH PLAIN {response}"), "235").await
    }

    /// One transaction: MAIL, RCPT, DATA and the content, whose dots are stuffed here.
    ///
    /// `from` and `to` are addresses without brackets; an empty `from` is the null reverse-path. Content that
    /// does not end with CRLF gets one, since DATA cannot say otherwise.
    ///
    /// # Errors
    ///
    /// Any reply that is not positive.
    pub async fn submit(&mut self, from: &str, to: &[&str], content: &[u8]) -> io::Result<Reply> {
        self.say(&format!("MAIL FROM:<{from}>"), "250").await?;
        for recipient in to {
            self.say(&format!("RCPT TO:<{recipient}>"), "25").await?;
        }
        self.say("DATA", "354").await?;
        self.send(&stuffed(content)).await?;
        self.expect("250").await
    }

    /// Says QUIT and waits until the server has closed.
    ///
    /// # Errors
    ///
    /// Any reply other than 221, or no close.
    pub async fn quit(mut self) -> io::Result<()> {
        self.say("QUIT", "221").await?;
        self.closed().await.map(|_rest| ())
    }

    /// Waits until the server has closed, and gives what it said before.
    ///
    /// # Errors
    ///
    /// When it does not close in time.
    pub async fn closed(&mut self) -> io::Result<Vec<u8>> {
        let patience = self.patience;
        let rest = within("the server to close", patience, self.wire()?.rest()).await?;
        let _ = writeln!(self.transcript, "S {}\n- closed", crate::wire::shown(&rest));
        Ok(rest)
    }

    /// Says that no more will be sent, as a client that shuts down its half.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.wire()?.finish().await
    }

    fn wire(&mut self) -> io::Result<&mut Wire> {
        self.wire.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

async fn read_reply(wire: &mut Wire, lines: &mut Vec<String>) -> io::Result<()> {
    loop {
        let line = wire.line().await?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed where a reply was due")
        })?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let last = line.as_bytes().get(3) != Some(&b'-');
        let is_reply = line.len() >= 3 && line.bytes().take(3).all(|octet| octet.is_ascii_digit());
        lines.push(line);
        if !is_reply {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no reply"));
        }
        if last {
            return Ok(());
        }
    }
}

/// The content as DATA carries it: lines that begin with a dot get another, and the end is marked.
///
/// RFC 5321 section 4.5.2. A line begins after CRLF only.
#[must_use]
pub fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(content.len() + 64);
    let mut before = [b'\r', b'\n'];
    for octet in content {
        if *octet == b'.' && before == *b"\r\n" {
            octets.push(b'.');
        }
        octets.push(*octet);
        before = [before[1], *octet];
    }
    if before != *b"\r\n" {
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b".\r\n");
    octets
}

#[cfg(test)]
mod tests;
