//! The program around generator and sink: flags in, a line of `key=value` out.

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::flags::{Flags, fault};
use super::{Made, Mood, Offers, Plan, Security, Sink, SinkPlan, Tally, clock, generate, hold};
use crate::authority::Authority;

const USAGE: &str = "gatepost-load generate|hold|sink|identity [--flag value]...";

/// Runs the program with these words, its name left out. What it prints is for `cargo xtask bench`.
///
/// # Errors
///
/// Flags that are not known, and what a connection says.
pub async fn main(words: &[String]) -> io::Result<()> {
    let (command, rest) = words.split_first().ok_or_else(|| fault(USAGE))?;
    raise_limit();
    match command.as_str() {
        "generate" => send(rest).await,
        "hold" => hold_open(rest).await,
        "sink" => serve(rest).await,
        "identity" => identity(rest),
        _others => Err(fault(USAGE)),
    }
}

/// As many open files as may be: ten thousand sessions need as many.
fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Not allowed is no fault: fewer sessions are held then, and that is told.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn plan(flags: &mut Flags) -> io::Result<Plan> {
    let usual = Plan::default();
    let user = flags.or("--user", "ada@sender.example".to_owned())?;
    let password = flags.or("--password", String::new())?;
    let mechanism = flags.take("--login")?;
    Ok(Plan {
        server: flags.need("--server")?,
        messages: flags.or("--messages", usual.messages)?,
        first: flags.or("--first", usual.first)?,
        sessions: flags.or("--sessions", usual.sessions)?,
        per_session: flags.or("--per-session", usual.per_session)?,
        octets: flags.or("--octets", usual.octets)?,
        security: flags.or("--tls", Security::Off)?,
        login: mechanism.map(|mechanism| (mechanism, user, password)),
        reverse_path: flags.or("--from", usual.reverse_path)?,
        forward_path: flags.or("--to", usual.forward_path)?,
        pause: Duration::from_millis(flags.or("--pause-ms", 0)?),
    })
}

async fn send(words: &[String]) -> io::Result<()> {
    let mut flags = Flags::read(words)?;
    let plan = plan(&mut flags)?;
    let file: Option<PathBuf> = flags.take("--moments")?;
    flags.end()?;
    let Made { taken, began, ended, moments } = generate(plan).await?;
    if let Some(file) = file {
        let rows = moments.iter().map(|(number, handed, taken)| format!("{number} {handed} {taken}\n"));
        std::fs::write(file, rows.collect::<String>())?;
    }
    say(&format!("taken={taken} began={began} ended={ended} cpu-us={}", processor()))
}

async fn hold_open(words: &[String]) -> io::Result<()> {
    let mut flags = Flags::read(words)?;
    let plan = plan(&mut flags)?;
    flags.end()?;
    let held = hold(plan).await?;
    say(&format!("held={}", held.count()))?;
    if let Some(refusal) = &held.refusal {
        eprintln!("gatepost-load: no more sessions: {refusal}");
    }
    let mut orders = orders();
    while orders.recv().await.is_some() {}
    Ok(())
}

/// `accept`, `defer`, `report` and `expect N` come on standard input, whose end is ours.
async fn serve(words: &[String]) -> io::Result<()> {
    let mut flags = Flags::read(words)?;
    let file: Option<PathBuf> = flags.take("--moments")?;
    let mood = flags.or("--mood", Mood::Accepting)?;
    let address = flags.or("--address", SinkPlan::default().address)?;
    let offers = flags.or("--offers", SinkPlan::default().offers)?;
    flags.end()?;
    let sink = Sink::start(SinkPlan { address, mood, offers }).await?;
    say(&format!("listening={}", sink.address()))?;
    let mut orders = orders();
    let mut expected = u64::MAX;
    loop {
        tokio::select! {
            () = sink.has(expected) => {
                say(&format!("all={}", clock::now()))?;
                expected = u64::MAX;
            }
            order = orders.recv() => match order.as_deref().map(|order| order.split_once(' ').unwrap_or((order, ""))) {
                Some(("report", _)) => report(&sink.tally())?,
                Some(("expect", count)) => expected = count.parse().map_err(|_fault| fault(count))?,
                Some((mood, _)) => sink.turn(mood.parse().map_err(|()| fault(mood))?),
                None => break,
            },
        }
    }
    if let Some(file) = file {
        let tally = sink.tally();
        let rows = tally.moments.iter().map(|(number, when)| format!("{number} {when}\n"));
        std::fs::write(file, rows.collect::<String>())?;
    }
    Ok(())
}

fn report(tally: &Tally) -> io::Result<()> {
    let (first, last) = span(tally);
    say(&format!(
        "distinct={} twice={} unmarked={} deferred={} octets={} first={first} last={last} cpu-us={}",
        tally.distinct(),
        tally.twice,
        tally.unmarked,
        tally.deferred,
        tally.octets,
        processor(),
    ))
}

/// When the first and the last message were complete.
fn span(tally: &Tally) -> (u64, u64) {
    let moments = || tally.moments.iter().map(|(_, when)| *when);
    (moments().min().unwrap_or_default(), moments().max().unwrap_or_default())
}

/// A self-signed certificate and its key, for the servers to be measured.
fn identity(words: &[String]) -> io::Result<()> {
    let mut flags = Flags::read(words)?;
    let folder: PathBuf = flags.need("--folder")?;
    flags.end()?;
    Authority::self_signed(&["relay.example"])?.write(&folder, "server").map(|_paths| ())
}

/// Lines of standard input, read by a thread of its own: tokio would take two.
fn orders() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let lines = io::stdin().lock().lines().map_while(Result::ok);
        lines.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
    });
    receiver
}

/// CPU time of this process so far, in microseconds.
fn processor() -> u128 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default().as_micros()
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

impl std::str::FromStr for Offers {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "chunking" => Ok(Self::Chunking),
            "data-alone" => Ok(Self::DataAlone),
            _others => Err(()),
        }
    }
}

impl std::str::FromStr for Mood {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "accept" => Ok(Self::Accepting),
            "defer" => Ok(Self::Deferring),
            _others => Err(()),
        }
    }
}
