//! `gatepost account oauth1`: keys of OAuth 1 (RFC 5849), for OAUTH10A.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Desk;
use super::device::shown;
use crate::cli::console::{Console, Format};
use crate::cli::failure::{Outcome, Status};

/// A program signs its logins with two secrets; neither crosses the wire.
#[derive(Debug, Args)]
pub struct OauthOneArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: OauthOneCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum OauthOneCommand {
    /// Make keys for a program, and show them: this once, and never again.
    Add {
        /// The account's address.
        address: String,
        /// The program's name: a-z, 0-9, dot, hyphen and underscore.
        #[arg(default_value = "default")]
        label: String,
    },
    /// List an account's keys, without their secrets.
    List {
        /// The account's address.
        address: String,
    },
    /// Take a program's keys from it.
    Revoke {
        /// The account's address.
        address: String,
        /// The program's name.
        label: String,
    },
}

pub(super) fn run(desk: &Desk, arguments: &OauthOneArguments, console: &mut Console<'_>) -> Outcome {
    match &arguments.command {
        OauthOneCommand::Add { address, label } => add(desk, (address, label), console),
        OauthOneCommand::List { address } => list(desk, address, console),
        OauthOneCommand::Revoke { address, label } => {
            desk.directory.revoke_oauth_one(address, label)?;
            match console.format {
                Format::People => console.line(format!("{label} can no longer log in"))?,
                Format::Machines => console.json(&json!({ "label": label, "state": "revoked" }))?,
            }
            Ok(Status::Done)
        }
    }
}

fn add(desk: &Desk, (address, label): (&str, &str), console: &mut Console<'_>) -> Outcome {
    let keys = desk.directory.add_oauth_one(address, label, gatepost_mta::event::now())?;
    let (consumer_secret, token_secret) = (shown(&keys.consumer_secret), shown(&keys.token_secret));
    if console.format == Format::Machines {
        console.json(&json!({
            "account": keys.user,
            "label": label,
            "consumer-key": keys.consumer,
            "consumer-secret": consumer_secret,
            "token": keys.token,
            "token-secret": token_secret,
        }))?;
        return Ok(Status::Done);
    }
    for (name, value) in [
        ("consumer key", &keys.consumer),
        ("consumer secret", &consumer_secret),
        ("token", &keys.token),
        ("token secret", &token_secret),
    ] {
        console.line(format!("{name:15}  {value}"))?;
    }
    console.line("The secrets are not shown again.")?;
    Ok(Status::Done)
}

fn list(desk: &Desk, address: &str, console: &mut Console<'_>) -> Outcome {
    let all = desk.directory.oauth_one_labels(address)?;
    match console.format {
        Format::Machines => {
            let each = all.iter().map(|one| {
                json!({
                    "label": one.label,
                    "consumer-key": one.consumer,
                    "token": one.token,
                    "created": one.created.to_string(),
                })
            });
            console.json(&each.collect::<Value>())?;
        }
        Format::People if all.is_empty() => console.line("there are no OAuth 1 keys")?,
        Format::People => {
            let mut rows = vec![["LABEL", "CONSUMER KEY", "TOKEN", "ADDED"].map(str::to_owned).to_vec()];
            rows.extend(
                all.into_iter().map(|one| vec![one.label, one.consumer, one.token, one.created.to_string()]),
            );
            console.table(&rows)?;
        }
    }
    Ok(Status::Done)
}
