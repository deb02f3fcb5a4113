//! Accounts in a database.

use gatepost_directory::{Database, DatabaseAddress, DatabaseLogin, SourceTls, SqlSettings};

use super::super::secret::{self, Kept};
use super::super::{Resolving, is_loopback_name};
use crate::config::fault::Fault;
use crate::config::options::SqlOptions;
use crate::config::source::Place;
use crate::config::values::{Driver, HostPort, SourceTlsChoice};

pub(super) fn resolve(resolving: &mut Resolving<'_>, sql: &SqlOptions) -> Option<SqlSettings> {
    let database = match sql.driver.value {
        Driver::Sqlite => file(resolving, sql)?,
        Driver::Postgresql => Database::Postgresql(login(resolving, sql)?),
        Driver::Mysql => Database::Mysql(login(resolving, sql)?),
    };
    Some(SqlSettings {
        database,
        user: sql.query_user.value.0.clone(),
        sends_as: sql.query_sends_as.as_ref().map(|query| query.value.0.clone()),
        mailbox: sql.query_mailbox.as_ref().map(|query| query.value.0.clone()),
    })
}

fn file(resolving: &mut Resolving<'_>, sql: &SqlOptions) -> Option<Database> {
    let strangers = [
        ("server", sql.server.as_ref().and_then(|it| it.place.clone())),
        ("socket", sql.socket.as_ref().and_then(|it| it.place.clone())),
        ("database", sql.database.as_ref().and_then(|it| it.place.clone())),
        ("username", sql.username.as_ref().and_then(|it| it.place.clone())),
        ("password-file", sql.password_file.as_ref().and_then(|it| it.place.clone())),
        ("password-env", sql.password_env.as_ref().and_then(|it| it.place.clone())),
        ("tls", sql.tls.as_ref().and_then(|it| it.place.clone())),
        ("trust", sql.trust.as_ref().and_then(|it| it.place.clone())),
    ];
    for (key, place) in strangers {
        if place.is_some() {
            resolving.note(
                Fault::error(format!("SQLite has no `{key}`: it is a file"))
                    .at(place, "of no use")
                    .against(sql.driver.place.clone(), "SQLite")
                    .mend("remove the line"),
            );
        }
    }
    let Some(file) = &sql.file else {
        needs(resolving, sql, "file", "file = \"/var/lib/accounts/accounts.sqlite\"");
        return None;
    };
    Some(Database::Sqlite(resolving.path(&file.value.0)))
}

fn login(resolving: &mut Resolving<'_>, sql: &SqlOptions) -> Option<DatabaseLogin> {
    if let Some(file) = &sql.file {
        resolving.note(
            Fault::error("`file` is for SQLite")
                .at(file.place.clone(), "of no use")
                .against(sql.driver.place.clone(), "a database with a server")
                .mend("remove the line, or write `driver = \"sqlite\"`"),
        );
    }
    if sql.database.is_none() {
        needs(resolving, sql, "database", "database = \"mail\"");
    }
    if sql.username.is_none() {
        needs(resolving, sql, "username", "username = \"gatepost\"");
    }
    let at = address(resolving, sql);
    let named = sql.password_file.is_some() || sql.password_env.is_some();
    let password = match named {
        true => Some(secret::password(resolving, &kept(sql))?),
        // On a socket the system says who we are; a server on this machine may trust everybody.
        false => None,
    };
    Some(DatabaseLogin {
        at: at?,
        database: sql.database.as_ref()?.value.clone(),
        username: sql.username.as_ref()?.value.clone(),
        password,
    })
}

fn kept(sql: &SqlOptions) -> Kept<'_> {
    Kept {
        who: "a database",
        file: sql.password_file.as_ref(),
        variable: sql.password_env.as_ref(),
        place: sql.place.clone(),
    }
}

fn needs(resolving: &mut Resolving<'_>, sql: &SqlOptions, key: &str, example: &str) {
    resolving.note(
        Fault::error(format!("this database needs `{key}`"))
            .at(sql.place.clone(), format!("without `{key}`"))
            .against(sql.driver.place.clone(), "this one")
            .mend(format!("add `{example}`")),
    );
}

fn address(resolving: &mut Resolving<'_>, sql: &SqlOptions) -> Option<DatabaseAddress> {
    match (&sql.server, &sql.socket) {
        (Some(server), None) => {
            let tls = tls(resolving, sql, &server.value, server.place.clone());
            let HostPort { host, port } = server.value.clone();
            Some(DatabaseAddress::Network { host, port, tls })
        }
        (None, Some(socket)) => Some(DatabaseAddress::Socket(resolving.path(&socket.value.0))),
        (Some(server), Some(socket)) => {
            resolving.note(
                Fault::error("the database is in two places")
                    .at(socket.place.clone(), "here")
                    .against(server.place.clone(), "and here")
                    .mend("remove one of them"),
            );
            None
        }
        (None, None) => {
            needs(
                resolving,
                sql,
                "server",
                "server = \"db.example.org:5432\"`, or `socket = \"/run/postgresql\"",
            );
            None
        }
    }
}

/// Passwords' hashes never cross the network in the clear.
fn tls(
    resolving: &mut Resolving<'_>,
    sql: &SqlOptions,
    server: &HostPort,
    place: Option<Place>,
) -> SourceTls {
    let here = is_loopback_name(&server.host);
    let written = sql.tls.as_ref().map(|tls| tls.value);
    match (written, here) {
        (Some(SourceTlsChoice::Off), false) => {
            resolving.note(
                Fault::error("what is known of accounts would cross the network in the clear")
                    .at(sql.tls.as_ref().and_then(|tls| tls.place.clone()), "TLS is off")
                    .against(place, "not on this machine")
                    .mend("write `tls = \"required\"`, and `trust` if the system does not trust its certificate"),
            );
            SourceTls::Off
        }
        (Some(SourceTlsChoice::Off), true) | (None, true) => SourceTls::Off,
        (Some(SourceTlsChoice::Required), _) | (None, false) => {
            SourceTls::Required { trust: resolving.trust_file(sql.trust.as_ref()) }
        }
    }
}
