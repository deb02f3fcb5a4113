//! `gatepost send`: a small submission client, for tests and scripts.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gatepost_mail::{Domain, ForwardPath, Recipient, ReversePath};
use gatepost_mta::deliver::submit::{Submission, SubmitError, Submitted, submit};
use gatepost_mta::settings::ListenerTls;
use gatepost_sasl::{Login, Mechanism, Secret};
use gatepost_smtp::RecipientOutcome;
use serde_json::json;

use super::console::{Console, Format, Ink};
use super::failure::{Failure, Outcome, Status};
use super::password::{self, From};

/// Largest message, in octets; it is held in memory.
const LARGEST: u64 = 128 << 20;
/// Where a password may come from beside the terminal and standard input.
const PASSWORD_VARIABLE: &str = "GATEPOST_PASSWORD";

/// The message is FILE, or standard input, as it is: a header, an empty line, a body. Line ends become CRLF.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost send --server mail.example.org:587 --auth ada@example.org \\
    --from ada@example.org --to bob@example.net message.eml
  GATEPOST_PASSWORD=secret gatepost send --server 127.0.0.1:2587 --ca authority.pem \\
    --auth ada@example.org --mechanism SCRAM-SHA-256 \\
    --from ada@example.org --to bob@example.org < message.eml

Exit status: 0 every recipient was taken, 1 not all of them.")]
pub struct SendArguments {
    /// The server.
    #[arg(long, value_name = "HOST:PORT")]
    pub server: String,
    /// Log in as this user. The password is that of $GATEPOST_PASSWORD, or asked for at the terminal.
    #[arg(long, value_name = "USER")]
    pub auth: Option<String>,
    /// Use this mechanism and no other [default: the strongest that both sides have].
    #[arg(long, value_name = "M", value_parser = mechanism)]
    pub mechanism: Option<Mechanism>,
    /// The sender; "<>" is the null sender.
    #[arg(long, value_name = "A")]
    pub from: String,
    /// A recipient; may be given again.
    #[arg(long, value_name = "B", required = true)]
    pub to: Vec<String>,
    /// How the channel is secured.
    #[command(flatten)]
    pub tls: TlsArguments,
    /// The name to give the server.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    pub helo: String,
    /// Show what was said, secrets struck out.
    #[arg(short, long)]
    pub verbose: bool,
    /// The message [default: standard input].
    pub file: Option<PathBuf>,
}

/// How the channel is secured.
#[derive(Debug, Args)]
pub struct TlsArguments {
    /// How TLS begins [default: implicit on port 465, else starttls].
    #[arg(long, value_enum)]
    pub tls: Option<TlsBegin>,
    /// Trust what this PEM file vouches for, beside what the system trusts.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Take any certificate. For tests only.
    #[arg(long)]
    pub insecure: bool,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsBegin {
    /// By STARTTLS.
    Starttls,
    /// At once.
    Implicit,
    /// Not at all.
    Off,
}

fn mechanism(name: &str) -> Result<Mechanism, String> {
    Mechanism::from_name(name).ok_or_else(|| match gatepost_sasl::nearest(name, &Mechanism::ALL) {
        Some(meant) => format!("not known; did you mean {}?", meant.name()),
        None => format!("known are {}", Mechanism::ALL.map(Mechanism::name).join(", ")),
    })
}

pub(super) fn run(arguments: &SendArguments, console: &mut Console<'_>) -> Outcome {
    let submission = submission(arguments)?;
    let recipients = submission.recipients.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(submit(submission)) {
        Ok(submitted) => {
            show_transcript(arguments, &submitted.transcript, console)?;
            tell(&submitted, &recipients, console)
        }
        Err(SubmitError { cause, transcript }) => {
            show_transcript(arguments, &transcript, console)?;
            let mend = if cause.contains("certificate") {
                "\n   = mend: name what vouches for the server with --ca FILE; --insecure takes any certificate"
            } else {
                ""
            };
            Err(Failure::no(format!("{cause}{mend}")))
        }
    }
}

fn submission(arguments: &SendArguments) -> Result<Submission, Failure> {
    let (host, server) = resolve(&arguments.server)?;
    let usage = |what: &str, text: &str, cause: gatepost_mail::AddressError| {
        Failure::usage(format!("{what} {text}: {cause}"))
    };
    let tls = match arguments.tls.tls {
        Some(TlsBegin::Starttls) => ListenerTls::StartTls,
        Some(TlsBegin::Implicit) => ListenerTls::Implicit,
        Some(TlsBegin::Off) => ListenerTls::Off,
        None if server.port() == 465 => ListenerTls::Implicit,
        None => ListenerTls::StartTls,
    };
    let from = &arguments.from;
    let reverse_path = ReversePath::parse(&bracketed(from)).map_err(|cause| usage("--from", from, cause))?;
    let recipients = arguments.to.iter().map(|to| {
        let path = ForwardPath::parse(&bracketed(to)).map_err(|cause| usage("--to", to, cause))?;
        Ok(Recipient::new(path))
    });
    Ok(Submission {
        server,
        name: (!arguments.tls.insecure).then_some(host),
        trust: arguments.tls.ca.clone(),
        tls,
        hello: Domain::parse(&arguments.helo).map_err(|cause| usage("--helo", &arguments.helo, cause))?,
        mechanism: arguments.mechanism,
        reverse_path,
        recipients: recipients.collect::<Result<_, Failure>>()?,
        login: login(arguments)?,
        content: content(arguments)?,
    })
}

fn bracketed(address: &str) -> String {
    if address.starts_with('<') { address.to_owned() } else { format!("<{address}>") }
}

/// The name that the certificate must have, and the address to connect to.
fn resolve(server: &str) -> Result<(String, SocketAddr), Failure> {
    use std::net::ToSocketAddrs as _;

    let wrong = |cause: String| Failure::usage(format!("--server {server}: {cause}"));
    let (host, _port) =
        server.rsplit_once(':').ok_or_else(|| wrong("write HOST:PORT, as in mail.example.org:587".into()))?;
    let mut addresses = server.to_socket_addrs().map_err(|cause| wrong(cause.to_string()))?;
    let address = addresses.next().ok_or_else(|| wrong("it has no address".into()))?;
    Ok((host.trim_matches(['[', ']']).to_owned(), address))
}

fn login(arguments: &SendArguments) -> Result<Option<Login>, Failure> {
    let Some(user) = &arguments.auth else { return Ok(None) };
    let secret = match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => Secret::new(password),
        Err(_) => password::read(From::Terminal).map_err(|_| {
            Failure::usage(format!("there is no password: set {PASSWORD_VARIABLE}, or run at a terminal"))
        })?,
    };
    Login::new(user.clone(), secret).map(Some).map_err(Failure::usage)
}

fn content(arguments: &SendArguments) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let read = match &arguments.file {
        Some(path) => {
            let file = std::fs::File::open(path);
            let file = file.map_err(|cause| Failure::usage(format!("{}: {cause}", path.display())))?;
            file.take(LARGEST + 1).read_to_end(&mut octets)?
        }
        None => std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut octets)?,
    };
    if read as u64 > LARGEST {
        return Err(Failure::usage("the message is larger than 128 MiB"));
    }
    Ok(with_crlf(&octets))
}

/// Each line end becomes CRLF, whatever it was.
#[must_use]
pub fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(octets.len() + octets.len() / 32);
    let mut rest = octets;
    while let Some(at) = rest.iter().position(|octet| matches!(octet, b'\r' | b'\n')) {
        let (line, end) = rest.split_at(at);
        content.extend_from_slice(line);
        content.extend_from_slice(b"\r\n");
        rest = end.strip_prefix(b"\r\n").or_else(|| end.get(1..)).unwrap_or_default();
    }
    content.extend_from_slice(rest);
    content
}

fn show_transcript(
    arguments: &SendArguments,
    transcript: &str,
    console: &mut Console<'_>,
) -> std::io::Result<()> {
    if arguments.verbose { console.complain(transcript.trim_end()) } else { Ok(()) }
}

fn tell(submitted: &Submitted, recipients: &[Recipient], console: &mut Console<'_>) -> Outcome {
    let outcomes = recipients.iter().zip(&submitted.recipients);
    let all = outcomes.clone().all(|(_, outcome)| matches!(outcome, RecipientOutcome::Delivered(_)));
    if console.format == Format::Machines {
        let listed: Vec<_> = outcomes
            .map(|(recipient, outcome)| {
                let (word, text) = shown(outcome);
                json!({ "recipient": recipient.path.to_string(), "outcome": word, "reply": text })
            })
            .collect();
        console.json(&listed)?;
    } else {
        for (recipient, outcome) in outcomes {
            let (word, text) = shown(outcome);
            let ink = if word == "taken" { Ink::Good } else { Ink::Bad };
            let word = console.paint(ink, word);
            console.line(format!("{} {word}: {text}", recipient.path))?;
        }
    }
    Ok(if all { Status::Done } else { Status::No })
}

/// An outcome as a word, and what the server said.
#[must_use]
pub fn shown(outcome: &RecipientOutcome) -> (&'static str, String) {
    match outcome {
        RecipientOutcome::Delivered(reply) => ("taken", reply.to_string()),
        RecipientOutcome::Failed(reply) => ("refused", reply.to_string()),
        RecipientOutcome::Deferred(reply) => ("put off", reply.to_string()),
        RecipientOutcome::NotTried => ("not tried", "the server takes no more recipients at once".to_owned()),
        RecipientOutcome::Interrupted(cause) => ("not taken", cause.to_string()),
        RecipientOutcome::InDoubt(cause) => ("in doubt", cause.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_becomes_crlf() {
        let rows: [(&str, &str); 6] = [
            ("", ""),
            ("a\nb", "a\r\nb"),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\r\rb", "a\r\n\r\nb"),
            ("\n\r\n", "\r\n\r\n"),
            ("a\r", "a\r\n"),
        ];
        for (text, want) in rows {
            assert_eq!(with_crlf(text.as_bytes()), want.as_bytes(), "{text:?}");
        }
    }
}
