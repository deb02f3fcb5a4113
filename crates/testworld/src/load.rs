//! Load for a relay and a sink behind it, of our own: what they cost is known, and what they lose is told.
//!
//! Both are one thread each and meant to run as processes of their own (`gatepost-load`), so that their CPU
//! is told apart from that of the server between them. Every message carries a number ([`Marker`]): the sink
//! counts each number once, so a message that is lost cannot hide behind one that came twice.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use gatepost_testworld::load::{Plan, Sink, SinkPlan, generate};
//!
//! let sink = Sink::start(SinkPlan::default()).await?;
//! let made = generate(Plan { messages: 10, sessions: 2, ..Plan::to(sink.address()) }).await?;
//! assert_eq!((made.taken, sink.tally().distinct()), (10, 10));
//! # Ok(())
//! # }
//! ```

mod clock;
mod flags;
mod generator;
mod line;
mod login;
mod marker;
mod program;
mod sink;

pub use generator::{Held, Made, Mechanism, Plan, Security, generate, hold};
pub use marker::Marker;
pub use program::main;
pub use sink::{Mood, Offers, Sink, SinkPlan, Tally};

#[cfg(test)]
mod tests;
