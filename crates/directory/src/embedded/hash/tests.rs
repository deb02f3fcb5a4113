use super::*;

fn scratch() -> Scratch {
    Scratch::new(Arc::default())
}

fn read(text: &str) -> Option<PasswordHash> {
    PasswordHash::from_text(&Secret::new(text))
}

/// From the documentation of another implementation.
#[test]
fn hashes_of_other_programs_are_understood() {
    let text =
        "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg";
    let hash = read(text).unwrap();
    assert_eq!(hash.to_text(), Secret::new(text));
    let mut scratch = scratch();
    assert!(hash.matches(&Secret::new("correct horse battery staple"), &mut scratch).unwrap());
    assert!(!hash.matches(&Secret::new("correct horse battery stapler"), &mut scratch).unwrap());
}

#[test]
fn a_hash_is_salted_and_reads_back() {
    let mut scratch = scratch();
    let typed = Secret::new("pen\u{ad}cil \u{2168}");
    let [one, other] = [(); 2].map(|()| PasswordHash::make(&typed, &mut scratch).unwrap());
    assert_ne!(one.to_text(), other.to_text());
    let again = PasswordHash::from_text(&one.to_text()).unwrap();
    assert!(again.matches(&Secret::new("pencil IX"), &mut scratch).unwrap());
    assert!(!again.matches(&Secret::new("pencil ix"), &mut scratch).unwrap());
    assert_eq!(scratch.runs.load(Ordering::Relaxed), 4);
}

#[test]
fn nobody_costs_what_somebody_costs() {
    let made = PasswordHash::make(&Secret::new("pencil"), &mut scratch()).unwrap();
    let nobody = PasswordHash::of_nobody();
    assert_eq!(nobody.cost, made.cost);
    assert_eq!(nobody.to_text().expose().len(), made.to_text().expose().len());
    assert!(!nobody.matches(&Secret::new("pencil"), &mut scratch()).unwrap());
}

#[test]
fn memory_is_kept_and_given_back() {
    let mut scratch = scratch();
    assert!(scratch.is_empty());
    PasswordHash::of_nobody().matches(&Secret::new("pencil"), &mut scratch).unwrap();
    assert_eq!(scratch.memory.len(), 19 * 1024);
    PasswordHash::of_nobody().matches(&Secret::new("pencil"), &mut scratch).unwrap();
    assert_eq!(scratch.memory.capacity(), 19 * 1024);
    scratch.release();
    assert_eq!(scratch.memory.capacity(), 0);
}

#[test]
fn damaged_and_dear_hashes_are_refused() {
    let salt = "MIIRqgvgQbgj220jfp0MPA";
    let output = "YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg";
    assert!(read(&format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${output}")).is_some());
    for text in [
        String::new(),
        "pencil".to_owned(),
        format!("$argon2i$v=19$m=19456,t=2,p=1${salt}${output}"),
        format!("$argon2id$v=16$m=19456,t=2,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=65537,t=2,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=19456,t=9,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=19456,t=0,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=4,t=2,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=19456,t=2,p=0${salt}${output}"),
        format!("$argon2id$v=19$m=99999999999,t=2,p=1${salt}${output}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1${salt}$"),
        format!("$argon2id$v=19$m=19456,t=2,p=1$${output}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1${salt}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${output}="),
        format!("$argon2id$v=19$m=19456,t=2${salt}${output}"),
    ] {
        assert!(read(&text).is_none(), "{text}");
    }
    assert!(PasswordHash::from_text(&Secret::new(vec![0xff; 97])).is_none());
}
