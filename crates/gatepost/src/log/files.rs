//! The events in data-dir: `events.jsonl`, and older ones behind it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use gatepost_mail::Octets;

/// The file that is written now.
const NAME: &str = "events.jsonl";
/// Size at which a file is put aside.
pub const FILE_SIZE: Octets = Octets::mib(64);
/// How many are kept beside the one that is written: with it, 640 MiB, some two million messages.
pub const OLD_FILES: u32 = 9;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Size at which a file is put aside.
    pub size: Octets,
    /// How many old ones are kept.
    pub files: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { size: FILE_SIZE, files: OLD_FILES }
    }
}

/// The files that events are appended to. A crash loses what was not flushed, and never more than the end of
/// the last line.
pub struct EventFiles {
    folder: PathBuf,
    keep: Keep,
    file: Option<Open>,
}

struct Open {
    file: BufWriter<File>,
    size: u64,
}

impl EventFiles {
    /// Files in this folder. Nothing is opened before something is appended.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, keep: Keep) -> Self {
        Self { folder: folder.into(), keep, file: None }
    }

    /// Appends one line.
    ///
    /// # Errors
    ///
    /// What the file system says; the next call tries to open the file anew.
    pub fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let appended = self.try_append(line);
        if appended.is_err() {
            self.file = None;
        }
        appended
    }

    fn try_append(&mut self, line: &[u8]) -> io::Result<()> {
        let full = |open: &Open| open.size > 0 && open.size + line.len() as u64 > self.keep.size.0;
        if self.file.as_ref().is_some_and(full) {
            self.put_aside()?;
        }
        let open = match &mut self.file {
            Some(open) => open,
            none => none.insert(open_file(&self.folder)?),
        };
        open.file.write_all(line)?;
        open.file.write_all(b"\n")?;
        open.size += line.len() as u64 + 1;
        Ok(())
    }

    /// Hands what was appended to the system.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.as_mut().map_or(Ok(()), |open| open.file.flush());
        if flushed.is_err() {
            self.file = None;
        }
        flushed
    }

    /// Each file takes the next number; the oldest goes.
    fn put_aside(&mut self) -> io::Result<()> {
        if let Some(mut open) = self.file.take() {
            open.file.flush()?;
        }
        for number in (0..self.keep.files).rev() {
            let from = path(&self.folder, number);
            if from.exists() {
                fs::rename(from, path(&self.folder, number + 1))?;
            }
        }
        if self.keep.files == 0 {
            fs::remove_file(path(&self.folder, 0))?;
        }
        Ok(())
    }
}

fn open_file(folder: &Path) -> io::Result<Open> {
    let path = path(folder, 0);
    // Addresses of people: nobody else on the machine needs to read them.
    let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
    let size = file.metadata()?.len();
    Ok(Open { file: BufWriter::new(file), size })
}

fn path(folder: &Path, number: u32) -> PathBuf {
    if number == 0 { folder.join(NAME) } else { folder.join(format!("{NAME}.{number}")) }
}

/// The files that there are, the oldest first.
#[must_use]
pub fn oldest_first(folder: &Path) -> Vec<PathBuf> {
    (0..=OLD_FILES).rev().map(|number| path(folder, number)).filter(|path| path.exists()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_files_are_put_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep { size: Octets(20), files: 2 };
        let mut files = EventFiles::new(folder.path(), keep);
        for line in ["one one one", "two two two", "three three", "four four four", "five"] {
            files.append(line.as_bytes()).unwrap();
        }
        files.flush().unwrap();
        let read: Vec<String> =
            oldest_first(folder.path()).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(read, ["two two two\n", "three three\n", "four four four\nfive\n"]);
    }

    #[test]
    fn a_new_writer_goes_on_where_the_last_one_stopped() {
        let folder = tempfile::tempdir().unwrap();
        for line in ["one", "two"] {
            let mut files = EventFiles::new(folder.path(), Keep::default());
            files.append(line.as_bytes()).unwrap();
            files.flush().unwrap();
        }
        assert_eq!(fs::read_to_string(folder.path().join(NAME)).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_folder_that_comes_late_is_used_when_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let late = folder.path().join("late");
        let mut files = EventFiles::new(&late, Keep::default());
        assert!(files.append(b"lost").is_err());
        fs::create_dir(&late).unwrap();
        files.append(b"kept").unwrap();
        files.flush().unwrap();
        assert_eq!(fs::read_to_string(late.join(NAME)).unwrap(), "kept\n");
    }
}
