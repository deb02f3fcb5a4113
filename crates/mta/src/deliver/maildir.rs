//! Final delivery into a Maildir: tmp, fsync, rename, fsync of the folder.
//!
//! A crash at any point leaves at most a file in `tmp`, which readers of Maildirs clear away; a message in
//! `new` is whole and on stable storage. Delivering the same message twice after a crash writes it twice.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use gatepost_mail::{Host, LocalPart, Mailbox, SpoolId};

/// Only the owner reads mail.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Why a mailbox has no Maildir.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The local part would lead out of the folder that is meant for it.
    #[error("the local part cannot be a folder's name")]
    Unsafe,
    /// Mail for an address literal has no folder.
    #[error("an address literal has no Maildir")]
    Literal,
}

/// Fills `{domain}` and `{local-part}` into a path of the configuration. Local parts are taken in lower case;
/// one that could name another folder is refused.
///
/// # Errors
///
/// [`PathError`] says why there is none.
pub fn folder(template: &Path, mailbox: &Mailbox) -> Result<PathBuf, PathError> {
    let Host::Domain(domain) = mailbox.host() else { return Err(PathError::Literal) };
    let local_part = safe(mailbox.local_part())?;
    let text = template.to_string_lossy();
    Ok(PathBuf::from(text.replace("{domain}", domain.ascii()).replace("{local-part}", &local_part)))
}

fn safe(local_part: &LocalPart) -> Result<String, PathError> {
    let folded = local_part.folded();
    let wrong = folded.starts_with('.') || folded.contains(['/', '\0', '{', '}']) || folded.len() > 200;
    if wrong { Err(PathError::Unsafe) } else { Ok(folded) }
}

/// A message on its way into a Maildir; dropping it removes what was written.
#[derive(Debug)]
pub struct Letter {
    file: File,
    written: PathBuf,
    folder: PathBuf,
    name: String,
    /// A CR was the last octet of the last piece: Maildirs hold lines with LF alone.
    after_cr: bool,
}

impl Letter {
    /// Makes the Maildir where there is none, and a file in its `tmp`. The name tells message, recipient and
    /// host, so that a second copy for another recipient has a name of its own.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn create(folder: &Path, id: SpoolId, recipient: u32, hostname: &str) -> io::Result<Self> {
        make_maildir(folder)?;
        let name = format!("{}.{id}-{recipient}.{hostname}", id.number() / 1_000_000);
        let written = folder.join("tmp").join(&name);
        // A file of this name is left from an attempt that a crash cut short.
        match fs::remove_file(&written) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&written)?;
        Ok(Self { file, written, folder: folder.to_owned(), name, after_cr: false })
    }

    /// Writes a piece, with CRLF turned into LF.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut out = Vec::with_capacity(piece.len() + 1);
        for &octet in piece {
            if self.after_cr && octet != b'\n' {
                out.push(b'\r');
            }
            self.after_cr = octet == b'\r';
            if !self.after_cr {
                out.push(octet);
            }
        }
        self.file.write_all(&out)
    }

    /// Brings it to stable storage and into `new`.
    ///
    /// # Errors
    ///
    /// What the system says; then it is not delivered.
    pub fn deliver(mut self) -> io::Result<()> {
        if self.after_cr {
            self.file.write_all(b"\r")?;
        }
        self.file.sync_all()?;
        let new = self.folder.join("new");
        fs::rename(&self.written, new.join(&self.name))?;
        File::open(new)?.sync_all()
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        // After delivery the name in `tmp` is gone and this does nothing.
        let _ = fs::remove_file(&self.written);
    }
}

fn make_maildir(folder: &Path) -> io::Result<()> {
    if folder.join("new").is_dir() && folder.join("tmp").is_dir() {
        return Ok(());
    }
    for part in ["tmp", "cur", "new"] {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder.join(part))?;
    }
    File::open(folder)?.sync_all()?;
    // The folder's own name must survive too, and its parent's when that is new.
    for parent in folder.ancestors().skip(1).take(2) {
        if parent.is_dir() {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "/var/mail/{domain}/{local-part}";

    #[test]
    fn the_folder_is_named_after_the_mailbox() {
        let mailbox = Mailbox::parse("Ada@Bücher.example").unwrap();
        assert_eq!(folder(Path::new(TEMPLATE), &mailbox), Ok("/var/mail/xn--bcher-kva.example/ada".into()));
    }

    #[test]
    fn no_local_part_leads_elsewhere() {
        for text in [
            "\"../root\"@a.example",
            "\"a/b\"@a.example",
            "\".\"@a.example",
            "\"..\"@a.example",
            "\"{domain}\"@a.example",
        ] {
            let mailbox = Mailbox::parse(text).unwrap();
            assert_eq!(folder(Path::new(TEMPLATE), &mailbox), Err(PathError::Unsafe), "{text}");
        }
    }

    #[test]
    fn a_delivered_letter_is_in_new_with_lf_and_a_dropped_one_is_nowhere() {
        let home = tempfile::tempdir().unwrap();
        let maildir = home.path().join("example.org/ada");
        let id = SpoolId::from_number(1_700_000_000_000_000);
        drop(Letter::create(&maildir, id, 0, "mail.example").unwrap());
        assert_eq!(fs::read_dir(maildir.join("tmp")).unwrap().count(), 0);

        let mut letter = Letter::create(&maildir, id, 0, "mail.example").unwrap();
        for piece in ["a\r", "\nb\r\n", "c\rd", "\r"] {
            letter.write(piece.as_bytes()).unwrap();
        }
        letter.deliver().unwrap();
        let files: Vec<_> =
            fs::read_dir(maildir.join("new")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(fs::read(&files[0]).unwrap(), b"a\nb\nc\rd\r");
        assert_eq!(fs::read_dir(maildir.join("tmp")).unwrap().count(), 0);
    }
}
