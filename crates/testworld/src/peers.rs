//! Real servers of others, each with a configuration, a folder and loopback addresses of its own.
//!
//! They are Debian's packages, which `cargo xtask test` brings; nothing runs as a service, nothing outlives
//! its value. Postfix and Exim need root, as they change to users of their own.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::authority::Authority;
use crate::patience::{PATIENCE, until};

mod cyrus;
mod dovecot;
mod exim;
mod group;
mod kdc;
mod load;
mod mariadb;
mod oidc;
mod postfix;
mod postgresql;
pub mod slapd;

pub use cyrus::CyrusSasl;
pub use dovecot::Dovecot;
pub use exim::{Exim, Logins as EximLogins};
pub use kdc::Kdc;
pub use load::{SmtpSink, smtp_source};
pub use mariadb::Mariadb;
pub use oidc::OidcProvider;
pub use postfix::{Plan as PostfixPlan, Postfix};
pub use postgresql::Postgresql;
pub use slapd::Slapd;

/// How long a server may take to end before it is killed.
const LONGEST_FAREWELL: Duration = Duration::from_secs(5);

/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Users that Debian's packages run as; `nobody` owns the mail.
const NOBODY: u32 = 65534;

/// A folder that other users may enter.
fn open_folder() -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("testworld-").tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// A folder inside it that belongs to someone else.
fn owned_folder(parent: &Path, name: &str, owner: u32) -> io::Result<PathBuf> {
    let path = parent.join(name);
    std::fs::create_dir_all(&path)?;
    std::os::unix::fs::chown(&path, Some(owner), None)?;
    Ok(path)
}

/// The number of a user.
fn user(name: &str) -> io::Result<u32> {
    number(name, 1)
}

/// The number of a user's group.
fn group_of(name: &str) -> io::Result<u32> {
    number(name, 2)
}

/// A number of a user's line, counted from its name.
fn number(name: &str, place: usize) -> io::Result<u32> {
    let users = std::fs::read_to_string("/etc/passwd")?;
    let mut lines = users.lines().map(|line| line.split(':'));
    let number = lines.find_map(|mut parts| (parts.next() == Some(name)).then(|| parts.nth(place)).flatten());
    number.and_then(|number| number.parse().ok()).ok_or_else(|| missing(&format!("the user {name}")))
}

/// Whether we may change to other users.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A folder for a server of this user's, where we are root; else ours. Nobody else may look into it.
fn folder_for(parent: &Path, name: &str, owner: &str) -> io::Result<PathBuf> {
    let path = parent.join(name);
    std::fs::create_dir_all(&path)?;
    if is_root() {
        std::os::unix::fs::chown(&path, Some(user(owner)?), Some(group_of(owner)?))?;
    }
    Ok(path)
}

/// Writes `server.crt` and `server.key` for a server at this address, the key for this user only.
fn write_identity(
    authority: &Authority,
    address: std::net::IpAddr,
    (folder, owner): (&Path, &str),
) -> io::Result<(PathBuf, PathBuf)> {
    let (certificate, key) = authority.identity(&[&address.to_string()])?.write(folder, "server")?;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
    if is_root() {
        std::os::unix::fs::chown(&key, Some(user(owner)?), Some(group_of(owner)?))?;
    }
    Ok((certificate, key))
}

fn missing(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{what} is not here; `cargo xtask test` brings it"))
}

/// The program, or an error that says how to get it.
fn program(path: &Path) -> io::Result<Command> {
    if path.exists() { Ok(Command::new(path)) } else { Err(missing(&path.display().to_string())) }
}

/// Waits until something listens there.
async fn await_listener(address: SocketAddr, log: &Path) -> io::Result<()> {
    let answers = || Ok(std::net::TcpStream::connect_timeout(&address, LONGEST_FAREWELL).ok().map(|_| ()));
    until(&format!("a listener on {address}"), PATIENCE, answers).await.map_err(|cause| with_log(&cause, log))
}

/// The error, and what the server has said itself.
fn with_log(cause: &io::Error, log: &Path) -> io::Error {
    let told = std::fs::read_to_string(log).unwrap_or_default();
    io::Error::new(cause.kind(), format!("{cause}\n{told}"))
}

/// A server in the foreground; dropping it asks it to end, and then sees to it.
struct Foreground(Child);

impl Foreground {
    fn start(command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn()?))
    }
}

impl Foreground {
    /// Kills the server and those that it has started, who might outlive it for as long as somebody is connected to
    /// them, and keep its addresses.
    fn kill_with_children(mut self) {
        let parent = self.0.id();
        // One that stands still starts no others in their place.
        signal("-STOP", parent);
        let children = children(parent);
        for child in &children {
            signal("-KILL", *child);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
        let end = Instant::now() + LONGEST_FAREWELL;
        while children.iter().any(|child| is_alive(*child)) && Instant::now() < end {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Whether this process has not ended; one that nobody has waited for has.
fn is_alive(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z') && !line.contains('X'))
}

/// The processes whose parent this one is.
fn children(parent: u32) -> Vec<u32> {
    let wanted = format!("PPid:\t{parent}");
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
            status.lines().any(|line| line == wanted)
        })
        .collect()
}

impl Drop for Foreground {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_status))) {
            // Its number may be somebody else's by now.
            return;
        }
        terminate(self.0.id());
        let end = Instant::now() + LONGEST_FAREWELL;
        while Instant::now() < end {
            if matches!(self.0.try_wait(), Ok(Some(_status))) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks one process to end. There is no safe call for that in the standard library.
fn terminate(process: u32) {
    signal("-TERM", process);
}

fn signal(name: &str, process: u32) {
    let _ = Command::new("kill").args([name, &process.to_string()]).stderr(Stdio::null()).status();
}

/// Asks a process that is no child of ours to end, and waits until it has.
fn end(process: u32) {
    terminate(process);
    let end = Instant::now() + LONGEST_FAREWELL;
    let alive = Path::new("/proc").join(process.to_string());
    while alive.exists() && Instant::now() < end {
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests;
