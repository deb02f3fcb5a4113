//! Every rule has its line in the reference.

// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]

use std::fs;
use std::path::Path;

#[test]
fn every_rule_is_in_the_reference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = fs::read_to_string(root.join("../../docs/rules.md")).expect("docs/rules.md");
    let mut rules = rules_below(&root.join("src"));
    rules.extend(rules_below(&root.join("../mta/src")));
    assert!(rules.len() > 50, "only {} rules were found", rules.len());
    let missing: Vec<_> = rules.iter().filter(|rule| !reference.contains(&format!("`{rule}`"))).collect();
    assert!(missing.is_empty(), "not in docs/rules.md: {missing:?}");
}

fn rules_below(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { rules_below(&path) } else { rules_in(&path) }).collect()
}

fn rules_in(path: &Path) -> Vec<String> {
    let source = fs::read_to_string(path).expect("a source");
    let words = source.split('"').skip(1).step_by(2);
    words.filter(|word| is_rule(word)).map(str::to_owned).collect()
}

/// Whether a literal has the form of a rule: the name of what is decided, a dot, and a few words.
fn is_rule(word: &str) -> bool {
    const DECIDED: [&str; 15] = [
        "connect",
        "auth",
        "sender",
        "relay",
        "author",
        "content",
        "throttle",
        "route",
        "exchanger",
        "channel",
        "delivery",
        "maildir",
        "retry",
        "notice",
        "lmtp",
    ];
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    word.split_once('.').is_some_and(|(about, name)| DECIDED.contains(&about) && is_name(name))
}
