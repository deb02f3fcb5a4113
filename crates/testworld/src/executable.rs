//! Programs that a test writes.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes a program of this text, which begins with `#!`.
///
/// Another process writes it: a file that this one has open for writing cannot be run, and a child that another test
/// is just forking holds it open for longer than we do.
///
/// # Errors
///
/// When it cannot be written.
pub fn executable(path: &Path, text: &str) -> io::Result<()> {
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped());
    let mut writer = writer.spawn()?;
    if let Some(mut input) = writer.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let done = writer.wait()?;
    if done.success() { Ok(()) } else { Err(io::Error::other(format!("{} was not written", path.display()))) }
}
