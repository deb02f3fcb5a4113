//! Sockets, DNS, TLS, workers: the only place that touches a mail socket.
//!
//! Here are the drivers. They wait, gather facts, ask `policy`, carry octets between the pure sessions of
//! `smtp` and the network, and tell one [`event`] for each thing worth telling. They decide nothing and print
//! nothing.

pub mod event;
pub mod net;
pub mod settings;

pub use event::{Event, Events, What};
pub use settings::Settings;
