//! `gatepost account import`: accounts of other programs.

mod passwd;
mod sasldb;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gatepost_directory::{AccountError, ImportRun, Imported, ImportedAccount, ImportedForm, NotTaken};
use gatepost_mail::Domain;
use gatepost_sasl::{Mechanism, Secret};
use serde_json::{Value, json};

use super::Desk;
use super::arguments::mechanism;
use crate::cli::console::{Console, Format, counted};
use crate::cli::failure::{Failure, Outcome, Status};

/// The largest file that is read, in octets: some hundred thousand accounts.
const FILE_OCTETS_MOST: u64 = 64 * 1024 * 1024;

/// What to import.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost account import /etc/dovecot/users --format dovecot --domain example.org --dry-run
  gatepost account import .htpasswd --format htpasswd --domain example.org
  db5.3_dump -p /etc/sasldb2 > dump && gatepost account import dump --format sasldb --domain example.org")]
pub struct ImportArguments {
    /// The file.
    pub file: PathBuf,
    /// What wrote it.
    #[arg(long)]
    pub format: FileFormat,
    /// The domain of the names that have none; in a sasldb, of all, whatever their realm.
    #[arg(long, value_parser = domain)]
    pub domain: Option<Domain>,
    /// Allow a weak mechanism to those whose password itself is in the file: cram-md5, digest-md5, ntlm.
    #[arg(long, value_name = "MECHANISM", value_parser = mechanism)]
    pub allow: Vec<Mechanism>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What wrote a file of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// A passwd-file: user:{SCHEME}hash:uid:gid:gecos:home:shell:extra.
    Dovecot,
    /// Apache's: user:hash.
    Htpasswd,
    /// What `db5.3_dump -p` or `db_dump -p` makes of Cyrus SASL's sasldb2.
    Sasldb,
}

fn domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).map_err(|error| error.to_string())
}

/// One account of a file.
struct Entry {
    /// Of the file; the first is 1.
    line: usize,
    name: String,
    stored: Result<Secret, Unusable>,
    /// What of it has no place here.
    note: Option<String>,
}

/// Why there is nothing to import in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unusable {
    /// As its owner wanted it.
    Skipped(&'static str),
    /// It has not the file's form.
    Broken(&'static str),
}

/// What became of one line.
enum Fate {
    Imported(Imported),
    Skipped(String),
    Failed(String),
}

impl Fate {
    fn word(&self) -> &'static str {
        match self {
            Self::Imported(_) => "imported",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Skipped(why) | Self::Failed(why) => why.clone(),
            Self::Imported(imported) => match imported.form {
                ImportedForm::Whole => format!("{}: all verifiers were made", imported.scheme),
                ImportedForm::Hash => {
                    format!("{}: for PLAIN and LOGIN; the next of these makes the rest", imported.scheme)
                }
                ImportedForm::Verifier(mechanism) => {
                    format!("{}: for {}, PLAIN and LOGIN", imported.scheme, mechanism.name())
                }
            },
        }
    }
}

pub(super) fn run(desk: &Desk, arguments: &ImportArguments, console: &mut Console<'_>) -> Outcome {
    let octets = read(&arguments.file)?;
    let text = std::str::from_utf8(octets.expose())
        .map_err(|_| Failure::no(format!("{} is not UTF-8", arguments.file.display())))?;
    let entries = match arguments.format {
        FileFormat::Dovecot => passwd::dovecot(text),
        FileFormat::Htpasswd => passwd::htpasswd(text),
        FileFormat::Sasldb => sasldb::entries(text, arguments.domain.as_ref()).map_err(Failure::no)?,
    };
    let fates: Vec<(Entry, Fate)> = entries
        .into_iter()
        .map(|entry| {
            let fate = import(desk, arguments, &entry);
            (entry, fate)
        })
        .collect();
    tell(arguments, &fates, console)?;
    let failed = fates.iter().any(|(_, fate)| matches!(fate, Fate::Failed(_)));
    Ok(if failed { Status::No } else { Status::Done })
}

/// The whole file, which may hold passwords, in a buffer that never grows.
fn read(path: &Path) -> Result<Secret, Failure> {
    let told = |cause: std::io::Error| Failure::no(format!("{}: {cause}", path.display()));
    let mut file = File::open(path).map_err(told)?;
    let length = file.metadata().map_err(told)?.len();
    if length > FILE_OCTETS_MOST {
        return Err(Failure::no(format!("{} is larger than 64 MiB; cut it", path.display())));
    }
    let mut octets = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1));
    (&mut file).take(FILE_OCTETS_MOST).read_to_end(&mut octets).map_err(told)?;
    Ok(Secret::new(octets))
}

fn import(desk: &Desk, arguments: &ImportArguments, entry: &Entry) -> Fate {
    let stored = match &entry.stored {
        Ok(stored) => stored.clone(),
        Err(Unusable::Skipped(why)) => return Fate::Skipped((*why).to_owned()),
        Err(Unusable::Broken(why)) => return Fate::Failed((*why).to_owned()),
    };
    let name = match (entry.name.contains('@'), &arguments.domain) {
        (true, _) => entry.name.clone(),
        (false, Some(domain)) => format!("{}@{}", entry.name, domain.ascii()),
        (false, None) => return Fate::Failed("the name has no domain: give it one with --domain".to_owned()),
    };
    let new = ImportedAccount {
        name,
        stored,
        allow: arguments.allow.clone(),
        realm: Some(desk.realm()),
        created: gatepost_mta::event::now(),
    };
    let run = if arguments.dry_run { ImportRun::Try } else { ImportRun::Write };
    match desk.directory.import(&new, run) {
        Ok(imported) => Fate::Imported(imported),
        Err(AccountError::Exists(name)) => Fate::Skipped(format!("{name} is there already")),
        Err(AccountError::NotTaken(why @ NotTaken::SwitchedOff)) => Fate::Skipped(why.to_string()),
        Err(error) => Fate::Failed(error.to_string()),
    }
}

fn tell(
    arguments: &ImportArguments,
    fates: &[(Entry, Fate)],
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let count = |word| fates.iter().filter(|(_, fate)| fate.word() == word).count();
    let [imported, skipped, failed] = ["imported", "skipped", "failed"].map(count);
    if console.format == Format::Machines {
        let lines: Vec<Value> = fates.iter().map(|(entry, fate)| as_json(entry, fate)).collect();
        console.json(&json!({
            "dry-run": arguments.dry_run,
            "imported": imported,
            "skipped": skipped,
            "failed": failed,
            "lines": lines,
        }))?;
        return Ok(());
    }
    for (entry, fate) in fates {
        let note = entry.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        console.line(format!(
            "line {}: {} {}: {}{note}",
            entry.line,
            entry.name,
            fate.word(),
            fate.text()
        ))?;
    }
    let verb = if arguments.dry_run { "would be imported" } else { "imported" };
    console.line(format!("{} {verb}, {skipped} skipped, {failed} failed", counted(imported, "account")))?;
    Ok(())
}

fn as_json(entry: &Entry, fate: &Fate) -> Value {
    let (address, scheme) = match fate {
        Fate::Imported(imported) => (Some(&imported.account), Some(&imported.scheme)),
        Fate::Skipped(_) | Fate::Failed(_) => (None, None),
    };
    json!({
        "line": entry.line,
        "name": entry.name,
        "outcome": fate.word(),
        "address": address,
        "scheme": scheme,
        "why": fate.text(),
        "note": entry.note,
    })
}
