use gatepost_mail::{
    Body, Domain, Ending, Envelope, EnvelopeId, ForwardPath, International, Mailbox, Notify, NotifyOn,
    OriginalRecipient, Principal, Recipient, Return, ReversePath, SessionId, SpoolId, Timestamp,
};

use super::*;
use crate::Warned;
use crate::ledger::{Phase, Standing, State, States};

const STAMP: Stamp = Stamp { sequence: 7, salt: 0x1234_5678 };

fn recipient(path: &str) -> Recipient {
    Recipient::new(ForwardPath::parse(path).unwrap())
}

fn rich() -> MessageMeta {
    let mut ada = recipient("<\"ada l\"@bücher.example>");
    ada.notify = Notify::On(NotifyOn::SUCCESS.and(NotifyOn::DELAY));
    ada.original = Some(OriginalRecipient { kind: "utf-8".into(), address: "jürgen@x.example".into() });
    let mut never = recipient("<b@[IPv6:2001:db8::1]>");
    never.notify = Notify::Never;
    let envelope = Envelope {
        reverse_path: ReversePath::Mailbox(Mailbox::parse("jürgen@example.org").unwrap()),
        recipients: vec![ada, never, recipient("<postmaster>"), recipient("<c@d.example>")],
        body: Body::BinaryMime,
        ending: Ending::Open,
        international: International::Yes,
        returns: Some(Return::Headers),
        envelope_id: Some(EnvelopeId("QQ 314".into())),
        principal: Principal::Hosted(Domain::parse("bücher.example").unwrap()),
        session: SessionId::from_number(99),
        received: Timestamp::from_micros(1_795_299_337_000_000),
    };
    let waiting =
        State { due: Timestamp::from_micros(5), attempts: 3, phase: Phase::Waiting, warned: Warned::Already };
    let done = State::fresh(Timestamp::default());
    let states = vec![
        waiting,
        State { phase: Phase::Delivered, ..done },
        State { phase: Phase::Failed, ..done },
        State::fresh(Timestamp::from_micros(6)),
    ];
    let state = StateMeta {
        standing: Standing::Held,
        states: States::from(states),
        whys: vec![Some("452 4.2.2 full".into())],
    };
    MessageMeta { size: 1 << 33, store: Store::File { crc: 77 }, state, envelope: envelope.into() }
}

fn plain(principal: Principal) -> MessageMeta {
    let envelope = Envelope {
        reverse_path: ReversePath::Null,
        recipients: vec![recipient("<a@b.example>")],
        body: Body::SevenBit,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal,
        session: SessionId::from_number(0),
        received: Timestamp::default(),
    };
    let states = States::fresh(1, Timestamp::from_micros(1));
    let state = StateMeta { standing: Standing::Open, states, whys: Whys::new() };
    MessageMeta { size: 0, store: Store::Inline, state, envelope: envelope.into() }
}

use crate::ledger::Whys;

#[test]
fn what_is_written_can_be_read() {
    let principals = [
        Principal::Account("ada".into()),
        Principal::Machine("scanner".into()),
        Principal::Ourselves,
        Principal::Hosted(Domain::parse("example.org").unwrap()),
    ];
    for meta in principals.map(plain).into_iter().chain([rich()]) {
        let mut bytes = Vec::new();
        meta.write(&mut bytes);
        assert_eq!(MessageMeta::read(&bytes).as_ref(), Some(&meta));
        let brief = Brief::read(&bytes).unwrap();
        assert_eq!((brief.size, brief.store), (meta.size, meta.store));
        assert_eq!((brief.standing, &brief.states), (meta.state.standing, &meta.state.states));
        for end in 0..bytes.len() {
            assert_eq!(MessageMeta::read(&bytes[..end]), None, "cut at {end}");
        }
        bytes.push(0);
        assert_eq!(MessageMeta::read(&bytes), None, "with an octet too many");
    }
}

fn sealed(content: &[u8]) -> Vec<u8> {
    let mut bytes = begin(0);
    bytes.extend_from_slice(content);
    let mut frame =
        Frame::behind(bytes, SpoolId::from_number(3), Kind::Message, |bytes| bytes.extend(b"meta"));
    frame.seal(STAMP, 11);
    frame.into_bytes()
}

#[test]
fn head_and_foot_agree() {
    for size in 0..20 {
        let bytes = sealed(&vec![b'x'; size]);
        assert_eq!(bytes.len() % 8, 0);
        let head = Head::read(&bytes, STAMP).unwrap();
        let foot = Foot::read(&bytes, STAMP).unwrap();
        assert_eq!((head.id, head.kind, head.epoch), (SpoolId::from_number(3), Kind::Message, 11));
        assert_eq!((head.total, head.content), (bytes.len(), size));
        assert_eq!((foot.id, foot.kind, foot.epoch), (head.id, head.kind, head.epoch));
        assert_eq!((foot.total, foot.content), (head.total, head.content));
        assert_eq!(foot.content_crc, crc32c::crc32c(&bytes[HEAD..HEAD + size]));
        assert_eq!(&bytes[foot.meta], b"meta");
    }
}

#[test]
fn one_wrong_bit_is_seen_and_leaves_the_name() {
    let good = sealed(b"content");
    for at in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[at / 8] ^= 1 << (at % 8);
        let head = Head::read(&bytes, STAMP);
        let foot = Foot::read(&bytes, STAMP);
        let content_crc = crc32c::crc32c(&bytes[HEAD..HEAD + 7]);
        let whole = head.is_some() && foot.as_ref().is_some_and(|foot| foot.content_crc == content_crc);
        assert!(!whole, "bit {at}");
        assert!(head.is_some() || foot.is_some(), "bit {at}");
    }
}

#[test]
fn another_stamp_never_fits() {
    let bytes = sealed(b"content");
    for stamp in [Stamp { sequence: 8, ..STAMP }, Stamp { salt: 1, ..STAMP }] {
        assert_eq!(Head::read(&bytes, stamp), None);
        assert_eq!(Foot::read(&bytes, stamp), None);
    }
}
