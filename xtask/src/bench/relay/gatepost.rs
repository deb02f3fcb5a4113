//! gatepost: its configuration, its account, its queue command.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Need, PASSWORD, Site, USER};
use crate::{Outcome, repository};

/// Writes the configuration; gives the words that start it.
pub(super) fn configure(site: &Site, need: Need, sink: SocketAddr) -> Result<Vec<String>, String> {
    let file = file(site);
    let fault = |cause: std::io::Error| format!("{}: {cause}", file.display());
    std::fs::write(&file, text(site, need, sink)).map_err(fault)?;
    if need == Need::Logins {
        add_account(site)?;
    }
    let file = file.display().to_string();
    Ok([program(), "--config".to_owned(), file, "serve".to_owned()].to_vec())
}

fn text(site: &Site, need: Need, sink: SocketAddr) -> String {
    let at = site.folder.display();
    let Site { open, secure, .. } = site;
    let retry = if need == Need::Patience { "[delivery]\nretry = [\"4h\"]\n" } else { "" };
    format!(
        "hostname = \"relay.example\"
data-dir = \"{at}/data\"
[tls]
certificate = \"{at}/server.crt\"
private-key = \"{at}/server.key\"
[listener.mx]
bind = [\"{open}\"]
role = \"mx\"
tls = \"off\"
[listener.submission]
bind = [\"{secure}\"]
role = \"submission\"
[domain.\"bench.example\"]
deliver = \"smtp:{sink}\"
recipients = \"any\"
[auth.source.local]
kind = \"embedded\"
[limits]
connections = 20000
connections-per-network = 20000
account.messages-per-hour = 100000000
account.recipients-per-day = 100000000
{retry}"
    )
}

fn file(site: &Site) -> PathBuf {
    site.folder.join("gatepost.toml")
}

fn program() -> String {
    repository::target().join("release/gatepost").display().to_string()
}

fn command(site: &Site) -> Command {
    let mut command = Command::new(program());
    command.arg("--config").arg(file(site)).stdout(Stdio::null());
    command
}

fn add_account(site: &Site) -> Outcome {
    let mut command = command(site);
    command.args(["account", "add", USER, "--password-stdin"]).stdin(Stdio::piped());
    let mut child = command.spawn().map_err(|cause| format!("gatepost account: {cause}"))?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "{PASSWORD}").map_err(|cause| format!("gatepost account: {cause}"))?;
    }
    let status = child.wait().map_err(|cause| format!("gatepost account: {cause}"))?;
    if status.success() { Ok(()) } else { Err(format!("gatepost account add failed ({status})")) }
}

pub(super) fn flush(site: &Site) -> Outcome {
    repository::run("gatepost queue retry", command(site).args(["queue", "retry", "--all"]))
}
