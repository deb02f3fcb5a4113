//! Runs the tables in `cases/policy`: one file per verdict, one row per case.

#![cfg(test)]

use std::collections::BTreeMap;

// The rules of the unit tests look for these in their crate.
use gatepost_policy::{Rules, rules};

mod auth;
mod author;
mod exchangers;
mod relay;
mod repeat;
mod retry;
mod sender;
mod table;
#[path = "../../src/testing.rs"]
mod testing;

/// Every file is run, and every file that is there is known.
#[test]
fn tables() {
    let ran: BTreeMap<&str, usize> = BTreeMap::from([
        ("auth.toml", auth::run()),
        ("author.toml", author::run()),
        ("exchangers.toml", exchangers::run()),
        ("relay.toml", relay::run()),
        ("repeat.toml", repeat::run()),
        ("retry.toml", retry::run()),
        ("sender.toml", sender::run()),
    ]);
    let mut files: Vec<String> = std::fs::read_dir(table::folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert!(files.iter().map(String::as_str).eq(ran.keys().copied()), "{files:?}");
    assert!(ran.values().all(|count| *count > 0), "{ran:?}");
}
