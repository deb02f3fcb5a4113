use super::*;

#[test]
fn a_message_stays_small() {
    // The bound that a million deferred messages rest on; see `examples/queue.rs`.
    assert!(size_of::<State>() <= 16);
    assert!(size_of::<States>() <= 16);
    assert!(size_of::<Message<[u64; 5]>>() <= 64, "{}", size_of::<Message<[u64; 5]>>());
}

#[test]
fn reasons_are_cut_between_characters() {
    let long: Box<str> = "é".repeat(400).into();
    assert_eq!(cut(long).len(), 512);
    let odd: Box<str> = format!("a{}", "é".repeat(400)).into();
    assert_eq!(cut(odd).len(), 511);
    assert_eq!(&*cut("short".into()), "short");
}
