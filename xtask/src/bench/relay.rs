//! Starts and stops the relays, each with its own configuration and folder.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::account::Account;
use super::tools;
use crate::Outcome;

mod gatepost;
mod postfix;

/// Longest time for a relay to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The user of SCRAM at Postfix, whose verifiers are stored; that of PLAIN has its password in the clear, which
/// is the cheapest that Dovecot can compare.
pub(super) const SCRAM_USER: &str = "grace@sender.example";

/// The account that all know, and its password.
pub(super) const USER: &str = "ada@sender.example";
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// A relay, and how it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gatepost,
    /// As Debian ships it, but for where it listens and relays to.
    Postfix,
    /// With `in_flow_delay = 0s`: it never sleeps to let its queue manager catch up.
    Unflowed,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Gatepost, Self::Postfix, Self::Unflowed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gatepost => "gatepost",
            Self::Postfix => "postfix",
            Self::Unflowed => "postfix-0s",
        }
    }
}

/// What a relay is started for, beyond relaying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Relay,
    /// Accounts, and certificates.
    Logins,
    /// So many sessions, which for Postfix are as many processes.
    Sessions(u32),
    /// What is deferred stays so until it is asked for.
    Patience,
}

/// Whether strace watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Watch {
    No,
    /// The summary of its calls goes to this file.
    Calls(PathBuf),
}

/// A relay that is configured: it may be started more than once.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) kind: Kind,
    pub(super) folder: PathBuf,
    /// For mail from anyone here, in the clear.
    pub(super) open: SocketAddr,
    /// For mail by login, with STARTTLS.
    pub(super) secure: SocketAddr,
    words: Vec<String>,
    /// What must run beside it.
    helper: Vec<String>,
}

/// A running relay; dropping it ends it.
pub(super) struct Relay {
    pub(super) account: Account,
    site: Site,
    child: Child,
    helper: Option<Child>,
}

/// A loopback address with a port that is free now.
pub(super) fn free_port() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).map_err(|cause| format!("no free port: {cause}"))
}

/// Waits until something listens there and greets.
fn await_greeting(address: SocketAddr) -> Outcome {
    let end = Instant::now() + PATIENCE;
    loop {
        if tools::greets(address) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("nothing greets on {address}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

impl Site {
    /// Writes the configuration, with the sink as the next hop.
    pub(super) fn prepare(kind: Kind, need: Need, folder: &Path, sink: SocketAddr) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
        let mut site = Self {
            kind,
            folder: folder.to_path_buf(),
            open: free_port()?,
            secure: free_port()?,
            words: Vec::new(),
            helper: Vec::new(),
        };
        tools::identity(folder)?;
        match kind {
            Kind::Gatepost => site.words = gatepost::configure(&site, need, sink)?,
            Kind::Postfix | Kind::Unflowed => {
                site.words = postfix::configure(&site, need, sink)?;
                if need == Need::Logins {
                    site.helper = postfix::authority(&site)?;
                }
            }
        }
        Ok(site)
    }

    /// Starts it, and waits until it greets.
    pub(super) fn start(&self, watch: &Watch) -> Result<Relay, String> {
        let account = Account::open(self.kind.name());
        let helper = match self.helper.as_slice() {
            [] => None,
            words => Some(self.help(&account, words)?),
        };
        let child = self.spawn(&account, &watched(self.words.clone(), watch))?;
        let mut relay = Relay { account, site: self.clone(), child, helper };
        let owners = [Some(relay.child.id()), relay.helper.as_ref().map(Child::id)];
        relay.account.owners(owners.into_iter().flatten().collect());
        for address in [self.open, self.secure] {
            await_greeting(address)
                .map_err(|cause| format!("{}: {cause}\n{}", self.kind.name(), self.told()))?;
        }
        Ok(relay)
    }

    /// Starts what must be there first: a Postfix that finds nobody to ask about logins rests for a minute.
    fn help(&self, account: &Account, words: &[String]) -> Result<Child, String> {
        let child = self.spawn(account, words)?;
        let end = Instant::now() + PATIENCE;
        while !self.folder.join(postfix::AUTHORITY).exists() {
            if Instant::now() > end {
                return Err(format!("{words:?} offers nothing\n{}", self.told()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(child)
    }

    fn spawn(&self, account: &Account, words: &[String]) -> Result<Child, String> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("output"));
        let log = log.map_err(|cause| cause.to_string())?;
        let log_too = log.try_clone().map_err(|cause| cause.to_string())?;
        let mut command = account.charged(words);
        let child = command.stdin(Stdio::null()).stdout(log).stderr(log_too).spawn();
        child.map_err(|cause| format!("{words:?} could not start: {cause}"))
    }

    /// The folder of what waits.
    pub(super) fn queue(&self) -> PathBuf {
        match self.kind {
            Kind::Gatepost => self.folder.join("data/spool"),
            Kind::Postfix | Kind::Unflowed => self.folder.join("queue"),
        }
    }

    /// Makes everything that waits due now, as an operator would.
    pub(super) fn flush(&self) -> Outcome {
        match self.kind {
            Kind::Gatepost => gatepost::flush(self),
            Kind::Postfix | Kind::Unflowed => postfix::flush(self),
        }
    }

    /// What it printed and logged, for the message of a failure.
    pub(super) fn told(&self) -> String {
        let mut told = String::new();
        for name in ["output", "mail.log", "dovecot.log"] {
            let text = std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
            let _ = writeln!(told, "{}", last.join("\n"));
        }
        told
    }
}

impl Relay {
    /// Ends it and waits, so that strace has written its summary.
    pub(super) fn stop(&mut self) {
        let process = match self.site.kind {
            Kind::Gatepost => self.first_child(),
            Kind::Postfix | Kind::Unflowed => {
                let file = self.site.folder.join("queue/pid/master.pid");
                std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok())
            }
        };
        if let Some(process) = process {
            terminate(process);
        }
        await_end(&mut self.child);
        if let Some(mut helper) = self.helper.take() {
            terminate(helper.id());
            await_end(&mut helper);
        }
    }

    /// The child, or its only child where strace stands between.
    fn first_child(&self) -> Option<u32> {
        let own = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let first = children.ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
        first.or(Some(own))
    }
}

fn terminate(process: u32) {
    let _ = Command::new("kill").args(["-TERM", &process.to_string()]).stderr(Stdio::null()).status();
}

fn await_end(child: &mut Child) {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(LOOK_EVERY);
    }
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for Relay {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Puts strace before the command: calls of all threads and children that reach for the disk.
fn watched(plain: Vec<String>, watch: &Watch) -> Vec<String> {
    let Watch::Calls(file) = watch else { return plain };
    let mut words: Vec<String> =
        ["strace", "-f", "--seccomp-bpf", "-c", "-U", "name,calls", "-e"].map(str::to_owned).to_vec();
    words.push("trace=fsync,fdatasync,sync_file_range,msync,syncfs,sync".to_owned());
    words.push("-o".to_owned());
    words.push(file.display().to_string());
    words.extend(plain);
    words
}

/// A connection, for whoever only wants to see that there is one.
pub(super) fn connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}
