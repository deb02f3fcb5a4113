//! Asks for a password: from standard input, or typed without being seen.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use gatepost_sasl::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::failure::Failure;

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The first line of standard input.
    StandardInput,
    /// Typed at the terminal: a password that there is already.
    Terminal,
    /// Typed twice at the terminal: a new password.
    TerminalTwice,
}

/// Reads a password.
///
/// # Errors
///
/// When there is no terminal to ask at, or what was typed differs.
pub fn read(from: From) -> Result<Secret, Failure> {
    let there = io::stdin().is_terminal();
    match from {
        From::StandardInput => read_line(),
        From::Terminal if !there => Err(Failure::usage("there is no terminal to ask for the password at")),
        From::TerminalTwice if !there => {
            Err(Failure::usage("there is no terminal to ask for the password at: use --password-stdin"))
        }
        From::Terminal => {
            let _hidden = Hidden::begin()?;
            ask("Password: ")
        }
        From::TerminalTwice => {
            let _hidden = Hidden::begin()?;
            let (first, second) = (ask("Password: ")?, ask("Again: ")?);
            if first == second { Ok(first) } else { Err(Failure::usage("the two passwords differ")) }
        }
    }
}

fn read_line() -> Result<Secret, Failure> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(Secret::new(line))
}

fn ask(prompt: &str) -> Result<Secret, Failure> {
    let mut terminal = io::stderr();
    write!(terminal, "{prompt}")?;
    let answer = read_line();
    // The line end that was typed was not shown either.
    writeln!(terminal)?;
    answer
}

/// While it lives, what is typed is not shown.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs no repair.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
