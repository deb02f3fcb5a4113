//! `gatepost account device`: passwords for printers and programs.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};
use gatepost_directory::{Device, NewDevice, SendsAs};
use gatepost_mail::{Network, Timestamp};
use gatepost_sasl::{Mechanism, Secret};
use serde_json::{Value, json};

use super::Desk;
use super::arguments::{Expires, mechanism, network};
use super::show::{last_use, last_use_json, list};
use crate::cli::console::{Console, Format};
use crate::cli::failure::{Failure, Outcome, Status};

/// A device logs in as LOCAL%LABEL@DOMAIN by any mechanism, or with the account's address by PLAIN and LOGIN.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost account device add ada@example.org printer --network 10.0.7.0/24 --sender scans@example.org
  gatepost account device add ada@example.org old-camera --mechanism cram-md5 --allow cram-md5
  gatepost account device list ada@example.org
  gatepost account device revoke ada@example.org printer")]
pub struct DeviceArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: DeviceCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Add a device, and show its password: this once, and never again.
    Add(AddArguments),
    /// List an account's devices, with the last login of each.
    List {
        /// The account's address.
        address: String,
    },
    /// Take a device's password from it. Nothing else changes.
    Revoke {
        /// The account's address.
        address: String,
        /// The device's name.
        label: String,
    },
}

/// A device to be added.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// The account's address.
    pub address: String,
    /// The device's name: a-z, 0-9, dot, hyphen and underscore.
    pub label: String,
    /// When it ends: after a while, or with a day (UTC).
    #[arg(long, value_name = "90d|DATE")]
    pub expires: Option<Expires>,
    /// From where it may log in [default: anywhere].
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub network: Vec<Network>,
    /// What it may send as: an address, or *@DOMAIN [default: whatever the account may].
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Vec<SendsAs>,
    /// How many messages it may send in a day.
    #[arg(long, value_name = "N")]
    pub messages_per_day: Option<NonZeroU32>,
    /// By which mechanisms it may log in [default: all that are offered].
    #[arg(long, value_name = "MECHANISM", value_parser = mechanism)]
    pub mechanism: Vec<Mechanism>,
    /// Allow a mechanism that needs the password kept: cram-md5, digest-md5, ntlm.
    #[arg(long, value_name = "MECHANISM", value_parser = mechanism)]
    pub allow: Vec<Mechanism>,
}

pub(super) fn run(desk: &Desk, arguments: &DeviceArguments, console: &mut Console<'_>) -> Outcome {
    match &arguments.command {
        DeviceCommand::Add(add) => self::add(desk, add, console),
        DeviceCommand::List { address } => {
            let devices = desk.directory.devices(address)?;
            let now = gatepost_mta::event::now();
            match console.format {
                Format::Machines => {
                    let account = desk.directory.show(address)?;
                    let all = devices.iter().map(|device| as_json(account.name(), device, now));
                    console.json(&all.collect::<Value>())?;
                }
                Format::People if devices.is_empty() => console.line("there are no devices")?,
                Format::People => table(&devices, now, console)?,
            }
            Ok(Status::Done)
        }
        DeviceCommand::Revoke { address, label } => {
            desk.directory.revoke_device(address, label)?;
            match console.format {
                Format::People => console.line(format!("{label} can no longer log in"))?,
                Format::Machines => console.json(&json!({ "label": label, "state": "revoked" }))?,
            }
            Ok(Status::Done)
        }
    }
}

fn add(desk: &Desk, add: &AddArguments, console: &mut Console<'_>) -> Outcome {
    let now = gatepost_mta::event::now();
    let expires = add.expires.map(|expires| expires.moment(now));
    if expires.is_some_and(|expires| expires <= now) {
        return Err(Failure::usage("that day is over"));
    }
    let device = Device {
        expires,
        networks: add.network.clone(),
        senders: add.sender.clone(),
        messages_per_day: add.messages_per_day,
        mechanisms: add.mechanism.clone(),
        ..Device::new(&add.label, now)
    };
    let new = NewDevice { device, allow: add.allow.clone(), realm: Some(desk.realm()) };
    let password = desk.directory.add_device(&add.address, &new)?;
    let account = desk.directory.show(&add.address)?;
    let login = new.device.login_name(account.name());
    let password = shown(&password);
    match console.format {
        Format::Machines => {
            console.json(&json!({ "login": login, "account": account.name(), "password": password }))?;
        }
        Format::People => {
            console.line(format!("login     {login}"))?;
            console.line(format!("password  {password}"))?;
            console.line(
                "The password is not shown again. PLAIN and LOGIN take the account's address as well.",
            )?;
        }
    }
    Ok(Status::Done)
}

/// The one place where a secret is shown: whoever asked for it must type it into something.
pub(super) fn shown(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}

fn state(device: &Device, now: Timestamp) -> &'static str {
    if device.has_expired(now) { "expired" } else { "active" }
}

pub(super) fn table(devices: &[Device], now: Timestamp, console: &mut Console<'_>) -> std::io::Result<()> {
    let title = ["DEVICE", "STATE", "EXPIRES", "MAY", "LAST USE"].map(str::to_owned).to_vec();
    let mut rows = vec![title];
    rows.extend(devices.iter().map(|device| {
        vec![
            device.label.clone(),
            state(device, now).to_owned(),
            device.expires.map_or_else(|| "never".to_owned(), |end| end.to_string()),
            bounds(device),
            device.last_use.as_ref().map_or_else(|| "never".to_owned(), last_use),
        ]
    }));
    console.table(&rows)
}

/// As in `from 10.0.7.0/24; as scans@example.org; 50 messages a day; by LOGIN`.
fn bounds(device: &Device) -> String {
    let mut all = Vec::new();
    let mut say = |word: &str, list: Vec<String>| {
        if !list.is_empty() {
            all.push(format!("{word} {}", list.join(", ")));
        }
    };
    say("from", device.networks.iter().map(ToString::to_string).collect());
    say("as", device.senders.iter().map(ToString::to_string).collect());
    say("by", device.mechanisms.iter().map(|one| one.name().to_owned()).collect());
    if let Some(most) = device.messages_per_day {
        all.push(format!("{most} messages a day"));
    }
    if all.is_empty() { "whatever the account may".to_owned() } else { all.join("; ") }
}

pub(super) fn as_json(account: &str, device: &Device, now: Timestamp) -> Value {
    json!({
        "label": device.label,
        "login": device.login_name(account),
        "state": state(device, now),
        "created": device.created.to_string(),
        "expires": device.expires.map(|end| end.to_string()),
        "networks": device.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "senders": device.senders.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "messages-per-day": device.messages_per_day,
        "mechanisms": list(&device.mechanisms),
        "last-use": last_use_json(device.last_use),
    })
}
