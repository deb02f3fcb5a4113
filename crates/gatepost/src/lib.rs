//! The program: configuration, command line, assembly. The only place that reads files of settings, arguments
//! and the environment, and the only one that prints.

pub mod archive;
pub mod assemble;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod control;
pub mod log;
pub mod readiness;
pub mod report;
pub mod story;
