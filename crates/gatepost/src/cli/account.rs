//! `gatepost account`: the accounts of the embedded directory. A running server sees every change at once.

use std::path::Path;

use clap::{Args, Subcommand};
use gatepost_directory::{Account, AccountError, Embedded, NewAccount, PasswordChange, SendsAs};
use gatepost_sasl::{Mechanism, Secret};
use serde_json::{Value, json};

use super::console::{Console, Format};
use super::failure::{Failure, Outcome, Status};
use super::password::{self, From};
use super::place;

/// An account logs in with its address, and receives mail at it if the domain is ours.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost account add ada@example.org
  printf 'correct horse' | gatepost account add scanner@example.org --password-stdin --allow cram-md5
  gatepost account add shop@example.org --sends-as orders@example.org --sends-as '*@shop.example'
  gatepost --json account list | jq -r '.[].address'")]
pub struct AccountArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: AccountCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account.
    Add {
        /// Its address, with which it logs in.
        address: String,
        /// How its password is given and may be used.
        #[command(flatten)]
        password: PasswordArguments,
        /// What it may send as beside its own address: an address, or *@DOMAIN.
        #[arg(long, value_name = "ADDRESS")]
        sends_as: Vec<SendsAs>,
    },
    /// Set an account's password. The old one is worth nothing from then on.
    Passwd {
        /// Its address.
        address: String,
        /// How its password is given and may be used.
        #[command(flatten)]
        password: PasswordArguments,
    },
    /// List all accounts.
    List,
    /// Show one account.
    Show {
        /// Its address.
        address: String,
    },
    /// Let an account neither log in nor send; its mail still arrives.
    Suspend {
        /// Its address.
        address: String,
    },
    /// Let a suspended account log in and send again.
    Resume {
        /// Its address.
        address: String,
    },
    /// Forget an account. Mail that was delivered stays where it is.
    Remove {
        /// Its address.
        address: String,
    },
}

/// How a password is given, and for which mechanisms it may be used.
#[derive(Debug, Args)]
pub struct PasswordArguments {
    /// Read the password from the first line of standard input instead of asking at the terminal.
    #[arg(long)]
    pub password_stdin: bool,
    /// Allow a mechanism that needs the password itself to be kept (sealed with a key file): cram-md5.
    #[arg(long, value_name = "MECHANISM", value_parser = mechanism)]
    pub allow: Vec<Mechanism>,
}

fn mechanism(name: &str) -> Result<Mechanism, String> {
    Mechanism::from_name(name)
        .ok_or_else(|| "not a mechanism that is known; CRAM-MD5 is what can be allowed".into())
}

impl PasswordArguments {
    fn read(&self) -> Result<Secret, Failure> {
        let from = if self.password_stdin { From::StandardInput } else { From::TerminalTwice };
        password::read(from)
    }
}

impl std::convert::From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        Self::no(error)
    }
}

pub(super) fn run(arguments: &AccountArguments, config: Option<&Path>, console: &mut Console<'_>) -> Outcome {
    let directory = place::accounts(&place::load(config)?.configuration)?;
    match &arguments.command {
        AccountCommand::Add { address, password, sends_as } => {
            let secret = password.read()?;
            let mut new = NewAccount::new(address, secret, gatepost_mta::event::now());
            new.allow.clone_from(&password.allow);
            new.sends_as.clone_from(sends_as);
            let account = directory.add(&new)?;
            done(console, &account, "added")
        }
        AccountCommand::Passwd { address, password } => {
            // Nobody types a new password twice to hear then that there is no such account.
            directory.show(address)?;
            let allow = (!password.allow.is_empty()).then(|| password.allow.clone());
            let secret = password.read()?;
            let changed = gatepost_mta::event::now();
            directory.set_password(address, &PasswordChange { password: secret, allow, changed })?;
            done(console, &directory.show(address)?, "has a new password")
        }
        AccountCommand::List => list(&directory, console),
        AccountCommand::Show { address } => show(&directory.show(address)?, console),
        AccountCommand::Suspend { address } => {
            directory.suspend(address)?;
            done(console, &directory.show(address)?, "is suspended")
        }
        AccountCommand::Resume { address } => {
            directory.resume(address)?;
            done(console, &directory.show(address)?, "may log in again")
        }
        AccountCommand::Remove { address } => {
            let account = directory.show(address)?;
            directory.remove(address)?;
            done(console, &account, "removed")
        }
    }
}

fn done(console: &mut Console<'_>, account: &Account, what: &str) -> Outcome {
    match console.format {
        Format::People => console.line(format!("{} {what}", account.name()))?,
        Format::Machines => console.json(&as_json(account))?,
    }
    Ok(Status::Done)
}

fn list(directory: &Embedded, console: &mut Console<'_>) -> Outcome {
    let accounts = directory.list()?;
    if console.format == Format::Machines {
        console.json(&accounts.iter().map(as_json).collect::<Value>())?;
        return Ok(Status::Done);
    }
    if accounts.is_empty() {
        console.line("there are no accounts; `gatepost account add ADDRESS` adds one")?;
        return Ok(Status::Done);
    }
    let title = ["ADDRESS", "STATE", "SENDS ALSO AS", "WEAK MECHANISMS"].map(str::to_owned).to_vec();
    let mut rows = vec![title];
    rows.extend(accounts.iter().map(|account| {
        vec![
            account.name().to_owned(),
            account.state().to_string(),
            joined(account.sends_as()),
            names(
                account.mechanisms().iter().filter(|it| it.strength() == gatepost_sasl::Strength::Challenge),
            ),
        ]
    }));
    console.table(&rows)?;
    Ok(Status::Done)
}

fn show(account: &Account, console: &mut Console<'_>) -> Outcome {
    if console.format == Format::Machines {
        console.json(&as_json(account))?;
        return Ok(Status::Done);
    }
    let mut sends_as = vec![account.name().to_owned()];
    sends_as.extend(account.sends_as().iter().map(ToString::to_string));
    for (name, value) in [
        ("address", account.name().to_owned()),
        ("state", account.state().to_string()),
        ("sends as", sends_as.join(", ")),
        ("mechanisms", names(account.mechanisms().iter())),
        ("added", account.created().to_string()),
        ("password set", account.password_changed().to_string()),
    ] {
        console.line(format!("{name:12}  {value}"))?;
    }
    Ok(Status::Done)
}

fn as_json(account: &Account) -> Value {
    json!({
        "address": account.name(),
        "state": account.state().as_str(),
        "sends-as": account.sends_as().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "mechanisms": account.mechanisms().iter().map(|it| it.name()).collect::<Vec<_>>(),
        "created": account.created().to_string(),
        "password-changed": account.password_changed().to_string(),
    })
}

fn joined(all: &[SendsAs]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn names<'a>(mechanisms: impl Iterator<Item = &'a Mechanism>) -> String {
    mechanisms.map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(", ")
}
