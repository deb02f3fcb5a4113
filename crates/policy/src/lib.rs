//! Decisions, with their reasons.
//!
//! Each function here takes facts and [`Rules`], both plain values, and gives a [`Verdict`]: the decision, the
//! rule that made it, and the reply that a client hears. No function here waits, looks anything up, or knows
//! the time; whoever asks gathers the facts first. A fact that could not be had is [`Fact::Unknown`], and
//! nothing unknown ever permits.

pub mod fact;
pub mod rules;
pub mod verdict;

pub use fact::Fact;
pub use rules::Rules;
pub use verdict::{Rule, Verdict};
