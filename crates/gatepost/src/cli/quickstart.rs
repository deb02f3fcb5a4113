//! `gatepost quickstart`: a throw-away instance that shows itself at work.

mod instance;
mod show;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use gatepost_mta::deliver::submit::{Submission, Submitted, submit};

use super::console::{Console, Format, Ink};
use super::failure::{Failure, Outcome, Status};
use super::serve::Signals;
use crate::archive::{self, Story};
use crate::assemble::Running;
use crate::log::Stream;
use instance::{BOB, Instance};

/// How long a message may take from its 250 to its Maildir. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the instance may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Everything is on loopback and in one folder: delete it when you have seen enough.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost quickstart
  gatepost quickstart --once --dir /tmp/gatepost-quickstart

Exit status with --once: 0 all of it worked, 1 something did not.")]
pub struct QuickstartArguments {
    /// The folder. A quickstart that is in it already is replaced; anything else is left alone.
    #[arg(long, default_value = "gatepost-quickstart", value_name = "DIR")]
    pub dir: PathBuf,
    /// End when it is shown, instead of serving.
    #[arg(long)]
    pub once: bool,
}

pub(super) fn run(arguments: &QuickstartArguments, console: &mut Console<'_>) -> Outcome {
    let instance = Instance::make(&arguments.dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let gate = Gate::default();
        let running = Running::start(&instance.configuration, &instance.config, Some(gate.stream(console)))?;
        let shown = show(&instance, &running, console).await;
        let status = match shown {
            Ok(()) if arguments.once => Ok(Status::Done),
            Ok(()) => {
                show::hints(&instance, console)?;
                gate.open();
                signals.end().await;
                Ok(Status::Done)
            }
            Err(cause) => Err(cause),
        };
        running.drain(FAREWELL).await;
        status
    })
}

/// Keeps events from the screen until the story is told; then they are shown as they come.
#[derive(Clone, Default)]
struct Gate(Arc<AtomicBool>);

impl Gate {
    fn open(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn stream(&self, console: &Console<'_>) -> Stream {
        Stream { to: Box::new(self.clone()), format: console.format, tone: console.tone }
    }
}

impl Write for Gate {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        if self.0.load(Ordering::Relaxed) { std::io::stdout().write(octets) } else { Ok(octets.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}

async fn show(instance: &Instance, running: &Running, console: &mut Console<'_>) -> Result<(), Failure> {
    show::opening(instance, running, console)?;
    let submission = running_address(running, "submission")?;
    let mx = running_address(running, "mx")?;

    heading(console, "1. Ada logs in and sends a message to Bob")?;
    let token = format!("quickstart-{}", gatepost_mta::event::now().as_micros());
    let delivered = ada_writes_to_bob(instance, submission, &token).await?;
    tell(&delivered, console)?;
    let file = instance.mail_with(&token)?;
    good(console, &format!("it is in Bob's Maildir: {}", file.display()))?;

    heading(console, "2. A stranger tries the same on the submission port")?;
    let refused = stranger(instance, submission, &instance::address(BOB)).await?;
    check(&refused, "sender-refused", "530")?;
    tell(&refused, console)?;
    good(console, "refused: nothing is taken there before a login")?;

    heading(console, "3. The stranger tries to relay through the port for other servers")?;
    let refused = stranger(instance, mx, "somebody@elsewhere.example").await?;
    check(&refused, "recipient-refused", "550")?;
    tell(&refused, console)?;
    good(console, "refused: mail for other domains is for those who log in")?;
    show::closing(instance, running, console)
}

fn running_address(running: &Running, listener: &str) -> Result<std::net::SocketAddr, Failure> {
    let mut addresses = running.addresses().iter();
    let found = addresses.find(|(name, _)| name == listener).map(|(_, address)| *address);
    found.ok_or_else(|| Failure::no(format!("the listener {listener} is missing")))
}

/// Submits over STARTTLS with the strongest SCRAM, and gives the message's story once it is delivered.
async fn ada_writes_to_bob(
    instance: &Instance,
    server: std::net::SocketAddr,
    token: &str,
) -> Result<Story, Failure> {
    let submission = instance.submission(server, &instance::address(BOB), token)?;
    let Submitted { recipients, transcript } =
        submit(submission).await.map_err(|error| Failure::no(format!("{error}\n{}", error.transcript)))?;
    for outcome in &recipients {
        let (word, text) = super::send::shown(outcome);
        if word != "taken" {
            return Err(Failure::no(format!("the message was {word}: {text}\n{transcript}")));
        }
    }
    let queued = await_event(instance, "queued").await?;
    let id = crate::story::text(&queued, "message");
    await_story(instance, &id, "delivered").await
}

/// Tries to send without a login, and gives the session's story once it has ended.
async fn stranger(instance: &Instance, server: std::net::SocketAddr, to: &str) -> Result<Story, Failure> {
    let submission = Submission { login: None, ..instance.submission(server, to, "let me in")? };
    let taken = match submit(submission).await {
        Ok(submitted) => submitted.recipients.iter().any(|outcome| super::send::shown(outcome).0 == "taken"),
        Err(_) => false,
    };
    if taken {
        return Err(Failure::no("a stranger's message was taken, which must never be"));
    }
    let refused = match to {
        to if to == instance::address(BOB) => "sender-refused",
        _ => "recipient-refused",
    };
    let event = await_event(instance, refused).await?;
    await_story(instance, &crate::story::text(&event, "session"), "disconnected").await
}

/// A refusal counts only with the reply and the rule that it should have.
fn check(story: &Story, event: &str, code: &str) -> Result<(), Failure> {
    let fits = story.events.iter().any(|it| {
        crate::story::text(it, "event") == event
            && crate::story::text(it, "reply").starts_with(code)
            && !crate::story::text(it, "rule").is_empty()
    });
    if fits { Ok(()) } else { Err(Failure::no(format!("session {} was not refused with {code}", story.id))) }
}

/// Waits for the first event of a kind.
async fn await_event(instance: &Instance, kind: &str) -> Result<crate::story::Fields, Failure> {
    await_some(|| archive::first(&instance.configuration.data_dir, kind), kind).await
}

/// Waits until a story has come to an event.
async fn await_story(instance: &Instance, id: &str, end: &str) -> Result<Story, Failure> {
    let read = || {
        let story = archive::story(&instance.configuration.data_dir, id)?;
        let ended = story.events.iter().any(|event| crate::story::text(event, "event") == end);
        Ok(ended.then_some(story))
    };
    await_some(read, end).await
}

/// Asks again until there is an answer: the log is written by a thread of its own.
async fn await_some<T>(
    mut ask: impl FnMut() -> std::io::Result<Option<T>>,
    what: &str,
) -> Result<T, Failure> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        if tokio::time::Instant::now() >= until {
            return Err(Failure::no(format!("waited in vain for the event \"{what}\"")));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn heading(console: &mut Console<'_>, text: &str) -> std::io::Result<()> {
    if console.format == Format::Machines {
        return Ok(());
    }
    let text = console.paint(Ink::Strong, text);
    console.line(format!("\n{text}"))
}

fn good(console: &mut Console<'_>, text: &str) -> std::io::Result<()> {
    if console.format == Format::Machines {
        return Ok(());
    }
    let mark = console.paint(Ink::Good, "ok");
    console.line(format!("   {mark} {text}"))
}

fn tell(story: &Story, console: &mut Console<'_>) -> std::io::Result<()> {
    if console.format == Format::Machines {
        return super::trace::tell(story, console);
    }
    for line in super::trace::lines(story, console.tone) {
        console.line(format!("   {line}"))?;
    }
    Ok(())
}
