use super::*;

fn name(text: &str, port: u16) -> Endpoint {
    Endpoint::Name(Domain::parse(text).unwrap(), port)
}

#[test]
fn ways_to_deliver_are_read() {
    let rows = [
        ("maildir:/m/{domain}/{local-part}", Some(Destination::Maildir("/m/{domain}/{local-part}".into()))),
        ("lmtp:unix:/run/lmtp", Some(Destination::Lmtp(Endpoint::Unix("/run/lmtp".into())))),
        ("lmtp:10.0.0.5:24", Some(Destination::Lmtp(Endpoint::Address("10.0.0.5".parse().unwrap(), 24)))),
        (
            "smtp:[2001:db8::1]:25",
            Some(Destination::Smtp(Endpoint::Address("2001:db8::1".parse().unwrap(), 25))),
        ),
        ("smtp:in.example.org:2525", Some(Destination::Smtp(name("in.example.org", 2525)))),
        ("maildir:", None),
        ("maildir:/m/{user}", None),
        ("maildir:/m/{local-part", None),
        ("mbox:/var/mail", None),
        ("lmtp:unix:run/lmtp", None),
        ("lmtp:10.0.0.5", None),
        ("smtp:in.example.org", None),
        ("smtp:in.example.org:0", None),
        ("smtp:in.example.org:99999", None),
        ("smtp:-:25", None),
        ("", None),
    ];
    for (text, want) in rows {
        assert_eq!(Deliver::from_text(text).ok().map(|deliver| deliver.0), want, "{text}");
    }
}

#[test]
fn the_mend_says_what_was_meant() {
    let mend = |text: &str| Deliver::from_text(text).unwrap_err().mend;
    assert_eq!(mend("maildir:/m/{localpart}"), "write {local-part}");
    assert_eq!(mend("mailder:/m"), "write \"maildir:...\"");
    assert_eq!(mend("lmtp:10.0.0.5"), "write \"lmtp:10.0.0.5:24\"");
    assert_eq!(Bind::from_text("*:25").unwrap_err().mend, "write \"0.0.0.0:25\", \"[::]:25\"");
    assert_eq!(SocketAddr::from_text("::1").unwrap_err().mend, "write \"[::1]:53\"");
    assert_eq!(
        Network::from_text("10.0.7.20/24").unwrap_err().mend,
        "write \"10.0.7.0/24\", or \"10.0.7.20/32\""
    );
}

#[test]
fn networks_are_read() {
    let rows = [
        ("10.0.7.20/32", Some(("10.0.7.20", 32))),
        ("10.0.7.20", Some(("10.0.7.20", 32))),
        ("2001:db8::/64", Some(("2001:db8::", 64))),
        ("0.0.0.0/0", Some(("0.0.0.0", 0))),
        ("10.0.0.0/33", None),
        ("10.0.0.0/", None),
        ("10.0.0.1/8", None),
        ("2001:db8::1/64", None),
        ("ten", None),
    ];
    for (text, want) in rows {
        let want = want.map(|(address, prefix)| Network { address: address.parse().unwrap(), prefix });
        assert_eq!(Network::from_text(text).ok(), want, "{text}");
    }
}
