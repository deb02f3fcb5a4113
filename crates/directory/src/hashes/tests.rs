use std::sync::Arc;

use super::*;

/// The hashes themselves are tried where they are imported.
#[test]
fn what_databases_hold_is_understood() {
    use HashCheck::{Right, Unreadable, Wrong};
    let bcrypt = bcrypt::hash("pencil", 4).unwrap();
    let scram = ScramVerifier::derive(
        gatepost_sasl::ScramHash::Sha256,
        &Secret::new("pencil"),
        b"0123456789abcdef",
        4096,
    );
    let scram = String::from_utf8(scram.unwrap().to_text().expose().to_vec()).unwrap();
    let rows = [
        (bcrypt.as_str(), Right, Wrong),
        (&format!("{{BLF-CRYPT}}{bcrypt}"), Right, Wrong),
        (&scram, Right, Wrong),
        ("{PLAIN}pencil", Right, Wrong),
        ("*", Wrong, Wrong),
        ("!locked", Wrong, Wrong),
        ("pencil", Unreadable, Unreadable),
        ("{ROT13}crapvy", Unreadable, Unreadable),
        ("$2b$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", Unreadable, Unreadable),
        ("{NTLM}8846F7EAEE8FB117AD06BDD830B7586C", Unreadable, Unreadable),
    ];
    let mut scratch = Scratch::new(Arc::default());
    for (text, for_pencil, for_eraser) in rows {
        for (password, want) in [("pencil", for_pencil), ("eraser", for_eraser)] {
            let found = verify_hash(&Secret::new(text), &Secret::new(password), &mut scratch).unwrap();
            assert_eq!(found, want, "{text} {password}");
        }
    }
}
