//! Where things are in the checkout, and how other programs are run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Deepest folder that is looked into; the checkout is far flatter.
const DEEPEST_FOLDER: usize = 12;

/// The root of the checkout: the parent of this package's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo as it runs us, in the root of the checkout.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Runs a program with our own output and waits; a status other than 0 is a failure that names it.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|cause| format!("{what} could not start: {cause}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what} failed ({status})")) }
}

/// Runs a program, gives what it printed.
pub(crate) fn output(what: &str, command: &mut Command) -> Result<String, String> {
    let done = command.output().map_err(|cause| format!("{what} could not start: {cause}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(format!("{what} failed ({}): {}", done.status, String::from_utf8_lossy(&done.stderr).trim()))
}

/// Every file with this ending under the folder, sorted; build output is left out.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, ending, DEEPEST_FOLDER, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, ending: &str, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            let name = path.file_name().unwrap_or_default();
            if depth > 0 && name != "target" && name != ".git" {
                collect(&path, ending, depth - 1, found);
            }
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

/// The path as a person names it: from the root of the checkout.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
