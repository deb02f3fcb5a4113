//! What happened, as a hash always and in words when asked for.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Most lines that are kept.
const MOST_LINES: usize = 400_000;

/// Everything that happened, in its order. Cheap to copy.
#[derive(Debug, Clone)]
pub(crate) struct Trace(Arc<Mutex<Inside>>);

#[derive(Debug)]
struct Inside {
    start: Instant,
    hash: u64,
    lines: u64,
    kept: Option<Vec<Line>>,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Since the start of the run.
    pub(crate) at: Duration,
    pub(crate) text: String,
}

/// Whether the words are kept, not only their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Words,
    Hash,
}

impl Trace {
    /// Must be called in the runtime whose clock counts.
    pub(crate) fn new(keep: Keep) -> Self {
        let kept = (keep == Keep::Words).then(Vec::new);
        Self(Arc::new(Mutex::new(Inside { start: Instant::now(), hash: SEED, lines: 0, kept })))
    }

    /// Since the start of the run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.inside().start.elapsed()
    }

    /// Tells one thing.
    pub(crate) fn tell(&self, what: fmt::Arguments<'_>) {
        let mut inside = self.inside();
        let at = inside.start.elapsed();
        let millis = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let mut hasher = Hasher(mix(inside.hash, millis));
        let _ = hasher.write_fmt(what);
        inside.hash = hasher.0;
        inside.lines += 1;
        if let Some(kept) = inside.kept.as_mut().filter(|kept| kept.len() < MOST_LINES) {
            kept.push(Line { at, text: what.to_string() });
        }
    }

    /// Takes octets into the hash, which nobody reads.
    pub(crate) fn octets(&self, about: u64, octets: &[u8]) {
        let mut inside = self.inside();
        let at = u64::try_from(inside.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        inside.hash = hash(mix(mix(inside.hash, about), at), octets);
    }

    /// The hash of all so far.
    pub(crate) fn hash(&self) -> u64 {
        self.inside().hash
    }

    /// The lines, where they were kept.
    pub(crate) fn take_lines(&self) -> Vec<Line> {
        self.inside().kept.take().unwrap_or_default()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

const fn mix(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// Eight octets at a time: all that crosses the network goes through here.
fn hash(from: u64, octets: &[u8]) -> u64 {
    let mut result = mix(from, octets.len() as u64);
    for part in octets.chunks(8) {
        let mut word = [0; 8];
        for (place, octet) in word.iter_mut().zip(part) {
            *place = *octet;
        }
        result = mix(result, u64::from_le_bytes(word));
    }
    result
}

struct Hasher(u64);

impl fmt::Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = hash(self.0, text.as_bytes());
        Ok(())
    }
}
