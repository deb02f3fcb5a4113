//! Verifiers: made, written, read, faked.

use super::{DigestSecret, ScramVerifier, VerifierError};
use crate::{ScramHash, Secret, limits};

/// From RFC 7677 section 3 (user, pencil), as PostgreSQL would store it: checked by the exchange in `crate::tests` too.
const SALT: &[u8] =
    &[0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];

fn verifier() -> ScramVerifier {
    ScramVerifier::derive(ScramHash::Sha256, &Secret::new("pencil"), SALT, 4_096).unwrap()
}

#[test]
fn text_is_read_as_it_was_written() {
    for hash in ScramHash::ALL {
        let verifier = ScramVerifier::derive(hash, &Secret::new("pencil"), SALT, 5_000).unwrap();
        let text = verifier.to_text();
        let text = std::str::from_utf8(text.expose()).unwrap();
        assert!(text.starts_with(&format!("{}$5000:W22ZaJ0SNY7soEsUEjb6gQ==$", hash.name())), "{text}");
        assert_eq!(ScramVerifier::from_text(text), Ok(verifier));
    }
}

/// The keys of RFC 7677's example, computed once with another implementation (Python's hashlib and hmac).
#[test]
fn keys_agree_with_another_implementation() {
    let text = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    assert_eq!(ScramVerifier::from_text(text), Ok(verifier()));
}

#[test]
fn damaged_text_is_refused() {
    let key = "A".repeat(43) + "=";
    let rows = [
        (String::new(), VerifierError::Form),
        (format!("SCRAM-SHA-256$4096:c2FsdA==${key}"), VerifierError::Form),
        (format!("SCRAM-SHA-256$4096${key}:{key}"), VerifierError::Form),
        (format!("SCRAM-SHA-256$x:c2FsdA==${key}:{key}"), VerifierError::Form),
        (format!("SCRAM-SHA-256$4096:c2FsdA=${key}:{key}"), VerifierError::Form),
        (format!("SCRAM-SHA-256$4096:c2FsdA==${key}:{key}="), VerifierError::Form),
        (format!("SCRAM-SHA-0$4096:c2FsdA==${key}:{key}"), VerifierError::Scheme),
        (format!("SCRAM-SHA-256$4095:c2FsdA==${key}:{key}"), VerifierError::Iterations(4_095)),
        (format!("SCRAM-SHA-256$1000001:c2FsdA==${key}:{key}"), VerifierError::Iterations(1_000_001)),
        (format!("SCRAM-SHA-256$4096:${key}:{key}"), VerifierError::Salt(0)),
        (format!("SCRAM-SHA-1$4096:c2FsdA==${key}:{key}"), VerifierError::Key(32)),
        (format!("SCRAM-SHA-256$4096:c2FsdA==${key}:"), VerifierError::Key(0)),
    ];
    for (text, want) in rows {
        assert_eq!(ScramVerifier::from_text(&text), Err(want), "{text}");
    }
}

#[test]
fn out_of_bounds_is_not_derived() {
    let derive = |salt: &[u8], iterations| {
        ScramVerifier::derive(ScramHash::Sha1, &Secret::new("x"), salt, iterations).unwrap_err()
    };
    assert_eq!(derive(SALT, 4_095), VerifierError::Iterations(4_095));
    assert_eq!(derive(SALT, u32::MAX), VerifierError::Iterations(u32::MAX));
    assert_eq!(derive(&[], 4_096), VerifierError::Salt(0));
    assert_eq!(derive(&[0; 257], 4_096), VerifierError::Salt(257));
}

#[test]
fn a_password_matches_in_either_form() {
    let verifier = ScramVerifier::derive(ScramHash::Sha256, &Secret::new("caf\u{e9}"), SALT, 4_096).unwrap();
    assert!(verifier.matches(&Secret::new("cafe\u{301}")));
    assert!(!verifier.matches(&Secret::new("cafe")));
    assert!(!verifier.matches(&Secret::new("")));
}

#[test]
fn a_fake_is_stable_and_like_a_real_one() {
    let secret = Secret::new("server secret");
    let fake = |hash, user: &str| ScramVerifier::fake(hash, user, &secret, limits::ITERATIONS_DEFAULT);
    let ada = fake(ScramHash::Sha256, "ada@gatepost.example");
    assert_eq!(ada, fake(ScramHash::Sha256, "Ada@gatepost.example"));
    assert_ne!(ada.salt(), fake(ScramHash::Sha256, "bob@gatepost.example").salt());
    assert_ne!(ada.salt(), fake(ScramHash::Sha1, "ada@gatepost.example").salt());
    assert_ne!(
        ada,
        ScramVerifier::fake(ScramHash::Sha256, "ada@gatepost.example", &Secret::new("other"), 15_000)
    );
    for hash in ScramHash::ALL {
        let fake = fake(hash, "ada@gatepost.example");
        assert_eq!(fake.salt().len(), limits::SALT_OCTETS);
        assert_eq!(fake.iterations(), limits::ITERATIONS_DEFAULT);
        // It also is well-formed: its text can be read back, keys have their length.
        let text = fake.to_text();
        assert_eq!(ScramVerifier::from_text(std::str::from_utf8(text.expose()).unwrap()), Ok(fake));
    }
}

#[test]
fn debug_shows_no_key_and_no_salt() {
    assert_eq!(format!("{:?}", verifier()), "ScramVerifier(SCRAM-SHA-256, 4096 iterations, ..)");
}

/// RFC 2831 section 2.1.2.1 wants ISO 8859-1 where it can be had. The digits are Python's.
#[test]
fn digests_are_of_latin_text_where_it_can_be_had() {
    let rows = [
        ("chris", "secret", "51a1d1fbdd84a14098206e08a6bf3e1a"),
        ("\u{e9}va", "caf\u{e9}", "562efcd59e43b09f526380fa5c760065"),
        ("\u{e9}va", "\u{20ac}", "98e7c11a925f2690aec6994827844d7e"),
    ];
    for (user, password, want) in rows {
        let secret = DigestSecret::derive(user, "mail.example", &Secret::new(password));
        assert_eq!(crate::hash::hex(secret.octets()).expose(), want.as_bytes(), "{user} {password}");
        assert_eq!(DigestSecret::from_octets(secret.octets().clone()), Some(secret));
    }
}
