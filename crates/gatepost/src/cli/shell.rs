//! `gatepost completions` and `gatepost man`: made from the command line itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Arguments;
use super::console::{Console, Format};
use super::failure::{Failure, Outcome, Status};

/// Put them where your shell looks for them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost completions bash > /etc/bash_completion.d/gatepost
  gatepost completions zsh > ~/.zfunc/_gatepost
  gatepost completions fish > ~/.config/fish/completions/gatepost.fish")]
pub struct CompletionsArguments {
    /// The shell.
    pub shell: Shell,
}

/// One page for each command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost man /usr/local/share/man/man1
  gatepost man /tmp/man && man /tmp/man/gatepost-queue.1")]
pub struct ManArguments {
    /// The folder; it is made if need be.
    pub folder: PathBuf,
}

pub(super) fn completions(arguments: &CompletionsArguments, console: &mut Console<'_>) -> Outcome {
    let mut written = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "gatepost", &mut written);
    console.out.write_all(&written)?;
    Ok(Status::Done)
}

pub(super) fn man(arguments: &ManArguments, console: &mut Console<'_>) -> Outcome {
    let folder = &arguments.folder;
    let wrong = |cause: std::io::Error| Failure::no(format!("{}: {cause}", folder.display()));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(wrong)?;
    match console.format {
        Format::People => console.line(format!("manual pages are in {}", folder.display()))?,
        Format::Machines => console.json(&serde_json::json!({ "folder": folder }))?,
    }
    Ok(Status::Done)
}
