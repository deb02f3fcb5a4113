use gatepost_mail::{Body, Ending, International, ReversePath, SessionId, Timestamp};

use super::*;

fn whose(name: &str) -> Whose {
    Whose::of(&Arc::new(Envelope {
        reverse_path: ReversePath::Null,
        recipients: Vec::new(),
        body: Body::SevenBit,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Account(name.to_owned()),
        session: SessionId::from_number(1),
        received: Timestamp::default(),
    }))
}

#[test]
fn principals_take_turns_and_each_keeps_its_order() {
    let mut turns = Turns::default();
    for number in 0..4 {
        turns.push(whose("bulk"), number);
    }
    turns.push(whose("ada"), 10);
    turns.push(whose("ada"), 11);
    turns.push(whose("eve"), 20);
    assert_eq!(turns.len(), 7);
    let all: Vec<_> = std::iter::from_fn(|| turns.next()).map(|(_, number)| number).collect();
    assert_eq!(all, [0, 10, 20, 1, 11, 2, 3]);
    assert!(turns.is_empty() && turns.lanes.is_empty() && turns.order.is_empty());
}

#[test]
fn what_is_put_back_is_next() {
    let mut turns = Turns::default();
    for (name, number) in [("bulk", 1), ("bulk", 2), ("ada", 10)] {
        turns.push(whose(name), number);
    }
    let (owner, first) = turns.next().unwrap();
    turns.push_first(owner, first);
    let (owner, first) = turns.next().unwrap();
    assert_eq!(first, 1);
    assert_eq!(turns.next().unwrap().1, 10);
    turns.push_first(owner, first);
    let rest: Vec<_> = std::iter::from_fn(|| turns.next()).map(|(_, number)| number).collect();
    assert_eq!(rest, [1, 2]);
}

#[test]
fn whoever_may_not_is_passed_over_and_keeps_its_turn() {
    let mut turns = Turns::default();
    for (name, number) in [("bulk", 1), ("ada", 10), ("ada", 11)] {
        turns.push(whose(name), number);
    }
    let not_bulk = |principal: &Principal| *principal != Principal::Account("bulk".into());
    assert_eq!(turns.next_of(not_bulk).unwrap().1, 10);
    assert_eq!(turns.next_of(not_bulk).unwrap().1, 11);
    assert!(turns.next_of(not_bulk).is_none());
    assert_eq!(turns.next().unwrap().1, 1);
}

#[test]
fn one_alone_gets_half_and_whoever_comes_next_finds_some() {
    let mut share = Share::of(100);
    let take_all = |share: &mut Share, name: &str| {
        let whose = whose(name);
        while share.may(whose.principal()) {
            share.take(&whose);
        }
        share.held(whose.principal())
    };
    assert_eq!(take_all(&mut share, "bulk"), 50);
    assert_eq!(take_all(&mut share, "bulk too"), 25);
    assert_eq!(take_all(&mut share, "a third"), 13);
    assert!(share.may(whose("ada").principal()));
    for _ in 0..50 {
        share.give(&whose("bulk"));
    }
    assert!(!share.held.contains_key(whose("bulk").principal()));
    assert_eq!(share.free(), 62);
}
