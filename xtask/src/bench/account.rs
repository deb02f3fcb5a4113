//! What a relay costs: CPU and memory of all its processes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

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

impl Meter {
    /// For a person.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Group => "by cgroup",
            Self::Processes => "by /proc",
        }
    }
}

/// One relay's processes, and what they use.
pub(super) struct Account {
    group: Option<PathBuf>,
    owners: Vec<u32>,
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
        Self { group: GROUPS.iter().find_map(made), owners: Vec::new() }
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

    /// Names the processes that the tree grows from.
    pub(super) fn owners(&mut self, processes: Vec<u32>) {
        self.owners = processes;
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
            None => ticks(&tree(&self.owners)),
        }
    }

    /// The processes that live now.
    fn processes(&self) -> Vec<u32> {
        let Some(group) = &self.group else { return tree(&self.owners) };
        let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Memory now, in KiB: of a page that several processes share, each has its part (PSS).
    pub(super) fn memory(&self) -> u64 {
        self.processes().iter().map(|process| field(*process, "smaps_rollup", "Pss:")).sum()
    }

    /// The most memory that each process had at any time, in KiB, added up; shared pages count for each.
    pub(super) fn peak(&self) -> u64 {
        self.processes().iter().map(|process| field(*process, "status", "VmHWM:")).sum()
    }
}

/// A number in a file of /proc, behind its name.
fn field(process: u32, file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// These processes and their living descendants.
fn tree(owners: &[u32]) -> Vec<u32> {
    let mut found = Vec::new();
    let mut waiting = owners.to_vec();
    while let Some(process) = waiting.pop() {
        found.push(process);
        let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
        waiting.extend(
            children.unwrap_or_default().split_whitespace().filter_map(|word| word.parse::<u32>().ok()),
        );
    }
    found
}

/// Time of processes and of their ended children.
fn ticks(processes: &[u32]) -> Duration {
    let ticks: u64 = processes.iter().map(|process| own_ticks(*process)).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// utime, stime, cutime and cstime of `/proc/PID/stat`: fields 14 to 17, of which the second may hold blanks.
fn own_ticks(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let Some((_before, fields)) = text.rsplit_once(") ") else { return 0 };
    fields.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn cpu_time_of_this_very_process_grows() {
        let own = || ticks(&tree(&[std::process::id()]));
        let began = Instant::now();
        let before = own();
        let mut sum = 0_u64;
        while own() == before && began.elapsed() < Duration::from_secs(20) {
            sum = std::hint::black_box((0..1_000_000_u64).fold(sum, u64::wrapping_add));
        }
        assert!(own() > before, "{sum}");
    }

    #[test]
    fn memory_of_this_very_process_is_seen() {
        let account = Account { group: None, owners: vec![std::process::id()] };
        let before = account.memory();
        let taken = std::hint::black_box(vec![1_u8; 32 * 1024 * 1024]);
        assert!(account.memory() >= before + 16 * 1024, "{}", taken.len());
        assert!(account.peak() >= account.memory());
    }
}
