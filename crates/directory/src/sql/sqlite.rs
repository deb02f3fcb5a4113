//! SQLite: a file that another program keeps.
//!
//! It is opened anew for each question, which costs little, so that a file put in its place counts at once; on a thread for
//! work that blocks, as the file may be on a slow disk or locked by whoever writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatepost_sasl::Secret;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::query::{Queries, Question};
use super::row::{Row, Value};
use crate::connections::{Connect, Failed};
use crate::limits::{SOURCE_CONNECT_WAIT, SOURCE_ROWS_MOST};

/// How long a look-up waits for a writer.
const WRITER_WAIT: Duration = SOURCE_CONNECT_WAIT;

pub(super) struct Sqlite {
    path: PathBuf,
    queries: Arc<Queries>,
}

impl Sqlite {
    pub(super) fn new(path: &Path, queries: Queries) -> Self {
        Self { path: path.to_path_buf(), queries: Arc::new(queries) }
    }
}

impl Connect for Sqlite {
    type Link = ();
    type Question = Question;
    type Found = Vec<Row>;

    async fn connect(&self) -> Result<(), String> {
        Ok(())
    }

    async fn ask(&self, (): &mut (), question: &Question) -> Result<Vec<Row>, Failed> {
        let (path, queries) = (self.path.clone(), Arc::clone(&self.queries));
        let (which, values) = (question.which, question.values.clone());
        let work = move || {
            let query = queries.get(which);
            let parameters: Vec<&str> = query.bind(&values).collect();
            rows(&path, &query.text, &parameters)
        };
        let rows = tokio::task::spawn_blocking(work).await.map_err(Failed::refused)?;
        rows.map_err(|cause| Failed::Refused(format!("{}: {cause}", self.path.display())))
    }
}

fn rows(path: &Path, query: &str, parameters: &[&str]) -> rusqlite::Result<Vec<Row>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    database.busy_timeout(WRITER_WAIT)?;
    let mut statement = database.prepare(query)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut found = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        if rows.len() >= SOURCE_ROWS_MOST {
            break;
        }
        let columns = names.iter().enumerate();
        let read = columns.map(|(index, name)| Ok((name.clone(), value(row.get_ref(index)?))));
        rows.push(Row(read.collect::<rusqlite::Result<_>>()?));
    }
    Ok(rows)
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Nothing,
        ValueRef::Integer(number) => Value::Number(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => Value::Text(Secret::new(text)),
        ValueRef::Real(_) => Value::Other("a fraction".to_owned()),
    }
}
