//! Mail clients that other people wrote: what each can do, and how it is told to.

mod curl;
mod gsasl;
mod msmtp;
mod scripts;
mod smtptest;
mod spoken;
mod swaks;

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) use curl::XOAUTH2_ONLY;
pub(crate) use spoken::{MECHANISMS, NOT_RUN};

/// Seconds after which a client is taken for hung.
const LONGEST: &str = "60";

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Swaks,
    Curl,
    Msmtp,
    Gsasl,
    Smtplib,
    Nodemailer,
    NetSmtp,
    Smtptest,
}

/// Which of our doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The submission port: STARTTLS.
    StartTls,
    /// The submissions port: TLS at once.
    Implicit,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    V12,
    V13,
}

impl Tls {
    /// As gatepost's events name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V12 => "TLSv1.2",
            Self::V13 => "TLSv1.3",
        }
    }

    /// For programs that use GnuTLS.
    const fn priority(self) -> &'static str {
        match self {
            Self::V12 => "NORMAL:-VERS-TLS1.3",
            Self::V13 => "NORMAL:-VERS-ALL:+VERS-TLS1.3",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartTls => "587 STARTTLS",
            Self::Implicit => "465 implicit",
        })
    }
}

/// What a client proves itself with.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    Password(&'a str),
    /// Of OAuth 2.
    Token(&'a str),
    /// Of OAuth 1: the consumer's key and secret, the token and its secret, with a space between them.
    Keys(&'a str),
    /// A certificate and its private key, in one file.
    Certificate(&'a Path),
    /// What leads a Kerberos library to a ticket.
    Ticket(&'a [(&'static str, String)]),
}

impl Proof<'_> {
    /// For scripts, which know by the mechanism what it means.
    fn word(self) -> OsString {
        match self {
            Self::Password(word) | Self::Token(word) | Self::Keys(word) => word.into(),
            Self::Certificate(file) => file.into(),
            Self::Ticket(_) => OsString::new(),
        }
    }
}

/// One login, and one message if the client can send one.
pub(crate) struct Login<'a> {
    pub(crate) server: SocketAddr,
    pub(crate) door: Door,
    pub(crate) tls: Tls,
    pub(crate) mechanism: &'a str,
    pub(crate) user: &'a str,
    pub(crate) proof: Proof<'a>,
    pub(crate) to: &'a str,
    /// A word for the Subject field.
    pub(crate) subject: &'a str,
    pub(crate) ca: &'a Path,
    /// A folder for what the client must read from a file.
    pub(crate) scratch: &'a Path,
}

/// What a client did.
pub(crate) struct Talk {
    /// What it printed: what both sides said, in the client's own manner.
    pub(crate) transcript: String,
    /// Whether its exit status says success.
    pub(crate) succeeded: Success,
}

/// How a client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Success {
    Yes,
    No,
}

impl Program {
    pub(crate) const ALL: [Self; 8] = [
        Self::Swaks,
        Self::Curl,
        Self::Msmtp,
        Self::Gsasl,
        Self::Smtplib,
        Self::Nodemailer,
        Self::NetSmtp,
        Self::Smtptest,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Swaks => "swaks",
            Self::Curl => "curl",
            Self::Msmtp => "msmtp",
            Self::Gsasl => "gsasl",
            Self::Smtplib => "smtplib",
            Self::Nodemailer => "nodemailer",
            Self::NetSmtp => "net-smtp",
            Self::Smtptest => "smtptest",
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(self, login: &Login<'_>) -> Talk {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", LONGEST]);
        let input = match self {
            Self::Swaks => swaks::tell(&mut command, login),
            Self::Curl => curl::tell(&mut command, login),
            Self::Msmtp => msmtp::tell(&mut command, login),
            Self::Gsasl => gsasl::tell(&mut command, login),
            Self::Smtplib => scripts::smtplib(&mut command, login),
            Self::Nodemailer => scripts::nodemailer(&mut command, login),
            Self::NetSmtp => scripts::net_smtp(&mut command, login),
            Self::Smtptest => smtptest::tell(&mut command, login),
        };
        if let Proof::Ticket(environment) = login.proof {
            command.envs(environment.iter().map(|(name, value)| (name, value)));
        }
        // Nobody's own settings count.
        command.env("HOME", login.scratch).current_dir(login.scratch);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("running a client under timeout(1)");
        let mut stdin = child.stdin.take().expect("its standard input");
        // Who fails early does not read it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("its end");
        let [out, err] = [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets));
        let hung = if output.status.code() == Some(124) { "it hung" } else { "" };
        let transcript = format!("{out}\n{err}{hung}");
        // Cyrus's program ends alike whatever came of the login, and says it in a line of its own.
        let said = self != Self::Smtptest || transcript.contains("\nAuthenticated.\n");
        let succeeded = if output.status.success() && said { Success::Yes } else { Success::No };
        Talk { transcript, succeeded }
    }
}

fn message(login: &Login<'_>, line_end: &str) -> String {
    ["From: ", login.user, line_end, "To: ", login.to, line_end, "Subject: ", login.subject, line_end]
        .into_iter()
        .chain([line_end, "Hello.", line_end])
        .collect()
}
