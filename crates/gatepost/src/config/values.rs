//! What single values of the file become.

mod accounts;
mod choices;
mod hosts;
mod measures;
mod names;
mod outside;

pub use accounts::{
    Attribute, Driver, FlavourChoice, HostPort, LdapFilter, LdapScheme, LdapTlsChoice, LdapUrl, MailboxQuery,
    ProofChoice, SendsAsQuery, SourceTlsChoice, UserQuery,
};
pub use choices::{DnssecRule, ExchangerTls, RecipientsChoice, SourceKind};
pub use hosts::{Bind, Deliver, Smtp};
pub use measures::{Size, Wait};
pub use names::{FilePath, Word};
pub use outside::{Grant, HelperAt, Web};
