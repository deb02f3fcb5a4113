use super::*;

#[test]
fn names_have_one_spelling() {
    let rows = [
        ("ada@gatepost.example", "ada@gatepost.example"),
        ("Ada.Lovelace+x@Gatepost.Example", "ada.lovelace+x@gatepost.example"),
        ("\"ada\"@gatepost.example", "ada@gatepost.example"),
        ("e\u{301}va@B\u{fc}cher.example", "\u{e9}va@xn--bcher-kva.example"),
        ("\u{ff21}da@gatepost.example", "ada@gatepost.example"),
    ];
    for (typed, want) in rows {
        assert_eq!(account_name(typed).as_deref(), Ok(want), "{typed}");
        assert_eq!(login_key(typed).as_deref(), Some(want), "{typed}");
        assert_eq!(login_key(want).as_deref(), Some(want), "{typed}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    use NameFault::{Address, Literal, LocalPart, Login, Spelling};
    use prepare::NameError;
    let long = format!("{}@gatepost.example", "a".repeat(600));
    let rows = [
        ("", Login(NameError::Empty)),
        (&long, Login(NameError::TooLong)),
        ("a\u{7}da@gatepost.example", Login(NameError::Forbidden)),
        ("a\0@gatepost.example", Login(NameError::Forbidden)),
        ("\u{1f511}@gatepost.example", Login(NameError::Forbidden)),
        ("ada", Address(AddressError::NoAt)),
        ("ada@", Address(AddressError::Domain)),
        ("../ada@gatepost.example", Address(AddressError::LocalPart)),
        ("ada@[192.0.2.1]", Literal),
        ("a/da@gatepost.example", LocalPart),
        ("\"../ada\"@gatepost.example", LocalPart),
        ("\".ada\"@gatepost.example", LocalPart),
        ("\"..\"@gatepost.example", LocalPart),
        ("ada%there.example@gatepost.example", LocalPart),
        ("there!ada@gatepost.example", LocalPart),
        ("\"ada@there.example\"@gatepost.example", LocalPart),
        ("\"c:ada\"@gatepost.example", LocalPart),
        ("|ada@gatepost.example", LocalPart),
        ("\"\\\\ada\"@gatepost.example", LocalPart),
        ("*@gatepost.example", LocalPart),
        ("{domain}@gatepost.example", LocalPart),
        ("\"ada lovelace\"@gatepost.example", Spelling),
        ("\"ada.\"@gatepost.example", Spelling),
    ];
    for (typed, want) in rows {
        assert_eq!(account_name(typed), Err(want), "{typed:?}");
    }
}

#[test]
fn what_may_be_sent_as_is_read_and_written() {
    let rows = [
        ("office@gatepost.example", "office@gatepost.example"),
        ("Office@Gatepost.example", "office@gatepost.example"),
        ("*@Gatepost.example", "*@gatepost.example"),
        ("*@b\u{fc}cher.example", "*@xn--bcher-kva.example"),
        ("\"a b\"@gatepost.example", "a b@gatepost.example"),
        ("\"*@there.example\"@gatepost.example", "*@there.example@gatepost.example"),
    ];
    for (typed, pattern) in rows {
        let read: SendsAs = typed.parse().unwrap();
        assert_eq!(read.pattern(), pattern, "{typed}");
        assert_eq!(read.to_string().parse::<SendsAs>().unwrap(), read, "{typed}");
    }
    for typed in
        ["", "*", "*@", "@gatepost.example", "gatepost.example", "*@*", "*@[192.0.2.1]", "*@a@b.example"]
    {
        assert!(typed.parse::<SendsAs>().is_err(), "{typed}");
    }
    let said = "*@-".parse::<SendsAs>().unwrap_err().to_string();
    assert_eq!(
        said,
        "\"*@-\" is neither an address nor *@domain: the part behind the @ is not a domain name"
    );
}
