//! swaks: the Swiss Army knife for SMTP.

use std::process::Command;

use super::{Door, Login, Proof, Tls};
use crate::rig::HOSTNAME;

pub(super) fn tell(command: &mut Command, login: &Login<'_>) -> String {
    let port = login.server.port().to_string();
    command.args(["swaks", "--server", "127.0.0.1", "--port", &port, "--ehlo", "client.example"]);
    command.arg(match login.door {
        Door::StartTls => "-tls",
        Door::Implicit => "-tlsc",
    });
    command.args(["--tls-protocol", if login.tls == Tls::V12 { "tlsv1_2" } else { "tlsv1_3" }]);
    command.arg("--tls-verify").arg("--tls-ca-path").arg(login.ca);
    command.args(["--auth", login.mechanism, "--auth-user", login.user]);
    if let Proof::Password(password) = login.proof {
        command.args(["--auth-password", password]);
    }
    if login.mechanism == "DIGEST-MD5" {
        // The service's host is part of what is proved.
        command.args(["--auth-extra", &format!("dmd5-host={HOSTNAME}")]);
    }
    command
        .args(["--from", login.user, "--to", login.to, "--header"])
        .arg(format!("Subject: {}", login.subject));
    String::new()
}
