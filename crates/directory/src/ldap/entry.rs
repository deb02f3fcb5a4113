//! What an entry says about an account.

use gatepost_mail::Mailbox;
use gatepost_sasl::Mechanism;
use ldap3::SearchEntry;

use super::{Flavour, LdapSettings};
use crate::account::account_name;
use crate::{Account, AccountState, SendsAs};

/// The bit of `userAccountControl` that disables an account ([MS-ADTS] section 2.2.16, `ADS_UF_ACCOUNT_DISABLE`).
const ACCOUNT_DISABLED: i64 = 0x2;

/// The time of `pwdAccountLockedTime` that means "until an administrator unlocks it".
const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// An entry, read.
pub(super) struct Entry {
    pub(super) dn: String,
    pub(super) account: Account,
}

/// How entries are read.
pub(super) struct Reader {
    mailbox: String,
    sends_as: Option<String>,
    flavour: Flavour,
}

impl Reader {
    pub(super) fn new(settings: &LdapSettings) -> Self {
        Self {
            mailbox: settings.attribute_mailbox.clone(),
            sends_as: settings.attribute_sends_as.clone(),
            flavour: settings.flavour,
        }
    }

    /// The attribute with the account's address.
    pub(super) fn mailbox(&self) -> &str {
        &self.mailbox
    }

    /// What a search asks for: some of it is operational, and not given unasked.
    pub(super) fn attributes(&self) -> Vec<String> {
        let of_flavour: &[&str] = match self.flavour {
            Flavour::Ldap => &["pwdAccountLockedTime", "nsAccountLock"],
            Flavour::ActiveDirectory => &["userAccountControl", "userPrincipalName"],
        };
        let own = [Some(&self.mailbox), self.sends_as.as_ref()].into_iter().flatten().cloned();
        own.chain(of_flavour.iter().map(|name| (*name).to_owned())).collect()
    }

    /// Reads an entry; the error says what is wrong with it.
    pub(super) fn read(&self, found: &SearchEntry) -> Result<Entry, String> {
        let mut addresses = values(found, &self.mailbox);
        let principal = match self.flavour {
            Flavour::Ldap => None,
            // Accounts without a mailbox have no `mail`.
            Flavour::ActiveDirectory => values(found, "userPrincipalName").next(),
        };
        let address = addresses.next().or(principal);
        let address = address.ok_or_else(|| format!("{} has no {}", found.dn, self.mailbox))?;
        let name = account_name(address)
            .map_err(|fault| format!("{}: {} is no account's address: {fault}", found.dn, self.mailbox))?;
        let mailbox = Mailbox::parse(&name).map_err(|cause| cause.to_string())?;
        let mut account = Account::of(mailbox);
        account.state = self.state(found);
        account.mechanisms = vec![Mechanism::Plain, Mechanism::Login];
        let given = self.sends_as.iter().flat_map(|attribute| values(found, attribute));
        // What is no address is the address of nobody: nothing is lost by leaving it out.
        account.sends_as = addresses.chain(given).filter_map(|value| self.allowed(value)).collect();
        Ok(Entry { dn: found.dn.clone(), account })
    }

    fn allowed(&self, value: &str) -> Option<SendsAs> {
        let address = match self.flavour {
            Flavour::Ldap => value,
            Flavour::ActiveDirectory => match value.split_once(':') {
                Some((kind, address)) if kind.eq_ignore_ascii_case("smtp") => address,
                // X.500 names, telephones.
                Some(_) => return None,
                None => value,
            },
        };
        address.parse().ok()
    }

    fn state(&self, found: &SearchEntry) -> AccountState {
        let locked = match self.flavour {
            Flavour::Ldap => {
                values(found, "nsAccountLock").any(|value| value.eq_ignore_ascii_case("true"))
                    || values(found, "pwdAccountLockedTime").any(|value| value == LOCKED_FOR_GOOD)
            }
            Flavour::ActiveDirectory => values(found, "userAccountControl").any(|value| {
                // A number that cannot be read allows nothing.
                value.parse().map_or(true, |control: i64| control & ACCOUNT_DISABLED != 0)
            }),
        };
        if locked { AccountState::Suspended } else { AccountState::Active }
    }
}

/// The values of an attribute, whose name servers spell as they like (RFC 4512 section 2.5).
fn values<'a>(found: &'a SearchEntry, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    let of_it = found.attrs.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(attribute));
    of_it.flat_map(|(_, values)| values.iter().map(String::as_str))
}
