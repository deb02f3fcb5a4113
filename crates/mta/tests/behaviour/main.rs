//! The whole server in process: what goes in at a socket, and what comes out.

mod channel;
mod conversion;
mod destinations;
mod doubt;
mod draining;
mod exchangers;
mod fairness;
mod first_light;
mod instance;
mod next_host;
mod operations;
mod reports;
mod reuse;
