//! `gatepost queue verify`, `export` and `import`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use gatepost_mail::SpoolId;
use gatepost_spool::{Disk, Embedded};
use serde_json::{Value, json};

use super::{Filters, Selection, matching, read_id, selected, who};
use crate::cli::console::{Console, Format, counted};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::control::parcel::Parcel;
use crate::control::{ControlError, Queue, Sink, Was};

/// What a file's name ends in.
const EXTENSION: &str = "gatepost";
/// Mail is nobody else's business.
const OWNER_ONLY: u32 = 0o600;
/// Longest first line of a file that is looked at, in octets.
const LONGEST_HEAD: u64 = 32 << 20;

/// Where to, and which.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The folder, which is made if need be. A file of the same message is replaced.
    pub folder: PathBuf,
    /// Which messages.
    #[command(flatten)]
    pub selection: Selection,
}

/// What to take.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Files, or folders with such files.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
}

/// Reads all of the spool.
pub(super) fn verify(data_dir: &Path, console: &mut Console<'_>) -> Outcome {
    let verified = Embedded::verify(&data_dir.join("spool"), &Disk::real()).map_err(Failure::no)?;
    let damages = verified.damages.iter().map(ToString::to_string);
    match console.format {
        Format::Machines => console.json(&json!({
            "segments": verified.segments,
            "records": verified.records,
            "files": verified.files,
            "damages": damages.collect::<Vec<_>>(),
        }))?,
        Format::People => {
            for damage in damages {
                console.line(format!("damaged: {damage}"))?;
            }
            let read =
                [(verified.segments, "segment"), (verified.records, "record"), (verified.files, "file")]
                    .map(|(count, word)| counted(usize::try_from(count).unwrap_or(usize::MAX), word));
            let found = counted(verified.damages.len(), "damage");
            console.line(format!("{} read: {found}", read.join(", ")))?;
        }
    }
    Ok(if verified.damages.is_empty() { Status::Done } else { Status::No })
}

/// Writes messages into a folder.
pub(super) async fn export(
    arguments: &ExportArguments,
    queue: &impl Queue,
    console: &mut Console<'_>,
) -> Outcome {
    let ExportArguments { folder, selection } = arguments;
    fs::create_dir_all(folder).map_err(|cause| at(folder, &cause))?;
    let ids = selected(selection, queue).await?;
    let mut failures = 0_usize;
    let mut told = Vec::new();
    for id in ids {
        match write(folder, id, queue).await {
            Ok(path) => told.push(json!({ "id": id.to_string(), "file": path })),
            Err(cause) => {
                failures += 1;
                console.complain(format!("gatepost: message {id}: {cause}"))?;
            }
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| at(folder, &cause))?;
    let damaged = queue.damaged().await?;
    if damaged > 0 {
        failures += 1;
        let told = counted(usize::try_from(damaged).unwrap_or(usize::MAX), "message");
        console.complain(format!("gatepost: {told} found damaged; gatepost queue verify names what is"))?;
    }
    let count = counted(told.len(), "message");
    match console.format {
        Format::Machines => console.json(&told)?,
        Format::People => console.line(format!("{count} written to {}", folder.display()))?,
    }
    Ok(if failures > 0 { Status::No } else { Status::Done })
}

/// A file that is removed again unless it gets its name.
struct Part {
    file: File,
    path: PathBuf,
}

impl Drop for Part {
    fn drop(&mut self) {
        // It has its name by now, or it would only be in the way.
        let _ = fs::remove_file(&self.path);
    }
}

impl Sink for Part {
    async fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all(octets)
    }
}

/// Under another name until all of it is on stable storage.
async fn write(folder: &Path, id: SpoolId, queue: &impl Queue) -> Result<PathBuf, ControlError> {
    let path = folder.join(format!(".{id}.part"));
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&path);
    let failed = |cause: io::Error| ControlError(cause.to_string());
    let mut part = Part { file: file.map_err(failed)?, path };
    queue.export(id, &mut part).await?;
    let whole = folder.join(format!("{id}.{EXTENSION}"));
    part.file.sync_all().and_then(|()| fs::rename(&part.path, &whole)).map_err(failed)?;
    Ok(whole)
}

/// Takes messages from files.
pub(super) async fn import(
    arguments: &ImportArguments,
    queue: &impl Queue,
    console: &mut Console<'_>,
) -> Outcome {
    let files = files(&arguments.paths)?;
    let known = known(queue).await?;
    let by = who();
    let mut failures = 0_usize;
    let mut there = 0_usize;
    let mut told: Vec<Value> = Vec::new();
    for file in &files {
        match take(file, queue, (&known, &by)).await {
            Ok((id, was)) => {
                there += usize::from(was == Was::There);
                told.push(json!({ "file": file, "id": id.to_string(), "was-there": was == Was::There }));
            }
            Err(cause) => {
                failures += 1;
                console.complain(format!("gatepost: {}: {cause}", file.display()))?;
            }
        }
    }
    let taken = counted(told.len() - there, "message");
    match console.format {
        Format::Machines => console.json(&told)?,
        Format::People if there > 0 => console.line(format!("{taken} taken, {there} there already"))?,
        Format::People => console.line(format!("{taken} taken"))?,
    }
    Ok(if failures > 0 || files.is_empty() { Status::No } else { Status::Done })
}

/// All files that are named, and those of folders that are.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let inside = fs::read_dir(path).map_err(|cause| at(path, &cause))?;
        let inside: io::Result<Vec<PathBuf>> = inside.map(|file| Ok(file?.path())).collect();
        let mut inside = inside.map_err(|cause| at(path, &cause))?;
        inside.retain(|file| file.extension().is_some_and(|end| end == EXTENSION));
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// Messages by the session that brought them and when: a message under another id is found by it.
type Known = HashMap<(String, u64), Vec<SpoolId>>;

async fn known(queue: &impl Queue) -> Result<Known, Failure> {
    let all = Filters { to: None, from: None, account: None, older: None, state: None };
    let mut known = Known::new();
    for message in matching(&all, queue).await? {
        let id = read_id(&message.id)?;
        known.entry((message.session, message.received)).or_default().push(id);
    }
    Ok(known)
}

async fn take(
    file: &Path,
    queue: &impl Queue,
    (known, by): (&Known, &str),
) -> Result<(SpoolId, Was), ControlError> {
    let failed = |cause: io::Error| ControlError(cause.to_string());
    let mut head = Vec::new();
    let mut opened = BufReader::new(File::open(file).map_err(failed)?);
    io::BufRead::read_until(&mut io::Read::take(&mut opened, LONGEST_HEAD), b'\n', &mut head)
        .map_err(failed)?;
    // What is wrong with it is told by whoever reads all of it.
    let key = serde_json::from_slice::<Parcel>(&head).ok().map(|parcel| (parcel.session, parcel.received));
    let same = key.and_then(|key| known.get(&key)).map_or(&[][..], Vec::as_slice);
    queue.import(&mut File::open(file).map_err(failed)?, same, by).await
}

fn at(path: &Path, cause: &io::Error) -> Failure {
    Failure::no(format!("{}: {cause}", path.display()))
}
