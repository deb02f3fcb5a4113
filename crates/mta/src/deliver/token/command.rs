//! A program that prints a token.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::TokenError;
use super::answer::Fresh;

/// How long it may run.
const LONGEST_RUN: Duration = Duration::from_secs(30);
/// Longest output, in octets.
const LONGEST_OUTPUT: usize = 64 * 1024;

/// Runs the program: its output is a token, or JSON with `access_token` and `expires_in`. Dropping the future kills it.
pub(super) async fn run(arguments: &[String]) -> Result<Fresh, TokenError> {
    let Some((program, rest)) = arguments.split_first() else {
        return Err(TokenError::Unusable("there is no command"));
    };
    let fault = |cause: String| TokenError::Command { program: program.clone(), cause };
    let mut command = Command::new(program);
    // What it complains of goes where our own complaints go: it may hold what no error of ours may show.
    command.args(rest).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let ran = timeout(LONGEST_RUN, output(command)).await;
    let ran = ran.map_err(|_| fault(format!("took longer than {LONGEST_RUN:?}")))?;
    let (status, printed) = ran.map_err(|cause| fault(format!("failed: {cause}")))?;
    if !status.success() {
        return Err(fault(format!("ended with {status}")));
    }
    let text = std::str::from_utf8(&printed).map_err(|_| fault("printed no text".to_owned()))?.trim();
    if text.starts_with('{') { Fresh::from_json(text.as_bytes()) } else { Fresh::from_text(text) }
}

async fn output(mut command: Command) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let mut child = command.spawn()?;
    let printed = match child.stdout.take() {
        Some(stdout) => bounded(stdout).await?,
        None => Zeroizing::default(),
    };
    Ok((child.wait().await?, printed))
}

async fn bounded(stdout: impl AsyncRead + Unpin) -> io::Result<Zeroizing<Vec<u8>>> {
    let most = LONGEST_OUTPUT + 1;
    let mut printed = Zeroizing::new(Vec::with_capacity(most));
    stdout.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut printed).await?;
    if printed.len() > LONGEST_OUTPUT {
        return Err(io::Error::other("it printed too much"));
    }
    Ok(printed)
}
