//! Libraries, each with a few lines of ours that call it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Door, Login};
use crate::rig::HOSTNAME;

/// Python's smtplib; what it lacks is written out in the script.
pub(super) fn smtplib(command: &mut Command, login: &Login<'_>) -> String {
    command.args(["python3", "-c", include_str!("../smtplib_login.py")]);
    words(command, login)
}

pub(super) fn nodemailer(command: &mut Command, login: &Login<'_>) -> String {
    let script = login.scratch.join("nodemailer_login.js");
    std::fs::write(&script, include_str!("../nodemailer_login.js")).expect("writing a script");
    command.arg("node").arg(script).env("NODE_PATH", peers().join("npm/node_modules"));
    words(command, login)
}

/// Where `cargo xtask test` unpacks programs.
fn peers() -> PathBuf {
    let peers = std::env::var_os("GATEPOST_PEERS").map(PathBuf::from);
    peers.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers"))
}

/// Perl's Net::SMTP with Authen::SASL.
pub(super) fn net_smtp(command: &mut Command, login: &Login<'_>) -> String {
    let script = login.scratch.join("perl_login.pl");
    std::fs::write(&script, include_str!("../perl_login.pl")).expect("writing a script");
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
    command.args([login.tls.name(), login.mechanism, login.user]).arg(login.proof.word());
    command.args([login.to, login.subject]);
    String::new()
}
