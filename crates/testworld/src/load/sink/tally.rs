//! What a sink has seen.

use crate::load::Marker;

/// Numbers above this are no numbers of ours; their bits would fill the memory.
const MOST_NUMBERS: u64 = 1 << 26;

/// Counts of what came. A message counts once its final dot is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// One bit for each number that came.
    seen: Vec<u64>,
    distinct: u64,
    /// Messages whose number had come before.
    pub twice: u64,
    /// Messages without a number.
    pub unmarked: u64,
    /// Recipients that got 450.
    pub deferred: u64,
    /// Octets of content, the dots of the transparency included.
    pub octets: u64,
    /// Of each marked message: its number, and when it was complete, in nanoseconds since 1970.
    pub moments: Vec<(u64, u64)>,
}

impl Tally {
    /// How many different numbers came.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    /// The numbers below `messages` that never came, the first few of them.
    #[must_use]
    pub fn missing(&self, messages: u64, most: usize) -> Vec<u64> {
        (0..messages).filter(|number| !self.has(*number)).take(most).collect()
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.seen.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Counts one message.
    pub(super) fn add(&mut self, marker: Option<Marker>, now: u64) {
        let Some(Marker(number)) = marker.filter(|marker| marker.0 < MOST_NUMBERS) else {
            self.unmarked += 1;
            return;
        };
        self.moments.push((number, now));
        let (word, bit) = place(number);
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        match self.seen.get_mut(word) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                self.distinct += 1;
            }
            Some(_) | None => self.twice += 1,
        }
    }
}

/// The word and the bit of a number.
fn place(number: u64) -> (usize, u64) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
}
