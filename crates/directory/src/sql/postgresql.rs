//! PostgreSQL.

mod tls;

use std::path::Path;

use gatepost_sasl::Secret;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::query::{Queries, Question, Which};
use super::row::{Row, Value};
use super::{DatabaseAddress, DatabaseLogin};
use crate::connections::{Connect, Driver, Failed};
use crate::limits::{SOURCE_CONNECT_WAIT, SOURCE_ROWS_MOST};
use crate::{SourceTls, trust};
use tls::Rustls;

/// The file of a socket begins with this; its port follows.
const SOCKET: &str = ".s.PGSQL.";

pub(super) struct Postgresql {
    config: Config,
    tls: Option<Rustls>,
    queries: Queries,
}

/// A connection with what it has prepared.
pub(super) struct Link {
    client: Client,
    prepared: Vec<(Which, Statement)>,
    _driver: Driver,
}

impl Postgresql {
    pub(super) fn new(login: &DatabaseLogin, queries: Queries) -> Result<Self, String> {
        let mut config = Config::new();
        config.user(&login.username).dbname(&login.database).application_name("gatepost");
        config.connect_timeout(SOURCE_CONNECT_WAIT);
        if let Some(password) = &login.password {
            config.password(password.expose());
        }
        let tls = match &login.at {
            DatabaseAddress::Network { host, port, tls } => {
                config.host(host).port(*port);
                match tls {
                    SourceTls::Off => None,
                    SourceTls::Required { trust } => Some(Rustls::new(trust::client(trust.as_deref())?)),
                }
            }
            DatabaseAddress::Socket(path) => {
                socket(&mut config, path);
                None
            }
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls, queries })
    }

    async fn dial(&self) -> Result<Link, tokio_postgres::Error> {
        let (client, driver) = match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                (client, Driver::start(async move { drop(connection.await) }))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (client, Driver::start(async move { drop(connection.await) }))
            }
        };
        Ok(Link { client, prepared: Vec::new(), _driver: driver })
    }
}

/// The folder of a socket, or the socket.
fn socket(config: &mut Config, path: &Path) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match (name.strip_prefix(SOCKET).and_then(|port| port.parse().ok()), path.parent()) {
        (Some(port), Some(folder)) => config.host_path(folder).port(port),
        (_, _) => config.host_path(path),
    };
}

impl Connect for Postgresql {
    type Link = Link;
    type Question = Question;
    type Found = Vec<Row>;

    async fn connect(&self) -> Result<Link, String> {
        match timeout(SOURCE_CONNECT_WAIT, self.dial()).await {
            Ok(made) => made.map_err(|cause| told(&cause)),
            Err(_) => Err(format!("no connection within {} s", SOURCE_CONNECT_WAIT.as_secs())),
        }
    }

    async fn ask(&self, link: &mut Link, question: &Question) -> Result<Vec<Row>, Failed> {
        let query = self.queries.get(question.which);
        let known = link.prepared.iter().find(|(which, _)| *which == question.which);
        let known = known.map(|(_, statement)| statement.clone());
        let statement = match known {
            Some(statement) => statement,
            None => {
                let made = link.client.prepare(&query.text).await.map_err(|cause| failed(link, &cause))?;
                link.prepared.push((question.which, made.clone()));
                made
            }
        };
        let values: Vec<&str> = query.bind(&question.values).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|it| it as &(dyn ToSql + Sync)).collect();
        let found = link.client.query(&statement, &parameters).await;
        let found = found.map_err(|cause| failed(link, &cause))?;
        found.iter().take(SOURCE_ROWS_MOST).map(read).collect()
    }
}

/// A table that was changed makes prepared queries unusable, so that any failure but that of a fresh connection is worth a
/// second try.
fn failed(link: &Link, cause: &tokio_postgres::Error) -> Failed {
    if link.client.is_closed() || cause.is_closed() || !link.prepared.is_empty() {
        Failed::Broken(told(cause))
    } else {
        Failed::Refused(told(cause))
    }
}

/// The library's errors keep the server's own words one level below.
fn told(cause: &tokio_postgres::Error) -> String {
    match std::error::Error::source(cause) {
        Some(inner) => format!("{cause}: {inner}"),
        None => cause.to_string(),
    }
}

fn read(row: &tokio_postgres::Row) -> Result<Row, Failed> {
    let columns = row.columns().iter().enumerate();
    let read = columns.map(|(index, column)| {
        let value = row.try_get(index).map_err(|cause| Failed::Refused(told(&cause)))?;
        Ok((column.name().to_owned(), value))
    });
    read.collect::<Result<_, Failed>>().map(Row)
}

type Error = Box<dyn std::error::Error + Sync + Send>;

/// By the type of the column; those that are not looked at are taken all the same.
impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Error> {
        Ok(match *kind {
            Type::BOOL => Self::Truth(bool::from_sql(kind, raw)?),
            Type::INT2 => Self::Number(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Self::Number(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Self::Number(i64::from_sql(kind, raw)?),
            Type::BYTEA => Self::Text(Secret::new(raw)),
            _ if <&str as FromSql>::accepts(kind) => Self::Text(Secret::new(<&str>::from_sql(kind, raw)?)),
            _ => Self::Other(format!("a value of type {kind}")),
        })
    }

    fn from_sql_null(_kind: &Type) -> Result<Self, Error> {
        Ok(Self::Nothing)
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}
