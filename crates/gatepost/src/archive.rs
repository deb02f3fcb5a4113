//! Finds in the event files what belongs to one message or one session.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde_json::Value;

use crate::log::files;
use crate::story::{self, Fields};

/// Most events of one story: what is beyond tells nobody anything new.
pub const MOST_EVENTS: usize = 10_000;
/// Longest line that is looked at; the writer never makes one so long.
const LONGEST_LINE: u64 = 1 << 20;

/// All that is known of a message or a session, in the order in which it happened.
#[derive(Debug, Clone)]
pub struct Story {
    /// Of which.
    pub id: String,
    /// The events.
    pub events: Vec<Fields>,
}

impl Story {
    /// Whether there was more than is kept.
    #[must_use]
    pub fn cut(&self) -> bool {
        self.events.len() >= MOST_EVENTS
    }
}

/// Reads the story of a message or a session from the event files of a data-dir.
///
/// A message's story begins with the session that brought it, without what that session did for other
/// messages. Lines that are no events, as a crash may leave one, are passed over.
///
/// # Errors
///
/// What the file system says.
pub fn story(data_dir: &Path, id: &str) -> io::Result<Story> {
    let mut own = Vec::new();
    each_event(data_dir, &[id], |event| own.push(event))?;
    let sessions: BTreeSet<String> =
        own.iter().filter(|event| story::text(event, "message") == id).map(session_of).collect();
    let sessions: Vec<&str> = sessions.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    if sessions.is_empty() {
        own.retain(|event| ["message", "session", "about"].iter().any(|name| story::text(event, name) == id));
        return Ok(Story { id: id.to_owned(), events: own });
    }
    let mut events = Vec::new();
    let words: Vec<&str> = sessions.iter().copied().chain([id]).collect();
    each_event(data_dir, &words, |event| {
        let message = story::text(&event, "message");
        let ours = message == id || story::text(&event, "about") == id;
        if ours || message.is_empty() && sessions.contains(&session_of(&event).as_str()) {
            events.push(event);
        }
    })?;
    Ok(Story { id: id.to_owned(), events })
}

/// The first event of a kind in the event files of a data-dir.
///
/// # Errors
///
/// What the file system says.
pub fn first(data_dir: &Path, kind: &str) -> io::Result<Option<Fields>> {
    let mut found = None;
    each_event(data_dir, &[kind], |event| {
        if found.is_none() && story::text(&event, "event") == kind {
            found = Some(event);
        }
    })?;
    Ok(found)
}

fn session_of(event: &Fields) -> String {
    story::text(event, "session")
}

/// Hands out each event whose line holds one of the words, up to [`MOST_EVENTS`].
fn each_event(data_dir: &Path, words: &[&str], mut take: impl FnMut(Fields)) -> io::Result<()> {
    let mut taken = 0;
    for path in files::oldest_first(data_dir) {
        let mut reader = BufReader::with_capacity(1 << 18, File::open(path)?);
        let mut line = Vec::new();
        while taken < MOST_EVENTS && read_line(&mut reader, &mut line)? {
            let text = String::from_utf8_lossy(&line);
            if !words.iter().any(|word| text.contains(word)) {
                continue;
            }
            if let Ok(Value::Object(event)) = serde_json::from_str(&text) {
                take(event);
                taken += 1;
            }
        }
    }
    Ok(())
}

fn read_line(reader: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(reader.by_ref().take(LONGEST_LINE).read_until(b'\n', line)? > 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MESSAGE: &str = "0000000000001";
    const OTHER: &str = "0000000000002";
    const REPORT: &str = "0000000000003";
    const SESSION: &str = "000000000000a";
    const STRANGER: &str = "000000000000b";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let old = [
            format!(r#"{{"at":"1","session":"{SESSION}","event":"connected"}}"#),
            format!(r#"{{"at":"2","session":"{STRANGER}","event":"connected"}}"#),
            format!(r#"{{"at":"3","session":"{SESSION}","message":"{OTHER}","event":"queued"}}"#),
        ];
        let new = [
            format!(r#"{{"at":"4","session":"{SESSION}","message":"{MESSAGE}","event":"queued"}}"#),
            format!(r#"{{"at":"5","session":"{SESSION}","event":"disconnected"}}"#),
            r#"{"at":"6","torn by a cra"#.to_owned(),
            format!(r#"{{"at":"7","message":"{MESSAGE}","event":"failed","cause":"as {STRANGER} said"}}"#),
            format!(r#"{{"at":"8","message":"{REPORT}","event":"reported","about":"{MESSAGE}"}}"#),
        ];
        fs::write(folder.path().join("events.jsonl.1"), old.join("\n") + "\n").unwrap();
        fs::write(folder.path().join("events.jsonl"), new.join("\n") + "\n").unwrap();
        folder
    }

    fn moments(id: &str) -> String {
        let folder = folder();
        let story = story(folder.path(), id).unwrap();
        story.events.iter().map(|event| story::text(event, "at")).collect()
    }

    #[test]
    fn a_story_begins_with_the_session_and_ends_with_the_report() {
        assert_eq!(moments(MESSAGE), "14578");
    }

    #[test]
    fn other_stories_do_not_mix_in() {
        assert_eq!(moments(OTHER), "135");
        assert_eq!(moments(SESSION), "1345");
        assert_eq!(moments(STRANGER), "2");
        assert_eq!(moments(REPORT), "8");
        assert_eq!(moments("zzzz"), "");
    }
}
