//! The program: configuration, command line, assembly. The only place that reads files of settings, arguments
//! and the environment, and the only one that prints.
//!
//! ```
//! use gatepost::config::source::Source;
//! use gatepost::config::{Surroundings, decide};
//!
//! let around = Surroundings { machine: Some("mail.example.org".to_owned()), variable: &|_| None };
//! let empty = decide(Source::new("gatepost.toml", ""), &around).unwrap();
//! assert!(empty.configuration.settings.rules.hosted.is_empty());
//!
//! let refused = decide(Source::new("gatepost.toml", "hostnam = \"a.example\""), &around).unwrap_err();
//! assert!(refused.to_string().contains("write `hostname`"));
//! ```

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
