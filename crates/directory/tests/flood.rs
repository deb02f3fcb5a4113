//! A flood of logins: bounded memory, honest answers, and room for the right one afterwards.
//!
//! In a process of its own, since it measures the memory of the whole process.

use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;

use gatepost_directory::{
    Directories, Directory, DirectoryError, Embedded, EmbeddedSettings, NewAccount, limits,
};
use gatepost_mail::Timestamp;
use gatepost_sasl::{PasswordCheck, Secret};
use tempfile::TempDir;
use tokio::runtime::Builder;

const ADA: &str = "ada@gatepost.example";
const LOGINS: usize = 10_000;
/// How many come at once. More would measure the tasks of this test, not the directory: how many
/// of them live at a time then hangs on the scheduler.
const AT_ONCE: usize = 500;
const THREADS: usize = 2;
const QUEUE: usize = 16;

/// What may come on top of the threads' memory: stacks, five hundred tasks, and SQLite's caches.
const SLACK_KIB: usize = 16 * 1024;

#[test]
fn ten_thousand_wrong_logins_cost_a_bounded_amount_of_memory() {
    let data_dir = TempDir::new().unwrap();
    let number = |number| NonZeroUsize::new(number).unwrap();
    let settings = EmbeddedSettings { password_threads: number(THREADS), password_queue: number(QUEUE) };
    let accounts = Arc::new(Embedded::open(data_dir.path(), settings).unwrap());
    accounts.add(&NewAccount::new(ADA, Secret::new("pencil"), Timestamp::from_micros(0))).unwrap();
    let directory = Arc::new(Directories::embedded(Arc::clone(&accounts)));
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let before = memory_kib("VmRSS:").unwrap();

    let flood: Vec<_> = (0..AT_ONCE)
        .map(|first| {
            let directory = Arc::clone(&directory);
            runtime.spawn(async move {
                let mut answers = Vec::with_capacity(LOGINS / AT_ONCE);
                for number in (first..LOGINS).step_by(AT_ONCE) {
                    answers.push(wrong_login(&directory, number).await);
                }
                answers
            })
        })
        .collect();
    let (mut wrong, mut busy) = (0, 0);
    for answer in flood.into_iter().flat_map(|logins| runtime.block_on(logins).unwrap()) {
        match answer {
            Ok(PasswordCheck::Wrong) => wrong += 1,
            Err(DirectoryError::Busy) => busy += 1,
            other => panic!("{other:?}"),
        }
    }

    let load = accounts.password_load();
    assert_eq!(wrong + busy, LOGINS);
    assert_eq!(load.runs, wrong as u64, "only what was checked is called wrong");
    assert_eq!(load.turned_away, busy as u64);
    assert!(busy > 0, "the flood was none: {load:?}");
    assert_eq!((load.threads, load.waiting), (THREADS, 0));
    assert!(load.most_waiting <= QUEUE, "{load:?}");
    let grown = memory_kib("VmHWM:").unwrap().saturating_sub(before);
    let bound = THREADS * limits::ARGON2_MEMORY_KIB as usize + SLACK_KIB;
    assert!(grown <= bound, "{grown} KiB, {bound} were expected at most");
    println!("{wrong} checked, {busy} turned away, {grown} KiB more at the peak");

    let right = runtime.block_on(directory.check_password(ADA, Secret::new("pencil")));
    assert_eq!(right.unwrap(), PasswordCheck::Right);
}

async fn wrong_login(directory: &Directories, number: usize) -> Result<PasswordCheck, DirectoryError> {
    // As long as passwords may be: memory must not depend on the client's thrift.
    let password = Secret::new(format!("{number:01024}"));
    let user = if number.is_multiple_of(2) { ADA } else { "nobody@gatepost.example" };
    directory.check_password(user, password).await
}

/// Memory of this process, now (`VmRSS:`) or at its peak (`VmHWM:`), in KiB.
fn memory_kib(which: &str) -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
