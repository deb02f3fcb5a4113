//! The reference page of the command line, made from the command line.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use super::Arguments;

/// How wide help is in the page, in characters.
const WIDTH: usize = 100;

const INTRODUCTION: &str = "\
# Command line

<!-- Made from crates/gatepost/src/cli; a test fails when it is not current. -->

Exit status: 0 done, or yes; 1 no: refused, not found, a check failed; 2 wrong usage; 78 the configuration is
wrong.

Output is for people: sentences and tables, with colours on a terminal unless `NO_COLOR` is set. With `--json` it
is JSON with stable field names, and complaints are JSON on standard error.

Commands about the queue go through the control socket of a running server (`control.sock` in data-dir, for its
owner and group only); without a server they work on the spool itself. Accounts are changed in place, and a
running server sees the change at once.
";

/// The page, in Markdown.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut command = Arguments::command().term_width(WIDTH).disable_help_subcommand(true);
    command.build();
    each(&mut page, &mut command, "gatepost");
    page
}

fn each(page: &mut String, command: &mut Command, path: &str) {
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## {path}\n\n```text\n{}\n```\n", help.join("\n"));
    for below in command.get_subcommands_mut() {
        let path = format!("{path} {}", below.get_name());
        each(page, below, &path);
    }
}
