//! What the environment may change, and moments by chance.

use std::time::Duration;

/// A number from the environment, or the usual one.
pub(crate) fn wish(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A plain xorshift: the same moments for the same seed, as far as the machine allows.
pub(crate) struct Chance(u64);

impl Chance {
    /// By `GATEPOST_SEED`, which is told.
    pub(crate) fn from_seed() -> Self {
        let seed = wish("GATEPOST_SEED", 20_261_121);
        println!("seed {seed} (GATEPOST_SEED changes it)");
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    pub(crate) fn micros(&mut self, limit: u64) -> Duration {
        Duration::from_micros(self.below(limit))
    }
}
