//! curl.

use std::process::Command;

use super::{Door, Login, Proof, Tls, message};
use crate::rig::HOSTNAME;

/// A client network to which the server must offer XOAUTH2 and no other.
pub(crate) const XOAUTH2_ONLY: &str = "127.0.0.2";

pub(super) fn tell(command: &mut Command, login: &Login<'_>) -> String {
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
    let password = match login.proof {
        Proof::Password(password) => password,
        Proof::Token(token) => {
            command.args(["--oauth2-bearer", token]);
            ""
        }
        Proof::Certificate(file) => {
            command.arg("--cert").arg(file);
            ""
        }
        Proof::Keys(_) | Proof::Ticket(_) => "",
    };
    command.args(["--user", &format!("{}:{password}", login.user)]);
    command.args(["--login-options", &format!("AUTH={}", login.mechanism)]);
    if login.mechanism == "XOAUTH2" {
        // With a token, it takes OAUTHBEARER where that is offered, whatever it is told. So it comes from elsewhere.
        command.args(["--interface", XOAUTH2_ONLY]);
    }
    command.args(["--mail-from", login.user, "--mail-rcpt", login.to, "--upload-file", "-"]);
    // curl sends content as it is: lines must end with CRLF already.
    message(login, "\r\n")
}
