//! The whole server in process: what goes in at a socket, and what comes out.

mod first_light;
mod instance;
