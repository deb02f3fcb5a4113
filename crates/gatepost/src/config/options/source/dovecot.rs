//! Accounts of Dovecot.

use gatepost_mail::Domain;

use super::super::super::read::{Listed, Setting, section};
use super::super::super::values::{FilePath, SourceKind, Wait};

section! {
    /// Accounts that a Dovecot on this machine knows: passwords are checked there. Where it is the first source, exchanges of
    /// every other mechanism that it offers (CRAM-MD5, DIGEST-MD5, SCRAM without -PLUS, ...) pass through to it.
    pub struct DovecotOptions {
        /// Which kind of source this is.
        kind: Setting<SourceKind>, r#""dovecot""#;
        /// The domains of the login names that it is asked about. Needed without `userdb-socket`: every name in them is then taken
        /// for an account. Where it is one, a user whom Dovecot knows without a domain is of that one.
        domains: Listed<Domain> = "[]";
        /// For how long it is remembered that a password was right; the password itself is not kept. A changed one goes on
        /// working for that time.
        cache: Setting<Wait> = r#""0s""#;
        /// Its auth socket for clients: a `unix_listener` in `service auth`.
        socket: Setting<FilePath> = r#""/run/dovecot/auth-client""#;
        /// Its socket for looking users up, readable for gatepost. With it, recipients and senders are those whom Dovecot knows.
        userdb_socket: Option<Setting<FilePath>>, r#""/run/dovecot/auth-userdb""#;
    }
}
