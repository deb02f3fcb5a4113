//! The examples of RFC 5849. That of RFC 7628 cannot serve: its signature says that it is none.

use super::{Method, Scheme, base_string, decode, encode};
use crate::{OauthOneKeys, Secret};

fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn keys(consumer: &str, consumer_secret: &str, token: &str, token_secret: &str) -> OauthOneKeys {
    OauthOneKeys {
        consumer: consumer.to_owned(),
        consumer_secret: Secret::new(consumer_secret),
        token: token.to_owned(),
        token_secret: Secret::new(token_secret),
        user: "jane".to_owned(),
    }
}

/// Query, header and body of one request, in the order in which they stand there.
#[test]
fn rfc_5849_section_3_4_1_1() {
    let parameters = parameters(&[
        ("b5", "=%3D"),
        ("a3", "a"),
        ("c@", ""),
        ("a2", "r b"),
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
        ("c2", ""),
        ("a3", "2 q"),
    ]);
    assert_eq!(
        base_string("POST", "http://example.com/request", &parameters),
        concat!(
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D",
            "%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a",
            "%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201",
            "%26oauth_token%3Dkkk9d7dh3k39sjv7",
        )
    );
}

/// The three signed requests of the printer and the photographs.
#[test]
fn rfc_5849_section_1_2() {
    let consumer = ("dpf43f3p2l4k3l03", "kd94hf93k423kf44");
    let common = [("oauth_consumer_key", consumer.0), ("oauth_signature_method", "HMAC-SHA1")];
    let rows = [
        (
            ("POST", "https://photos.example.net/initiate"),
            ("", ""),
            parameters(&[
                ("oauth_timestamp", "137131200"),
                ("oauth_nonce", "wIjqoS"),
                ("oauth_callback", "http://printer.example.com/ready"),
            ]),
            "74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D",
        ),
        (
            ("POST", "https://photos.example.net/token"),
            ("hh5s93j4hdidpola", "hdhd0244k9j7ao03"),
            parameters(&[
                ("oauth_token", "hh5s93j4hdidpola"),
                ("oauth_timestamp", "137131201"),
                ("oauth_nonce", "walatlh"),
                ("oauth_verifier", "hfdp7dh39dks9884"),
            ]),
            "gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D",
        ),
        (
            ("GET", "http://photos.example.net/photos"),
            ("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"),
            parameters(&[
                ("oauth_token", "nnch734d00sl2jdk"),
                ("oauth_timestamp", "137131202"),
                ("oauth_nonce", "chapoH"),
                ("file", "vacation.jpg"),
                ("size", "original"),
            ]),
            "MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D",
        ),
    ];
    for ((verb, address), token, mut several, want) in rows {
        several.extend(parameters(&common));
        let keys = keys(consumer.0, consumer.1, token.0, token.1);
        let signature = Method::HmacSha1.sign(&base_string(verb, address, &several), &keys);
        assert_eq!(encode(std::str::from_utf8(signature.expose()).unwrap()), want, "{address}");
    }
}

#[test]
fn secrets_are_encoded_before_they_are_keys() {
    let one = Method::HmacSha1.sign("x", &keys("", "a&b", "", "c"));
    assert_ne!(one, Method::HmacSha1.sign("x", &keys("", "a", "", "b&c")));
    // Python: hmac.new(b"a%26b&c", b"x", hash) in base64.
    assert_eq!(one.expose(), b"fwiQVxhZzGP9cnz339RW/6jcqSo=");
    assert_eq!(
        Method::HmacSha256.sign("x", &keys("", "a&b", "", "c")).expose(),
        b"Isn+JtAfhD/HyplIy6H+d0QyZaoNPMygFauuMm7R/f0="
    );
}

#[test]
fn addresses_are_of_one_form() {
    assert_eq!(Scheme::Http.root("Mail.Example", 587), "http://mail.example:587/");
    assert_eq!(Scheme::Http.root("mail.example", 80), "http://mail.example/");
    assert_eq!(Scheme::Https.root("mail.example", 80), "https://mail.example:80/");
    assert_eq!(Scheme::Https.root("mail.example", 443), "https://mail.example/");
}

#[test]
fn what_is_encoded_is_decoded() {
    for text in ["", "azAZ09-._~", "a b+c/d=", "%25", "\u{e9}\u{20ac}\0"] {
        assert_eq!(decode(encode(text).as_bytes()).as_deref(), Some(text));
    }
    assert_eq!(encode("\u{e9} +"), "%C3%A9%20%2B");
    assert_eq!(decode(b"%c3%a9+").as_deref(), Some("\u{e9}+"));
    for bad in ["%", "%2", "%g0", "%+1", "%ff"] {
        assert_eq!(decode(bad.as_bytes()), None, "{bad}");
    }
}
