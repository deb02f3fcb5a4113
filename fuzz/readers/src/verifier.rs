//! What is kept in place of passwords, as text; and the forms of names and passwords.

use gatepost_sasl::{Mechanism, ScramVerifier, Secret, limits, nearest, prepare};

/// Reads the octets as a verifier, as a name, as a password and as a mechanism.
///
/// # Panics
///
/// If what is written is not read as the same, a form is not final, a key is shown, or a mechanism is not known by its name.
pub fn verifier(octets: &[u8]) {
    check_password(octets);
    if let Ok(name) = prepare::name(octets) {
        assert_eq!(prepare::name(name.as_bytes()), Ok(name));
    }
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let key = prepare::account_key(text);
    assert_eq!(prepare::account_key(&key), key, "the key of {text:?}");
    let nearest = nearest(text, &Mechanism::ALL);
    assert!(nearest.is_some() || Mechanism::from_name(text).is_none(), "{text:?} is near to nothing");
    if let Ok(verifier) = ScramVerifier::from_text(text) {
        check_verifier(&verifier);
    }
}

fn check_verifier(verifier: &ScramVerifier) {
    assert!((limits::ITERATIONS_LEAST..=limits::ITERATIONS_MOST).contains(&verifier.iterations()));
    let written = verifier.to_text();
    let written = std::str::from_utf8(written.expose()).unwrap_or_default();
    assert_eq!(ScramVerifier::from_text(written).as_ref(), Ok(verifier));
    let shown = format!("{verifier:?}");
    let keys = written.rsplit(['$', ':']).take(3);
    assert!(keys.into_iter().all(|key| key.len() < 8 || !shown.contains(key)), "{shown}");
}

fn check_password(octets: &[u8]) {
    let typed = Secret::new(octets);
    let prepared = prepare::password(&typed);
    assert!(prepare::password(&prepared) == prepared, "a password has two forms: {octets:?}");
}
