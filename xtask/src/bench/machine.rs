//! The machine: whether it is quiet, what its disk can do, and what reaches the disk.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{Outcome, repository};

/// Appends in the measure of the disk.
const APPENDS: u32 = 500;

/// A load average above this means that something else runs.
const QUIET: f64 = 0.5;

/// How often it is looked at while it is awaited.
const LOOK: Duration = Duration::from_secs(1);

/// Octets of a sector in the kernel's counts, whatever the disk's own are.
const SECTOR: u64 = 512;

/// Appends of 4 KiB a second, each made stable before the next: what one writer alone could do.
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

/// How busy the machine is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Business {
    /// The load average over the last minute.
    pub(super) load: f64,
}

impl Business {
    /// Waits until the machine is quiet, or for so long: what was built just before is in the load average for minutes.
    pub(super) fn await_quiet(longest: Duration) -> Self {
        let began = Instant::now();
        loop {
            let business = Self::now();
            if business.load <= QUIET || began.elapsed() >= longest {
                return business;
            }
            std::thread::sleep(LOOK);
        }
    }

    pub(super) fn now() -> Self {
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
        Self { load }
    }

    /// For a person.
    pub(super) fn told(self) -> String {
        let Self { load } = self;
        let judged = if load > QUIET { "BUSY: figures mean nothing, measure again" } else { "quiet" };
        format!("load average {load:.2} over the last minute ({judged})")
    }
}

/// Octets written so far to the device of this folder, by everything on the machine. `None` where the kernel does
/// not count. What it charges to a process is no use: the journal is not in it, and one octet written to a large
/// page in the cache counts as all of that page.
pub(super) fn device_octets(folder: &Path) -> Option<u64> {
    let device = std::fs::metadata(folder).ok()?.dev();
    // As glibc's `major` and `minor` take it apart.
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & !0xff;
    let text = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?;
    text.split_whitespace().nth(6)?.parse::<u64>().ok().map(|sectors| sectors * SECTOR)
}

/// Writes out whatever waits to be written to the file system of this folder.
pub(super) fn settle(folder: &Path) -> Outcome {
    repository::run("sync", Command::new("sync").arg("-f").arg(folder))
}

/// Octets that the files below a folder take on disk, and how many there are.
pub(super) fn usage(folder: &Path) -> (u64, u64) {
    let mut total = (0, 0);
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        for entry in entries {
            let Ok(metadata) = entry.metadata() else { continue };
            total.0 += metadata.blocks() * SECTOR;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                total.1 += 1;
            }
        }
    }
    total
}
