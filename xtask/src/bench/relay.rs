//! Starts and stops the two relays, each with its own configuration and folder.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::cost::Account;
use crate::{Outcome, repository};

/// Longest time for a relay to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The services of Debian's `master.cf`, none in a chroot.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// Which relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gatepost,
    Postfix,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gatepost => "gatepost",
            Self::Postfix => "postfix",
        }
    }
}

/// Whether strace watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Watch {
    No,
    /// The summary of its calls goes to this file.
    Calls(PathBuf),
}

/// A running relay; dropping it ends it.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    pub(super) account: Account,
    folder: PathBuf,
    kind: Kind,
    child: Child,
}

/// A loopback address with a port that is free now.
pub(super) fn free_port() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).map_err(|cause| format!("no free port: {cause}"))
}

/// Waits until something listens there.
pub(super) fn await_listener(address: SocketAddr, what: &str) -> Outcome {
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > end {
            return Err(format!("{what} does not listen on {address}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

impl Relay {
    /// Starts it with the sink as its next hop.
    pub(super) fn start(
        kind: Kind,
        sink: SocketAddr,
        (folder, watch): (&Path, &Watch),
    ) -> Result<Self, String> {
        let address = free_port()?;
        std::fs::create_dir_all(folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
        let plain = match kind {
            Kind::Gatepost => gatepost(folder, address, sink)?,
            Kind::Postfix => postfix(folder, address, sink)?,
        };
        let account = Account::open(kind.name());
        let mut command = account.charged(&watched(plain, watch));
        let log = std::fs::File::create(folder.join("output")).map_err(|cause| cause.to_string())?;
        let log_too = log.try_clone().map_err(|cause| cause.to_string())?;
        let child = command.stdin(Stdio::null()).stdout(log).stderr(log_too).spawn();
        let child = child.map_err(|cause| format!("{} could not start: {cause}", kind.name()))?;
        let mut relay = Self { address, account, folder: folder.to_path_buf(), kind, child };
        relay.account.owner(relay.child.id());
        await_listener(address, kind.name()).map_err(|cause| format!("{cause}\n{}", relay.told()))?;
        Ok(relay)
    }

    /// What it printed and logged, for the message of a failure.
    pub(super) fn told(&self) -> String {
        let mut told = String::new();
        for name in ["output", "mail.log"] {
            let text = std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
            let _ = writeln!(told, "{}", last.join("\n"));
        }
        told
    }

    /// Ends it and waits, so that strace has written its summary.
    pub(super) fn stop(&mut self) {
        let process = match self.kind {
            Kind::Gatepost => self.gatepost_process(),
            Kind::Postfix => {
                let file = self.folder.join("queue/pid/master.pid");
                std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok())
            }
        };
        if let Some(process) = process {
            let _ = Command::new("kill").args(["-TERM", &process.to_string()]).stderr(Stdio::null()).status();
        }
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The child, or its only child where strace stands between.
    fn gatepost_process(&self) -> Option<u32> {
        let own = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let first = children.ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
        first.or(Some(own))
    }
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

fn gatepost(folder: &Path, address: SocketAddr, sink: SocketAddr) -> Result<Vec<String>, String> {
    let configuration = folder.join("gatepost.toml");
    let text = format!(
        "hostname = \"relay.example\"\n\
         data-dir = \"{}\"\n\
         [listener.mx]\n\
         bind = [\"{address}\"]\n\
         role = \"mx\"\n\
         tls = \"off\"\n\
         [domain.\"bench.example\"]\n\
         deliver = \"smtp:{sink}\"\n\
         recipients = \"any\"\n",
        folder.join("data").display()
    );
    std::fs::write(&configuration, text).map_err(|cause| format!("{}: {cause}", configuration.display()))?;
    let program = repository::target().join("release/gatepost");
    let words = [&program.display().to_string(), "--config", &configuration.display().to_string(), "serve"];
    Ok(words.map(str::to_owned).to_vec())
}

fn postfix(folder: &Path, address: SocketAddr, sink: SocketAddr) -> Result<Vec<String>, String> {
    let at = folder.display();
    let main = format!(
        "compatibility_level = 3.6\n\
         queue_directory = {at}/queue\n\
         data_directory = {at}/data\n\
         maillog_file = {at}/mail.log\n\
         maillog_file_prefixes = {at}\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         myhostname = relay.example\n\
         mydestination =\n\
         mynetworks = 127.0.0.0/8\n\
         alias_maps =\n\
         alias_database =\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\n\
         smtp_dns_support_level = disabled\n\
         relayhost = [{}]:{}\n\
         in_flow_delay = 0\n",
        sink.ip(),
        sink.port()
    );
    let conf = folder.join("conf");
    let fault = |cause: std::io::Error| format!("{at}: {cause}");
    for name in ["conf", "queue", "data"] {
        std::fs::create_dir_all(folder.join(name)).map_err(fault)?;
    }
    std::fs::write(conf.join("main.cf"), main).map_err(fault)?;
    std::fs::write(conf.join("master.cf"), format!("{address} inet n - n - - smtpd\n{SERVICES}"))
        .map_err(fault)?;
    repository::run("chown", Command::new("chown").arg("postfix").arg(folder.join("data")))?;
    let words = ["/usr/sbin/postfix", "-c", &conf.display().to_string(), "start-fg"];
    Ok(words.map(str::to_owned).to_vec())
}
