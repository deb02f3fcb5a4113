//! A server with its children, which may be killed, frozen and started again.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{group_of, user};

/// A server in the foreground, and all that it starts. Dropping it kills them: nothing of theirs is kept.
pub(super) struct Group(Child);

impl Group {
    /// Starts it; what it says goes to the file.
    pub(super) fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Self(command.spawn()?))
    }

    /// Stops the work of all of them without their noticing; their sockets stay open.
    pub(super) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets them go on.
    pub(super) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Ends them as a power cut does.
    pub(super) fn kill(&mut self) {
        // Looked for while they still have this parent.
        let children = children(self.0.id());
        send("-KILL", &[self.0.id()]);
        send("-KILL", &children);
        let _ = self.0.wait();
    }

    /// The server first, so that it starts no more children.
    fn signal(&self, signal: &str) {
        send(signal, &[self.0.id()]);
        send(signal, &children(self.0.id()));
    }
}

fn send(signal: &str, processes: &[u32]) {
    let processes: Vec<String> = processes.iter().map(ToString::to_string).collect();
    if !processes.is_empty() {
        let _ = Command::new("kill").arg(signal).args(processes).stderr(Stdio::null()).status();
    }
}

/// The processes that this one started and that are still there; PostgreSQL's are in no group of its own.
fn children(parent: u32) -> Vec<u32> {
    let line = format!("PPid:\t{parent}");
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let is_child = |number: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
        status.lines().any(|found| found == line)
    };
    numbers.filter(is_child).collect()
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs the command as this user of Debian's package, where we are root; these servers refuse to be it.
pub(super) fn as_user<'a>(command: &'a mut Command, name: &str) -> io::Result<&'a mut Command> {
    if super::is_root() {
        command.uid(user(name)?).gid(group_of(name)?);
    }
    Ok(command)
}

/// Runs a command to its end; what it says is in the error.
pub(super) fn finish(command: &mut Command, input: &str) -> io::Result<String> {
    use std::io::Write as _;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes())?;
    }
    let done = child.wait_with_output()?;
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() {
        return Ok(told);
    }
    Err(io::Error::other(format!("{command:?}: {told}{}", String::from_utf8_lossy(&done.stderr))))
}
