use super::*;

fn scan(message: &str) -> HeaderFacts {
    scan_in_pieces(message, message.len().max(1)).0
}

fn scan_in_pieces(message: &str, size: usize) -> (HeaderFacts, Option<usize>) {
    let mut scan = HeaderScan::new(HeaderLimits::default());
    let mut fed = 0;
    for piece in message.as_bytes().chunks(size) {
        if let Progress::Ended { at } = scan.piece(piece) {
            let facts = scan.facts().clone();
            assert_eq!(facts, scan.finish(), "all is known when the section ends");
            return (facts, Some(fed + at));
        }
        fed += piece.len();
    }
    (scan.finish(), None)
}

fn shown(field: &AddressField) -> String {
    match field {
        AddressField::Missing => "missing".into(),
        AddressField::Unreadable => "unreadable".into(),
        AddressField::Repeated => "repeated".into(),
        AddressField::Mailboxes(mailboxes) => {
            mailboxes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
    }
}

const MESSAGE: &str = "Return-Path: <x@y.example>\r\n\
    Received: from a by b; now\r\n\
    RECEIVED: from c\r\n\tby d;\r\n\tthen\r\n\
    Delivered-To: Bob@There.Example\r\n\
    Date: today\r\n\
    From : \"Ada,\r\n Countess\" (the\r\n\tfirst)\r\n <ada@ours.example>\r\n\
    message-id: <1@x>\r\n\
    Subject: From: nobody@nowhere.example\r\n\
    \r\n\
    From: body@nowhere.example\r\n\r\nmore\r\n";

#[test]
fn cutting_the_input_changes_nothing() {
    let whole = scan_in_pieces(MESSAGE, MESSAGE.len());
    for size in 1..MESSAGE.len() {
        assert_eq!(scan_in_pieces(MESSAGE, size), whole, "{size}");
    }
    let (facts, end) = whole;
    assert_eq!(end, MESSAGE.find("From: body"));
    assert_eq!(facts.section, Octets(end.unwrap() as u64));
    assert_eq!(shown(&facts.from), "ada@ours.example");
    assert_eq!(facts.sender, AddressField::Missing);
    assert_eq!(facts.received, 2);
    assert_eq!(facts.delivered_to, ["bob@there.example"]);
    assert!(facts.has(Field::Date) && facts.has(Field::MessageId) && facts.has(Field::ReturnPath));
    assert!(!facts.has(Field::Bcc));
    assert_eq!(facts.malformed_lines, 0);
    assert!(!facts.is_international);
}

#[test]
fn sections_of_odd_shape_are_read() {
    let rows = [
        ("", "missing", 0),
        ("\r\nFrom: a@b.example\r\n", "missing", 0),
        ("From: a@b.example", "a@b.example", 0),
        ("From: a@b.example\r\n", "a@b.example", 0),
        ("From: a@b.example\r\nFrom: a@b.example\r\n\r\n", "repeated", 0),
        ("from:a@b.example\r\n\r\n", "a@b.example", 0),
        ("From:\r\n a@b.example\r\n\r\n", "a@b.example", 0),
        (" From: a@b.example\r\n\r\n", "missing", 0),
        ("garbage\r\nFrom: a@b.example\r\n\r\n", "a@b.example", 1),
        ("From a@b Thu Jan 1\r\nFrom: a@b.example\r\n\r\n", "a@b.example", 1),
        ("X-From: a@b.example\r\n\r\n", "missing", 0),
        ("Fro\u{e9}m: a@b.example\r\n\r\n", "missing", 1),
        (": a@b.example\r\n\r\n", "missing", 1),
        ("Subject: x\r\nFrom: a@b.example\r\n x\r\n\r\n", "unreadable", 0),
        ("garbage", "missing", 1),
    ];
    for (message, from, malformed) in rows {
        let facts = scan(message);
        assert_eq!((shown(&facts.from).as_str(), facts.malformed_lines), (from, malformed), "{message:?}");
    }
}

#[test]
fn address_lists_are_read_or_called_unreadable() {
    let rows = [
        ("ada@ours.example", "ada@ours.example"),
        ("<ada@ours.example>", "ada@ours.example"),
        ("Ada <ada@ours.example>", "ada@ours.example"),
        ("Ada B. Lovelace <ada@ours.example>", "ada@ours.example"),
        ("\"Lovelace, Ada\" <ada@ours.example>, Bob <bob@ours.example>", "ada@ours.example bob@ours.example"),
        ("=?utf-8?Q?Ad=C3=A4?= <ada@ours.example>", "ada@ours.example"),
        ("Jürgen <jürgen@bücher.example>", "jürgen@bücher.example"),
        ("\"a \\\" b\" <ada@ours.example>", "ada@ours.example"),
        ("ada@ours.example (Ada (the) \\) first)", "ada@ours.example"),
        ("(x) ada (y) @ (z) ours . (w) example", "ada@ours.example"),
        ("\"ada\"@ours.example", "ada@ours.example"),
        ("\"ada l\"@ours.example", "\"ada l\"@ours.example"),
        ("\"ada\".l@ours.example", "ada.l@ours.example"),
        ("ada@[192.0.2.1]", "ada@[192.0.2.1]"),
        ("Ada <@a.example,@b.example:ada@ours.example>", "ada@ours.example"),
        ("All: ada@ours.example, Bob <bob@ours.example>;", "ada@ours.example bob@ours.example"),
        ("All: Bob <bob@ours.example>;, eve@ours.example", "bob@ours.example eve@ours.example"),
        ("Undisclosed:;", ""),
        ("ada@ours.example,", "ada@ours.example"),
        // An address that people may be shown counts.
        ("ceo@ours.example <ada@ours.example>", "ceo@ours.example ada@ours.example"),
        ("\"ceo@ours.example\" <ada@ours.example>", "ada@ours.example"),
        ("", ""),
        ("Ada", "unreadable"),
        ("Ada <ada@ours.example", "unreadable"),
        ("Ada <ada@ours.example> <bob@ours.example>", "unreadable"),
        ("Ada <ada@ours.example> bob@ours.example", "unreadable"),
        ("ada@ours.example bob@ours.example", "unreadable"),
        ("ada lovelace@ours.example", "unreadable"),
        ("<>", "unreadable"),
        ("Ada <>", "unreadable"),
        ("ada@", "unreadable"),
        ("@ours.example", "unreadable"),
        ("a@b@ours.example", "unreadable"),
        ("\"ada@ours.example", "unreadable"),
        ("ada@ours.example (", "unreadable"),
        ("All: ada@ours.example", "unreadable"),
        ("All: Inner: ada@ours.example;;", "unreadable"),
        ("ada@ours.example;", "unreadable"),
        ("ada\u{0}@ours.example", "unreadable"),
        ("((((((((((((((((((((x", "unreadable"),
    ];
    for (value, want) in rows {
        assert_eq!(shown(&AddressField::read(value)), want, "{value:?}");
    }
    let many = "a@b.example,".repeat(200);
    assert_eq!(AddressField::read(&many), AddressField::Unreadable);
}

#[test]
fn limits_hold() {
    let limits = HeaderLimits { section: Octets(1000), field: Octets(100) };
    let mut scan = HeaderScan::new(limits);
    assert_eq!(scan.piece(&[b'a'; 1000]), Progress::More);
    assert_eq!(scan.piece(b"a"), Progress::TooLarge);
    assert_eq!(scan.piece(b"\r\n\r\n"), Progress::TooLarge);

    let mut scan = HeaderScan::new(limits);
    let comment = format!("From: a@b.example ({})\r\n\r\n", "x".repeat(200));
    assert!(matches!(scan.piece(comment.as_bytes()), Progress::Ended { .. }));
    assert_eq!(scan.finish().from, AddressField::Unreadable);
}

#[test]
fn octets_beyond_ascii_are_noticed_and_spoil_names_only() {
    let mut scan = HeaderScan::new(HeaderLimits::default());
    let progress = scan.piece(b"From: J\xfcrgen <j@ours.example>\r\n\r\n");
    assert_eq!(progress, Progress::Ended { at: 33 });
    let facts = scan.finish();
    assert_eq!(shown(&facts.from), "j@ours.example");
    assert!(facts.is_international);
}

/// A small generator stands in for a fuzzer: whatever comes, reading ends, and in pieces it ends alike.
#[test]
fn noise_is_survived() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let parts =
        ["From", ":", "\r\n", " ", "<", ">", "@", "a.b", "\"", "\\", "(", ")", ",", ";", "[", "]", "é", "\r"];
    for round in 0..2000 {
        let mut message = String::new();
        for _ in 0..round % 60 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            message.push_str(parts[(state % parts.len() as u64) as usize]);
        }
        let whole = scan_in_pieces(&message, message.len().max(1));
        assert_eq!(scan_in_pieces(&message, 1), whole, "{message:?}");
    }
}
