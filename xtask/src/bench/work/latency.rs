//! W7: one message at a time, with nothing else to do.

use std::collections::HashMap;
use std::path::Path;

use super::{LONGEST_RUN, Turn, number, seconds};
use crate::bench::measure as rows;
use crate::bench::record::Record;
use crate::bench::relay::{Need, Site, Watch};
use crate::bench::tools::{self, Mood, Sink};

/// The wait between messages, in milliseconds: longer than any relay needs for one.
const PAUSE: &str = "40";

/// Messages that come first and are not looked at.
const FIRST: u64 = 5;

/// W7.
pub(super) fn run(turn: &Turn<'_>, record: &mut Record) -> Result<(), String> {
    std::fs::create_dir_all(&turn.folder).map_err(|cause| format!("{}: {cause}", turn.folder.display()))?;
    let (sent, came) = (turn.folder.join("sent"), turn.folder.join("came"));
    let mut sink = Sink::start(turn.settings.offers, Mood::Accept, Some(&came))?;
    let site = Site::prepare(turn.kind, Need::Relay, &turn.folder, sink.address)?;
    let mut relay = site.start(&Watch::No)?;
    let total = turn.settings.alone + FIRST;
    sink.expect(total)?;
    let (messages, file) = (total.to_string(), sent.display().to_string());
    let words =
        ["--messages", &messages, "--per-session", &messages, "--pause-ms", PAUSE, "--moments", &file];
    tools::generate(site.open, &words.map(str::to_owned))
        .and_then(|_sent| sink.await_all(LONGEST_RUN))
        .map_err(|cause| format!("{}: {cause}\n{}", turn.kind.name(), site.told()))?;
    relay.stop();
    sink.end()?;
    let (replies, arrivals) = join(&sent, &came)?;
    record.add(rows::REPLY_HALF, turn.kind, percentile(&replies, 50));
    record.add(rows::REPLY_LATE, turn.kind, percentile(&replies, 99));
    record.add(rows::SINK_HALF, turn.kind, percentile(&arrivals, 50));
    record.add(rows::SINK_LATE, turn.kind, percentile(&arrivals, 99));
    Ok(())
}

/// Milliseconds from the last octet of a message until its 250, and until the sink had it; both sorted.
fn join(sent: &Path, came: &Path) -> Result<(Vec<f64>, Vec<f64>), String> {
    let arrived: HashMap<u64, u64> =
        table(came)?.iter().filter_map(|row| Some((*row.first()?, *row.get(1)?))).collect();
    let (mut replies, mut arrivals) = (Vec::new(), Vec::new());
    for row in table(sent)? {
        let &[message, handed, taken] = row.as_slice() else { continue };
        if message < FIRST {
            continue;
        }
        let arrival = arrived.get(&message).ok_or_else(|| format!("message {message} did not come"))?;
        replies.push(seconds(handed, taken) * 1000.0);
        arrivals.push(seconds(handed, *arrival) * 1000.0);
    }
    replies.sort_by(f64::total_cmp);
    arrivals.sort_by(f64::total_cmp);
    Ok((replies, arrivals))
}

fn table(file: &Path) -> Result<Vec<Vec<u64>>, String> {
    let text = std::fs::read_to_string(file).map_err(|cause| format!("{}: {cause}", file.display()))?;
    let row = |line: &str| line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    Ok(text.lines().map(row).collect())
}

/// Of sorted values, the smallest that so many per cent do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(number(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (50.0, 99.0));
        assert_eq!((percentile(&[7.0], 50), percentile(&[7.0], 99), percentile(&[], 50)), (7.0, 7.0, 0.0));
    }
}
