//! The whole server in process: what goes in at a socket, and what comes out.
// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]

mod backlog;
mod channel;
mod clocks;
mod conversion;
mod destinations;
mod doubt;
mod draining;
mod exchangers;
mod fairness;
mod first_light;
mod instance;
mod logins;
mod next_host;
mod operations;
mod repeats;
mod reports;
mod reuse;
mod tidiness;
mod tokens;
