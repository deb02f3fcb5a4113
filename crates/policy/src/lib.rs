//! Decisions, with their reasons.
//!
//! Each function here takes facts and [`Rules`], both plain values, and gives a [`Verdict`]: the decision, the
//! rule that made it, and the reply that a client hears. No function here waits, looks anything up, or knows
//! the time; whoever asks gathers the facts first. A fact that could not be had is [`Fact::Unknown`], and
//! nothing unknown ever permits.
//!
//! | asked at | function | decides |
//! | --- | --- | --- |
//! | connect | [`connect::connect`] | is a place free |
//! | EHLO, AUTH | [`auth::offered`], [`auth::attempt`] | which mechanisms, who is locked out |
//! | AUTH, at its end | [`auth::grant`], [`auth::delay`] | may this login be used; how long a failure waits for its reply |
//! | MAIL | [`peer::identify`], [`submission::sender`] | who is behind it, may they send as this |
//! | RCPT | [`relay::recipient`] | may this recipient be taken |
//! | RCPT, content | [`throttle::take`] | was enough sent for now |
//! | content | [`content::content`], [`submission::author`] | size, loops, From and Sender |
//! | content | [`repeat::repeat`] | is it one that we have, whose 250 was lost |
//! | delivery | [`route::next_hop`], [`exchanger::candidates`], [`channel::plan`] | where to, in which order, how secured |
//! | afterwards | [`retry::next`], [`notice::due`] | when again, whom to tell |
//! | never | [`explain::explain`] | what would be decided |
//!
//! ```
//! use gatepost_mail::{Notify, ReversePath};
//! use gatepost_policy::notice::{Happened, Notice, due};
//!
//! // A report could not be delivered. Nobody is told: reports about reports go in circles.
//! let verdict = due(&ReversePath::Null, Notify::Unsaid, Happened::Failed);
//! assert_eq!(verdict.decision, Notice::Nothing);
//! assert_eq!(verdict.rule.as_str(), "notice.null-sender");
//! ```

pub mod auth;
pub mod channel;
pub mod connect;
pub mod content;
pub mod exchanger;
pub mod explain;
pub mod fact;
pub mod notice;
pub mod peer;
pub mod relay;
pub mod repeat;
pub mod retry;
pub mod route;
pub mod rules;
pub mod submission;
#[cfg(test)]
mod testing;
pub mod throttle;
pub mod verdict;

pub use fact::Fact;
pub use peer::Peer;
pub use rules::Rules;
pub use verdict::{Decision, Rule, Verdict};
