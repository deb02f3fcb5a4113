//! The calls to the file system that the embedded engine makes, real or simulated.
//!
//! An enum and no trait: there are two, and they are known. All paths are whole paths.

mod real;
mod simulated;
#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::path::Path;

pub use self::simulated::{Fault, Loss, Simulated};

/// A file system.
#[derive(Debug, Clone, Default)]
pub struct Disk(Kind);

#[derive(Debug, Clone, Default)]
enum Kind {
    #[default]
    Real,
    Simulated(Simulated),
}

/// An open file, for positioned reads and writes.
#[derive(Debug)]
pub(crate) enum File {
    Real(real::File),
    Simulated(simulated::File),
}

/// What came of taking a lock.
#[derive(Debug)]
pub(crate) enum Locking {
    Ours(Lock),
    /// Somebody else has it; the text says who.
    Taken(Box<str>),
}

/// Keeps other processes out until it is dropped.
#[derive(Debug)]
pub(crate) enum Lock {
    Real(#[expect(dead_code, reason = "held for its drop")] real::File),
    Simulated(#[expect(dead_code, reason = "held for its drop")] simulated::Lock),
}

impl Disk {
    /// The machine's.
    #[must_use]
    pub const fn real() -> Self {
        Self(Kind::Real)
    }

    /// One in memory that can fail, fill up and lose power.
    #[must_use]
    pub fn simulated(disk: &Simulated) -> Self {
        Self(Kind::Simulated(disk.clone()))
    }

    /// Makes a folder and those above it, unless they are there.
    pub(crate) fn create_dir(&self, path: &Path) -> io::Result<()> {
        match &self.0 {
            Kind::Real => std::fs::create_dir_all(path),
            Kind::Simulated(disk) => disk.create_dir(path),
        }
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        match &self.0 {
            Kind::Real => real::names(path),
            Kind::Simulated(disk) => disk.names(path),
        }
    }

    /// Makes an empty file; one of that name is emptied.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        match &self.0 {
            Kind::Real => real::create(path).map(File::Real),
            Kind::Simulated(disk) => disk.create(path).map(File::Simulated),
        }
    }

    /// Opens a file for reading and writing.
    pub(crate) fn open(&self, path: &Path) -> io::Result<File> {
        match &self.0 {
            Kind::Real => real::open(path).map(File::Real),
            Kind::Simulated(disk) => disk.open(path).map(File::Simulated),
        }
    }

    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        match &self.0 {
            Kind::Real => std::fs::remove_file(path),
            Kind::Simulated(disk) => disk.remove(path),
        }
    }

    /// Makes the names in a folder durable.
    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        match &self.0 {
            Kind::Real => real::sync_dir(path),
            Kind::Simulated(disk) => disk.sync_dir(path),
        }
    }

    /// Octets that may still be written below a folder.
    pub(crate) fn room(&self, path: &Path) -> io::Result<u64> {
        match &self.0 {
            Kind::Real => real::room(path),
            Kind::Simulated(disk) => Ok(disk.room()),
        }
    }

    /// Locks a file, made if need be. The kernel gives the lock back when its process ends, however it ends.
    pub(crate) fn lock(&self, path: &Path) -> io::Result<Locking> {
        match &self.0 {
            Kind::Real => real::lock(path),
            Kind::Simulated(disk) => Ok(match disk.lock(path)? {
                Some(lock) => Locking::Ours(Lock::Simulated(lock)),
                None => Locking::Taken("another process".into()),
            }),
        }
    }
}

impl File {
    /// Writes all of the slices one behind the other.
    pub(crate) fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        match self {
            Self::Real(file) => file.write_at(slices, offset),
            Self::Simulated(file) => file.write_at(slices, offset),
        }
    }

    /// Fills the buffer from the offset on, as far as the file goes; gives how far.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Real(file) => file.read_at(buffer, offset),
            Self::Simulated(file) => file.read_at(buffer, offset),
        }
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match self {
            Self::Real(file) => file.sync(),
            Self::Simulated(file) => file.sync(),
        }
    }

    /// Takes room for so many octets.
    pub(crate) fn allocate(&self, length: u64) -> io::Result<()> {
        match self {
            Self::Real(file) => file.allocate(length),
            Self::Simulated(file) => file.allocate(length),
        }
    }

    pub(crate) fn length(&self) -> io::Result<u64> {
        match self {
            Self::Real(file) => file.length(),
            Self::Simulated(file) => file.length(),
        }
    }
}
