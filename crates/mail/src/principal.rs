//! Who answers for a message.

use std::fmt;

use crate::Domain;

/// Who answers for a message: every message in the spool has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// An account that proved who it is.
    Account(String),
    /// A named machine that cannot log in, known by rule and not by address alone.
    Machine(String),
    /// Nobody we know: accepted only because it is addressed to this domain of ours.
    Hosted(Domain),
    /// We wrote it ourselves: delivery reports.
    Ourselves,
}

/// As in `account ada`, `machine scanner`, `mail for example.org`, `ourselves`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account {name}"),
            Self::Machine(name) => write!(f, "machine {name}"),
            Self::Hosted(domain) => write!(f, "mail for {domain}"),
            Self::Ourselves => f.write_str("ourselves"),
        }
    }
}
