//! The command line.

pub mod account;
pub mod b64;
pub mod check;
pub mod console;
pub mod explain;
pub mod failure;
pub mod init;
pub mod password;
pub mod place;
pub mod queue;
pub mod quickstart;
pub mod reference;
pub mod send;
pub mod serve;
pub mod shell;
pub mod trace;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use console::{Console, Format, Tone};
use failure::{Failure, Outcome};

/// Takes mail from the people and machines it knows, carries it to anyone, and relays for nobody else.
#[derive(Debug, Parser)]
#[command(name = "gatepost", version, propagate_version = true, arg_required_else_help = true)]
pub struct Arguments {
    /// The configuration [default: $GATEPOST_CONFIG, ./gatepost.toml, /etc/gatepost/gatepost.toml].
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write JSON with stable field names.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    ///
    /// SIGTERM and SIGINT drain: no new sessions, what has begun may end within 30 seconds; a second one ends at
    /// once. SIGHUP reads the configuration and the certificate again; a bad new one is told and the old one
    /// stays in force.
    Serve(serve::ServeArguments),
    /// Start a throw-away instance, show a message in and out and two refusals, then serve.
    ///
    /// Everything is on loopback and in one folder: delete it when you have seen enough.
    Quickstart(quickstart::QuickstartArguments),
    /// Write a first configuration, and say which DNS records to publish.
    ///
    /// Nothing that is there already is replaced.
    Init(init::InitArguments),
    /// Look at the configuration only: every error with its line and the mend, and what weakens.
    ///
    /// No socket is opened and nothing is written.
    Check(check::CheckArguments),
    /// Add, change and list the accounts that may log in.
    ///
    /// An account logs in with its address, and receives mail at it if the domain is ours. A running server sees
    /// every change at once.
    Account(account::AccountArguments),
    /// Say what would be decided, and by which rule; nothing is sent.
    Explain(explain::ExplainArguments),
    /// List and change the messages that wait.
    ///
    /// These are the messages that are not done: not delivered to each recipient, nor given up, nor removed.
    Queue(queue::QueueArguments),
    /// Tell the story of one message, from connect to its end, or of one session.
    ///
    /// The events in data-dir are read; the server need not run.
    Trace(trace::TraceArguments),
    /// Hand a message in at a server.
    ///
    /// The message is FILE, or standard input, as it is: a header, an empty line, a body. Line ends become CRLF.
    Send(Box<send::SendArguments>),
    /// Make AUTH lines for a session typed by hand.
    ///
    /// The password is read from standard input: arguments can be seen by every user of the machine.
    B64(b64::B64Arguments),
    /// Write the completions of a shell.
    Completions(shell::CompletionsArguments),
    /// Write the manual pages into a folder.
    Man(shell::ManArguments),
}

/// Runs the program: arguments in, exit status out.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(complaint) => {
            // Help is no complaint: it goes to standard output with status 0; clap knows.
            let code = u8::try_from(complaint.exit_code()).unwrap_or(2);
            return if complaint.print().is_ok() { ExitCode::from(code) } else { ExitCode::from(2) };
        }
    };
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let colours = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut console = Console {
        format: if arguments.json { Format::Machines } else { Format::People },
        tone: if colours { Tone::Coloured } else { Tone::Plain },
        out: &mut out,
        err: &mut err,
    };
    ExitCode::from(run(&arguments, &mut console))
}

/// Runs one command and gives its exit status.
pub fn run(arguments: &Arguments, console: &mut Console<'_>) -> u8 {
    match dispatch(arguments, console) {
        Ok(status) => status.code(),
        Err(failure) => {
            complain(&failure, console);
            failure.status().code()
        }
    }
}

/// Who cannot even be told stays untold: the exit status is all that is left.
fn complain(failure: &Failure, console: &mut Console<'_>) {
    let text = match (failure, console.format) {
        (Failure::Unread, Format::People | Format::Machines) => return,
        (Failure::Configuration(refused), Format::People) => refused.to_string(),
        (Failure::Configuration(_) | Failure::Usage(_) | Failure::No(_), Format::Machines) => {
            serde_json::json!({ "error": failure.to_string(), "status": failure.status().code() }).to_string()
        }
        (Failure::Usage(_) | Failure::No(_), Format::People) => format!("gatepost: {failure}"),
    };
    let _ = console.complain(text);
}

fn dispatch(arguments: &Arguments, console: &mut Console<'_>) -> Outcome {
    let config = arguments.config.as_deref();
    match &arguments.command {
        Command::Serve(serve) => serve::run(serve, config, console),
        Command::Quickstart(quickstart) => quickstart::run(quickstart, console),
        Command::Init(init) => init::run(init, console),
        Command::Check(_) => check::run(config, console),
        Command::Account(account) => account::run(account, config, console),
        Command::Explain(explain) => explain::run(explain, config, console),
        Command::Queue(queue) => queue::run(queue, config, console),
        Command::Trace(trace) => trace::run(trace, config, console),
        Command::Send(send) => send::run(send, console),
        Command::B64(b64) => b64::run(b64, console),
        Command::Completions(completions) => shell::completions(completions, console),
        Command::Man(man) => shell::man(man, console),
    }
}
