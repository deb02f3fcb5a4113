//! Faults of a configuration, for people: what, where, the line with a caret, and the mend.

use std::fmt::Write as _;
use std::ops::Range;

use serde_json::{Value, json};

use crate::config::fault::{Fault, Severity};
use crate::config::source::Source;

/// Longest part of a line that is shown, in characters.
const WIDEST: usize = 160;

/// All faults, one after the other, with an empty line between.
#[must_use]
pub fn text(source: &Source, faults: &[Fault]) -> String {
    faults.iter().map(|fault| one(source, fault)).collect::<Vec<_>>().join("\n")
}

/// All faults for machines.
#[must_use]
pub fn json(source: &Source, faults: &[Fault]) -> Value {
    faults.iter().map(|fault| one_as_json(source, fault)).collect()
}

/// `error` or `warning`.
#[must_use]
pub const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn one(source: &Source, fault: &Fault) -> String {
    let mut told = format!("{}: {}\n", word(fault.severity), fault.what);
    let mut excerpts: Vec<(&Range<usize>, &str)> = Vec::new();
    excerpts.extend(fault.place.as_ref().map(|place| (place, fault.label.as_str())));
    excerpts.extend(fault.other.as_ref().map(|(place, label)| (place, label.as_str())));
    let last_line = excerpts.iter().map(|(place, _)| source.position(place.start).line).max();
    let gutter = last_line.unwrap_or(0).to_string().len();
    for (index, (place, label)) in excerpts.iter().enumerate() {
        let corner = if index == 0 { '┌' } else { '├' };
        excerpt(&mut told, source, &Excerpt { place, label, gutter, corner });
    }
    if fault.place.is_none() {
        let _ = writeln!(told, " {:gutter$} ┌─ {}", "", source.path().display());
    }
    if !fault.mend.is_empty() {
        let _ = writeln!(told, " {:gutter$} = mend: {}", "", fault.mend);
    }
    // Values of the file stand in these words, and a terminal would obey what they hold.
    told.replace(|letter: char| letter.is_control() && letter != '\n', "?")
}

/// One line of the file with a mark below it.
struct Excerpt<'a> {
    place: &'a Range<usize>,
    label: &'a str,
    gutter: usize,
    corner: char,
}

fn excerpt(told: &mut String, source: &Source, excerpt: &Excerpt<'_>) {
    let Excerpt { place, label, gutter, corner } = excerpt;
    let start = source.position(place.start);
    let line = source.line(place.start);
    let (path, row, column) = (source.path().display(), start.line, start.column);
    let _ = writeln!(told, " {:gutter$} {corner}─ {path}:{row}:{column}", "");
    let shown: String = line.chars().take(WIDEST).map(visible).collect();
    let _ = writeln!(told, " {row:gutter$} │ {shown}");
    let before = column.saturating_sub(1).min(WIDEST);
    let room = shown.chars().count().saturating_sub(before).max(1);
    let length = source.text().get(place.start..place.end).map_or(1, first_line_length).clamp(1, room);
    let _ = writeln!(told, " {:gutter$} │ {:before$}{} {label}", "", "", "^".repeat(length));
}

/// A tab would move the caret.
fn visible(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}

fn first_line_length(text: &str) -> usize {
    text.lines().next().map_or(0, |line| line.chars().count())
}

fn one_as_json(source: &Source, fault: &Fault) -> Value {
    let position = fault.place.as_ref().map(|place| source.position(place.start));
    json!({
        "severity": word(fault.severity),
        "file": source.path().display().to_string(),
        "line": position.map(|position| position.line),
        "column": position.map(|position| position.column),
        "what": fault.what,
        "label": fault.label,
        "mend": fault.mend,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_its_line_and_a_caret() {
        let source = Source::new("a.toml", "\thostnam = \"ä\"\n");
        let fault =
            Fault::error("unknown key `hostnam`").at(Some(1..8), "not a key").mend("write `hostname`");
        let want = "\
error: unknown key `hostnam`
   ┌─ a.toml:1:2
 1 │  hostnam = \"ä\"
   │  ^^^^^^^ not a key
   = mend: write `hostname`
";
        assert_eq!(text(&source, &[fault]), want);
    }

    #[test]
    fn a_terminal_obeys_nothing_that_the_file_says() {
        let source = Source::new("a.toml", "a = \"x\"\n");
        let fault = Fault::error("no \u{1b}[2J").at(Some(4..7), "a\tb\r").mend("\u{7}");
        let told = text(&source, &[fault]);
        assert!(told.starts_with("error: no ?[2J\n") && told.contains("^^^ a?b?\n"), "{told}");
        assert!(told.ends_with("mend: ?\n"), "{told}");
    }

    #[test]
    fn a_mark_never_leaves_its_line() {
        let source = Source::new("a.toml", "a = [\n  1,\n]\n");
        let told = text(&source, &[Fault::error("x").at(Some(4..12), "here")]);
        assert!(told.contains(" 1 │ a = [\n   │     ^ here\n"), "{told}");
        let told = text(&source, &[Fault::error("x").at(Some(99..120), "the end")]);
        assert!(told.contains("^ the end"), "{told}");
    }

    #[test]
    fn both_places_of_a_contradiction_are_shown() {
        let source = Source::new("a.toml", "a = 1\nb = 2\n");
        let told =
            text(&source, &[Fault::error("x").at(Some(6..7), "two").against(Some(0..1), "one").mend("m")]);
        let want = "\
error: x
   ┌─ a.toml:2:1
 2 │ b = 2
   │ ^ two
   ├─ a.toml:1:1
 1 │ a = 1
   │ ^ one
   = mend: m
";
        assert_eq!(told, want);
    }
}
