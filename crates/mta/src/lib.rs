//! Sockets, DNS, TLS, workers: the only place that touches a mail socket.
//!
//! Here are the drivers. They wait, gather facts, ask `policy`, carry octets between the pure sessions of
//! `smtp` and the network, and tell one [`event`] for each thing worth telling. They decide nothing and print
//! nothing.

pub mod clock;
pub mod deliver;
pub mod event;
pub mod ids;
pub mod lifetime;
pub mod listener;
pub mod net;
pub mod office;
pub mod outside;
pub mod server;
pub mod settings;

pub use event::{Event, Events, What};
pub use server::{Parts, Server, StartError};
pub use settings::Settings;
