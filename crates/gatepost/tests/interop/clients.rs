//! Mail clients that other people wrote: what each can do, and how it is told to.

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::rig::HOSTNAME;

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

/// One login, and one message if the client can send one.
pub(crate) struct Login<'a> {
    pub(crate) server: SocketAddr,
    pub(crate) door: Door,
    pub(crate) tls: Tls,
    pub(crate) mechanism: &'a str,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
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

    /// What Debian's build of it speaks, of what we offer.
    pub(crate) const fn mechanisms(self, tls: Tls) -> &'static [&'static str] {
        match (self, tls) {
            (Self::Swaks | Self::Curl | Self::Nodemailer | Self::NetSmtp, _) => {
                &["PLAIN", "LOGIN", "CRAM-MD5"]
            }
            (Self::Msmtp | Self::Smtptest, _) => {
                &["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
            }
            // On TLS 1.2 it binds to tls-unique only: see the test of that.
            (Self::Gsasl, Tls::V12) => &["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"],
            (Self::Gsasl, Tls::V13) | (Self::Smtplib, _) => &[
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "SCRAM-SHA-1-PLUS",
                "SCRAM-SHA-256-PLUS",
            ],
        }
    }

    pub(crate) const fn doors(self) -> &'static [Door] {
        match self {
            Self::Gsasl => &[Door::StartTls],
            Self::Swaks
            | Self::Curl
            | Self::Msmtp
            | Self::Smtplib
            | Self::Nodemailer
            | Self::NetSmtp
            | Self::Smtptest => &[Door::StartTls, Door::Implicit],
        }
    }

    /// Whether it sends a message once it is logged in; gsasl and smtptest only log in.
    pub(crate) const fn sends(self) -> Success {
        match self {
            Self::Gsasl | Self::Smtptest => Success::No,
            Self::Swaks | Self::Curl | Self::Msmtp | Self::Smtplib | Self::Nodemailer | Self::NetSmtp => {
                Success::Yes
            }
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(self, login: &Login<'_>) -> Talk {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", LONGEST]);
        let input = match self {
            Self::Swaks => swaks(&mut command, login),
            Self::Curl => curl(&mut command, login),
            Self::Msmtp => msmtp(&mut command, login),
            Self::Gsasl => gsasl(&mut command, login),
            Self::Smtplib => smtplib(&mut command, login),
            Self::Nodemailer => nodemailer(&mut command, login),
            Self::NetSmtp => net_smtp(&mut command, login),
            Self::Smtptest => smtptest(&mut command, login),
        };
        // Nobody's own settings count.
        command.env("HOME", login.scratch).current_dir(login.scratch);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("running a client under timeout(1)");
        let mut stdin = child.stdin.take().expect("its standard input");
        // Who fails early does not read it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("its end");
        assert_ne!(output.status.code(), Some(124), "{} hung", self.name());
        let [out, err] = [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets));
        let transcript = format!("{out}\n{err}");
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

fn swaks(command: &mut Command, login: &Login<'_>) -> String {
    let port = login.server.port().to_string();
    command.args(["swaks", "--server", "127.0.0.1", "--port", &port, "--ehlo", "client.example"]);
    command.arg(match login.door {
        Door::StartTls => "-tls",
        Door::Implicit => "-tlsc",
    });
    command.args(["--tls-protocol", if login.tls == Tls::V12 { "tlsv1_2" } else { "tlsv1_3" }]);
    command.arg("--tls-verify").arg("--tls-ca-path").arg(login.ca);
    command.args(["--auth", login.mechanism, "--auth-user", login.user, "--auth-password", login.password]);
    command
        .args(["--from", login.user, "--to", login.to, "--header"])
        .arg(format!("Subject: {}", login.subject));
    String::new()
}

fn curl(command: &mut Command, login: &Login<'_>) -> String {
    let port = login.server.port();
    let scheme = match login.door {
        Door::StartTls => "smtp",
        Door::Implicit => "smtps",
    };
    command.args(["curl", "-q", "-sv", "--url", &format!("{scheme}://{HOSTNAME}:{port}/client.example")]);
    command
        .args(["--resolve", &format!("{HOSTNAME}:{port}:127.0.0.1"), "--ssl-reqd", "--cacert"])
        .arg(login.ca);
    command.args(match login.tls {
        Tls::V12 => ["--tlsv1.2", "--tls-max", "1.2"],
        Tls::V13 => ["--tlsv1.3", "--tls-max", "1.3"],
    });
    command.args(["--user", &format!("{}:{}", login.user, login.password)]);
    command.args(["--login-options", &format!("AUTH={}", login.mechanism)]);
    command.args(["--mail-from", login.user, "--mail-rcpt", login.to, "--upload-file", "-"]);
    // curl sends content as it is: lines must end with CRLF already.
    message(login, "\r\n")
}

fn msmtp(command: &mut Command, login: &Login<'_>) -> String {
    let secret = write_secret(login);
    command.args(["msmtp", "--debug", "--host=127.0.0.1", "--domain=client.example", "--tls=on"]);
    command.arg(format!("--port={}", login.server.port()));
    command.arg(match login.door {
        Door::StartTls => "--tls-starttls=on",
        Door::Implicit => "--tls-starttls=off",
    });
    command.arg(format!("--tls-trust-file={}", login.ca.display()));
    command.arg(format!("--tls-host-override={HOSTNAME}"));
    command.arg(format!("--tls-priorities={}", login.tls.priority()));
    command.arg(format!("--auth={}", login.mechanism.to_lowercase()));
    command.arg(format!("--user={}", login.user));
    command.arg(format!("--passwordeval=cat {}", secret.display()));
    command.args([&format!("--from={}", login.user), "--", login.to]);
    message(login, "\n")
}

fn write_secret(login: &Login<'_>) -> PathBuf {
    let path = login.scratch.join(format!("{}.secret", login.subject));
    std::fs::write(&path, format!("{}\n", login.password)).expect("writing a password for msmtp");
    path
}

fn gsasl(command: &mut Command, login: &Login<'_>) -> String {
    command.args(["gsasl", "--smtp", "--starttls", "--verbose", "--mechanism", login.mechanism]);
    command.arg(format!("--connect={}", login.server)).arg(format!("--x509-ca-file={}", login.ca.display()));
    command.args(["--priority", login.tls.priority(), "-a", login.user, "-p", login.password]);
    if !login.mechanism.ends_with("-PLUS") {
        // Without it, SCRAM inside TLS stops before it has said anything.
        command.arg("--no-cb");
    }
    String::new()
}

fn smtplib(command: &mut Command, login: &Login<'_>) -> String {
    command.args(["python3", "-c", include_str!("smtplib_login.py")]);
    words(command, login)
}

fn nodemailer(command: &mut Command, login: &Login<'_>) -> String {
    let script = login.scratch.join("nodemailer_login.js");
    std::fs::write(&script, include_str!("nodemailer_login.js")).expect("writing a script");
    command.arg("node").arg(script).env("NODE_PATH", peers().join("npm/node_modules"));
    words(command, login)
}

/// Where `cargo xtask test` unpacks programs.
fn peers() -> PathBuf {
    let peers = std::env::var_os("GATEPOST_PEERS").map(PathBuf::from);
    peers.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers"))
}

fn net_smtp(command: &mut Command, login: &Login<'_>) -> String {
    let script = login.scratch.join("perl_login.pl");
    std::fs::write(&script, include_str!("perl_login.pl")).expect("writing a script");
    command.arg("perl").arg(script);
    words(command, login)
}

/// What the scripts are told, all in the same order.
fn words(command: &mut Command, login: &Login<'_>) -> String {
    command.args([&login.server.port().to_string(), HOSTNAME]).arg(login.ca);
    command.arg(match login.door {
        Door::StartTls => "starttls",
        Door::Implicit => "implicit",
    });
    command.args([login.tls.name(), login.mechanism, login.user, login.password, login.to, login.subject]);
    String::new()
}

/// Cyrus SASL's own client. It takes any certificate, and OpenSSL's own settings say which TLS.
fn smtptest(command: &mut Command, login: &Login<'_>) -> String {
    let version = match login.tls {
        Tls::V12 => "TLSv1.2",
        Tls::V13 => "TLSv1.3",
    };
    let settings = login.scratch.join("openssl.cnf");
    let text = format!(
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n\
         [c]\nMinProtocol = {version}\nMaxProtocol = {version}\n"
    );
    std::fs::write(&settings, text).expect("writing OpenSSL's settings");
    command.env("OPENSSL_CONF", settings).args(["/usr/lib/cyrus/bin/smtptest"]);
    match login.door {
        Door::StartTls => command.args(["-t", ""]),
        Door::Implicit => command.arg("-s"),
    };
    command.args(["-p", &login.server.port().to_string(), "-m", login.mechanism]);
    command.args(["-u", login.user, "-a", login.user, "-w", login.password, HOSTNAME_IS_LOOPBACK]);
    "QUIT\r\n".to_owned()
}

/// The certificate of the test's gatepost has this name too.
const HOSTNAME_IS_LOOPBACK: &str = "127.0.0.1";
