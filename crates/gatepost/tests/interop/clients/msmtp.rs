//! msmtp.

use std::path::PathBuf;
use std::process::Command;

use super::{Door, Login, Proof, message};
use crate::rig::HOSTNAME;

pub(super) fn tell(command: &mut Command, login: &Login<'_>) -> String {
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
    match login.proof {
        Proof::Password(secret) | Proof::Token(secret) => {
            command.arg(format!("--passwordeval=cat {}", write_secret(login, secret).display()));
        }
        Proof::Certificate(file) => {
            command.arg(format!("--tls-cert-file={}", file.display()));
            command.arg(format!("--tls-key-file={}", file.display()));
        }
        Proof::Keys(_) | Proof::Ticket(_) => (),
    }
    command.args([&format!("--from={}", login.user), "--", login.to]);
    message(login, "\n")
}

fn write_secret(login: &Login<'_>, secret: &str) -> PathBuf {
    let path = login.scratch.join(format!("{}.secret", login.subject));
    std::fs::write(&path, format!("{secret}\n")).expect("writing a password for msmtp");
    path
}
