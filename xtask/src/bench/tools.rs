//! Our own load generator and sink, as processes of their own.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::relay;
use super::settings::Offers;
use crate::{Outcome, repository};

/// Longest time for one run of the generator, in seconds.
const LONGEST_RUN: &str = "3600";

/// Longest wait for something that is due at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program.
fn program() -> String {
    repository::target().join("release/gatepost-load").display().to_string()
}

/// Builds it.
pub(super) fn build() -> Outcome {
    let words = ["build", "--release", "--package", "gatepost-testworld", "--bin", "gatepost-load"];
    repository::run("cargo build", repository::cargo().args(words))
}

/// Writes `server.crt` and `server.key`.
pub(super) fn identity(folder: &Path) -> Outcome {
    let mut command = Command::new(program());
    repository::run("gatepost-load identity", command.args(["identity", "--folder"]).arg(folder))
}

/// Whether something listens there and greets with 220.
pub(super) fn greets(address: SocketAddr) -> bool {
    let Some(mut stream) = relay::connect(address) else { return false };
    let mut code = [0; 3];
    let greeted = stream.read_exact(&mut code).is_ok() && &code == b"220";
    let _ = stream.write_all(b"QUIT\r\n");
    greeted
}

/// What a tool told: `key=value` words of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told(HashMap<String, String>);

impl Told {
    fn read(line: &str) -> Self {
        let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
        Self(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// A number, 0 if it was not told.
    pub(super) fn number(&self, key: &str) -> u64 {
        self.0.get(key).and_then(|value| value.parse().ok()).unwrap_or_default()
    }
}

/// What the generator made of its plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// Nanoseconds since 1970.
    pub(super) began: u64,
    pub(super) ended: u64,
    /// Of the generator, in microseconds.
    pub(super) processor: u64,
}

/// Sends, and waits for the end; the words are flags of `gatepost-load generate`.
pub(super) fn generate(server: SocketAddr, words: &[String]) -> Result<Sent, String> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", LONGEST_RUN, &program(), "generate", "--server", &server.to_string()]);
    let told = Told::read(&repository::output("gatepost-load generate", command.args(words))?);
    let [began, ended, processor] = ["began", "ended", "cpu-us"].map(|key| told.number(key));
    Ok(Sent { began, ended, processor })
}

/// A tool that runs until its standard input ends.
struct Tool {
    child: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Tool {
    fn start(words: &[String]) -> Result<Self, String> {
        let mut command = Command::new(program());
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|cause| format!("gatepost-load could not start: {cause}"))?;
        let (sender, lines) = channel();
        let orders = child.stdin.take();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(output).lines().map_while(Result::ok);
                lines.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
            });
        }
        Ok(Self { child, orders, lines })
    }

    fn order(&mut self, order: &str) -> Outcome {
        let orders = self.orders.as_mut().ok_or("gatepost-load takes no orders")?;
        writeln!(orders, "{order}").map_err(|cause| format!("gatepost-load: {order}: {cause}"))
    }

    /// The next line that tells `key`.
    fn await_line(&self, key: &str, longest: Duration) -> Result<Told, String> {
        loop {
            let line = self.lines.recv_timeout(longest);
            let line = line.map_err(|_cause| format!("gatepost-load did not tell `{key}` in {longest:?}"))?;
            let told = Told::read(&line);
            if told.0.contains_key(key) {
                return Ok(told);
            }
        }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running sink; dropping it ends it.
pub(super) struct Sink {
    tool: Tool,
    pub(super) address: SocketAddr,
}

/// How recipients are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Accept,
    Defer,
}

impl Mood {
    fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Defer => "defer",
        }
    }
}

impl Sink {
    /// Starts it; with a file it writes there at its end when each message came.
    pub(super) fn start(offers: Offers, mood: Mood, moments: Option<&Path>) -> Result<Self, String> {
        let words = ["sink", "--offers", offers.word(), "--mood", mood.word()];
        let mut words = words.map(str::to_owned).to_vec();
        if let Some(file) = moments {
            words.extend(["--moments".to_owned(), file.display().to_string()]);
        }
        let tool = Tool::start(&words)?;
        let told = tool.await_line("listening", PATIENCE)?;
        let address = told.0.get("listening").and_then(|text| text.parse().ok());
        Ok(Self { tool, address: address.ok_or("the sink did not say where it listens")? })
    }

    /// Tells it what is to come, before it comes.
    pub(super) fn expect(&mut self, messages: u64) -> Outcome {
        self.tool.order(&format!("expect {messages}"))
    }

    /// Waits for what was expected; gives when it had all, in nanoseconds since 1970.
    pub(super) fn await_all(&mut self, longest: Duration) -> Result<u64, String> {
        match self.tool.await_line("all", longest) {
            Ok(told) => Ok(told.number("all")),
            Err(cause) => Err(format!("not all messages came to the sink: {cause}; {:?}", self.report()?)),
        }
    }

    pub(super) fn turn(&mut self, mood: Mood) -> Outcome {
        self.tool.order(mood.word())
    }

    pub(super) fn report(&mut self) -> Result<Told, String> {
        self.tool.order("report")?;
        self.tool.await_line("distinct", PATIENCE)
    }

    /// Ends it in peace, so that its file is written.
    pub(super) fn end(mut self) -> Outcome {
        self.tool.orders = None;
        self.tool.child.wait().map(drop).map_err(|cause| format!("gatepost-load sink: {cause}"))
    }
}

/// Sessions that are held open until this is dropped.
pub(super) struct Held {
    _tool: Tool,
    pub(super) count: u64,
}

/// Opens sessions.
pub(super) fn hold(server: SocketAddr, sessions: u32, security: &str) -> Result<Held, String> {
    let (server, sessions) = (server.to_string(), sessions.to_string());
    let words = ["hold", "--server", &server, "--sessions", &sessions, "--tls", security];
    let tool = Tool::start(&words.map(str::to_owned))?;
    let count = tool.await_line("held", PATIENCE * 10)?.number("held");
    Ok(Held { _tool: tool, count })
}
