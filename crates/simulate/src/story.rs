//! What a run was, in words.

use std::fmt::{self, Write as _};

use crate::books::Wrong;
use crate::stage::Stage;
use crate::trace::Line;

/// Most lines of a story.
const MOST: usize = 2000;

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Everything that happened, as a number: the same for the same seed.
    pub hash: u64,
    /// What was wrong; empty if all is well.
    pub wrongs: Vec<String>,
    /// What was to go wrong, one mishap a line.
    pub plan: String,
    /// What happened to the message that the first wrong is about, or all, where words were kept.
    pub story: String,
    /// How much happened.
    pub counts: Counts,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} failed:", self.seed)?;
        self.wrongs.iter().try_for_each(|wrong| writeln!(f, "  {wrong}"))?;
        writeln!(f, "what was to go wrong:\n{}what happened:\n{}", self.plan, self.story)?;
        write!(f, "again: cargo xtask simulate --seed {} --runs 1", self.seed)
    }
}

/// How much happened in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that clients had to send.
    pub messages: u64,
    /// Those that were taken.
    pub promised: u64,
    /// Copies that arrived, one for each recipient.
    pub deliveries: u64,
    /// Copies beyond the first.
    pub again: u64,
    /// Reports that arrived.
    pub reports: u64,
    /// Lives of the server.
    pub lives: u64,
    /// Seconds that passed in the run.
    pub seconds: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            promised: self.promised + other.promised,
            deliveries: self.deliveries + other.deliveries,
            again: self.again + other.again,
            reports: self.reports + other.reports,
            lives: self.lives + other.lives,
            seconds: self.seconds + other.seconds,
        }
    }
}

pub(crate) fn tell(stage: &Stage, wrongs: Vec<Wrong>) -> Report {
    let hash = stage.trace.hash();
    let lines = stage.trace.take_lines();
    let about = wrongs.iter().find_map(|wrong| wrong.letter.clone());
    Report {
        seed: stage.plan.seed,
        hash,
        plan: plan(stage),
        story: story(stage, &lines, about.as_deref()),
        counts: counts(stage),
        wrongs: wrongs.into_iter().map(in_words).collect(),
    }
}

fn in_words(wrong: Wrong) -> String {
    match wrong.letter {
        Some(letter) => format!("<{letter}>: {}", wrong.what),
        None => wrong.what,
    }
}

fn plan(stage: &Stage) -> String {
    let plan = &stage.plan;
    let mut text = format!(
        "messages expire after {} s; {:?}; trouble at hosts: {} %; {} clients; calm after {:.3} s\n",
        plan.expire.as_secs(),
        plan.weather,
        plan.trouble,
        plan.clients.len(),
        plan.calm.as_secs_f64()
    );
    for (at, mishap) in &plan.mishaps {
        let _ = writeln!(text, "{:>12.3} {mishap:?}", at.as_secs_f64());
    }
    text
}

/// The lines about one message, and those about the whole world; all lines without one.
fn story(stage: &Stage, lines: &[Line], about: Option<&str>) -> String {
    let books = stage.books();
    let mut keys: Vec<String> = about.iter().map(|name| (*name).to_owned()).collect();
    if let Some(name) = about {
        let ids = books.deliveries.iter().filter(|delivery| delivery.name == name);
        keys.extend(ids.map(|delivery| delivery.id.clone()));
        let ids = books.reports.iter().filter(|arrived| arrived.report.name == name);
        keys.extend(ids.map(|arrived| arrived.report.id.clone()));
        keys.extend(promised(&books, name));
        keys.sort();
        keys.dedup();
    }
    let is_global = |line: &Line| {
        ["mishap", "life", "calm", "no life", "the "].iter().any(|start| line.text.starts_with(start))
            || line.text.starts_with("  Trouble")
    };
    let concerns = |line: &&Line| {
        about.is_none() || is_global(line) || keys.iter().any(|key| line.text.contains(key.as_str()))
    };
    let mut text = String::new();
    for line in lines.iter().filter(concerns).take(MOST) {
        let _ = writeln!(text, "{:>12.3} {}", line.at.as_secs_f64(), line.text);
    }
    text
}

/// Queue ids that the client was told.
fn promised(books: &crate::books::Books, name: &str) -> Vec<String> {
    let Some(sent) = books.letters.get(name) else { return Vec::new() };
    let told = sent.tries.iter().filter_map(|attempt| match &attempt.answer {
        crate::books::Answer::Promised(text) => text.rsplit(' ').next().map(str::to_owned),
        crate::books::Answer::Refused(_) | crate::books::Answer::Unknown | crate::books::Answer::Unsent => {
            None
        }
    });
    told.collect()
}

fn counts(stage: &Stage) -> Counts {
    let books = stage.books();
    let is_promised = |sent: &&crate::books::Sent| {
        sent.tries.iter().any(|attempt| matches!(attempt.answer, crate::books::Answer::Promised(_)))
    };
    let mut copies: Vec<_> =
        books.deliveries.iter().map(|delivery| (&delivery.name, &delivery.recipient)).collect();
    copies.sort();
    let all = copies.len();
    copies.dedup();
    Counts {
        messages: books.letters.len() as u64,
        promised: books.letters.values().filter(is_promised).count() as u64,
        deliveries: all as u64,
        again: (all - copies.len()) as u64,
        reports: books.reports.len() as u64,
        lives: books.lives.len() as u64,
        seconds: stage.trace.elapsed().as_secs(),
    }
}
