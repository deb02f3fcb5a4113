//! Checks that no lint makes: lengths of files, stray reply texts, sleeps in tests, notes without an issue.

use std::fmt::Write as _;
use std::path::Path;

use crate::{Outcome, repository};

/// Longest file, in lines before its test module.
const LONGEST_FILE: usize = 500;

/// Folders whose string literals may not spell an SMTP reply: replies come from the table in `mail`.
const SPEAKERS: &[&str] = &["crates/smtp/src/", "crates/mta/src/"];

/// The words are put together here so that this file does not find itself.
const NOTES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];
const IGNORED_TEST: &str = concat!("#[ig", "nore");
const SLEEPS: &[&str] = &[concat!("thread::sl", "eep("), concat!("time::sl", "eep(")];

/// `cargo xtask tidy`.
pub(crate) fn run(_arguments: &[String]) -> Outcome {
    let mut faults = Vec::new();
    let mut read = 0_usize;
    for folder in ["crates", "xtask", "fuzz"] {
        for path in repository::files(&repository::root().join(folder), "rs") {
            let text = std::fs::read_to_string(&path)
                .map_err(|cause| format!("{} could not be read: {cause}", path.display()))?;
            judge(&repository::shown(&path), &text, &mut faults);
            read += 1;
        }
    }
    if faults.is_empty() {
        println!("tidy: {read} files are in order");
        return Ok(());
    }
    let mut told = format!("{} faults\n", faults.len());
    for fault in &faults {
        let _ = writeln!(told, "  {fault}");
    }
    Err(told)
}

fn judge(path: &str, text: &str, faults: &mut Vec<String>) {
    if Path::new(path).file_name().is_some_and(|name| name == "mod.rs") {
        faults.push(format!("{path}: name it after its module: foo.rs beside foo/"));
    }
    let tests_begin = if is_test_file(path) { 0 } else { start_of_tests(text) };
    if tests_begin > LONGEST_FILE {
        faults.push(format!(
            "{path}: {tests_begin} lines without tests; the limit is {LONGEST_FILE}: split it by meaning"
        ));
    }
    for (index, line) in text.lines().enumerate() {
        let place = Place { path, number: index + 1, in_tests: index >= tests_begin };
        faults.extend(place.fault(line).map(|what| format!("{path}:{}: {what}", place.number)));
    }
}

/// One line of a file.
struct Place<'a> {
    path: &'a str,
    number: usize,
    in_tests: bool,
}

impl Place<'_> {
    fn fault(&self, line: &str) -> Option<&'static str> {
        if NOTES.iter().any(|note| line.contains(note)) && !names_an_issue(line) {
            return Some("a note for later names its issue, as in `(issue 12)`, or goes");
        }
        if line.trim_start().starts_with(IGNORED_TEST) {
            return Some("a test that never runs is no test: mend it or remove it");
        }
        if self.in_tests && SLEEPS.iter().any(|sleep| line.contains(sleep)) {
            return Some("a test waits for a condition with a deadline, not for the clock");
        }
        let speaks = SPEAKERS.iter().any(|folder| self.path.starts_with(folder));
        if speaks && !self.in_tests && spells_a_reply(line) {
            return Some("words to clients come from the table in crates/mail/src/reply.rs");
        }
        None
    }
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The line (from 0) where the inline test module begins, or the number of lines.
fn start_of_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let starts = |index: &usize| {
        let rest = lines.iter().skip(index + 1).find(|line| !line.starts_with("#["));
        rest.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let marks = lines.iter().enumerate().filter(|(_, line)| **line == "#[cfg(test)]");
    marks.map(|(index, _)| index).find(starts).unwrap_or(lines.len())
}

/// `issue 12`, `issue #12` or `#12`.
fn names_an_issue(line: &str) -> bool {
    let after =
        |mark: &str| line.split(mark).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    after("issue ") || after("#")
}

/// A string literal that begins with a reply code and its separator, as in `"250 "` and `b"354-"`.
fn spells_a_reply(line: &str) -> bool {
    if line.trim_start().starts_with("//") {
        return false;
    }
    line.split('"').skip(1).any(|literal| {
        let octets = literal.as_bytes();
        matches!(octets, [b'2' | b'4' | b'5', second, third, b' ' | b'-', ..]
            if second.is_ascii_digit() && third.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        judge(path, text, &mut faults);
        faults
    }

    #[test]
    fn a_long_file_is_told_and_its_tests_are_free() {
        let long = "let x = 1;\n".repeat(LONGEST_FILE + 1);
        assert_eq!(faults("crates/mail/src/a.rs", &long).len(), 1);
        assert_eq!(faults("crates/mail/src/a/tests.rs", &long).len(), 0);
        let tested = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(faults("crates/mail/src/a.rs", &tested).len(), 0);
    }

    #[test]
    fn reply_texts_live_in_one_place() {
        let line = "stream.write_all(b\"250 2.0.0 fine\\r\\n\")";
        assert_eq!(faults("crates/smtp/src/server.rs", line).len(), 1);
        assert_eq!(faults("crates/mail/src/reply.rs", line).len(), 0);
        assert_eq!(faults("crates/smtp/src/server/tests.rs", line).len(), 0);
        assert_eq!(faults("crates/smtp/src/a.rs", "/// gives \"250 fine\"").len(), 0);
    }

    #[test]
    fn notes_name_their_issue() {
        let note = NOTES[0];
        assert_eq!(faults("crates/smtp/src/a.rs", &format!("// {note}: later")).len(), 1);
        assert_eq!(faults("crates/smtp/src/a.rs", &format!("// {note} (issue 12): later")).len(), 0);
    }

    #[test]
    fn tests_do_not_sleep_and_are_not_skipped() {
        let sleep = format!("std::{}one)", SLEEPS[0]);
        assert_eq!(faults("crates/mta/tests/a.rs", &sleep).len(), 1);
        assert_eq!(faults("crates/mta/src/a.rs", &sleep).len(), 0);
        assert_eq!(faults("crates/mta/src/a.rs", &format!("{IGNORED_TEST}]")).len(), 1);
    }

    #[test]
    fn a_folder_module_has_its_own_name() {
        assert_eq!(faults("crates/mta/src/net/mod.rs", "").len(), 1);
    }
}
