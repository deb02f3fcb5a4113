//! `gatepost trace`: one message's story, from connect to its end.

use std::path::Path;

use clap::Args;
use gatepost_mail::SpoolId;
use serde_json::json;

use super::console::{Console, Format, Ink, Tone};
use super::failure::{Failure, Outcome, Status};
use super::place;
use crate::archive::{self, Story};
use crate::story::{self, Mood};

/// The events in data-dir are read; the server need not run.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost trace 01k8x3m5q2w7c
  gatepost --json trace 01k8x3m5q2w7c | jq .events[].event

The id is what \"250 2.0.0 Queued as\" told the sender and what every log line and report carries.
Exit status: 0 found, 1 nothing is known of it.")]
pub struct TraceArguments {
    /// A message's id, or a session's.
    pub id: String,
}

pub(super) fn run(arguments: &TraceArguments, config: Option<&Path>, console: &mut Console<'_>) -> Outcome {
    // Sessions and messages are named alike.
    let id: SpoolId =
        arguments.id.parse().map_err(|cause| Failure::usage(format!("\"{}\": {cause}", arguments.id)))?;
    let data_dir = place::load(config)?.configuration.data_dir;
    let story = archive::story(&data_dir, &id.to_string())?;
    if story.events.is_empty() {
        let folder = data_dir.display();
        return Err(Failure::no(format!("nothing is known of {id} in {folder}/events.jsonl and older ones")));
    }
    tell(&story, console)?;
    Ok(Status::Done)
}

/// Writes a story.
///
/// # Errors
///
/// What the system says.
pub fn tell(story: &Story, console: &mut Console<'_>) -> std::io::Result<()> {
    if console.format == Format::Machines {
        return console.json(&json!({ "id": story.id, "events": story.events, "cut": story.cut() }));
    }
    for line in lines(story, console.tone) {
        console.line(line)?;
    }
    Ok(())
}

/// A story as lines: the moment, then the sentence.
#[must_use]
pub fn lines(story: &Story, tone: Tone) -> Vec<String> {
    let mut lines = Vec::with_capacity(story.events.len() + 1);
    for event in &story.events {
        let sentence = story::sentence(event);
        let sentence = match story::mood(event) {
            Mood::Plain => sentence,
            Mood::Good => tone.paint(Ink::Good, &sentence),
            Mood::Bad => tone.paint(Ink::Bad, &sentence),
        };
        lines.push(format!("{}  {sentence}", tone.paint(Ink::Faint, &story::text(event, "at"))));
    }
    if story.cut() {
        lines.push(format!("(cut after {} events)", archive::MOST_EVENTS));
    }
    lines
}
