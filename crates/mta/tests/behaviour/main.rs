//! The whole server in process: what goes in at a socket, and what comes out.

mod channel;
mod exchangers;
mod first_light;
mod instance;
mod next_host;
mod reuse;
