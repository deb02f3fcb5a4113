//! Messages in a Maildir, whoever put them there.

use std::io;
use std::path::{Path, PathBuf};

use crate::patience::{PATIENCE, until};

/// A Maildir that may not be there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maildir {
    path: PathBuf,
}

impl Maildir {
    /// The Maildir at this path: the folder that holds `new`, `cur` and `tmp`.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The messages as stored, read and unread, in order of their file names; none if there is no folder.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn messages(&self) -> io::Result<Vec<Vec<u8>>> {
        self.files()?.iter().map(std::fs::read).collect()
    }

    /// The paths of the messages, in order of their file names.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in ["new", "cur"] {
            let entries = match std::fs::read_dir(self.path.join(folder)) {
                Ok(entries) => entries,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                Err(cause) => return Err(cause),
            };
            for entry in entries {
                files.push(entry?.path());
            }
        }
        files.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
        Ok(files)
    }

    /// Waits until there are at least `count` messages, and gives them.
    ///
    /// # Errors
    ///
    /// `TimedOut` after [`PATIENCE`]; what the file system says.
    pub async fn await_messages(&self, count: usize) -> io::Result<Vec<Vec<u8>>> {
        let what = format!("{count} messages in {}", self.path.display());
        until(&what, PATIENCE, || Ok((self.files()?.len() >= count).then_some(()))).await?;
        self.messages()
    }

    /// Waits until the folder holds a message that contains this text, and gives it.
    ///
    /// # Errors
    ///
    /// `TimedOut` after [`PATIENCE`]; what the file system says.
    pub async fn await_containing(&self, text: &str) -> io::Result<Vec<u8>> {
        let what = format!("`{text}` in {}", self.path.display());
        let holds =
            |message: &Vec<u8>| message.windows(text.len().max(1)).any(|part| part == text.as_bytes());
        until(&what, PATIENCE, || Ok(self.messages()?.into_iter().find(holds))).await
    }
}
