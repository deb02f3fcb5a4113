//! A dialogue as a file: what the client sends, and what the server must say.
//!
//! The same file runs against a session in memory ([`Dialogue::play`]), cut at any octet, and over a socket
//! against any server ([`Dialogue::play_over`]).
//!
//! # The format
//!
//! ```text
//! # RFC 5321 section 4.1.4: RCPT needs a MAIL first.
//! @ service mx
//! S 220 *
//! C EHLO client.example
//! S 250*STARTTLS*                       # one S line stands for one whole reply
//! S! *AUTH*
//! C RCPT TO:<ada@gatepost.example>
//! S 503 5.5.1 *
//! ```
//!
//! | line begins with | means |
//! | --- | --- |
//! | `#` | a comment; nothing |
//! | `@ key value` | a setting, for whoever sets up the server: see [`Dialogue::setting`] |
//! | `C text` | the client sends the text as it stands, and CRLF |
//! | `C< text` | the client sends the text with its escapes undone, and nothing after it |
//! | `C* count text` | the same, `count` times over |
//! | `S pattern` | the server's next whole reply, its lines joined by LF, fits the pattern |
//! | `S! pattern` | the reply just read does *not* fit the pattern |
//! | `! tls` | both sides shake hands now |
//! | `! closed` | the server closes, and says nothing more before |
//! | `! hang up` | the client closes |
//!
//! In a pattern `*` stands for any text, line ends included. On `S`, `S!` and `!` lines a `#` behind two
//! blanks begins a comment. Escapes are `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH`; a blank at the end of a
//! `C<` line is written `\x20`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::Client;

mod play;
mod read;

pub use play::{Cut, Subject};

/// Most cases in one folder; more is a mistake in the path.
const MOST_CASES: usize = 10_000;

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialogue {
    name: String,
    settings: Vec<(String, String)>,
    steps: Vec<Step>,
}

/// One line that does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number in the file, from 1.
    pub line: usize,
    /// What it does.
    pub act: Act,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The client sends these octets.
    Send(Vec<u8>),
    /// The next reply fits.
    Expect(String),
    /// The last reply does not fit.
    Refute(String),
    /// Both sides shake hands.
    Encrypt,
    /// The server closes and says nothing more.
    Closed,
    /// The client closes.
    HangUp,
}

/// Where and how a server left the dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The file and the line.
    pub place: String,
    /// What should have come.
    pub wanted: String,
    /// What came.
    pub got: String,
    /// What both said before.
    pub before: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ruler = "────────────────────────────────────────";
        writeln!(f, "{}: the dialogue went another way", self.place)?;
        writeln!(f, "{ruler} before\n{}", self.before.trim_end())?;
        writeln!(f, "{ruler} wanted\n{}", self.wanted)?;
        write!(f, "{ruler} got\n{}\n{ruler}", self.got.trim_end())
    }
}

impl std::error::Error for Mismatch {}

impl Dialogue {
    /// Reads a case from text; `name` is for messages.
    ///
    /// # Errors
    ///
    /// `InvalidData`, naming the line that is none.
    pub fn read(name: &str, text: &str) -> io::Result<Self> {
        read::dialogue(name, text).map_err(|(line, why)| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{name}:{line}: {why}"))
        })
    }

    /// Reads a case from a file.
    ///
    /// # Errors
    ///
    /// What the file system says; `InvalidData`, naming the line that is none.
    pub fn load(path: &Path) -> io::Result<Self> {
        let octets = std::fs::read(path)?;
        let text = String::from_utf8(octets).map_err(|cause| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {cause}", path.display()))
        })?;
        Self::read(&path.display().to_string(), &text)
    }

    /// Reads every `.txt` file under the folder, in order of their names.
    ///
    /// # Errors
    ///
    /// As for [`Dialogue::load`]; `NotFound` when there is none, since a runner without cases proves nothing.
    pub fn load_all(folder: &Path) -> io::Result<Vec<Self>> {
        let mut paths = Vec::new();
        collect(folder, &mut paths)?;
        paths.sort();
        if paths.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no case in {}", folder.display())));
        }
        paths.iter().map(|path| Self::load(path)).collect()
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value behind `@ key`, the last one if there are several.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(one, _)| one == key).map(|(_, value)| value.as_str())
    }

    /// All settings in order.
    #[must_use]
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// The steps in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Runs it against a session in memory, the client's octets cut as asked; gives all that the session
    /// said.
    ///
    /// # Errors
    ///
    /// Where the session left the dialogue, or said more than the dialogue has.
    pub fn play(&self, subject: &mut impl Subject, cut: Cut) -> Result<Vec<u8>, Box<Mismatch>> {
        play::in_memory(self, subject, cut)
    }

    /// Runs it over a connection whose greeting was not read yet.
    ///
    /// # Errors
    ///
    /// What the connection says; where the server left the dialogue.
    pub async fn play_over(&self, client: Client) -> io::Result<()> {
        play::over_socket(self, client).await
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if paths.len() >= MOST_CASES {
            return Err(io::Error::other(format!("{} holds too many files", folder.display())));
        }
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
