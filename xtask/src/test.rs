//! Runs all tests and counts them.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use crate::{Outcome, packages, repository};

/// What the lines `test result: …` add up to.
#[derive(Default, Debug, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Runs that ended badly without a test that says so: not built, or killed before the result.
    lost: u64,
}

/// `cargo xtask test [FILTER]`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    packages::bring()?;
    repository::run("cargo build", repository::cargo().args(["build", "--package", "gatepost"]))?;
    build_helper()?;
    let mut count = Count::default();
    stream(&[], arguments, &mut count)?;
    stream(HELPER, arguments, &mut count)?;
    close(&count)
}

/// What links libpam and the Kerberos library, which no other build needs: the helper with all that it can, against real
/// modules and a real realm. Of the whole workspace, so that all else is as it was built for the first run.
const HELPER: &[&str] = &[
    "--features",
    "gatepost-helper/pam,gatepost-helper/kerberos",
    "--test",
    "pam_modules",
    "--test",
    "kerberos_realm",
];

/// Where the helper with all that it can is built. A folder of its own, so that `target` has the plain one.
fn helper_folder() -> PathBuf {
    repository::root().join("target/helper")
}

/// Builds the helper that tests of the whole program start.
fn build_helper() -> Outcome {
    let mut command = repository::cargo();
    command.args(["build", "--package", "gatepost-helper", "--features", "pam,kerberos", "--target-dir"]);
    repository::run("cargo build", command.arg(helper_folder()))
}

/// Runs the tests, shows what they print as they print it, and counts.
fn stream(which: &[&str], filter: &[String], count: &mut Count) -> Outcome {
    let mut command = repository::cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).args(which).args(filter);
    command.env("GATEPOST_PEERS", packages::peers());
    command.env("GATEPOST_HELPER", helper_folder().join("debug/gatepost-helper"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut tests = command.spawn().map_err(|cause| format!("cargo test could not start: {cause}"))?;
    let failed_before = count.failed;
    if let Some(printed) = tests.stdout.take() {
        // Octets, not text: a test may print anything.
        for line in BufReader::new(printed).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            count.add(&line);
        }
    }
    let status = tests.wait().map_err(|cause| format!("cargo test: {cause}"))?;
    count.lost += u64::from(!status.success() && count.failed == failed_before);
    Ok(())
}

/// The last line is read by CI: `N passed, N failed` and nothing else.
fn close(count: &Count) -> Outcome {
    let failed = count.failed + count.lost;
    println!();
    if count.ignored > 0 {
        println!("{} tests are ignored", count.ignored);
    }
    if count.lost > 0 {
        println!("a test program did not build, or ended before its result");
    }
    println!("{} passed, {failed} failed", count.passed);
    if failed > 0 {
        return Err(format!("{failed} failed; the lines above say which"));
    }
    if count.passed == 0 { Err("no test ran".to_owned()) } else { Ok(()) }
}

impl Count {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split("; ") {
            let Some((number, what)) = part.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _others => (),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up() {
        let mut count = Count::default();
        count.add(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        );
        count.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out");
        count.add("test tests::a_test_with_3 passed; 4 failed ... ok");
        assert_eq!(count, Count { passed: 15, failed: 2, ignored: 1, lost: 0 });
    }

    #[test]
    fn no_test_a_failure_or_a_lost_program_is_a_failure() {
        let count = |passed, failed, lost| Count { passed, failed, ignored: 0, lost };
        assert!(close(&count(1, 0, 0)).is_ok());
        assert!(close(&count(1, 0, 1)).is_err());
        assert!(close(&count(1, 1, 0)).is_err());
        assert!(close(&count(0, 0, 0)).is_err());
    }
}
