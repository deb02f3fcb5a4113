//! `gatepost serve`.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::console::{Console, Format, Tone};
use super::failure::{Failure, Outcome, Status};
use super::place;
use crate::assemble::Running;
use crate::config::Loaded;
use crate::log::Stream;
use crate::readiness::{Stage, Watchers};
use crate::report;

/// How long sessions and deliveries may take to end after SIGTERM. systemd kills after 90 s.
const PATIENCE: Duration = Duration::from_secs(30);
/// Descriptors that are not connections of clients: spool, accounts, log, and up to 4,000 sockets of deliveries.
const OTHER_DESCRIPTORS: u64 = 5000;

/// SIGTERM and SIGINT drain: no new sessions, what has begun may end within 30 seconds; a second one ends at
/// once. SIGHUP reads the configuration and the certificate again; a bad new one is told and the old one stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost serve
  gatepost serve -c /etc/gatepost/gatepost.toml
  gatepost --json serve >> events.jsonl

On a terminal each event is a sentence, otherwise a line of JSON; data-dir/events.jsonl has them all.")]
pub struct ServeArguments {
    /// Write a line to this descriptor once every listener takes connections.
    #[arg(long, value_name = "N")]
    pub ready_fd: Option<u32>,
}

pub(super) fn run(arguments: &ServeArguments, config: Option<&Path>, console: &mut Console<'_>) -> Outcome {
    let path = place::find(config);
    let loaded = place::load_file(&path)?;
    warn(&loaded, console)?;
    let connections = loaded.configuration.settings.rules.limits.connections.get();
    raise_descriptors(u64::from(connections) + OTHER_DESCRIPTORS, console)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let watchers = Watchers { socket: std::env::var("NOTIFY_SOCKET").ok(), descriptor: arguments.ready_fd };
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let running = Running::start(&loaded.configuration, &path, Some(standard_output(console)))?;
        told(&running, watchers.tell(Stage::Ready));
        let status = until_the_end(&running, &mut signals).await;
        told(&running, watchers.tell(Stage::Stopping));
        tokio::select! {
            _ = running.drain(PATIENCE) => {}
            () = signals.end() => {}
        }
        Ok(status)
    })
}

fn warn(loaded: &Loaded, console: &mut Console<'_>) -> std::io::Result<()> {
    if loaded.warnings.is_empty() {
        return Ok(());
    }
    match console.format {
        Format::People => console.complain(report::text(&loaded.source, &loaded.warnings)),
        Format::Machines => console.complain(report::json(&loaded.source, &loaded.warnings).to_string()),
    }
}

/// People read a terminal, machines read a pipe.
fn standard_output(console: &Console<'_>) -> Stream {
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let format = if terminal { console.format } else { Format::Machines };
    let tone = if terminal { console.tone } else { Tone::Plain };
    Stream { to: Box::new(std::io::BufWriter::new(std::io::stdout())), format, tone }
}

/// A watcher that cannot be told is trouble, but no reason to refuse mail.
fn told(running: &Running, told: std::io::Result<()>) {
    if let Err(cause) = told {
        running.trouble("service manager", cause, "look at $NOTIFY_SOCKET and --ready-fd");
    }
}

/// Takes as many descriptors as the limits need, and warns if the system gives fewer.
fn raise_descriptors(wanted: u64, console: &mut Console<'_>) -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let current = wanted.min(most);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    if raised.is_ok() && current >= wanted {
        return Ok(());
    }
    console.complain(format!(
        "warning: the system gives {most} descriptors, `limits.connections` needs {wanted}\n   = mend: raise \
         LimitNOFILE of the service, or lower `limits.connections`"
    ))
}

/// Runs until it is told to end, or cannot go on.
async fn until_the_end(running: &Running, signals: &mut Signals) -> Status {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return Status::Done,
            _ = signals.interrupt.recv() => return Status::Done,
            _ = signals.hang_up.recv() => running.reload(),
            cause = running.failed() => {
                running.trouble("spool", cause, "nothing is taken any more; look at the disk, then start again");
                return Status::No;
            }
        }
    }
}

/// The signals that we listen to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Resolves when we are told to end.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
