//! `gatepost account show`: what an account may do, which mechanisms work for it, and why not the others.

use gatepost_directory::{Account, AccountState, Device, LastUse};
use gatepost_mail::Timestamp;
use gatepost_sasl::{Mechanism, Strength};
use serde_json::{Value, json};

use super::{Desk, device, names};
use crate::cli::console::{Console, Format};
use crate::cli::failure::{Outcome, Status};

/// Why a mechanism does not work for an account, or that it does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Works,
    /// Neither does any other.
    Suspended,
    /// `auth.mechanisms` leaves it out.
    NotOffered,
    /// The account is restricted to others.
    NotAllowed,
    /// Devices prove a password, and nothing else.
    NotForDevices,
    /// There is nothing to hold the proof against; this makes it.
    Missing {
        what: &'static str,
        mend: String,
    },
    /// It proves something that another kind of source knows.
    OtherSource {
        kind: &'static str,
    },
}

impl Standing {
    fn of(mechanism: Mechanism, account: &Account, offered: &[Mechanism]) -> Self {
        if account.state() == AccountState::Suspended {
            return Self::Suspended;
        }
        if !offered.contains(&mechanism) {
            return Self::NotOffered;
        }
        if !account.only_by().is_empty() && !account.only_by().contains(&mechanism) {
            return Self::NotAllowed;
        }
        if account.mechanisms().contains(&mechanism) {
            Self::Works
        } else {
            Self::missing(mechanism, account)
        }
    }

    fn missing(mechanism: Mechanism, account: &Account) -> Self {
        if let Some(device) = account.device() {
            let again = format!("gatepost account device revoke {} {}", account.name(), device.label);
            let mend = format!("{again}, and add it again with --allow {}", mechanism.name().to_lowercase());
            return match mechanism.strength() {
                Strength::Challenge => Self::Missing { what: "the device has not opted in to it", mend },
                Strength::Revealing | Strength::Token | Strength::Proof | Strength::BoundProof => {
                    Self::NotForDevices
                }
            };
        }
        let address = account.name();
        let passwd = |allow: &str| format!("gatepost account passwd {address}{allow}");
        let opt_in = |what, allow: &str| Self::Missing { what, mend: passwd(&format!(" --allow {allow}")) };
        match mechanism {
            Mechanism::Login | Mechanism::Plain => {
                Self::Missing { what: "no password is set", mend: passwd("") }
            }
            Mechanism::ScramSha1
            | Mechanism::ScramSha256
            | Mechanism::ScramSha512
            | Mechanism::ScramSha1Plus
            | Mechanism::ScramSha256Plus
            | Mechanism::ScramSha512Plus => Self::Missing {
                what: "no verifier yet; the next login by PLAIN or LOGIN makes it",
                mend: passwd(""),
            },
            Mechanism::CramMd5 | Mechanism::Md5 => opt_in("the password is not kept", "cram-md5"),
            Mechanism::DigestMd5 => opt_in("no digest is kept", "digest-md5"),
            Mechanism::Ntlm => opt_in("no NT hash is kept", "ntlm"),
            Mechanism::Oauth10a => Self::Missing {
                what: "no OAuth 1 key",
                mend: format!("gatepost account oauth1 add {address}"),
            },
            Mechanism::External => Self::Missing {
                what: "no certificate",
                mend: format!("gatepost account certificate add {address} FILE.pem"),
            },
            Mechanism::Xoauth2 | Mechanism::Oauthbearer => Self::OtherSource { kind: "oauth" },
            Mechanism::Gssapi => Self::OtherSource { kind: "kerberos" },
        }
    }

    /// Stable, for machines.
    fn reason(&self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Suspended => "suspended",
            Self::NotOffered => "not-offered",
            Self::NotAllowed => "not-allowed",
            Self::NotForDevices => "not-for-devices",
            Self::Missing { .. } => "missing",
            Self::OtherSource { .. } => "other-source",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Works => "works".to_owned(),
            Self::Suspended => "the account is suspended".to_owned(),
            Self::NotOffered => "not offered: auth.mechanisms leaves it out".to_owned(),
            Self::NotAllowed => "restricted to others".to_owned(),
            Self::NotForDevices => "devices log in by password only".to_owned(),
            Self::Missing { what, .. } => (*what).to_owned(),
            Self::OtherSource { kind } => format!("works if a source of kind {kind} knows the account"),
        }
    }

    fn mend(&self, account: &Account) -> Option<String> {
        let address = account.name();
        match self {
            Self::Suspended => Some(format!("gatepost account resume {address}")),
            // A device's list is made with it.
            Self::NotAllowed if account.device().is_some() => None,
            Self::NotAllowed => Some(format!("gatepost account only-by {address} any")),
            Self::Missing { mend, .. } => Some(mend.clone()),
            Self::Works | Self::NotOffered | Self::NotForDevices | Self::OtherSource { .. } => None,
        }
    }
}

fn standings(account: &Account, offered: &[Mechanism]) -> Vec<(Mechanism, Standing)> {
    // "MD5" is a name of ours for CRAM-MD5: of interest to those only who have asked for it.
    let all = Mechanism::ALL.into_iter().filter(|one| *one != Mechanism::Md5 || offered.contains(one));
    all.map(|mechanism| (mechanism, Standing::of(mechanism, account, offered))).collect()
}

pub(super) fn run(desk: &Desk, address: &str, console: &mut Console<'_>) -> Outcome {
    let account = desk.directory.show(address)?;
    let mut devices = desk.directory.devices(account.name())?;
    if let Some(device) = account.device() {
        devices.retain(|one| one.label == device.label);
    }
    let standings = standings(&account, desk.offered());
    let now = gatepost_mta::event::now();
    if console.format == Format::Machines {
        console.json(&whole(&account, &devices, (&standings, now)))?;
        return Ok(Status::Done);
    }
    for (name, value) in lines(&account) {
        console.line(format!("{name:12}  {value}"))?;
    }
    console.line("")?;
    let row = |cells: [String; 3]| cells.to_vec();
    let mut rows = vec![row(["MECHANISM", "", "MEND"].map(str::to_owned))];
    rows.extend(standings.iter().map(|(mechanism, standing)| {
        let mend = standing.mend(&account).unwrap_or_default();
        row([mechanism.name().to_owned(), standing.text(), mend])
    }));
    console.table(&rows)?;
    if !devices.is_empty() {
        console.line("")?;
        device::table(&devices, now, console)?;
    }
    Ok(Status::Done)
}

fn lines(account: &Account) -> Vec<(&'static str, String)> {
    let mut sends_as = vec![account.name().to_owned()];
    sends_as.extend(account.sends_as().iter().map(ToString::to_string));
    let only_by = match account.only_by() {
        [] => "any mechanism".to_owned(),
        some => names(some.iter()),
    };
    let ratchet = account.bound_since().map_or_else(
        || "no login was bound to its channel".to_owned(),
        |since| format!("bound to the channel since {since}"),
    );
    let address = account.device().map_or_else(
        || account.name().to_owned(),
        |device| format!("{} (a device of {})", device.login_name(account.name()), account.name()),
    );
    vec![
        ("address", address),
        ("state", account.state().to_string()),
        ("sends as", sends_as.join(", ")),
        ("only by", only_by),
        ("ratchet", ratchet),
        ("last use", account.last_use().as_ref().map_or_else(|| "never".to_owned(), last_use)),
        ("added", account.created().to_string()),
        ("password set", account.password_changed().to_string()),
    ]
}

/// For people.
pub(super) fn last_use(last: &LastUse) -> String {
    format!("{} from {} by {}", last.at, last.network, last.mechanism.name())
}

pub(super) fn last_use_json(last: Option<LastUse>) -> Value {
    last.map_or(Value::Null, |last| {
        json!({
            "at": last.at.to_string(),
            "network": last.network.to_string(),
            "mechanism": last.mechanism.name(),
        })
    })
}

/// What each command about an account prints of it for machines. `mechanisms` are those that there is a verifier for.
pub(super) fn as_json(account: &Account) -> Value {
    json!({
        "address": account.name(),
        "device": account.device().map(|device| &device.label),
        "state": account.state().as_str(),
        "sends-as": account.sends_as().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "mechanisms": list(account.mechanisms()),
        "only-by": list(account.only_by()),
        "bound-since": account.bound_since().map(|since| since.to_string()),
        "last-use": last_use_json(account.last_use()),
        "created": account.created().to_string(),
        "password-changed": account.password_changed().to_string(),
    })
}

pub(super) fn list(mechanisms: &[Mechanism]) -> Vec<&'static str> {
    mechanisms.iter().map(|one| one.name()).collect()
}

fn whole(
    account: &Account,
    devices: &[Device],
    (standings, now): (&[(Mechanism, Standing)], Timestamp),
) -> Value {
    let standing = |(mechanism, standing): &(Mechanism, Standing)| {
        json!({
            "mechanism": mechanism.name(),
            "works": *standing == Standing::Works,
            "reason": standing.reason(),
            "why": standing.text(),
            "mend": standing.mend(account),
        })
    };
    let mut value = as_json(account);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("logins".to_owned(), standings.iter().map(standing).collect());
        let devices = devices.iter().map(|device| device::as_json(account.name(), device, now)).collect();
        fields.insert("devices".to_owned(), devices);
    }
    value
}

#[cfg(test)]
mod tests {
    use gatepost_directory::{Embedded, EmbeddedSettings, NewAccount, NewDevice};
    use gatepost_sasl::Secret;

    use super::*;

    const ADA: &str = "ada@gatepost.example";

    #[test]
    fn each_missing_verifier_has_the_command_that_makes_it() {
        let data_dir = tempfile::tempdir().unwrap();
        let directory = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap();
        let now = Timestamp::from_micros(0);
        directory.add(&NewAccount::new(ADA, Secret::new("pencil"), now)).unwrap();
        let rows = [
            (Mechanism::ScramSha512Plus, "works", None),
            (Mechanism::Login, "works", None),
            (Mechanism::Oauthbearer, "other-source", None),
            (Mechanism::Gssapi, "other-source", None),
            (
                Mechanism::CramMd5,
                "missing",
                Some("gatepost account passwd ada@gatepost.example --allow cram-md5"),
            ),
            (
                Mechanism::Md5,
                "missing",
                Some("gatepost account passwd ada@gatepost.example --allow cram-md5"),
            ),
            (
                Mechanism::DigestMd5,
                "missing",
                Some("gatepost account passwd ada@gatepost.example --allow digest-md5"),
            ),
            (Mechanism::Ntlm, "missing", Some("gatepost account passwd ada@gatepost.example --allow ntlm")),
            (Mechanism::Oauth10a, "missing", Some("gatepost account oauth1 add ada@gatepost.example")),
            (
                Mechanism::External,
                "missing",
                Some("gatepost account certificate add ada@gatepost.example FILE.pem"),
            ),
        ];
        let account = directory.show(ADA).unwrap();
        for (mechanism, reason, mend) in rows {
            let standing = Standing::of(mechanism, &account, &Mechanism::ALL);
            assert_eq!(
                (standing.reason(), standing.mend(&account).as_deref()),
                (reason, mend),
                "{mechanism:?}"
            );
            assert_eq!(Standing::of(mechanism, &account, &[]), Standing::NotOffered);
        }
        let device =
            Device { mechanisms: vec![Mechanism::Login, Mechanism::CramMd5], ..Device::new("scanner", now) };
        directory.add_device(ADA, &NewDevice { device, allow: Vec::new(), realm: None }).unwrap();
        let scanner = directory.show("ada%scanner@gatepost.example").unwrap();
        for (mechanism, reason) in [
            (Mechanism::Login, "works"),
            (Mechanism::Plain, "not-allowed"),
            (Mechanism::ScramSha256, "not-allowed"),
            (Mechanism::CramMd5, "missing"),
        ] {
            let standing = Standing::of(mechanism, &scanner, &Mechanism::ALL);
            assert_eq!(standing.reason(), reason, "{mechanism:?}");
        }
        directory.add_oauth_one(ADA, "script", now).unwrap();
        let account = directory.show(ADA).unwrap();
        assert_eq!(Standing::of(Mechanism::Oauth10a, &account, &Mechanism::ALL), Standing::Works);
    }
}
