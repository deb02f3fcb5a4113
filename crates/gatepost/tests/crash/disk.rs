//! A disk of a test's own whose power can be cut: an ext4 file system in a file, mounted by a loop device.
//!
//! The cut is the kernel's own shutdown of a file system without flushing its log (`EXT4_IOC_SHUTDOWN`): from that
//! moment nothing more reaches the device. What is mounted again afterwards is what was on the device then, with the
//! journal replayed, as after a real one; what was only in the cache is gone.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::rig::await_that;

/// `EXT4_IOC_SHUTDOWN` on the folder that is the argument, with `EXT4_GOING_FLAGS_NOLOGFLUSH`. Python, since only unsafe code
/// can call ioctl from here.
const CUT: &str = "\
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))
";

/// A mounted disk. Dropping it takes it away.
pub(crate) struct Disk {
    image: PathBuf,
    at: PathBuf,
}

impl Disk {
    /// A fresh one of so many octets, which its file does not take up before they are written.
    pub(crate) fn mount(image: &Path, at: &Path, size: u64) -> io::Result<Self> {
        File::create(image)?.set_len(size)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))?;
        std::fs::create_dir(at)?;
        let disk = Self { image: image.to_owned(), at: at.to_owned() };
        disk.attach()?;
        Ok(disk)
    }

    /// Its power is gone: whatever is written from now on is not.
    pub(crate) fn cut(&self) -> io::Result<()> {
        run(Command::new("python3").args(["-c", CUT]).arg(&self.at)).map(|_output| ())
    }

    /// The power is back: the file system as the device has it. Nobody may have a file open.
    pub(crate) fn restore(&self) -> io::Result<()> {
        // What ended just now may be let go of a little later.
        await_that("the disk to be let go", || run(Command::new("umount").arg(&self.at)).ok());
        self.attach()
    }

    /// All that was written is on the device.
    pub(crate) fn sync(&self) -> io::Result<()> {
        run(Command::new("sync").arg("--file-system").arg(&self.at)).map(|_output| ())
    }

    fn attach(&self) -> io::Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.at)).map(|_output| ())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that still runs after a failure must not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

fn run(command: &mut Command) -> io::Result<Output> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output);
    }
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("{:?}: {told}", command.get_program())))
}

/// What a cut takes and what it leaves is what this disk is for.
#[test]
fn a_cut_takes_what_was_not_synced_and_nothing_else() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(disk) = small(folder.path()) else { return Ok(()) };
    let (kept, gone) = (disk.at.join("kept"), disk.at.join("gone"));
    std::fs::write(&kept, "first")?;
    disk.sync()?;
    std::fs::write(&kept, "second")?;
    std::fs::write(&gone, "second")?;
    disk.cut()?;
    assert!(std::fs::write(disk.at.join("later"), "third").is_err(), "the disk is dead");
    disk.restore()?;
    assert_eq!(std::fs::read_to_string(&kept).unwrap_or_default(), "first");
    assert!(!gone.exists());
    Ok(())
}

fn small(folder: &Path) -> Option<Disk> {
    mounted(folder, 64 << 20)
}

/// A disk in this folder. Where the machine forbids it that is a failure, unless somebody has said that it is known.
pub(crate) fn mounted(folder: &Path, size: u64) -> Option<Disk> {
    match Disk::mount(&folder.join("disk.image"), &folder.join("disk"), size) {
        Ok(disk) => Some(disk),
        Err(why) if std::env::var_os("GATEPOST_WITHOUT_POWER_CUTS").is_some() => {
            println!("NOT TESTED: no disk whose power can be cut: {why}");
            None
        }
        Err(why) => panic!(
            "no disk whose power can be cut: {why}. It needs root and loop devices; GATEPOST_WITHOUT_POWER_CUTS=1 does \
             without these tests"
        ),
    }
}
