//! Accounts in a database.

use gatepost_mail::Domain;

use super::super::super::read::{Listed, Setting, section};
use super::super::super::values::{
    Driver, FilePath, HostPort, MailboxQuery, SendsAsQuery, SourceKind, SourceTlsChoice, UserQuery, Wait,
};

section! {
    /// Accounts in PostgreSQL, MariaDB, MySQL or SQLite, by queries of yours. Names in braces become bound parameters, so they
    /// stand without quotes.
    pub struct SqlOptions {
        /// Which kind of source this is.
        kind: Setting<SourceKind>, r#""sql""#;
        /// The domains of the login names that it is asked about. Without any, all.
        domains: Listed<Domain> = "[]";
        /// For how long it is remembered that a password was right; the password itself is not kept. A changed one goes on
        /// working for that time.
        cache: Setting<Wait> = r#""0s""#;
        /// The database.
        driver: Setting<Driver>, r#""postgresql""#;
        /// The server, by name or address.
        server: Option<Setting<HostPort>>, r#""db.example.org:5432""#;
        /// In place of `server`: its unix socket. For PostgreSQL the folder of the socket will do.
        socket: Option<Setting<FilePath>>, r#""/run/postgresql""#;
        /// For SQLite: the file, which is only read.
        file: Option<Setting<FilePath>>, r#""/var/lib/accounts/accounts.sqlite""#;
        /// The database's name.
        database: Option<Setting<String>>, r#""mail""#;
        /// As whom we ask. Reading the tables is all that it must be allowed to.
        username: Option<Setting<String>>, r#""gatepost""#;
        /// The file that holds its password, on its first line.
        password_file: Option<Setting<FilePath>>, r#""/etc/gatepost/database.secret""#;
        /// The environment variable that holds its password.
        password_env: Option<Setting<String>>, r#""DATABASE_PASSWORD""#;
        /// `required`: encrypted, with a valid certificate, or not at all; the default, but for a server on this machine.
        tls: Option<Setting<SourceTlsChoice>>, r#""required""#;
        /// PEM: who vouches for the server. Without it, whoever the system trusts.
        trust: Option<Setting<FilePath>>, r#""/etc/gatepost/tls/database.pem""#;
        /// Finds the row of a login name: `{user}` (in lower case), `{local}` and `{domain}`. Columns are read by name:
        /// `password` (a hash), `scram_sha_1`, `scram_sha_256`, `scram_sha_512`, `cram_password` (in the clear: for CRAM-MD5,
        /// DIGEST-MD5 and NTLM), `digest_md5` and `nt_hash` (hexadecimal), `account` (the address; without it, the login name),
        /// `active`.
        query_user: Setting<UserQuery>, r#""SELECT password, active FROM accounts WHERE address = {user}""#;
        /// What an account may send as besides its own address: rows of addresses and `*@domain`s, or one yes or no. `{account}`
        /// is who asks for `{mailbox}`, of `{local}` and `{domain}`.
        query_sends_as: Option<Setting<SendsAsQuery>>, r#""SELECT alias FROM aliases WHERE account = {account}""#;
        /// Has a row where there is a mailbox: `{mailbox}`, `{local}`, `{domain}`. Without it, every account is one.
        query_mailbox: Option<Setting<MailboxQuery>>, r#""SELECT 1 FROM mailboxes WHERE address = {mailbox}""#;
    }
}
