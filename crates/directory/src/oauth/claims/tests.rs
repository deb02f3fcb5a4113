//! A table of tokens, as they come out of the verification.

use gatepost_sasl::TokenFault::{self, Invalid, Scope};
use serde_json::{Value, json};

use super::{Claims, End, Wanted, issuer_of};

const NOW: u64 = 1_800_000_000;

fn judged(end: End, change: &Value) -> Result<String, TokenFault> {
    let mut claims = json!({
        "iss": "https://login.example.org", "aud": "smtp", "exp": NOW + 60, "scope": "openid smtp.send",
        "email": "ada@example.org", "upn": "lovelace@example.org",
    });
    let whole = claims.as_object_mut().unwrap();
    for (name, value) in change.as_object().unwrap() {
        whole.insert(name.clone(), value.clone());
    }
    // A null stands for a claim that is not there.
    whole.retain(|_, value| !value.is_null());
    let claims: Claims = serde_json::from_value(claims).unwrap();
    let wanted = Wanted {
        issuer: "https://login.example.org",
        audience: Some("smtp"),
        scope: Some("smtp.send"),
        claim: "email",
        end,
    };
    claims.judge(&wanted, NOW)
}

#[test]
fn what_a_token_must_say() {
    let rows = [
        ("as it should be", json!({}), Ok(())),
        ("one of several audiences", json!({"aud": ["imap", "smtp"]}), Ok(())),
        ("for another service", json!({"aud": "imap"}), Err(Invalid)),
        ("for one of a longer name", json!({"aud": "smtp2"}), Err(Invalid)),
        ("for nobody", json!({"aud": null}), Err(Invalid)),
        ("of another issuer", json!({"iss": "https://login.example.org/"}), Err(Invalid)),
        ("of no issuer", json!({"iss": null}), Err(Invalid)),
        ("of two issuers", json!({"iss": ["https://login.example.org", "https://x.example"]}), Err(Invalid)),
        ("over, within the leeway", json!({"exp": NOW - 29}), Ok(())),
        ("over", json!({"exp": NOW - 30}), Err(Invalid)),
        ("without an end", json!({"exp": null}), Err(Invalid)),
        ("with an end that is no time", json!({"exp": "tomorrow"}), Err(Invalid)),
        ("with an end before 1970", json!({"exp": -1}), Err(Invalid)),
        ("with a fraction", json!({"exp": 1_800_000_060.5}), Ok(())),
        ("begun, within the leeway", json!({"nbf": NOW + 30}), Ok(())),
        ("not begun", json!({"nbf": NOW + 31}), Err(Invalid)),
        ("with a beginning that is no time", json!({"nbf": {}}), Err(Invalid)),
        ("scopes in a list", json!({"scope": null, "scp": ["openid", "smtp.send"]}), Ok(())),
        ("scopes of Microsoft", json!({"scope": null, "scp": "smtp.send offline"}), Ok(())),
        ("without the scope", json!({"scope": "openid"}), Err(Scope)),
        ("with a longer scope", json!({"scope": "smtp.sender"}), Err(Scope)),
        ("without any scope", json!({"scope": null}), Err(Scope)),
        ("over, and without the scope", json!({"exp": 1, "scope": ""}), Err(Invalid)),
        ("a verified address", json!({"email_verified": true}), Ok(())),
        ("a verified address, in words", json!({"email_verified": "true"}), Ok(())),
        ("an address that anybody may claim", json!({"email_verified": false}), Err(Invalid)),
        ("the same, in words", json!({"email_verified": "false"}), Err(Invalid)),
        ("nobody", json!({"email": null}), Err(Invalid)),
        ("nobody in particular", json!({"email": ["ada@example.org"]}), Err(Invalid)),
    ];
    for (name, change, want) in rows {
        let want = want.map(|()| "ada@example.org".to_owned());
        assert_eq!(judged(End::Demanded, &change), want, "{name}");
    }
}

#[test]
fn introspection_may_leave_out_issuer_and_end() {
    assert!(judged(End::WhereSaid, &json!({"iss": null, "exp": null})).is_ok());
    assert_eq!(judged(End::WhereSaid, &json!({"iss": "https://x.example"})), Err(Invalid));
    assert_eq!(judged(End::WhereSaid, &json!({"exp": NOW - 30})), Err(Invalid));
    assert_eq!(judged(End::WhereSaid, &json!({"exp": "tomorrow"})), Err(Invalid));
}

#[test]
fn the_issuer_of_what_may_be_a_token() {
    // {"iss":"https://a.example"}
    let payload = "eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSJ9";
    assert_eq!(issuer_of(&format!("x.{payload}.y")).as_deref(), Some("https://a.example"));
    for none in ["", "opaque", "a.b.c", payload, &format!("x.{payload}")] {
        assert_eq!(issuer_of(none), None, "{none}");
    }
}
