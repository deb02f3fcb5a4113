//! `gatepost account`: the accounts of the embedded directory. A running server sees every change at once.

pub mod certificate;
pub mod device;
pub mod import;
pub mod oauth_one;

mod arguments;
mod show;

use std::path::Path;

use clap::{Args, Subcommand};
use gatepost_directory::{Account, AccountError, Embedded, NewAccount, PasswordChange, SendsAs};
use gatepost_sasl::{Mechanism, Secret, Strength};
use serde_json::{Value, json};

use self::arguments::{OnlyBy, mechanism};
use self::show::as_json;
use super::console::{Console, Format};
use super::failure::{Failure, Outcome, Status};
use super::password::{self, From};
use super::place;
use crate::config::Configuration;

/// An account logs in with its address, and receives mail at it if the domain is ours.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost account add ada@example.org
  printf 'correct horse' | gatepost account add scanner@example.org --password-stdin --allow cram-md5
  gatepost account add shop@example.org --sends-as orders@example.org --sends-as '*@shop.example'
  gatepost account device add ada@example.org printer --expires 365d --network 10.0.7.0/24
  gatepost account import users.passwd --format dovecot --dry-run
  gatepost account only-by boss@example.org external scram-sha-256-plus
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
    /// Show one account: what it may do, which mechanisms work for it, and for each other one why not.
    Show {
        /// Its address, or the login name of one of its devices.
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
    /// Add accounts that another program has, with the hashes of their passwords.
    ///
    /// After the next login by PLAIN or LOGIN, our own hash and the verifiers of SCRAM take the place of an
    /// imported one. Accounts that are there already are left as they are.
    Import(import::ImportArguments),
    /// Passwords of devices: one for each printer or program, which may do less than the account.
    Device(device::DeviceArguments),
    /// Keys of OAuth 1, for OAUTH10A.
    #[command(name = "oauth1")]
    OauthOne(oauth_one::OauthOneArguments),
    /// TLS client certificates, for EXTERNAL.
    Certificate(certificate::CertificateArguments),
    /// Let an account log in by these mechanisms only; its devices have lists of their own.
    OnlyBy {
        /// Its address.
        address: String,
        /// The mechanisms, or `any`.
        #[arg(value_name = "MECHANISM|any", required = true)]
        mechanisms: Vec<OnlyBy>,
    },
    /// Forget that an account has bound its logins to the TLS channel, so that weaker ways are open to it again.
    RatchetReset {
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
    /// Allow a mechanism that needs the password kept, or what is as good as it, sealed with a key file:
    /// cram-md5, digest-md5, ntlm.
    #[arg(long, value_name = "MECHANISM", value_parser = mechanism)]
    pub allow: Vec<Mechanism>,
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
    let configuration = place::load(config)?.configuration;
    let desk = Desk { directory: place::accounts(&configuration)?, configuration };
    let directory = &desk.directory;
    match &arguments.command {
        AccountCommand::Add { address, password, sends_as } => {
            let mut new = NewAccount::new(address, password.read()?, gatepost_mta::event::now());
            new.allow.clone_from(&password.allow);
            new.realm = Some(desk.realm());
            new.sends_as.clone_from(sends_as);
            let account = directory.add(&new)?;
            done(console, &account, "added")
        }
        AccountCommand::Passwd { address, password } => passwd(&desk, (address, password), console),
        AccountCommand::List => list(directory, console),
        AccountCommand::Show { address } => show::run(&desk, address, console),
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
        AccountCommand::Import(import) => import::run(&desk, import, console),
        AccountCommand::Device(device) => device::run(&desk, device, console),
        AccountCommand::OauthOne(oauth) => oauth_one::run(&desk, oauth, console),
        AccountCommand::Certificate(certificate) => certificate::run(&desk, certificate, console),
        AccountCommand::OnlyBy { address, mechanisms } => {
            directory.set_only_by(address, &OnlyBy::all(mechanisms)?)?;
            let account = directory.show(address)?;
            let what = match account.only_by() {
                [] => "may log in by any mechanism that is offered".to_owned(),
                some => format!("may log in by {} only", names(some.iter())),
            };
            done(console, &account, &what)
        }
        AccountCommand::RatchetReset { address } => ratchet_reset(directory, address, console),
    }
}

/// The account may be one of another source: what is remembered of it is here.
fn ratchet_reset(directory: &Embedded, address: &str, console: &mut Console<'_>) -> Outcome {
    let forgotten = directory.reset_ratchet(address)?;
    if forgotten == 0 {
        directory.show(address)?;
    }
    match console.format {
        Format::People => console.line(format!("{address} may log in without channel binding again"))?,
        Format::Machines => console.json(&json!({ "address": address, "forgotten": forgotten }))?,
    }
    Ok(Status::Done)
}

/// What the commands work with.
struct Desk {
    directory: Embedded,
    configuration: Configuration,
}

impl Desk {
    /// The realm that DIGEST-MD5 is offered with.
    fn realm(&self) -> String {
        self.configuration.settings.rules.auth.realm.clone()
    }

    /// The mechanisms that are offered, to anybody.
    fn offered(&self) -> &[Mechanism] {
        &self.configuration.settings.rules.auth.mechanisms
    }
}

fn passwd(
    desk: &Desk,
    (address, password): (&str, &PasswordArguments),
    console: &mut Console<'_>,
) -> Outcome {
    // Nobody types a new password twice to hear then that there is no such account.
    desk.directory.show(address)?;
    let change = PasswordChange {
        allow: (!password.allow.is_empty()).then(|| password.allow.clone()),
        password: password.read()?,
        realm: Some(desk.realm()),
        changed: gatepost_mta::event::now(),
    };
    desk.directory.set_password(address, &change)?;
    done(console, &desk.directory.show(address)?, "has a new password")
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
            names(account.mechanisms().iter().filter(|it| it.strength() == Strength::Challenge)),
        ]
    }));
    console.table(&rows)?;
    Ok(Status::Done)
}

fn joined(all: &[SendsAs]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn names<'a>(mechanisms: impl Iterator<Item = &'a Mechanism>) -> String {
    mechanisms.map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(", ")
}
