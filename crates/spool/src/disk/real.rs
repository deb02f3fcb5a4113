//! The machine's file system.

use std::fs;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::{Lock, Locking};

/// Most slices that one call may write.
const SLICES: usize = 1024;
/// What is read of a lock file at most: a number.
const HOLDER_LIMIT: u64 = 32;
/// Mail is nobody else's business.
const OWNER_ONLY: u32 = 0o600;

#[derive(Debug)]
pub(crate) struct File(fs::File);

pub(super) fn names(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(OWNER_ONLY);
    options.open(path).map(File)
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().read(true).write(true).open(path).map(File)
}

pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    let folder = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(rustix::fs::fsync(folder)?)
}

pub(super) fn room(path: &Path) -> io::Result<u64> {
    let told = rustix::fs::statvfs(path)?;
    Ok(told.f_bavail.saturating_mul(told.f_frsize))
}

/// The file says who has it, for people; what counts is the lock.
pub(super) fn lock(path: &Path) -> io::Result<Locking> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY).open(path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            file.set_len(0)?;
            // A full disk must not keep a spool from being emptied.
            let _ = writeln!(file, "{}", std::process::id());
            Ok(Locking::Ours(Lock::Real(File(file))))
        }
        Err(Errno::WOULDBLOCK) => Ok(Locking::Taken(holder(&mut file))),
        Err(cause) => Err(cause.into()),
    }
}

/// As in `process 4711 (gatepost)`, as far as that can be known.
fn holder(file: &mut fs::File) -> Box<str> {
    let mut text = String::new();
    // Where it cannot be read, its holder has no name.
    let _ = file.take(HOLDER_LIMIT).read_to_string(&mut text);
    let Ok(process) = text.trim().parse::<u32>() else { return "another process".into() };
    match fs::read_to_string(format!("/proc/{process}/comm")) {
        Ok(name) => format!("process {process} ({})", name.trim()).into(),
        Err(_cause) => format!("process {process}").into(),
    }
}

impl File {
    pub(super) fn write_at(&self, mut slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        while !slices.is_empty() {
            let some = slices.get(..SLICES).unwrap_or(slices);
            let written = match rustix::io::pwritev(&self.0, some, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(Errno::INTR) => 0,
                Err(cause) => return Err(cause.into()),
            };
            IoSlice::advance_slices(&mut slices, written);
            offset += written as u64;
        }
        Ok(())
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(filled)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        // Never repeated after a failure: the kernel may have dropped what it could not write.
        Ok(rustix::fs::fdatasync(&self.0)?)
    }

    pub(super) fn allocate(&self, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, length) {
            // Some file systems cannot; writing the file in full does the same.
            Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
            Err(cause) => Err(cause.into()),
        }
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
