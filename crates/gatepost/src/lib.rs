//! The program: configuration, command line, assembly. The only place that reads files of settings, arguments
//! and the environment, and the only one that prints.

pub mod config;
pub mod report;
