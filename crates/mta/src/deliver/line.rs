//! An open line to a host: its stream, its session, and what to call it.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use gatepost_mail::Reply;
use gatepost_smtp::{Cause, ClientSession, ClientStep, TransactionOutcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::error::Elapsed;
use tokio::time::timeout_at;

use super::sites::Presence;
use crate::net::stream::Stream;
use crate::net::tls::TlsFacts;
use crate::outside::instant;

/// Octets read at once: replies are short.
const READ: usize = 4096;
/// How long the end of a channel may take: TLS says goodbye too.
const FAREWELL: Duration = Duration::from_secs(5);

/// An open line to a host.
pub(super) struct Line {
    pub(super) session: ClientSession,
    pub(super) stream: Stream,
    /// As events show it: `mx1.example.net [192.0.2.1]:25`.
    pub(super) name: String,
    /// The host alone, for reports.
    pub(super) host: String,
    /// Its port; none for a unix socket.
    pub(super) port: u16,
    /// What is known of the channel, once it is encrypted.
    pub(super) tls: Option<TlsFacts>,
    /// Counts it as open at its site, where it has one.
    pub(super) presence: Option<Presence>,
    /// Jobs it has carried.
    pub(super) carried: usize,
    /// What was read last; kept for the room it has.
    pub(super) heard: Vec<u8>,
}

/// Where a session needs somebody to decide.
pub(super) enum Pause {
    Upgrade,
    Login,
    Challenge(Vec<u8>),
    LoggedIn,
    LoginFailed(Reply),
    Ready,
    NeedContent,
    Outcome(TransactionOutcome),
    Broken(Cause),
    Closed,
}

impl Line {
    /// How the channel is secured, as events show it: version, cipher, and `resumed` where an earlier session went on.
    pub(super) fn security(&self) -> String {
        self.tls.as_ref().map_or_else(String::new, |tls| {
            let resumed = if tls.resumed { " resumed" } else { "" };
            format!("{} {}{resumed}", tls.version, tls.cipher)
        })
    }

    /// Carries octets until somebody must decide.
    pub(super) async fn run(&mut self) -> Pause {
        loop {
            let deadline = self.session.deadline();
            match self.session.step() {
                ClientStep::Write(said) => {
                    let sent = timeout_at(deadline.into(), send(&mut self.stream, said)).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        self.hear_last_words().await;
                    }
                }
                ClientStep::Idle => self.hear().await,
                ClientStep::Upgrade => return Pause::Upgrade,
                ClientStep::Login => return Pause::Login,
                ClientStep::Challenge(challenge) => return Pause::Challenge(challenge),
                ClientStep::LoggedIn(_) => return Pause::LoggedIn,
                ClientStep::LoginFailed(reply) => return Pause::LoginFailed(reply),
                ClientStep::Ready => return Pause::Ready,
                ClientStep::NeedContent => return Pause::NeedContent,
                ClientStep::Outcome(outcome) => return Pause::Outcome(outcome),
                ClientStep::Broken(cause) => return Pause::Broken(cause),
                ClientStep::Close => return Pause::Closed,
            }
        }
    }

    /// Waits for octets or the deadline.
    async fn hear(&mut self) {
        match self.read().await {
            Ok(Ok(0) | Err(_)) => self.session.hang_up(),
            Ok(Ok(_some)) => self.session.receive(&self.heard, instant()),
            Err(_elapsed) => self.session.expire(instant()),
        }
    }

    /// A server that refuses content often says why before it closes: what has come is read first.
    async fn hear_last_words(&mut self) {
        if let Ok(Ok(1..)) = self.read().await {
            self.session.receive(&self.heard, instant());
        }
        self.session.hang_up();
    }

    /// Takes in what has come while nothing was under way, without waiting for more; says whether the line still stands. A host
    /// that closes an idle line is found out here, before anything is said that it may or may not have read.
    pub(super) async fn still_stands(&mut self) -> bool {
        self.heard.clear();
        self.heard.reserve(READ);
        let come = {
            let mut read = pin!(self.stream.read_buf(&mut self.heard));
            poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await
        };
        match come {
            Poll::Pending => return true,
            Poll::Ready(Ok(1..)) => self.session.receive(&self.heard, instant()),
            Poll::Ready(_) => self.session.hang_up(),
        }
        matches!(self.session.step(), ClientStep::Ready)
    }

    async fn read(&mut self) -> Result<io::Result<usize>, Elapsed> {
        self.heard.clear();
        self.heard.reserve(READ);
        let deadline = self.session.deadline();
        timeout_at(deadline.into(), self.stream.read_buf(&mut self.heard)).await
    }

    /// Ends the line: says QUIT where that can be said, and waits a little for the answer.
    pub(super) async fn quit(mut self) {
        self.presence = None;
        self.session.quit(instant());
        // What was under way has its outcome first.
        while let Pause::Outcome(_) | Pause::Broken(_) = self.run().await {}
        let _ = timeout_at((instant() + FAREWELL).into(), self.stream.shutdown()).await;
    }
}

async fn send(stream: &mut Stream, octets: &[u8]) -> io::Result<()> {
    stream.write_all(octets).await?;
    stream.flush().await
}
