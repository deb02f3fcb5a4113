//! Accounts that PAM or Kerberos knows, asked by a small program of ours.

use std::num::NonZeroU32;

use gatepost_mail::Domain;

use super::super::super::fault::Faults;
use super::super::super::read::{At, Listed, Named, Node, Read, Setting, section};
use super::super::super::reference::Shape;
use super::super::super::values::{
    FilePath, HelperChoice, PamUserChoice, Realm, ServiceName, SourceKind, Wait, Word,
};

section! {
    /// Accounts of the system, by PAM. It knows passwords only, so PLAIN and LOGIN work. Every address of its domains counts
    /// as an account that may send as itself, since PAM cannot say who exists; mail to them is taken only where a domain
    /// of ours says `recipients = "any"`. Write it below sources that know more of the same domains.
    pub struct PamOptions {
        /// Which kind of source this is.
        kind: Setting<SourceKind>, r#""pam""#;
        /// The domains of its accounts.
        domains: Listed<Domain>, r#"["example.org"]"#;
        /// For how long it is remembered that a password was right; the password itself is not kept. A changed one goes on
        /// working for that time.
        cache: Setting<Wait> = r#""0s""#;
        /// The program that asks PAM, started for each login as the user that gatepost runs as; or the socket where systemd starts
        /// it, as a user who may read the system's passwords.
        helper: Setting<HelperChoice> = r#""/usr/lib/gatepost/gatepost-helper""#;
        /// The file in /etc/pam.d.
        service: Setting<Word> = r#""gatepost""#;
        /// What PAM knows a user by: `local-part` (ada) or `address` (ada@example.org), in lower case.
        user: Setting<PamUserChoice> = r#""local-part""#;
        /// How many passwords are checked at once; who comes then is told to come back.
        at_once: Setting<NonZeroU32> = "32";
        /// How long PAM may take.
        patience: Setting<Wait> = r#""30s""#;
    }
}

section! {
    /// Accounts of Kerberos realms: who has a ticket logs in by GSSAPI. As with PAM, every address of the domains counts
    /// as an account that may send as itself.
    pub struct KerberosOptions {
        /// Which kind of source this is.
        kind: Setting<SourceKind>, r#""kerberos""#;
        /// The realms whose tickets are taken, each with the domain of its accounts: `ada@EXAMPLE.ORG` is then
        /// `ada@example.org`. Principals of several parts, such as `ada/admin`, have no account.
        realms: Realms, r#"{ "EXAMPLE.ORG" = "example.org" }"#;
        /// The program that calls the Kerberos library, started for each login; or the socket where systemd starts it.
        helper: Setting<HelperChoice> = r#""/usr/lib/gatepost/gatepost-helper""#;
        /// The keys of our service, as `kadmin` wrote them. Not with a socket: there, the unit says it.
        keytab: Option<Setting<FilePath>>, r#""/etc/gatepost/smtp.keytab""#;
        /// Our service: `smtp`, by any of the names in the keytab, or `smtp@mail.example.org`.
        service: Setting<ServiceName> = r#""smtp""#;
        /// How many logins are under way at once; who comes then is told to come back.
        at_once: Setting<NonZeroU32> = "32";
        /// How long one answer may take.
        patience: Setting<Wait> = r#""20s""#;
    }
}

/// Realms, each with the domain of its accounts.
#[derive(Debug, Clone)]
pub struct Realms(pub Vec<(Setting<Realm>, Setting<Domain>)>);

impl Read for Realms {
    fn read(at: &At, node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let named = <Named<Realm, Setting<Domain>> as Read>::read(at, node, faults)?;
        let written = node.get_ref().as_table().map(toml::de::DeTable::len);
        // Half a table would lead to more faults that nobody made.
        (written == Some(named.entries.len())).then_some(Self(named.entries))
    }

    fn shape() -> Shape {
        Shape::Value("domains by the name of the realm")
    }
}
