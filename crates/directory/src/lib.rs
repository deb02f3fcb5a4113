//! Accounts: who may log in, what they may send as, and which mailboxes exist.
//!
//! [`Directory`] is what a mail server asks; [`Directories`] answers from one [`Source`] or several, in their order. [`Embedded`] is the source that needs no other program: a SQLite database
//! in the data folder, changed by the `gatepost account` commands while the server runs.
//!
//! What this crate does *not* do: it runs no SASL exchange (that is `gatepost-sasl`), counts no failures and locks nobody
//! out (that is policy), and knows no aliases.
//!
//! # What never happens
//!
//! * A directory that could not be asked says so ([`DirectoryError`]); it never says "wrong password" or "no such
//!   mailbox" instead.
//! * A wrong password, an unknown user, a suspended account and an account without a password cost the same work.
//! * No password work on the caller's thread: it waits in a queue of bounded length for threads of bounded number,
//!   so a flood of logins costs a named amount of memory, and is told [`DirectoryError::Busy`].
//! * No secret in `Debug`, in an error or, unsealed, in the database.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//!
//! use gatepost_directory::{Directories, Directory, Embedded, EmbeddedSettings, NewAccount};
//! use gatepost_mail::{Mailbox, Timestamp};
//! use gatepost_sasl::{PasswordCheck, Secret};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let data_dir = tempfile::tempdir()?;
//! let accounts = Arc::new(Embedded::open(data_dir.path(), EmbeddedSettings::default())?);
//! accounts.add(&NewAccount::new("ada@gatepost.example", Secret::new("pencil"), Timestamp::from_micros(0)))?;
//!
//! let directory = Directories::embedded(accounts);
//! let check = directory.check_password("Ada@Gatepost.Example", Secret::new("pencil")).await?;
//! assert_eq!(check, PasswordCheck::Right);
//! assert!(directory.mailbox_exists(&Mailbox::parse("ada@gatepost.example")?).await?);
//! # Ok(())
//! # }
//! ```

pub mod limits;

mod account;
mod certificate;
mod connections;
mod device;
mod directories;
mod directory;
mod dovecot;
mod embedded;
mod hashes;
mod helper;
mod ldap;
mod oauth;
mod placeholders;
mod recent;
mod relay;
mod source;
mod sql;
mod trust;

#[cfg(test)]
mod contract;

pub use account::{
    Account, AccountState, LastUse, NameFault, NewAccount, PasswordChange, SendsAs, SendsAsError,
};
pub use certificate::{ClientCertificate, Vouched};
pub use device::Device;
pub use directories::{Directories, Engine, Place};
pub use directory::{Directory, DirectoryError, LoginNote, OauthOneNonce, StoreFault};
pub use dovecot::Dovecot;
pub use embedded::{
    AccountError, Embedded, EmbeddedSettings, ImportRun, Imported, ImportedAccount, ImportedForm,
    KnownCertificate, NewDevice, NotTaken, OauthOneLabel, PasswordLoad, PasswordThreads,
};
pub use helper::{
    GssClient, GssCredential, GssSession, Helper, HelperBounds, HelperKind, HelperPlace, HelperSettings,
    PamUser,
};
pub use ldap::{Flavour, Ldap, LdapSettings, LdapTls, ProvedBy};
pub use oauth::Oauth;
pub use placeholders::{Placeholder, Template, TemplateError};
pub use recent::Recent;
pub use relay::{RelayStart, Relayed, RelayedExchange};
pub use source::{Known, Source};
pub use sql::{Database, DatabaseAddress, DatabaseLogin, Sql, SqlSettings};
pub use trust::SourceTls;
