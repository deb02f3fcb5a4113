use std::fs;

use tempfile::TempDir;

use super::*;

const ADA: &str = "ada@gatepost.example";

#[test]
fn a_secret_comes_back_for_its_account_and_key_only() {
    let [folder, other] = [(); 2].map(|()| TempDir::new().unwrap());
    let keys = Keys::load(folder.path()).unwrap();
    let secret = Secret::new("tan staaf");
    let sealed = keys.seal("cram-md5", ADA, &secret).unwrap();
    assert_eq!(keys.open("cram-md5", ADA, sealed.clone()), Some(secret.clone()));
    assert_eq!(
        Keys::load(folder.path()).unwrap().open("cram-md5", ADA, sealed.clone()),
        Some(secret.clone())
    );
    assert_eq!(keys.open("cram-md5", "bob@gatepost.example", sealed.clone()), None);
    assert_eq!(Keys::load(other.path()).unwrap().open("cram-md5", ADA, sealed.clone()), None);
    assert_eq!(keys.open("ntlm", ADA, sealed.clone()), None, "each purpose has its own seal");
    let again = keys.seal("cram-md5", ADA, &secret).unwrap();
    assert_ne!(again.0, sealed.0, "the same secret twice is not seen to be the same");
}

#[test]
fn every_changed_or_missing_octet_is_seen() {
    let folder = TempDir::new().unwrap();
    let keys = Keys::load(folder.path()).unwrap();
    let sealed = keys.seal("cram-md5", ADA, &Secret::new("tan staaf")).unwrap();
    for at in 0..sealed.0.len() {
        let mut changed = sealed.clone();
        changed.0[at] ^= 1;
        assert_eq!(keys.open("cram-md5", ADA, changed), None, "octet {at}");
        assert_eq!(keys.open("cram-md5", ADA, Sealed(sealed.0[..at].to_vec())), None, "cut at {at}");
    }
}

#[test]
fn keys_are_random_and_stay() {
    let [folder, other] = [(); 2].map(|()| TempDir::new().unwrap());
    let read = |folder: &TempDir| {
        Keys::load(folder.path()).unwrap();
        [SEALING, DECOY].map(|name| fs::read(folder.path().join(name)).unwrap())
    };
    let keys = read(&folder);
    assert_eq!(read(&folder), keys);
    assert_ne!(keys[0], keys[1]);
    assert!(read(&other).iter().all(|key| !keys.contains(key)));
}

#[test]
fn a_damaged_key_is_refused_and_kept() {
    for text in ["", "\n", "AAAA\n", "not base64 at all, and as long as a key is..\n", &"A".repeat(100)] {
        let folder = TempDir::new().unwrap();
        drop(Keys::load(folder.path()).unwrap());
        let path = folder.path().join(SEALING);
        fs::write(&path, text).unwrap();
        assert!(matches!(Keys::load(folder.path()), Err(StoreFault::Key { path: named }) if named == path));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

/// What a crash while a key was being written leaves is no key yet, and is not taken for one.
#[test]
fn a_key_that_was_not_finished_is_made_anew() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("sealing.new"), "AAAA").unwrap();
    let keys = Keys::load(folder.path()).unwrap();
    assert!(!folder.path().join("sealing.new").exists());
    assert!(keys.open("", "", keys.decoy_sealed.clone()).is_some());
}
