//! A file system in memory that fails, fills up and loses power when it is told to.
//!
//! It keeps apart what is durable from what was only written. After a power cut each sector that was not
//! synced is there or not, or in part, as the seed decides, and so is each name whose folder was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes at a time.
const SECTOR: usize = 512;

/// A simulated file system; clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Simulated(Arc<Mutex<World>>);

/// What a restart costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The process was killed: everything written is there.
    Process,
    /// The power was cut: what was not synced is there in parts.
    Power,
}

/// A call that is made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Writing to a file.
    Write,
    /// Syncing a file or a folder.
    Sync,
    /// Reading from a file.
    Read,
}

#[derive(Debug, Default)]
struct World {
    files: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    nodes: Vec<Node>,
    locks: BTreeSet<PathBuf>,
    /// Octets that all files together may take; nothing is no limit.
    limit: Option<u64>,
    /// Calls that change something, so far.
    steps: u64,
    /// The call that is the last one before the lights go out.
    cut: Option<u64>,
    fault: Option<(Fault, u64)>,
    /// Files opened before a restart are dead.
    life: u64,
    /// Syncing does nothing.
    lies: bool,
}

/// A file's octets.
#[derive(Debug, Clone, Default)]
struct Node {
    durable: Vec<u8>,
    written: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug)]
pub(crate) struct File {
    disk: Simulated,
    node: usize,
    life: u64,
}

#[derive(Debug)]
pub(crate) struct Lock {
    disk: Simulated,
    path: PathBuf,
    life: u64,
}

impl Simulated {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the next `calls` calls that change something pass; the one behind them may happen in part, and
    /// then all fail until [`Simulated::restart`].
    pub fn cut_after(&self, calls: u64) {
        let mut world = self.world();
        world.cut = Some(world.steps + calls);
    }

    /// Lets the next `calls` calls of a kind pass and makes the one behind them fail.
    pub fn fail_after(&self, fault: Fault, calls: u64) {
        self.world().fault = Some((fault, calls));
    }

    /// Makes it say that it has synced and not do so, as a disk does that has its write cache on and no power of its
    /// own. Shows that a test would find a sync that is missing.
    pub fn lie(&self) {
        self.world().lies = true;
    }

    /// How many octets all files may take together.
    pub fn limit(&self, octets: Option<u64>) {
        self.world().limit = octets;
    }

    /// Calls that changed something so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.world().steps
    }

    /// Files, with their sizes.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, usize)> {
        let world = self.world();
        let size = |node: &usize| world.nodes.get(*node).map_or(0, |node| node.written.len());
        world.files.iter().map(|(path, node)| (path.clone(), size(node))).collect()
    }

    /// Another disk with the same on it, used by nobody yet.
    #[must_use]
    pub fn copy(&self) -> Self {
        let world = self.world();
        let (files, durable, nodes) = (world.files.clone(), world.durable.clone(), world.nodes.clone());
        Self(Arc::new(Mutex::new(World { files, durable, nodes, ..World::default() })))
    }

    /// Turns over one bit on the disk; false if there is no such octet.
    #[must_use]
    pub fn flip(&self, path: &Path, offset: usize, bit: u8) -> bool {
        let mut world = self.world();
        let Some(&node) = world.files.get(path) else { return false };
        let Some(node) = world.nodes.get_mut(node) else { return false };
        for octets in [&mut node.durable, &mut node.written] {
            let Some(octet) = octets.get_mut(offset) else { return false };
            *octet ^= 1 << (bit & 7);
        }
        true
    }

    /// Removes a file as if it had never been; false if there is none.
    #[must_use]
    pub fn lose(&self, path: &Path) -> bool {
        let mut world = self.world();
        world.durable.remove(path);
        world.files.remove(path).is_some()
    }

    /// Ends the process that used it and gives the disk as the next one finds it. The seed decides what of the
    /// unsynced is there.
    pub fn restart(&self, loss: Loss, seed: u64) {
        let mut world = self.world();
        (world.cut, world.fault) = (None, None);
        world.life += 1;
        world.locks.clear();
        if loss == Loss::Power {
            world.lose_unsynced(&mut Chance(seed));
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn create_dir(&self, _path: &Path) -> io::Result<()> {
        self.world().step()
    }

    pub(super) fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        let within = world.files.keys().filter(|file| file.parent() == Some(path));
        Ok(within.filter_map(|file| file.file_name()?.to_str().map(str::to_owned)).collect())
    }

    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        let mut world = self.world();
        world.step()?;
        let node = world.nodes.len();
        world.nodes.push(Node::default());
        world.files.insert(path.to_owned(), node);
        Ok(File { disk: self.clone(), node, life: world.life })
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        let world = self.world();
        let node = *world.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(File { disk: self.clone(), node, life: world.life })
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.step()?;
        world.files.remove(path).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    pub(super) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.step()?;
        world.fail(Fault::Sync)?;
        if world.lies {
            return Ok(());
        }
        let inside = |file: &PathBuf| file.parent() == Some(path);
        let now: Vec<_> = world.files.iter().filter(|(file, _)| inside(file)).map(own).collect();
        world.durable.retain(|file, _| !inside(file));
        world.durable.extend(now);
        Ok(())
    }

    pub(super) fn room(&self) -> u64 {
        let world = self.world();
        world.limit.map_or(u64::MAX, |limit| limit.saturating_sub(world.used()))
    }

    pub(super) fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let mut world = self.world();
        world.step()?;
        let free = world.locks.insert(path.to_owned());
        Ok(free.then(|| Lock { disk: self.clone(), path: path.to_owned(), life: world.life }))
    }
}

fn own((path, node): (&PathBuf, &usize)) -> (PathBuf, usize) {
    (path.clone(), *node)
}

impl World {
    /// Counts a call; past the cut all fail.
    fn step(&mut self) -> io::Result<()> {
        let dark = self.cut.is_some_and(|cut| self.steps >= cut);
        self.steps += 1;
        if dark { Err(io::Error::other("the power is cut")) } else { Ok(()) }
    }

    fn fail(&mut self, fault: Fault) -> io::Result<()> {
        match &mut self.fault {
            Some((armed, left)) if *armed == fault => {
                let Some(rest) = left.checked_sub(1) else {
                    self.fault = None;
                    return Err(io::Error::other("input/output error"));
                };
                *left = rest;
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        let nodes = self.files.values().filter_map(|&node| self.nodes.get(node));
        nodes.map(|node| node.written.len() as u64).sum()
    }

    fn lose_unsynced(&mut self, chance: &mut Chance) {
        for node in &mut self.nodes {
            node.lose(chance);
        }
        let names: BTreeSet<PathBuf> = self.files.keys().chain(self.durable.keys()).cloned().collect();
        for name in names {
            let (now, before) = (self.files.get(&name).copied(), self.durable.get(&name).copied());
            let stays = if now == before || chance.one_in(2) { now } else { before };
            for names in [&mut self.files, &mut self.durable] {
                match stays {
                    Some(node) => drop(names.insert(name.clone(), node)),
                    None => drop(names.remove(&name)),
                }
            }
        }
    }
}

impl Node {
    /// Some disks lose all, some nothing, most some of it.
    fn lose(&mut self, chance: &mut Chance) {
        let kept = chance.next() % 5;
        let mut octets = std::mem::take(&mut self.durable);
        for (offset, written) in self.unsynced.drain(..) {
            for (sector, part) in written.chunks(SECTOR).enumerate() {
                if chance.next() % 4 < kept {
                    let (skipped, part) = torn(part, chance);
                    put(&mut octets, offset + sector * SECTOR + skipped, part);
                }
            }
        }
        self.written.clone_from(&octets);
        self.durable = octets;
    }
}

/// What is there of a sector in which the power was cut: most often all, else only its beginning or its end. What
/// of it was written before as it is now stays what it was.
fn torn<'a>(part: &'a [u8], chance: &mut Chance) -> (usize, &'a [u8]) {
    let side = chance.next() % 8;
    let cut = usize::try_from(chance.next()).unwrap_or(0) % part.len().max(1);
    let (front, back) = part.split_at(cut.min(part.len()));
    match side {
        0 => (0, front),
        1 => (cut, back),
        _whole => (0, part),
    }
}

fn put(octets: &mut Vec<u8>, offset: usize, part: &[u8]) {
    let end = offset + part.len();
    if octets.len() < end {
        octets.append(&mut vec![0; end - octets.len()]);
    }
    if let Some(place) = octets.get_mut(offset..end) {
        place.copy_from_slice(part);
    }
}

impl File {
    fn with<T>(&self, use_it: impl FnOnce(&mut World, usize) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.disk.world();
        if world.life != self.life {
            return Err(io::Error::other("opened before the restart"));
        }
        use_it(&mut world, self.node)
    }

    pub(super) fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let mut octets = Vec::with_capacity(slices.iter().map(|slice| slice.len()).sum());
        slices.iter().for_each(|slice| octets.extend_from_slice(slice));
        self.with(|world, node| {
            let passed = world.step();
            // A call in which the lights go out may still have done its work, or some of it; one behind that
            // never began.
            let happens = world.cut.is_none_or(|cut| world.steps <= cut + 1);
            world.fail(Fault::Write)?;
            let held = world.nodes.get(node).map_or(0, |node| node.written.len());
            let grown = (offset + octets.len()).saturating_sub(held) as u64;
            if world.limit.is_some_and(|limit| world.used() + grown > limit) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            if let Some(node) = world.nodes.get_mut(node).filter(|_| happens) {
                put(&mut node.written, offset, &octets);
                node.unsynced.push((offset, octets));
            }
            passed
        })
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.with(|world, node| {
            world.fail(Fault::Read)?;
            let octets = world.nodes.get(node).map_or(&[][..], |node| &node.written);
            let rest = octets.get(offset..).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            if let (Some(place), Some(octets)) = (buffer.get_mut(..length), rest.get(..length)) {
                place.copy_from_slice(octets);
            }
            Ok(length)
        })
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.with(|world, node| {
            world.step()?;
            let failed = world.fail(Fault::Sync);
            let lies = world.lies;
            let Some(node) = world.nodes.get_mut(node).filter(|_| !lies) else { return failed };
            // As Linux does it: what could not be written is marked clean all the same, so that a second sync
            // says all is well. It is lost.
            let unsynced = std::mem::take(&mut node.unsynced);
            failed?;
            for (offset, octets) in unsynced {
                put(&mut node.durable, offset, &octets);
            }
            Ok(())
        })
    }

    pub(super) fn allocate(&self, length: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.write_at(&[IoSlice::new(&zeros)], 0)
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        self.with(|world, node| Ok(world.nodes.get(node).map_or(0, |node| node.written.len() as u64)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut world = self.disk.world();
        if world.life == self.life {
            world.locks.remove(&self.path);
        }
    }
}

/// Splitmix64: small, seeded, good enough to choose sectors.
struct Chance(u64);

impl Chance {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    const fn one_in(&mut self, sides: u64) -> bool {
        self.next().is_multiple_of(sides)
    }
}
