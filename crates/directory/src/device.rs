//! Devices: passwords beside an account's own, each for one machine or program.

use std::num::NonZeroU32;

use gatepost_mail::{Network, Timestamp};
use gatepost_sasl::Mechanism;

use crate::account::login_key;
use crate::limits::DEVICE_LABEL_OCTETS_MOST;
use crate::{LastUse, SendsAs};

/// A device's own password for an account: it logs in as `ada%printer@example.org`, or by PLAIN and LOGIN with the account's
/// name, and may do less than the account. It serves for sending only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name within the account, as in `printer`.
    pub label: String,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// From where it may log in; empty means from anywhere.
    pub networks: Vec<Network>,
    /// What it may send as; empty means all that the account may.
    pub senders: Vec<SendsAs>,
    /// How many messages it may send in a day, beside the limits of the account.
    pub messages_per_day: Option<NonZeroU32>,
    /// By which mechanisms it may log in; empty means all that are offered.
    pub mechanisms: Vec<Mechanism>,
    /// When it was added.
    pub created: Timestamp,
    /// When it last logged in, and from where.
    pub last_use: Option<LastUse>,
}

impl Device {
    /// A device that may do all that its account may, for good.
    #[must_use]
    pub fn new(label: &str, created: Timestamp) -> Self {
        Self {
            label: label.to_owned(),
            expires: None,
            networks: Vec::new(),
            senders: Vec::new(),
            messages_per_day: None,
            mechanisms: Vec::new(),
            created,
            last_use: None,
        }
    }

    /// The login name that means this device of an account.
    #[must_use]
    pub fn login_name(&self, account: &str) -> String {
        Login::of_device(account, &self.label).name()
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Whether a text can be a device's label: lower case letters, digits, dots, hyphens and underscores, so that it is the same in
/// a login name, in a log and on a command line.
#[must_use]
pub(crate) fn is_label(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"._-".contains(&octet);
    !text.is_empty() && text.len() <= DEVICE_LABEL_OCTETS_MOST && text.bytes().all(fits)
}

/// Whom a login name means. An account's name holds no percent sign, so the two cannot be mistaken for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The account's name.
    pub(crate) account: String,
    /// The device's label.
    pub(crate) device: Option<String>,
}

impl Login {
    /// None for what can be nobody's login name.
    pub(crate) fn read(user: &str) -> Option<Self> {
        let key = login_key(user)?;
        let split = key.rsplit_once('@').and_then(|(local, domain)| Some((local.split_once('%')?, domain)));
        match split {
            Some(((local, label), domain)) => {
                is_label(label).then(|| Self::of_device(&format!("{local}@{domain}"), label))
            }
            None => Some(Self::of_account(&key)),
        }
    }

    /// `account` is in its one spelling.
    pub(crate) fn of_account(account: &str) -> Self {
        Self { account: account.to_owned(), device: None }
    }

    pub(crate) fn of_device(account: &str, label: &str) -> Self {
        Self { account: account.to_owned(), device: Some(label.to_owned()) }
    }

    /// The login name in its one spelling.
    pub(crate) fn name(&self) -> String {
        match (&self.device, self.account.rsplit_once('@')) {
            (Some(label), Some((local, domain))) => format!("{local}%{label}@{domain}"),
            (Some(_) | None, _) => self.account.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_names_of_devices_lead_to_account_and_label() {
        let rows = [
            ("ada@gatepost.example", Some(("ada@gatepost.example", None))),
            ("Ada%Printer@Gatepost.example", Some(("ada@gatepost.example", Some("printer")))),
            ("ada%desk-2.old_one@gatepost.example", Some(("ada@gatepost.example", Some("desk-2.old_one")))),
            ("ada%@gatepost.example", None),
            ("ada%a%b@gatepost.example", None),
            ("\"ada%a b\"@gatepost.example", None),
            ("%printer@gatepost.example", Some(("@gatepost.example", Some("printer")))),
            ("ada", None),
            ("", None),
        ];
        for (user, want) in rows {
            let login = Login::read(user);
            let found = login.as_ref().map(|login| (login.account.as_str(), login.device.as_deref()));
            assert_eq!(found, want, "{user}");
            if let Some(login) = login {
                assert_eq!(Login::read(&login.name()).unwrap_or(login.clone()), login);
            }
        }
        assert!(!is_label(&"a".repeat(DEVICE_LABEL_OCTETS_MOST + 1)));
    }
}
