//! gsasl, the program of GNU SASL.

use std::process::Command;

use super::{Login, Proof};
use crate::rig::HOSTNAME;

pub(super) fn tell(command: &mut Command, login: &Login<'_>) -> String {
    command.args(["gsasl", "--smtp", "--starttls", "--verbose", "--mechanism", login.mechanism]);
    command.arg(format!("--connect={}", login.server)).arg(format!("--x509-ca-file={}", login.ca.display()));
    command.args(["--priority", login.tls.priority(), "--hostname", HOSTNAME]);
    match login.proof {
        Proof::Password(password) => {
            command.args(["-a", login.user, "-p", password]);
        }
        Proof::Certificate(file) => {
            command.args(["--authorization-id", login.user]);
            command.arg("--x509-cert-file").arg(file).arg("--x509-key-file").arg(file);
        }
        Proof::Token(_) | Proof::Keys(_) | Proof::Ticket(_) => {
            command.args(["--authorization-id", login.user]);
        }
    }
    if login.mechanism.starts_with("SCRAM-") && !login.mechanism.ends_with("-PLUS") {
        // Without it, SCRAM inside TLS stops before it has said anything.
        command.arg("--no-cb");
    }
    String::new()
}
