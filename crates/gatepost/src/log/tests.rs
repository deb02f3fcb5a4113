use std::sync::{Arc, Mutex};

use gatepost_mail::SessionId;
use gatepost_mta::What;

use super::*;
use files::Keep;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn run(format: Format) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shared::default();
    let (events, reader) = Events::channel();
    let stream = Stream { to: Box::new(shown.clone()), format, tone: Tone::Plain };
    let files = EventFiles::new(folder.path(), Keep::default());
    let log = Log::start(reader, events.clone(), files, Some(stream)).unwrap();
    let session = Some(SessionId::from_number(7));
    for cause in ["quit", "hang-up"] {
        events.emit(session, None, What::Disconnected { cause: cause.to_owned() });
    }
    log.finish();
    let written = std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
    let shown = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    (written, shown)
}

#[test]
fn people_read_sentences_and_files_hold_json() {
    let (written, shown) = run(Format::People);
    let lines: Vec<_> = shown.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(lines, ["0000000000007 the session ended: quit", "0000000000007 the session ended: hang-up"]);
    let first: Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "disconnected");
    assert_eq!(first["session"], "0000000000007");
}

#[test]
fn machines_read_what_the_files_hold() {
    let (written, shown) = run(Format::Machines);
    assert_eq!(written, shown);
    assert_eq!(written.lines().count(), 2);
}

#[test]
fn a_full_disk_is_told_once() {
    let shown = Shared::default();
    let (events, reader) = Events::channel();
    let stream = Stream { to: Box::new(shown.clone()), format: Format::People, tone: Tone::Plain };
    let files = EventFiles::new("/nonexistent/folder", Keep::default());
    let log = Log::start(reader, events.clone(), files, Some(stream)).unwrap();
    // Not all in one go.
    for _ in 0..3 {
        let before = shown.0.lock().unwrap().len();
        events.emit(None, None, What::Reloaded);
        let began = std::time::Instant::now();
        while shown.0.lock().unwrap().len() == before {
            assert!(began.elapsed().as_secs() < 60, "nothing is shown");
            std::thread::yield_now();
        }
    }
    log.finish();
    let shown = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    assert_eq!(shown.matches("the event log cannot be written").count(), 1, "{shown}");
    assert_eq!(shown.matches("a new configuration is in force").count(), 3, "{shown}");
}
