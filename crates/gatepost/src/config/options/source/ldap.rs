//! Accounts in an LDAP server.

use gatepost_mail::Domain;

use super::super::super::read::{Listed, Setting, section};
use super::super::super::values::{
    Attribute, FilePath, FlavourChoice, LdapFilter, LdapTlsChoice, LdapUrl, ProofChoice, SourceKind, Wait,
};

section! {
    /// Accounts in LDAP or Active Directory: an entry is searched, and its password proved.
    pub struct LdapOptions {
        /// Which kind of source this is.
        kind: Setting<SourceKind>, r#""ldap""#;
        /// The domains of the login names that it is asked about. Without any, all.
        domains: Listed<Domain> = "[]";
        /// For how long it is remembered that a password was right; the password itself is not kept. A changed one goes on
        /// working for that time.
        cache: Setting<Wait> = r#""0s""#;
        /// Servers with the same entries, in the order to try them; the one that works is kept to.
        servers: Listed<LdapUrl>, r#"["ldaps://ldap.example.org"]"#;
        /// How `ldap://` is encrypted. The default is `starttls`, but for servers on this machine.
        tls: Option<Setting<LdapTlsChoice>>, r#""starttls""#;
        /// PEM: who vouches for the servers. Without it, whoever the system trusts.
        trust: Option<Setting<FilePath>>, r#""/etc/gatepost/tls/ldap.pem""#;
        /// As whom we search. Without it, as nobody.
        bind_dn: Option<Setting<String>>, r#""cn=gatepost,dc=example,dc=org""#;
        /// The file that holds its password, on its first line.
        password_file: Option<Setting<FilePath>>, r#""/etc/gatepost/ldap.secret""#;
        /// The environment variable that holds its password.
        password_env: Option<Setting<String>>, r#""LDAP_PASSWORD""#;
        /// Below which entry accounts are.
        base: Setting<String>, r#""ou=people,dc=example,dc=org""#;
        /// Finds the entry of a login name: `{user}` (in lower case), `{local}` and `{domain}`. The default looks for `mail`; in
        /// Active Directory for `userPrincipalName`, `sAMAccountName` and `mail`.
        filter: Option<Setting<LdapFilter>>, r#""(&(objectClass=person)(mail={user}))""#;
        /// `bind`: by logging in there with it. `compare`: by comparing `userPassword`, where the server keeps it so that it can.
        method: Setting<ProofChoice> = r#""bind""#;
        /// The attribute with the account's address.
        attribute_mailbox: Setting<Attribute> = r#""mail""#;
        /// The attribute with the addresses and `*@domain`s that it may send as besides. In Active Directory the default is
        /// `proxyAddresses`.
        attribute_sends_as: Option<Setting<Attribute>>, r#""mailAlternateAddress""#;
        /// Whose server it is: `active-directory` knows how that says who is disabled, and writes addresses.
        flavour: Setting<FlavourChoice> = r#""ldap""#;
    }
}
