//! PostgreSQL, MariaDB and SQLite, by queries of the operator.
//!
//! Names and addresses go into the queries as bound parameters, never as text. What a row says is read by the names of its
//! columns, see [`SqlSettings::user`]; what cannot be read is an error, never a no.

mod mysql;
mod postgresql;
mod query;
mod row;
mod sqlite;

use std::fmt;
use std::path::PathBuf;

use gatepost_mail::Mailbox;
use gatepost_sasl::limits::PASSWORD_OCTETS_MOST;
use gatepost_sasl::{
    CramSecret, DigestSecret, NtHash, PasswordCheck, ScramHash, ScramVerifier, Secret, prepare,
};

use crate::account::{domain_pattern, login_key};
use crate::connections::Connections;
use crate::embedded::PasswordHash;
use crate::hashes::{HashCheck, verify_hash};
use crate::placeholders::Values;
use crate::{
    Account, AccountState, DirectoryError, Known, PasswordThreads, SendsAs, Source, SourceTls, Template,
};
use mysql::Mysql;
use postgresql::Postgresql;
use query::{Dialect, Queries, Question, Which};
use row::{Row, UserRow, Value};
use sqlite::Sqlite;

/// A database with accounts in it.
#[derive(Debug, Clone)]
pub struct SqlSettings {
    /// Which.
    pub database: Database,
    /// Finds the one row of a login name: `{user}`, `{local}`, `{domain}`.
    ///
    /// Columns: `password` (a hash), `scram_sha_1`, `scram_sha_256`, `scram_sha_512` (our texts of verifiers), `cram_password` (in
    /// the clear), `digest_md5`, `nt_hash` (hexadecimal), `account` (the address; without it, the login name), `active`.
    pub user: Template,
    /// What an account may send as, or whether it may: `{account}`, `{mailbox}`, `{local}`, `{domain}`. Its rows are addresses and
    /// `*@domain`s, or one yes or no.
    pub sends_as: Option<Template>,
    /// Whether there is a mailbox, by having a row: `{mailbox}`, `{local}`, `{domain}`. Without it, the mailboxes are the
    /// accounts.
    pub mailbox: Option<Template>,
}

/// A database.
#[derive(Debug, Clone)]
pub enum Database {
    /// PostgreSQL.
    Postgresql(DatabaseLogin),
    /// MariaDB or MySQL.
    Mysql(DatabaseLogin),
    /// A file, which is only read.
    Sqlite(PathBuf),
}

/// Where a database server is, and who we are there.
#[derive(Debug, Clone)]
pub struct DatabaseLogin {
    /// Where.
    pub at: DatabaseAddress,
    /// The database.
    pub database: String,
    /// Who we are.
    pub username: String,
    /// How we prove it.
    pub password: Option<Secret>,
}

/// Where a database server is.
#[derive(Debug, Clone)]
pub enum DatabaseAddress {
    /// On the network.
    Network {
        /// A name, or an address.
        host: String,
        /// Its port.
        port: u16,
        /// How it is reached.
        tls: SourceTls,
    },
    /// A unix socket; for PostgreSQL its folder will do.
    Socket(PathBuf),
}

/// Accounts in a database.
pub struct Sql {
    server: Server,
    threads: PasswordThreads,
    asks_mailboxes: Asks,
    asks_sends_as: Asks,
}

/// Whether the operator wrote this query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Query,
    Nothing,
}

enum Server {
    Postgresql(Box<Connections<Postgresql>>),
    Mysql(Box<Connections<Mysql>>),
    Sqlite(Connections<Sqlite>),
}

impl Sql {
    /// A source with this name in errors. Nothing is asked yet; hashes are computed on these threads.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Source`] when a file with certificates cannot be used.
    pub fn new(name: &str, settings: &SqlSettings, threads: PasswordThreads) -> Result<Self, DirectoryError> {
        let wrong = |cause| DirectoryError::Source { source_name: name.to_owned(), cause };
        let server = match &settings.database {
            Database::Postgresql(login) => {
                let queries = Queries::new(settings, Dialect::Dollar);
                let postgresql = Postgresql::new(login, queries).map_err(wrong)?;
                Server::Postgresql(Box::new(Connections::new(name, postgresql)))
            }
            Database::Mysql(login) => {
                let queries = Queries::new(settings, Dialect::Question);
                let mysql = Mysql::new(login, queries).map_err(wrong)?;
                Server::Mysql(Box::new(Connections::new(name, mysql)))
            }
            Database::Sqlite(path) => {
                let queries = Queries::new(settings, Dialect::NumberedQuestion);
                Server::Sqlite(Connections::new(name, Sqlite::new(path, queries)))
            }
        };
        let asks = |query: &Option<Template>| if query.is_some() { Asks::Query } else { Asks::Nothing };
        Ok(Self {
            server,
            threads,
            asks_mailboxes: asks(&settings.mailbox),
            asks_sends_as: asks(&settings.sends_as),
        })
    }

    async fn rows(&self, which: Which, values: Values) -> Result<Vec<Row>, DirectoryError> {
        let question = Question { which, values };
        match &self.server {
            Server::Postgresql(connections) => connections.ask(&question).await,
            Server::Mysql(connections) => connections.ask(&question).await,
            Server::Sqlite(connections) => connections.ask(&question).await,
        }
    }

    fn failure(&self, cause: impl fmt::Display) -> DirectoryError {
        match &self.server {
            Server::Postgresql(connections) => connections.failure(cause),
            Server::Mysql(connections) => connections.failure(cause),
            Server::Sqlite(connections) => connections.failure(cause),
        }
    }

    /// The row of a login name, as the client spelt it.
    async fn user(&self, user: &str) -> Result<Option<UserRow>, DirectoryError> {
        let Some(key) = key(user) else { return Ok(None) };
        let mut rows = self.rows(Which::User, Values::of_user(&key)).await?.into_iter();
        let Some(row) = rows.next() else { return Ok(None) };
        if rows.next().is_some() {
            return Err(self.failure("query-user gives more than one row for a login name"));
        }
        UserRow::read(row, &key).map_err(|cause| self.failure(cause))
    }

    /// One run of whatever the row asks for; for those who may not log in, one of ours.
    async fn check(&self, row: UserRow, password: &Secret) -> Result<PasswordCheck, DirectoryError> {
        let password = password.clone();
        let verified = self.threads.run(move |scratch| match (row.account.state(), row.proof()) {
            (AccountState::Active, Some(proof)) => verify_hash(&proof, &password, scratch),
            (AccountState::Active, None) if row.cram_password.is_some() => {
                PasswordHash::of_nobody().matches(&password, scratch)?;
                let right = row.cram_password.is_some_and(|clear| prepare::password(&clear) == password);
                Ok(if right { HashCheck::Right } else { HashCheck::Wrong })
            }
            (AccountState::Active | AccountState::Suspended, _) => {
                PasswordHash::of_nobody().matches(&password, scratch)?;
                Ok(HashCheck::Wrong)
            }
        });
        match verified.await? {
            HashCheck::Right => Ok(PasswordCheck::Right),
            HashCheck::Wrong => Ok(PasswordCheck::Wrong),
            HashCheck::Unreadable => {
                Err(self.failure("the column password holds a hash that cannot be used"))
            }
        }
    }

    /// What a row holds for those who may log in.
    async fn held<T>(
        &self,
        user: &str,
        read: impl FnOnce(UserRow) -> Result<Option<T>, row::Unreadable> + Send,
    ) -> Result<Known<Option<T>>, DirectoryError> {
        let Some(row) = self.user(user).await? else { return Ok(Known::Elsewhere) };
        if !row.account.may_log_in() {
            return Ok(Known::Here(None));
        }
        read(row).map(Known::Here).map_err(|cause| self.failure(cause))
    }
}

impl Source for Sql {
    async fn check_password(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        // Nobody has such a password, and waiting for a thread it would take memory.
        if password.expose().len() > PASSWORD_OCTETS_MOST {
            return Ok(Known::Here(PasswordCheck::Wrong));
        }
        match self.user(user).await? {
            Some(row) => Ok(Known::Here(self.check(row, password).await?)),
            None => Ok(Known::Elsewhere),
        }
    }

    async fn scram_verifier(
        &self,
        user: &str,
        hash: ScramHash,
    ) -> Result<Known<Option<ScramVerifier>>, DirectoryError> {
        self.held(user, |row| row.scram(hash)).await
    }

    async fn cram_secret(&self, user: &str) -> Result<Known<Option<CramSecret>>, DirectoryError> {
        self.held(user, |row| Ok(row.cram_password.map(CramSecret::new))).await
    }

    async fn digest_secret(
        &self,
        user: &str,
        realm: &str,
    ) -> Result<Known<Option<DigestSecret>>, DirectoryError> {
        self.held(user, |row| row.digest(user, realm)).await
    }

    async fn nt_hash(&self, user: &str) -> Result<Known<Option<NtHash>>, DirectoryError> {
        self.held(user, |row| row.nt_hash()).await
    }

    async fn account(&self, user: &str) -> Result<Known<Account>, DirectoryError> {
        Ok(self.user(user).await?.map_or(Known::Elsewhere, |row| Known::Here(row.account)))
    }

    async fn owns(&self, account: &str, mailbox: &Mailbox) -> Result<Known<bool>, DirectoryError> {
        let Some(row) = self.user(account).await? else { return Ok(Known::Elsewhere) };
        if !row.account.may_log_in() {
            return Ok(Known::Here(false));
        }
        let folded = mailbox.folded();
        if row.account.name() == folded {
            return Ok(Known::Here(true));
        }
        if self.asks_sends_as == Asks::Nothing {
            return Ok(Known::Here(false));
        }
        let rows = self.rows(Which::SendsAs, Values::of_mailbox(row.account.name(), &folded)).await?;
        for row in &rows {
            if covers(row, mailbox).map_err(|cause| self.failure(cause))? {
                return Ok(Known::Here(true));
            }
        }
        Ok(Known::Here(false))
    }

    async fn mailbox_exists(&self, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        let folded = mailbox.folded();
        match self.asks_mailboxes {
            Asks::Query => {
                Ok(!self.rows(Which::Mailbox, Values::of_mailbox(&folded, &folded)).await?.is_empty())
            }
            // An account of another name is an alias of the login name, which mail does not know.
            Asks::Nothing => Ok(self.user(&folded).await?.is_some_and(|row| row.account.name() == folded)),
        }
    }
}

/// What a login name is looked up by: an address in its one form, or any other name in lower case.
fn key(user: &str) -> Option<String> {
    let key = login_key(user).unwrap_or_else(|| prepare::account_key(user));
    // What no client can send as a name is nobody's, and databases refuse some of it.
    prepare::name(key.as_bytes()).is_ok().then_some(key)
}

/// Whether a row of `query-sends-as` allows this mailbox. A text that is no address is another mailbox than this one.
fn covers(row: &Row, mailbox: &Mailbox) -> Result<bool, row::Unreadable> {
    match row.first() {
        Value::Truth(truth) => Ok(*truth),
        Value::Number(number) => Ok(*number != 0),
        Value::Nothing => Ok(false),
        Value::Text(text) => {
            let text = std::str::from_utf8(text.expose()).unwrap_or_default();
            let domain = mailbox.domain().map(domain_pattern);
            Ok(text.parse().is_ok_and(|allowed: SendsAs| {
                let pattern = allowed.pattern();
                pattern == mailbox.folded() || Some(pattern) == domain
            }))
        }
        Value::Other(kind) => Err(row::Unreadable::new("of query-sends-as", kind)),
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match &self.server {
            Server::Postgresql(_) => "Sql(PostgreSQL)",
            Server::Mysql(_) => "Sql(MySQL)",
            Server::Sqlite(_) => "Sql(SQLite)",
        })
    }
}

#[cfg(test)]
mod tests;
