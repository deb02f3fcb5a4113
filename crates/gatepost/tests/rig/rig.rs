//! A gatepost of a test's own: the real binary, a configuration in a temporary folder, free ports on loopback.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gatepost_testworld::authority::Authority;
use serde_json::Value;
use tempfile::TempDir;

/// How long anything here may take. Generous: the machine may be compiling beside it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What our gatepost calls itself; its certificate has this name, and that of 127.0.0.1 for clients which
/// cannot be told another.
pub(crate) const HOSTNAME: &str = "mail.ours.example";

/// What a gatepost is to be like.
#[derive(Default)]
pub(crate) struct Plan {
    domains: String,
    extra: String,
    auth: String,
    tls: String,
    hostname: Option<String>,
    script: Option<String>,
    accounts: Vec<(String, String, Vec<String>)>,
}

impl Plan {
    /// A domain of ours with Maildirs under `mail/` of the instance.
    pub(crate) fn maildir(self, domain: &str) -> Self {
        self.domain(domain, "deliver = \"maildir:@DIR@/mail/{domain}/{local-part}\"")
    }

    /// A domain of ours with these keys.
    pub(crate) fn domain(mut self, domain: &str, keys: &str) -> Self {
        let _ = writeln!(self.domains, "[domain.\"{domain}\"]\n{keys}");
        self
    }

    /// An account; `options` go to `account add` as they are, as in `["--allow", "cram-md5"]`.
    pub(crate) fn account(mut self, address: &str, password: &str, options: &[&str]) -> Self {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        self.accounts.push((address.to_owned(), password.to_owned(), options));
        self
    }

    /// Lines of the `[auth]` table.
    pub(crate) fn auth(mut self, keys: &str) -> Self {
        self.auth.push_str(keys);
        self.auth.push('\n');
        self
    }

    /// More lines of the `[tls]` table.
    pub(crate) fn tls(mut self, keys: &str) -> Self {
        self.tls.push_str(keys);
        self.tls.push('\n');
        self
    }

    /// Another name than [`HOSTNAME`] to call itself; the certificate keeps that one.
    pub(crate) fn hostname(mut self, name: &str) -> Self {
        self.hostname = Some(name.to_owned());
        self
    }

    /// More tables, word for word. `@DIR@` is the instance's folder.
    pub(crate) fn with(mut self, tables: &str) -> Self {
        self.extra.push_str(tables);
        self.extra.push('\n');
        self
    }

    /// A bash script that is run in the instance's folder before all else.
    pub(crate) fn made(mut self, script: &str) -> Self {
        self.script = Some(script.to_owned());
        self
    }

    /// Writes the configuration, makes the accounts, starts the server and waits until it listens.
    pub(crate) fn start(self) -> Gatepost {
        let dir = tempfile::tempdir().expect("a folder of our own");
        let authority = Authority::new().expect("an authority");
        let (certificate, key) = write_identity(&authority, dir.path());
        if let Some(script) = &self.script {
            let mut command = Command::new("bash");
            let output = command.args(["-c", script]).current_dir(dir.path()).output().expect("running bash");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("writing a file");
        write("ca.pem", authority.certificate());
        let tls = format!("certificate = {certificate:?}\nprivate-key = {key:?}\n{}", self.tls);
        write("gatepost.toml", &self.configuration(dir.path(), &tls));
        let mut gatepost = Gatepost { dir, running: None };
        for (address, password, options) in &self.accounts {
            gatepost.add_account(address, password, options);
        }
        gatepost.serve();
        gatepost
    }

    fn configuration(&self, dir: &Path, tls: &str) -> String {
        let auth = if self.auth.is_empty() { String::new() } else { format!("[auth]\n{}\n", self.auth) };
        let hostname = self.hostname.as_deref().unwrap_or(HOSTNAME);
        let text = format!(
            r#"hostname = "{hostname}"
data-dir = "@DIR@/data"
[tls]
{tls}
[listener.mx]
bind = ["127.0.0.1:0"]
role = "mx"
[listener.submission]
bind = ["127.0.0.1:0"]
role = "submission"
[listener.submissions]
bind = ["127.0.0.1:0"]
role = "submission"
tls = "implicit"
{}{auth}{}"#,
            self.domains, self.extra
        );
        text.replace("@DIR@", &dir.display().to_string())
    }
}

/// A gatepost of a test's own. Dropping it kills the process it started.
pub(crate) struct Gatepost {
    dir: TempDir,
    running: Option<Running>,
}

struct Running {
    child: Child,
    addresses: Vec<(String, SocketAddr)>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Gatepost {
    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("gatepost.toml")
    }

    /// The certificate that vouches for its own.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Where mail of a mailbox is delivered by [`Plan::maildir`].
    pub(crate) fn mailbox(&self, domain: &str, local_part: &str) -> PathBuf {
        self.dir.path().join("mail").join(domain).join(local_part)
    }

    /// The messages in a Maildir, as octets with LF; waits until there are so many.
    pub(crate) fn await_mail(&self, domain: &str, local_part: &str, count: usize) -> Vec<Vec<u8>> {
        let new = self.mailbox(domain, local_part).join("new");
        await_that(&format!("{count} messages in {}", new.display()), || {
            let paths: Vec<_> =
                fs::read_dir(&new).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
            (paths.len() >= count).then_some(paths)
        })
        .iter()
        .map(|path| fs::read(path).expect("a delivered message"))
        .collect()
    }

    /// Where it takes mail of other servers.
    pub(crate) fn mx(&self) -> SocketAddr {
        self.address("mx")
    }

    /// Where it takes mail of its people, by STARTTLS.
    pub(crate) fn submission(&self) -> SocketAddr {
        self.address("submission")
    }

    /// The same under implicit TLS.
    pub(crate) fn submissions(&self) -> SocketAddr {
        self.address("submissions")
    }

    /// Where a listener listens.
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        let running = self.running.as_ref().expect("it runs");
        let found = running.addresses.iter().find(|(name, _)| name == listener);
        found.unwrap_or_else(|| panic!("a listener named {listener}")).1
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().expect("it runs").child.id()
    }

    /// Runs the program with its configuration.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("running gatepost")
    }

    /// The program with its configuration, still to be run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.arg("--config").arg(self.config()).args(arguments);
        command
    }

    fn add_account(&self, address: &str, password: &str, options: &[String]) {
        let mut command = self.command(&["account", "add", address, "--password-stdin"]);
        command.args(options).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("running gatepost account");
        let mut stdin = child.stdin.take().expect("its standard input");
        stdin.write_all(password.as_bytes()).expect("giving the password");
        drop(stdin);
        assert!(child.wait().expect("its end").success(), "gatepost account add {address}");
    }

    /// Starts the server and waits until every listener listens.
    pub(crate) fn serve(&mut self) {
        self.serve_by(self.command(&["serve"]));
    }

    /// The same by a command of the test's own, whose process is the server's.
    pub(crate) fn serve_by(&mut self, mut command: Command) {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting it");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, addresses) = mpsc::channel();
        read_along(child.stdout.take().expect("its standard output"), log.clone(), found.clone());
        read_along(child.stderr.take().expect("its standard error"), log.clone(), found);
        let mut known = Vec::new();
        while known.len() < 3 {
            match addresses.recv_timeout(PATIENCE) {
                Ok(address) => known.push(address),
                Err(_) => panic!("gatepost did not listen: {:#?}", log.lock().expect("the log")),
            }
        }
        self.running = Some(Running { child, addresses: known, log });
    }

    /// Kills it as a power cut would: no chance to write anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    /// Sends a signal by name, as in `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.expect("running kill").success());
    }

    /// Waits for its end and gives its exit status.
    pub(crate) fn await_end(&mut self) -> Option<i32> {
        let mut running = self.running.take().expect("it runs");
        await_that("its end", || running.child.try_wait().expect("its state")).code()
    }

    /// Its log so far, and what it complained of.
    pub(crate) fn log(&self) -> Vec<String> {
        self.running.as_ref().map(|running| running.log.lock().expect("the log").clone()).unwrap_or_default()
    }

    /// The events of a kind so far, as in `delivered`.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        // Only what names it is read: a log may be long, and be asked often.
        let (log, name) = (self.log(), format!("\"{kind}\""));
        let named = log.iter().filter(|line| line.contains(&name));
        let parsed = named.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        parsed.filter(|event| event["event"] == kind).collect()
    }

    /// Waits until there are so many events of a kind.
    pub(crate) fn await_events(&self, kind: &str, count: usize) -> Vec<Value> {
        await_that(&format!("{count} events {kind}"), || {
            let events = self.events(kind);
            (events.len() >= count).then_some(events)
        })
    }

    /// Every octet that it has written anywhere: its log, all files under its data folder, all mail.
    pub(crate) fn everything_written(&self) -> Vec<u8> {
        let mut all = self.log().join("\n").into_bytes();
        collect(&self.dir.path().join("data"), &mut all);
        collect(&self.dir.path().join("mail"), &mut all);
        all
    }

    /// Puts a new certificate in the place of its own; it is not told. Gives the certificate in PEM.
    pub(crate) fn renew_certificate(&self) -> String {
        let authority = Authority::new().expect("an authority");
        let (certificate, _key) = write_identity(&authority, self.dir.path());
        fs::read_to_string(certificate).expect("the new certificate")
    }
}

impl Drop for Gatepost {
    fn drop(&mut self) {
        let panicking = thread::panicking();
        if panicking {
            for line in self.log().iter().rev().take(40).rev() {
                eprintln!("gatepost: {line}");
            }
        }
        self.kill();
    }
}

/// Waits for a condition, at most [`PATIENCE`].
pub(crate) fn await_that<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < until, "still waiting for {what}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

fn write_identity(authority: &Authority, folder: &Path) -> (PathBuf, PathBuf) {
    let identity = authority.identity(&[HOSTNAME, "127.0.0.1"]).expect("a certificate");
    identity.write(folder, "server").expect("writing the certificate")
}

fn read_along(
    from: impl Read + Send + 'static,
    log: Arc<Mutex<Vec<String>>>,
    found: mpsc::Sender<(String, SocketAddr)>,
) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if let Some(listening) = listening(&line) {
                let _ = found.send(listening);
            }
            log.lock().expect("the log").push(line);
        }
    });
}

fn listening(line: &str) -> Option<(String, SocketAddr)> {
    let event: Value = serde_json::from_str(line).ok()?;
    (event["event"] == "listening").then_some(())?;
    Some((event["listener"].as_str()?.to_owned(), event["address"].as_str()?.parse().ok()?))
}

fn collect(folder: &Path, all: &mut Vec<u8>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            collect(&path, all);
        } else {
            all.extend(fs::read(&path).unwrap_or_default());
        }
    }
}
