//! Where accounts are kept: a section for each source, whose keys depend on its kind.

mod dovecot;
mod helper;
mod ldap;
mod oauth;
mod sql;

use super::super::fault::Faults;
use super::super::read::{At, Key, Node, Read, Setting, kind, section};
use super::super::reference::Shape;
use super::super::values::{SourceKind, Wait};
pub use dovecot::DovecotOptions;
pub use helper::{KerberosOptions, PamOptions};
pub use ldap::LdapOptions;
pub use oauth::OauthOptions;
pub use sql::SqlOptions;

/// A source of accounts. Each kind has its own keys; those that all have mean the same everywhere.
#[derive(Debug, Clone)]
pub enum SourceOptions {
    /// In data-dir.
    Embedded(EmbeddedSourceOptions),
    /// In a database.
    Sql(Box<SqlOptions>),
    /// In an LDAP server.
    Ldap(Box<LdapOptions>),
    /// Dovecot's.
    Dovecot(Box<DovecotOptions>),
    /// A token issuer's.
    Oauth(Box<OauthOptions>),
    /// PAM, by the helper.
    Pam(Box<PamOptions>),
    /// Kerberos, by the helper.
    Kerberos(Box<KerberosOptions>),
}

section! {
    /// The accounts in data-dir, managed by `gatepost account`.
    pub struct EmbeddedSourceOptions {
        /// Which kind of source this is.
        kind: Setting<SourceKind>, r#""embedded""#;
        /// For how long it is remembered that a password was right; the password itself is not kept. A password that is changed, and an
        /// account that is suspended or removed, end it at once. With `"0s"` every login costs a whole hash.
        cache: Setting<Wait> = r#""5m""#;
    }
}

/// `kind`, for a section that lacks it.
const KIND: Key = Key {
    field: "kind",
    about: "",
    default: None,
    example: "\"embedded\"",
    shape: <Setting<SourceKind> as Read>::shape,
};

impl Read for SourceOptions {
    fn read(at: &At, node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        match kind(at, node, KIND, faults)? {
            SourceKind::Embedded => Read::read(at, node, faults).map(Self::Embedded),
            SourceKind::Sql => Read::read(at, node, faults).map(|sql| Self::Sql(Box::new(sql))),
            SourceKind::Ldap => Read::read(at, node, faults).map(|ldap| Self::Ldap(Box::new(ldap))),
            SourceKind::Dovecot => {
                Read::read(at, node, faults).map(|dovecot| Self::Dovecot(Box::new(dovecot)))
            }
            SourceKind::Oauth => Read::read(at, node, faults).map(|oauth| Self::Oauth(Box::new(oauth))),
            SourceKind::Pam => Read::read(at, node, faults).map(|pam| Self::Pam(Box::new(pam))),
            SourceKind::Kerberos => {
                Read::read(at, node, faults).map(|kerberos| Self::Kerberos(Box::new(kerberos)))
            }
        }
    }

    fn shape() -> Shape {
        Shape::Kinds(&[
            ("embedded", EmbeddedSourceOptions::DECLARED),
            ("sql", SqlOptions::DECLARED),
            ("ldap", LdapOptions::DECLARED),
            ("dovecot", DovecotOptions::DECLARED),
            ("oauth", OauthOptions::DECLARED),
            ("pam", PamOptions::DECLARED),
            ("kerberos", KerberosOptions::DECLARED),
        ])
    }
}
