//! A small submission client: what `gatepost send` and `quickstart` hand messages in with.
//!
//! It holds the message whole and tries one server once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatepost_mail::{Body, Domain, Ending, International, Octets, Recipient, ReversePath};
use gatepost_sasl::{Login, Mechanism};
use gatepost_smtp::{
    AuthUse, ChunkingUse, ClientLimits, ClientSession, ClientSettings, More, Protocol, RecipientOutcome,
    TlsUse, Transaction,
};

use super::line::{Line, Pause};
use super::login::log_in_as;
use crate::net::tls::{Check, Connector};
use crate::outside::{Outside, instant};
use crate::settings::ListenerTls;

/// How long the server may take to accept the connection.
const CONNECT: Duration = Duration::from_secs(30);

/// Where and how to hand a message in.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The server.
    pub server: SocketAddr,
    /// The name that its certificate must have; `None` takes any certificate.
    pub name: Option<String>,
    /// A PEM file of certificates that vouch for it, beside the system's.
    pub trust: Option<PathBuf>,
    /// How TLS begins.
    pub tls: ListenerTls,
    /// Our own name.
    pub hello: Domain,
    /// Who we are; without it nobody.
    pub login: Option<Login>,
    /// The one mechanism to use; without it the strongest that both sides have.
    pub mechanism: Option<Mechanism>,
    /// The sender.
    pub reverse_path: ReversePath,
    /// Whom it is for.
    pub recipients: Vec<Recipient>,
    /// The message, lines ending with CRLF.
    pub content: Vec<u8>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// One for each recipient, in their order.
    pub recipients: Vec<RecipientOutcome>,
    /// What was said, secrets struck out.
    pub transcript: String,
}

/// Nothing came of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cause}")]
pub struct SubmitError {
    /// Why.
    pub cause: String,
    /// What was said until then, secrets struck out.
    pub transcript: String,
}

/// Hands a message in.
///
/// # Errors
///
/// [`SubmitError`] if it did not come to the point where recipients have outcomes of their own.
pub async fn submit(submission: Submission) -> Result<Submitted, SubmitError> {
    let mut line = connect(&submission).await?;
    loop {
        match advance(&mut line, &submission).await {
            Ok(Advance::Encrypt) => line = encrypt(line, &submission).await?,
            Ok(Advance::Ended(recipients)) => {
                let transcript = line.session.transcript().to_string();
                line.quit().await;
                return Ok(Submitted { recipients, transcript });
            }
            Err(cause) => {
                let transcript = line.session.transcript().to_string();
                line.quit().await;
                return Err(SubmitError { cause, transcript });
            }
        }
    }
}

/// How far a session has come.
enum Advance {
    /// The server waits for the handshake.
    Encrypt,
    /// Each recipient has its outcome.
    Ended(Vec<RecipientOutcome>),
}

async fn connect(submission: &Submission) -> Result<Line, SubmitError> {
    let wrong = |cause: String| SubmitError { cause, transcript: String::new() };
    let address = submission.server;
    let stream = Outside::default().connect(address, CONNECT).await;
    let stream = stream.map_err(|cause| wrong(format!("cannot connect to {address}: {cause}")))?;
    let (stream, tls) = match submission.tls {
        ListenerTls::Implicit => {
            let (stream, facts) = shake_hands(submission, stream).await.map_err(wrong)?;
            (stream, Some(facts))
        }
        ListenerTls::StartTls | ListenerTls::Off => (stream, None),
    };
    let settings = ClientSettings {
        hello: submission.hello.clone(),
        protocol: Protocol::Smtp,
        tls: if submission.tls == ListenerTls::StartTls { TlsUse::Required } else { TlsUse::Never },
        auth: if submission.login.is_some() { AuthUse::Required } else { AuthUse::None },
        chunking: ChunkingUse::WhereNeeded,
        limits: Arc::new(ClientLimits::default()),
    };
    let session = ClientSession::start(settings, instant());
    Ok(Line {
        session,
        stream,
        name: address.to_string(),
        host: submission.name.clone().unwrap_or_else(|| address.ip().to_string()),
        port: address.port(),
        tls,
        presence: None,
        carried: 0,
        heard: Vec::new(),
    })
}

async fn advance(line: &mut Line, submission: &Submission) -> Result<Advance, String> {
    loop {
        match line.run().await {
            Pause::Upgrade => return Ok(Advance::Encrypt),
            Pause::Login => match &submission.login {
                Some(login) => log_in_as(line, login, submission.mechanism).await?,
                None => return Err("the session wants a login that nobody gave".into()),
            },
            Pause::Ready => {
                let sent = line.session.send(transaction(submission), instant());
                sent.map_err(|error| error.to_string())?;
            }
            Pause::NeedContent => {
                let sent = line.session.content(&submission.content, More::Last, instant());
                sent.map_err(|error| error.to_string())?;
            }
            Pause::Outcome(outcome) => return Ok(Advance::Ended(outcome.recipients)),
            Pause::Broken(cause) => return Err(cause.to_string()),
            Pause::Challenge(_) | Pause::LoggedIn | Pause::LoginFailed(_) | Pause::Closed => {
                return Err("the connection was closed".into());
            }
        }
    }
}

async fn encrypt(line: Line, submission: &Submission) -> Result<Line, SubmitError> {
    let Line { session, stream, name, host, port, .. } = line;
    match shake_hands(submission, stream).await {
        Ok((stream, facts)) => Ok(Line {
            session: session.upgraded(instant()),
            stream,
            name,
            host,
            port,
            tls: Some(facts),
            presence: None,
            carried: 0,
            heard: Vec::new(),
        }),
        Err(cause) => Err(SubmitError { cause, transcript: session.transcript().to_string() }),
    }
}

async fn shake_hands(
    submission: &Submission,
    stream: crate::net::stream::Stream,
) -> Result<(crate::net::stream::Stream, crate::net::tls::TlsFacts), String> {
    let connector = Connector::new(submission.trust.as_deref()).map_err(|error| error.to_string())?;
    let (name, check) = match &submission.name {
        Some(name) => (name.clone(), Check::Verified),
        None => (submission.server.ip().to_string(), Check::Anyone),
    };
    connector.connect(stream, &name, check).await.map_err(|error| error.to_string())
}

fn transaction(submission: &Submission) -> Transaction {
    let ascii = submission.content.is_ascii();
    let utf8 = submission.reverse_path.mailbox().is_some_and(gatepost_mail::Mailbox::needs_smtputf8)
        || submission
            .recipients
            .iter()
            .any(|to| to.path.mailbox().is_some_and(gatepost_mail::Mailbox::needs_smtputf8));
    let ended = submission.content.is_empty() || submission.content.ends_with(b"\r\n");
    Transaction {
        reverse_path: submission.reverse_path.clone(),
        recipients: submission.recipients.clone(),
        size: Some(Octets::of(&submission.content)),
        body: if ascii { Body::SevenBit } else { Body::EightBitMime },
        ending: if ended { Ending::Line } else { Ending::Open },
        international: if utf8 { International::Yes } else { International::No },
        returns: None,
        envelope_id: None,
    }
}
