use tempfile::TempDir;

use super::*;

fn database(folder: &TempDir) -> (Connection, std::path::PathBuf) {
    let path = folder.path().join("accounts.sqlite");
    (Connection::open(&path).unwrap(), path)
}

fn version(connection: &Connection) -> u32 {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn an_empty_database_gets_all_steps_and_a_full_one_none() {
    let folder = TempDir::new().unwrap();
    let (mut connection, path) = database(&folder);
    migrate(&mut connection, &path).unwrap();
    assert_eq!(version(&connection) as usize, STEPS.len());
    connection
        .execute("INSERT INTO account VALUES (1, 'ada@gatepost.example', 'active', 0, 0, '')", [])
        .unwrap();
    migrate(&mut connection, &path).unwrap();
    let rows: u32 = connection.query_row("SELECT count(*) FROM account", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn a_newer_schema_and_a_foreign_database_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let (mut connection, path) = database(&folder);
    connection.execute_batch("CREATE TABLE letters (id INTEGER)").unwrap();
    assert!(matches!(migrate(&mut connection, &path), Err(StoreFault::Foreign { .. })));
    assert_eq!(version(&connection), 0);

    let folder = TempDir::new().unwrap();
    let (mut connection, path) = database(&folder);
    migrate(&mut connection, &path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(migrate(&mut connection, &path), Err(StoreFault::Newer { found: 99, .. })));
    assert_eq!(version(&connection), 99);
}

#[test]
fn accounts_of_the_first_schema_are_kept() {
    let folder = TempDir::new().unwrap();
    let (mut connection, path) = database(&folder);
    connection.execute_batch(ACCOUNTS).unwrap();
    connection.pragma_update(None, "application_id", APPLICATION).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection.execute("INSERT INTO account VALUES (1, 'ada@gatepost.example', 'active', 0, 0)", []).unwrap();
    connection.execute("INSERT INTO credential VALUES (1, 'password', x'00')", []).unwrap();
    migrate(&mut connection, &path).unwrap();
    assert_eq!(version(&connection), 2);
    let kept: (String, String) = connection
        .query_row("SELECT name, only_by FROM account JOIN credential ON id = account", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(kept, ("ada@gatepost.example".to_owned(), String::new()));
}
