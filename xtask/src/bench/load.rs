//! Sends the load through a relay to a sink, and takes the time.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::cost::{self, Meter, Syncs};
use super::relay::{Kind, Relay, Watch, await_listener, free_port};

/// Longest time for one run.
const LONGEST_RUN: Duration = Duration::from_secs(900);

/// How often it is looked whether the sink has them all: well below the time of a round.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Most connections waiting at the sink.
const BACKLOG: &str = "1024";

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) messages: u32,
    pub(super) sessions: u32,
    pub(super) octets: u32,
}

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    messages: u32,
    /// Until the relay had taken the last message.
    pub(super) taken: Duration,
    /// Until the sink had the last message.
    pub(super) through: Duration,
    processor: Duration,
    pub(super) meter: Meter,
}

impl Run {
    /// Messages a second, all the way through.
    pub(super) fn rate(&self) -> f64 {
        f64::from(self.messages) / self.through.as_secs_f64()
    }

    /// CPU seconds of the relay per 1,000 messages.
    pub(super) fn processor_per_thousand(&self) -> f64 {
        self.processor.as_secs_f64() * 1000.0 / f64::from(self.messages)
    }
}

/// A sink that ends by itself when it has all messages; dropping it ends it before.
struct Sink {
    child: Child,
    address: SocketAddr,
}

impl Sink {
    fn start(messages: u32) -> Result<Self, String> {
        let address = free_port()?;
        let mut command = Command::new("/usr/sbin/smtp-sink");
        command.args(["-u", "postfix", "-M", &messages.to_string(), &address.to_string(), BACKLOG]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let sink =
            Self { child: child.map_err(|cause| format!("smtp-sink could not start: {cause}"))?, address };
        await_listener(address, "smtp-sink")?;
        Ok(sink)
    }

    fn has_all(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_status)))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One timed run.
pub(super) fn round(kind: Kind, load: Load, folder: &Path) -> Result<Run, String> {
    let mut sink = Sink::start(load.messages)?;
    let mut relay = Relay::start(kind, sink.address, (folder, &Watch::No))?;
    let before = relay.account.used();
    let (taken, through) = send(load, &relay, &mut sink)?;
    let processor = relay.account.used().saturating_sub(before);
    let meter = relay.account.meter();
    relay.stop();
    Ok(Run { messages: load.messages, taken, through, processor, meter })
}

/// One run under strace.
pub(super) fn traced(kind: Kind, load: Load, folder: &Path) -> Result<Syncs, String> {
    let file = folder.join("calls");
    let mut sink = Sink::start(load.messages)?;
    let mut relay = Relay::start(kind, sink.address, (folder, &Watch::Calls(file.clone())))?;
    send(load, &relay, &mut sink)?;
    relay.stop();
    let text = std::fs::read_to_string(&file).map_err(|cause| format!("strace left nothing: {cause}"))?;
    Ok(cost::syncs(&text, load.messages))
}

/// Sends; gives the time until all was taken and until all was through.
fn send(load: Load, relay: &Relay, sink: &mut Sink) -> Result<(Duration, Duration), String> {
    let mut command = Command::new("/usr/sbin/smtp-source");
    command.arg("-d").args(["-s", &load.sessions.to_string(), "-m", &load.messages.to_string()]);
    command.args(["-l", &load.octets.to_string(), "-f", "ada@sender.example", "-t", "bob@bench.example"]);
    command.arg(relay.address.to_string()).stdin(Stdio::null());
    let began = Instant::now();
    let mut source = command.spawn().map_err(|cause| format!("smtp-source could not start: {cause}"))?;
    let mut taken = None;
    loop {
        if taken.is_none()
            && let Ok(Some(status)) = source.try_wait()
        {
            if !status.success() {
                return Err(format!("smtp-source ended with {status}\n{}", relay.told()));
            }
            taken = Some(began.elapsed());
        }
        let through = began.elapsed();
        if sink.has_all() {
            // The sink may have the last message before its sender has the reply.
            let _ = source.wait();
            return Ok((taken.unwrap_or(through), through));
        }
        if through > LONGEST_RUN {
            let _ = source.kill();
            let _ = source.wait();
            return Err(format!("not all messages came through in {LONGEST_RUN:?}\n{}", relay.told()));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
