//! Writes events: a line each for people or machines on a stream, and always JSON lines in data-dir, where
//! `gatepost trace` finds them.
//!
//! It has a thread of its own: sessions only put events into a queue, and a slow disk slows no session.

pub mod files;

use std::io::Write;
use std::thread::JoinHandle;
use std::time::Duration;

use gatepost_mta::{Event, Events};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::cli::console::{Format, Ink, Tone};
use crate::story::{self, Fields, Mood};
use files::EventFiles;

/// Most events that are written before the stream is flushed.
const BATCH: usize = 4096;
/// How long the writer rests after each batch, so that it wakes up for many events and not for each. What it has not
/// written when the process is killed is lost.
const REST: Duration = Duration::from_millis(10);

/// Where events are shown beside the files.
pub struct Stream {
    /// Standard output, or a buffer.
    pub to: Box<dyn Write + Send>,
    /// Sentences or JSON.
    pub format: Format,
    /// With colours or without.
    pub tone: Tone,
}

/// The writer's thread.
pub struct Log {
    thread: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Log {
    /// Starts the writer. It ends when [`Log::finish`] is called or when nobody is left who could emit.
    ///
    /// # Errors
    ///
    /// When the machine gives no thread.
    pub fn start(
        reader: mpsc::Receiver<Event>,
        events: Events,
        files: EventFiles,
        stream: Option<Stream>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let writer = Writer { files, stream, events, line: Vec::new(), lost: 0, trouble: Trouble::None };
        let work = move || runtime.block_on(writer.run(reader, stopped));
        let thread = std::thread::Builder::new().name("events".to_owned()).spawn(work)?;
        Ok(Self { thread, stop })
    }

    /// Writes all that was emitted before this call, then ends the writer.
    pub fn finish(self) {
        // A writer that has ended already needs no word, and one that panicked has nothing more to write.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

struct Writer {
    files: EventFiles,
    stream: Option<Stream>,
    events: Events,
    /// The line that is being written.
    line: Vec<u8>,
    /// Lost events that were told already.
    lost: u64,
    trouble: Trouble,
}

/// Whether the files could be written last time: a full disk is told once, not once an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Told,
}

impl Writer {
    async fn run(mut self, mut reader: mpsc::Receiver<Event>, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::new();
        let work = async {
            while reader.recv_many(&mut batch, BATCH).await > 0 {
                self.write(&mut batch);
                if reader.len() < BATCH {
                    tokio::time::sleep(REST).await;
                }
            }
        };
        tokio::select! {
            biased;
            _ = &mut stopped => {}
            () = work => {}
        }
        reader.close();
        while reader.recv_many(&mut batch, BATCH).await > 0 {
            self.write(&mut batch);
        }
    }

    fn write(&mut self, batch: &mut Vec<Event>) {
        for event in batch.drain(..) {
            self.write_one(&event);
        }
        let lost = self.events.lost();
        if lost > self.lost {
            let count = lost - self.lost;
            self.lost = lost;
            let at = gatepost_mta::event::now().to_string();
            self.write_value(&json!({ "at": at, "event": "events-lost", "count": count }));
        }
        let flushed = self.files.flush();
        self.note(flushed);
        if let Some(stream) = &mut self.stream {
            // A closed standard output must not stop the mail; the files have it all.
            let _ = stream.to.flush();
        }
    }

    fn write_one(&mut self, event: &Event) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let written = serde_json::to_writer(&mut line, event).map_err(std::io::Error::from);
        let written = written.and_then(|()| self.files.append(&line));
        self.show(&line, event);
        self.line = line;
        if written.is_err() {
            self.note(written);
        }
    }

    fn show(&mut self, line: &[u8], event: &Event) {
        let Some(stream) = &mut self.stream else { return };
        let _ = match stream.format {
            Format::Machines => stream.to.write_all(line).and_then(|()| stream.to.write_all(b"\n")),
            Format::People => match serde_json::to_value(event) {
                Ok(Value::Object(fields)) => writeln!(stream.to, "{}", for_people(&fields, stream.tone)),
                Ok(_) | Err(_) => Ok(()),
            },
        };
    }

    fn write_value(&mut self, value: &Value) {
        let line = value.to_string();
        let appended = self.files.append(line.as_bytes());
        self.note(appended);
        let Some(stream) = &mut self.stream else { return };
        let _ = match (stream.format, value) {
            (Format::People, Value::Object(fields)) => {
                writeln!(stream.to, "{}", for_people(fields, stream.tone))
            }
            (Format::People | Format::Machines, _) => writeln!(stream.to, "{line}"),
        };
    }

    fn note(&mut self, outcome: std::io::Result<()>) {
        match (outcome, self.trouble) {
            (Ok(()), _) => self.trouble = Trouble::None,
            (Err(_), Trouble::Told) => {}
            (Err(cause), Trouble::None) => {
                self.trouble = Trouble::Told;
                let text = format!("the event log cannot be written: {cause}");
                if let Some(stream) = &mut self.stream {
                    let _ = match stream.format {
                        Format::People => writeln!(stream.to, "{text}"),
                        Format::Machines => {
                            writeln!(
                                stream.to,
                                "{}",
                                json!({ "event": "trouble", "part": "log", "cause": text })
                            )
                        }
                    };
                }
            }
        }
    }
}

/// `12:34:56.789 session message sentence`.
#[must_use]
pub fn for_people(fields: &Fields, tone: Tone) -> String {
    let at = story::text(fields, "at");
    // The date is the same all day long; the files have it.
    let time = at.split_once('T').map_or(at.as_str(), |(_, time)| time.trim_end_matches('Z'));
    let ids: Vec<String> = ["session", "message"]
        .iter()
        .map(|name| story::text(fields, name))
        .filter(|id| !id.is_empty())
        .collect();
    let head = tone.paint(Ink::Faint, &[&[time.to_owned()], ids.as_slice()].concat().join(" "));
    let sentence = story::sentence(fields);
    let sentence = match story::mood(fields) {
        Mood::Plain => sentence,
        Mood::Good => tone.paint(Ink::Good, &sentence),
        Mood::Bad => tone.paint(Ink::Bad, &sentence),
    };
    format!("{head} {sentence}")
}

#[cfg(test)]
mod tests;
