//! What rows say.

use super::super::row::{Row, UserRow, Value};
use super::*;

fn text(text: &str) -> Value {
    Value::Text(Secret::new(text))
}

fn read(columns: &[(&str, Value)]) -> Result<Option<UserRow>, String> {
    let columns = columns.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    UserRow::read(Row(columns.collect()), ADA).map_err(|cause| cause.to_string())
}

#[test]
fn whoever_is_not_said_to_be_active_is_not() {
    let rows = [
        (Value::Truth(true), Some(true)),
        (Value::Truth(false), Some(false)),
        (Value::Number(1), Some(true)),
        (Value::Number(0), Some(false)),
        (Value::Nothing, Some(false)),
        (text("y"), Some(true)),
        (text("TRUE"), Some(true)),
        (text("N"), Some(false)),
        (text(""), Some(false)),
        (text("\u{1}"), Some(true)),
        (text("\u{0}"), Some(false)),
        (text("perhaps"), None),
        (Value::Other("time".to_owned()), None),
    ];
    for (value, want) in rows {
        let found = read(&[("ACTIVE", value.clone())]).ok().flatten();
        assert_eq!(found.map(|row| row.account.may_log_in()), want, "{value:?}");
    }
    assert!(read(&[]).unwrap().unwrap().account.may_log_in());
}

#[test]
fn a_password_in_the_clear_serves_the_old_mechanisms() {
    use gatepost_sasl::Mechanism;
    let row = read(&[("cram_password", text("pencil"))]).unwrap().unwrap();
    let pencil = Secret::new("pencil");
    assert_eq!(row.digest(ADA, "realm").unwrap(), Some(DigestSecret::derive(ADA, "realm", &pencil)));
    assert_eq!(row.nt_hash().unwrap(), Some(NtHash::derive(&pencil)));
    let mechanisms = row.account.mechanisms();
    for mechanism in [Mechanism::Plain, Mechanism::CramMd5, Mechanism::DigestMd5, Mechanism::Ntlm] {
        assert!(mechanisms.contains(&mechanism), "{mechanism:?}");
    }
    assert!(!mechanisms.contains(&Mechanism::ScramSha256));
}

#[test]
fn hexadecimal_digests_are_read_and_others_are_an_error() {
    let digest = "8846F7EAEE8FB117AD06BDD830B7586C";
    let row = read(&[("nt_hash", text(digest)), ("digest_md5", text(&digest.to_lowercase()))]);
    let row = row.unwrap().unwrap();
    assert_eq!(row.nt_hash().unwrap(), Some(NtHash::derive(&Secret::new("password"))));
    assert!(row.digest(ADA, "any").unwrap().is_some());
    for broken in ["8846F7", "x846F7EAEE8FB117AD06BDD830B7586C", "8846F7EAEE8FB117AD06BDD830B7586"] {
        let row = read(&[("nt_hash", text(broken)), ("digest_md5", text(broken))]).unwrap().unwrap();
        assert!(row.nt_hash().is_err() && row.digest(ADA, "any").is_err(), "{broken}");
    }
}

#[test]
fn nothing_of_a_value_is_in_an_error() {
    let told = read(&[("password", Value::Number(271_828))]).err().unwrap();
    assert!(told.contains("password") && !told.contains("271828"), "{told}");
    let row = read(&[("scram_sha_256", text("SCRAM-SHA-256$secret"))]).unwrap().unwrap();
    let told = row.scram(ScramHash::Sha256).err().unwrap().to_string();
    assert!(told.contains("scram_sha_256") && !told.contains("secret"), "{told}");
}
