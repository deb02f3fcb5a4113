//! The folder and its files: private, and made by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use gatepost_sasl::Secret;

use crate::StoreFault;
use crate::limits::DATABASE_WAIT_WRITING;

const FOLDER: &str = "accounts";
const LOCK: &str = "opening.lock";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Permission bits that nobody but the owner may have.
const OTHERS: u32 = 0o077;
/// Between two looks at the lock, which is held for milliseconds.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

pub(super) fn fault(path: &Path) -> impl FnOnce(io::Error) -> StoreFault {
    move |cause| StoreFault::File { path: path.to_owned(), cause }
}

/// `accounts/` in the data folder; both are made where they are missing.
pub(super) fn make_folder(data_dir: &Path) -> Result<PathBuf, StoreFault> {
    let folder = data_dir.join(FOLDER);
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(data_dir).map_err(fault(data_dir))?;
    match DirBuilder::new().mode(FOLDER_MODE).create(&folder) {
        Ok(()) => {
            let made = File::open(&folder).map_err(fault(&folder))?;
            give_to_owner_of(data_dir, &made).map_err(fault(&folder))?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fault(&folder)(error)),
    }
    Ok(folder)
}

/// Keeps other processes from opening the same accounts until the file is dropped.
pub(super) fn hold(folder: &Path) -> Result<File, StoreFault> {
    let path = folder.join(LOCK);
    make_private(&path)?;
    let file = OpenOptions::new().write(true).open(&path).map_err(fault(&path))?;
    let patience = Instant::now() + DATABASE_WAIT_WRITING;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(StoreFault::Held { path }),
            Err(TryLockError::Error(cause)) => return Err(StoreFault::File { path, cause }),
        }
    }
}

/// Makes an empty file for the owner alone, unless there is one, which then must be for the owner alone.
///
/// One that exists is not opened: closing it would drop the locks that SQLite has on it in this process.
pub(super) fn make_private(path: &Path) -> Result<(), StoreFault> {
    match create_new(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_private(path),
        Err(error) => Err(fault(path)(error)),
    }
}

fn check_private(path: &Path) -> Result<(), StoreFault> {
    let mode = fs::metadata(path).map_err(fault(path))?.mode() & 0o777;
    if mode & OTHERS == 0 { Ok(()) } else { Err(StoreFault::Exposed { path: path.to_owned(), mode }) }
}

/// Reads a small private file; none if there is none.
pub(super) fn read_private(path: &Path, most: usize) -> Result<Option<Secret>, StoreFault> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(path)(error)),
    };
    check_private(path)?;
    // One octet more than may be there, in a buffer that never grows.
    let mut octets = Vec::with_capacity(most.saturating_add(1));
    file.take(most.saturating_add(1) as u64).read_to_end(&mut octets).map_err(fault(path))?;
    Ok(Some(Secret::new(octets)))
}

/// Writes a private file so that it is there wholly or not at all, after a crash too. The caller holds the lock.
pub(super) fn write_private(path: &Path, octets: &Secret) -> Result<(), StoreFault> {
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(&unfinished)(error)),
        Ok(()) | Err(_) => {}
    }
    let write = || {
        let mut file = create_new(&unfinished)?;
        file.write_all(octets.expose())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(fault(path))
}

fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    if let Some(folder) = path.parent() {
        give_to_owner_of(folder, &file)?;
    }
    Ok(file)
}

/// What root makes (`gatepost account add` at set-up) belongs to whom the folder belongs to, or the server could not read it.
fn give_to_owner_of(folder: &Path, made: &File) -> io::Result<()> {
    const ROOT: u32 = 0;
    let owner = fs::metadata(folder)?;
    if made.metadata()?.uid() == ROOT && owner.uid() != ROOT {
        fchown(made, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}
