//! The file that holds a refresh token.
//!
//! Issuers may give a new refresh token with each access token, and take the old one back (RFC 9700 section 4.14.2). The new one
//! is on stable storage before the access token is used. What cannot be written is kept in memory, tried again, and told.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatepost_sasl::{Secret, limits};

use super::TokenError;
use super::answer::usable;

/// Only the owner reads it.
const FILE_MODE: u32 = 0o600;

/// The file, and what is not in it yet. Cheap to copy.
#[derive(Clone)]
pub(super) struct RefreshFile {
    path: PathBuf,
    newer: Arc<Mutex<Option<Newer>>>,
}

/// A refresh token that could not be written.
struct Newer {
    token: Secret,
    /// What the file held instead: once it holds something else, the operator has put a new one there.
    instead_of: Option<Secret>,
    cause: String,
}

impl RefreshFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, newer: Arc::default() }
    }

    /// The refresh token to show next.
    pub(super) async fn read(&self) -> Result<Secret, TokenError> {
        let file = self.clone();
        let read = tokio::task::spawn_blocking(move || file.read_now()).await;
        read.unwrap_or_else(|cause| Err(self.fault(cause.to_string())))
    }

    fn read_now(&self) -> Result<Secret, TokenError> {
        let written = first_line(&self.path);
        let mut newer = self.newer();
        if let Some(kept) = newer.as_ref() {
            let unchanged = written.as_ref().ok() == kept.instead_of.as_ref();
            if unchanged || written.is_err() {
                let token = kept.token.clone();
                self.try_again(&mut newer);
                return Ok(token);
            }
        }
        *newer = None;
        let token = written.map_err(|cause| self.fault(cause.to_string()))?;
        let text = std::str::from_utf8(token.expose()).unwrap_or_default();
        usable(text).map_err(|error| self.fault(error.to_string()))
    }

    fn try_again(&self, newer: &mut Option<Newer>) {
        let written = newer.as_ref().map(|kept| write(&self.path, &kept.token));
        match (written, newer.as_mut()) {
            (Some(Err(cause)), Some(kept)) => kept.cause = cause.to_string(),
            (Some(Ok(())) | None, _) | (Some(Err(_)), None) => *newer = None,
        }
    }

    /// Puts a new one into the file's place.
    pub(super) async fn replace(&self, token: Secret) {
        let file = self.clone();
        // The closure runs to its end even if this future is dropped.
        let _ = tokio::task::spawn_blocking(move || {
            let instead_of = first_line(&file.path).ok();
            if let Err(cause) = write(&file.path, &token) {
                *file.newer() = Some(Newer { token, instead_of, cause: cause.to_string() });
            }
        })
        .await;
    }

    /// Why the newest one is in memory only, if it is.
    pub(super) fn unsaved(&self) -> Option<String> {
        let newer = self.newer();
        newer.as_ref().map(|kept| {
            format!("the new refresh token could not be written to {}: {}", self.path.display(), kept.cause)
        })
    }

    fn fault(&self, cause: String) -> TokenError {
        TokenError::RefreshFile { path: self.path.clone(), cause }
    }

    fn newer(&self) -> MutexGuard<'_, Option<Newer>> {
        self.newer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first line of a file, without its end.
fn first_line(path: &Path) -> io::Result<Secret> {
    let longest = u64::try_from(limits::TOKEN_OCTETS_MOST).unwrap_or(u64::MAX).saturating_add(2);
    let mut line = Vec::with_capacity(limits::TOKEN_OCTETS_MOST + 2);
    BufReader::new(File::open(path)?.take(longest)).read_until(b'\n', &mut line)?;
    while line.last().is_some_and(u8::is_ascii_whitespace) {
        line.pop();
    }
    Ok(Secret::new(line))
}

/// Writes beside the file and renames: a crash leaves the old one or the new one.
fn write(path: &Path, token: &Secret) -> io::Result<()> {
    // A link leads to where the file really is; what it points to is replaced, not the link.
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.new"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE_MODE);
    let mut file = options.open(&beside)?;
    file.set_permissions(fs::metadata(&path)?.permissions())?;
    file.write_all(token.expose())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    File::open(folder)?.sync_all()
}
