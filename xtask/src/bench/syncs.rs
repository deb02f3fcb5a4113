//! How often a relay makes data stable, as strace counts it.

/// Calls that make data stable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Syncs {
    count: u64,
    messages: u64,
    /// Each call by name, as `1234 fdatasync`.
    pub(super) calls: String,
}

impl Syncs {
    #[expect(clippy::cast_precision_loss, reason = "a count of calls is far below 2^52")]
    pub(super) fn per_message(&self) -> f64 {
        self.count as f64 / self.messages as f64
    }
}

/// Reads the summary of `strace -c -U name,calls`.
pub(super) fn read(text: &str, messages: u64) -> Syncs {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_strace_is_read() {
        let text = "syscall              calls\n---------------- ---------\nfdatasync             1500\nfsync                    2\n---------------- ---------\ntotal                 1502\n";
        let syncs = read(text, 1000);
        assert_eq!((syncs.count, syncs.calls.as_str()), (1502, "1500 fdatasync, 2 fsync"));
        assert!((syncs.per_message() - 1.502).abs() < 1e-9);
        assert_eq!(read("", 10).calls, "none");
    }
}
