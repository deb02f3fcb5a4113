//! MariaDB and MySQL.

use gatepost_sasl::Secret;
use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Column, Conn, Opts, OptsBuilder, Params, SslOpts};
use tokio::time::timeout;

use super::query::{Queries, Question};
use super::row::{Row, Value};
use super::{DatabaseAddress, DatabaseLogin};
use crate::connections::{Connect, Failed};
use crate::limits::{SOURCE_CONNECT_WAIT, SOURCE_ROWS_MOST};
use crate::{SourceTls, trust};

pub(super) struct Mysql {
    options: Opts,
    queries: Queries,
}

impl Mysql {
    pub(super) fn new(login: &DatabaseLogin, queries: Queries) -> Result<Self, String> {
        let password = login.password.as_ref().map(|it| String::from_utf8_lossy(it.expose()).into_owned());
        let options = OptsBuilder::default()
            .user(Some(&login.username))
            .pass(password)
            .db_name(Some(&login.database))
            // The address that was configured, not a socket that the server names.
            .prefer_socket(false);
        let options = match &login.at {
            DatabaseAddress::Network { host, port, tls } => {
                options.ip_or_hostname(host).tcp_port(*port).ssl_opts(security(tls)?)
            }
            DatabaseAddress::Socket(path) => options.socket(path.to_str()),
        };
        Ok(Self { options: options.into(), queries })
    }
}

/// The library would trust the certificates that it brings; we trust whom the system trusts, or the file.
fn security(tls: &SourceTls) -> Result<Option<SslOpts>, String> {
    let roots = match tls {
        SourceTls::Off => return Ok(None),
        SourceTls::Required { trust: None } => {
            trust::of_the_system().into_iter().map(|certificate| certificate.to_vec().into()).collect()
        }
        SourceTls::Required { trust: Some(path) } => {
            // The library reads it at each connection; what is wrong with it is told now.
            trust::client(Some(path))?;
            vec![path.clone().into()]
        }
    };
    Ok(Some(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots)))
}

impl Connect for Mysql {
    type Link = Conn;
    type Question = Question;
    type Found = Vec<Row>;

    async fn connect(&self) -> Result<Conn, String> {
        match timeout(SOURCE_CONNECT_WAIT, Conn::new(self.options.clone())).await {
            Ok(made) => made.map_err(|cause| cause.to_string()),
            Err(_) => Err(format!("no connection within {} s", SOURCE_CONNECT_WAIT.as_secs())),
        }
    }

    async fn ask(&self, link: &mut Conn, question: &Question) -> Result<Vec<Row>, Failed> {
        let query = self.queries.get(question.which);
        let values: Vec<mysql_async::Value> = query.bind(&question.values).map(Into::into).collect();
        let parameters = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let mut found = link.exec_iter(query.text.as_str(), parameters).await.map_err(failed)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().await.map_err(failed)? {
            // The others are read and dropped, since the connection is to be used again.
            if rows.len() < SOURCE_ROWS_MOST {
                rows.push(read(row));
            }
        }
        Ok(rows)
    }
}

fn failed(cause: mysql_async::Error) -> Failed {
    if cause.is_fatal() { Failed::broken(cause) } else { Failed::refused(cause) }
}

fn read(row: mysql_async::Row) -> Row {
    let columns = row.columns();
    let names = columns.iter().map(|column| column.name_str().into_owned());
    Row(names.zip(columns.iter().zip(row.unwrap_raw()).map(|(column, found)| value(column, found))).collect())
}

fn value(column: &Column, value: Option<mysql_async::Value>) -> Value {
    match value {
        None | Some(mysql_async::Value::NULL) => Value::Nothing,
        Some(mysql_async::Value::Bytes(octets)) => text(column.column_type(), octets),
        Some(mysql_async::Value::Int(number)) => Value::Number(number),
        Some(mysql_async::Value::UInt(number)) => Value::Number(i64::try_from(number).unwrap_or(i64::MAX)),
        Some(
            mysql_async::Value::Float(_)
            | mysql_async::Value::Double(_)
            | mysql_async::Value::Date(..)
            | mysql_async::Value::Time(..),
        ) => Value::Other("a fraction or a time".to_owned()),
    }
}

fn text(kind: ColumnType, octets: Vec<u8>) -> Value {
    if kind == ColumnType::MYSQL_TYPE_BIT {
        // BIT(1), which some use for yes and no.
        return Value::Number(i64::from(octets.iter().any(|octet| *octet != 0)));
    }
    if kind == ColumnType::MYSQL_TYPE_NEWDECIMAL { number(&octets) } else { Value::Text(Secret::new(octets)) }
}

/// What sums and sub-queries give, as a decimal text.
fn number(octets: &[u8]) -> Value {
    let text = std::str::from_utf8(octets).unwrap_or_default();
    text.parse().map_or_else(|_| Value::Other("a fraction".to_owned()), Value::Number)
}
