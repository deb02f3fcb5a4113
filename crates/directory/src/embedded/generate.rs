//! Secrets that we make, for people to type and for programs to keep.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_sasl::Secret;

use crate::StoreFault;
use crate::limits::{GENERATED_GROUP, GENERATED_LETTERS};

/// Thirty-two letters and digits that are not mistaken for each other, in any of the usual typefaces.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Octets of a key or secret of OAuth 1, before base64.
const KEY_OCTETS: usize = 24;

/// A password of [`GENERATED_LETTERS`] random letters, five bits each, as in `k3m9p-...`. The hyphens belong to it.
pub(super) fn password() -> Result<Secret, StoreFault> {
    let mut random = [0; GENERATED_LETTERS];
    getrandom::fill(&mut random)?;
    let groups = GENERATED_LETTERS.div_ceil(GENERATED_GROUP);
    // Room for all of it from the start: growing would leave an unwiped copy behind.
    let mut password = Vec::with_capacity(GENERATED_LETTERS + groups);
    for group in random.chunks(GENERATED_GROUP) {
        if !password.is_empty() {
            password.push(b'-');
        }
        password.extend(group.iter().filter_map(|octet| ALPHABET.get(usize::from(octet % 32))));
    }
    Ok(Secret::new(password))
}

/// A random text that needs no quoting in URLs and headers: 192 bits.
pub(super) fn key() -> Result<String, StoreFault> {
    let mut random = [0; KEY_OCTETS];
    getrandom::fill(&mut random)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn passwords_are_random_groups_that_can_be_typed() {
        let made: Vec<String> =
            (0..200).map(|_| String::from_utf8(password().unwrap().expose().to_vec()).unwrap()).collect();
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), made.len());
        for one in &made {
            let groups: Vec<&str> = one.split('-').collect();
            assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [5; 5], "{one}");
            assert!(one.bytes().all(|octet| octet == b'-' || ALPHABET.contains(&octet)), "{one}");
        }
        let used: HashSet<u8> = made.concat().bytes().collect();
        assert_eq!(used.len(), ALPHABET.len() + 1, "each letter is used, and nothing else");
    }
}
