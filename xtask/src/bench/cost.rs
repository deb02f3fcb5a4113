//! What a run costs: CPU, syncs, and what the disk and the machine were like.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Appends in the measure of the disk.
const APPENDS: u32 = 500;

/// A load average above this means that something else runs.
const QUIET: f64 = 0.5;

/// Where cgroup v2 may be.
const GROUPS: &[&str] = &["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];

/// Clock ticks a second in /proc, which Linux fixes for programs.
const TICKS: u64 = 100;

/// How CPU time was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meter {
    /// From a cgroup: exact, ended children included.
    Group,
    /// From /proc of the process tree.
    Processes,
}

/// The CPU time of one relay and its children.
pub(super) struct Account {
    group: Option<PathBuf>,
    owner: u32,
}

impl Account {
    /// An empty account.
    pub(super) fn open(name: &str) -> Self {
        let unique = format!("gatepost-bench-{}-{name}", std::process::id());
        let made = |root: &&str| {
            let group = Path::new(root).join(&unique);
            let is_v2 = Path::new(root).join("cgroup.controllers").exists();
            (is_v2 && std::fs::create_dir(&group).is_ok()).then_some(group)
        };
        Self { group: GROUPS.iter().find_map(made), owner: 0 }
    }

    /// The command, run so that all it does is charged here.
    pub(super) fn charged(&self, words: &[String]) -> Command {
        let Some(group) = &self.group else {
            let mut command = Command::new(words.first().map_or("false", String::as_str));
            command.args(words.iter().skip(1));
            return command;
        };
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\"; exec \"$@\""]).arg(group.join("cgroup.procs")).args(words);
        command
    }

    /// Names the process that the tree grows from.
    pub(super) fn owner(&mut self, process: u32) {
        self.owner = process;
    }

    pub(super) fn meter(&self) -> Meter {
        if self.group.is_some() { Meter::Group } else { Meter::Processes }
    }

    /// CPU time used so far.
    pub(super) fn used(&self) -> Duration {
        match &self.group {
            Some(group) => {
                let text = std::fs::read_to_string(group.join("cpu.stat")).unwrap_or_default();
                let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
                Duration::from_micros(line.and_then(|number| number.parse().ok()).unwrap_or_default())
            }
            None => tree_time(self.owner),
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// Time of a process, its living descendants, and their ended children.
fn tree_time(owner: u32) -> Duration {
    let mut ticks = 0;
    let mut waiting = vec![owner];
    while let Some(process) = waiting.pop() {
        ticks += own_ticks(process);
        let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
        waiting.extend(
            children.unwrap_or_default().split_whitespace().filter_map(|word| word.parse::<u32>().ok()),
        );
    }
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// utime, stime, cutime and cstime of `/proc/PID/stat`: fields 14 to 17, of which the second may hold blanks.
fn own_ticks(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let Some((_before, fields)) = text.rsplit_once(") ") else { return 0 };
    fields.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Calls that make data stable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Syncs {
    count: u64,
    messages: u32,
    /// Each call by name, as `1234 fdatasync`.
    pub(super) calls: String,
}

impl Syncs {
    #[expect(clippy::cast_precision_loss, reason = "a count of calls is far below 2^52")]
    pub(super) fn per_message(&self) -> f64 {
        self.count as f64 / f64::from(self.messages)
    }
}

/// Reads the summary of `strace -c -U name,calls`.
pub(super) fn syncs(text: &str, messages: u32) -> Syncs {
    let rows = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, count) = (words.next()?, words.next()?.parse::<u64>().ok()?);
        (name.contains("sync") && words.next().is_none()).then_some((name, count))
    });
    let rows: Vec<(&str, u64)> = rows.collect();
    let calls: Vec<String> = rows.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let calls = if calls.is_empty() { "none".to_owned() } else { calls.join(", ") };
    Syncs { count: rows.iter().map(|(_, count)| count).sum(), messages, calls }
}

/// Appends a second of 4 KiB, each made stable before the next: what one writer alone could do.
pub(super) fn raw_appends(folder: &Path) -> Result<f64, String> {
    let path = folder.join("raw");
    let fault = |cause: std::io::Error| format!("{}: {cause}", path.display());
    let mut file = std::fs::File::create(&path).map_err(fault)?;
    let block = [0x55_u8; 4096];
    let began = Instant::now();
    for _ in 0..APPENDS {
        file.write_all(&block).map_err(fault)?;
        file.sync_data().map_err(fault)?;
    }
    let rate = f64::from(APPENDS) / began.elapsed().as_secs_f64();
    std::fs::remove_file(&path).map_err(fault)?;
    Ok(rate)
}

/// Says whether anything else runs here.
pub(super) fn tell_business() {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
    let judged = if load > QUIET { "BUSY: trust the ratio only, or measure again" } else { "quiet" };
    println!("machine: load average {load:.2} over the last minute ({judged})");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_strace_is_read() {
        let text = "syscall              calls\n---------------- ---------\nfdatasync             1500\nfsync                    2\n---------------- ---------\ntotal                 1502\n";
        let syncs = syncs(text, 1000);
        assert_eq!((syncs.count, syncs.calls.as_str()), (1502, "1500 fdatasync, 2 fsync"));
        assert!((syncs.per_message() - 1.502).abs() < 1e-9);
        assert_eq!(super::syncs("", 10).calls, "none");
    }

    #[test]
    fn cpu_time_of_this_very_process_grows() {
        let began = Instant::now();
        let before = tree_time(std::process::id());
        let mut sum = 0_u64;
        while tree_time(std::process::id()) == before && began.elapsed() < Duration::from_secs(20) {
            sum = std::hint::black_box((0..1_000_000_u64).fold(sum, u64::wrapping_add));
        }
        assert!(tree_time(std::process::id()) > before, "{sum}");
    }
}
