//! The hash functions of SCRAM: digest, HMAC and PBKDF2 of each, behind one name.

use hmac::digest::common::hazmat::SerializableState;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::Secret;

/// The hash function of a SCRAM mechanism and of its verifiers; stronger ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramHash {
    /// SHA-1, 20 octets: RFC 5802. In HMAC it is still sound; it stays for clients that know no other.
    Sha1,
    /// SHA-256, 32 octets: RFC 7677.
    Sha256,
    /// SHA-512, 64 octets: SCRAM-SHA-512 of the registry.
    Sha512,
}

impl ScramHash {
    /// Every hash, the weaker first.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name of the mechanism without `-PLUS`, which is also the scheme of stored verifiers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The hash of that mechanism name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    /// The length of a digest, in octets.
    #[must_use]
    pub fn octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// `H()` of RFC 5802 section 2.2.
    pub(crate) fn digest(self, octets: &[u8]) -> Secret {
        match self {
            Self::Sha1 => Secret::new(Sha1::digest(octets).to_vec()),
            Self::Sha256 => Secret::new(Sha256::digest(octets).to_vec()),
            Self::Sha512 => Secret::new(Sha512::digest(octets).to_vec()),
        }
    }

    /// `HMAC()` of RFC 5802 section 2.2, over the pieces as if they were one.
    pub(crate) fn hmac(self, key: &[u8], pieces: &[&[u8]]) -> Secret {
        match self {
            Self::Sha1 => hmac::<Sha1>(key, pieces),
            Self::Sha256 => hmac::<Sha256>(key, pieces),
            Self::Sha512 => hmac::<Sha512>(key, pieces),
        }
    }

    /// `Hi()` of RFC 5802 section 2.2. Takes `iterations` rounds; callers keep to the limits.
    pub(crate) fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Secret {
        let mut salted = vec![0; self.octets()];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut salted),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut salted),
        }
        Secret::new(salted)
    }
}

/// HMAC (RFC 2104) with a key of any length.
///
/// The key is brought to one block here, because that way of making an HMAC cannot fail by its type.
pub(crate) fn hmac<D: EagerHash + Digest>(key: &[u8], pieces: &[&[u8]]) -> Secret {
    let mut block = hmac::digest::Key::<Hmac<D>>::default();
    let short = if key.len() > block.len() {
        Secret::new(<D as Digest>::digest(key).to_vec())
    } else {
        Secret::new(key.to_vec())
    };
    for (slot, octet) in block.iter_mut().zip(short.expose()) {
        *slot = *octet;
    }
    let mut mac = <Hmac<D> as KeyInit>::new(&block);
    for piece in pieces {
        mac.update(piece);
    }
    Secret::new(mac.finalize().into_bytes().to_vec())
}

/// Octets of MD5's state, and of a block that it works on.
const MD5_STATE: usize = 16;
const MD5_BLOCK: usize = 64;

/// What HMAC-MD5 keeps of a key: MD5's state after the outer block, then after the inner one (RFC 2104 section 4).
pub(crate) fn hmac_md5_states(key: &[u8]) -> Secret {
    let short = if key.len() > MD5_BLOCK { md5(key) } else { Secret::new(key) };
    let state = |pad: u8| {
        let mut block = [pad; MD5_BLOCK];
        for (slot, octet) in block.iter_mut().zip(short.expose()) {
            *slot ^= *octet;
        }
        let state = md5::Md5::new().chain_update(block).serialize();
        Secret::new(state.get(..MD5_STATE).unwrap_or_default())
    };
    Secret::joined(&[state(0x5c).expose(), state(0x36).expose()])
}

/// HMAC-MD5 of a message by those states.
pub(crate) fn hmac_md5_from_states(states: &[u8], message: &[u8]) -> Secret {
    let (outer, inner) = states.split_at(MD5_STATE.min(states.len()));
    let inner = md5_after_block(inner, message);
    md5_after_block(outer, inner.expose())
}

/// MD5 of a block and a message, when all that is known of the block is the state that it leads to.
fn md5_after_block(state: &[u8], message: &[u8]) -> Secret {
    // One block was taken, none is begun: what any block leaves, but for the state.
    let mut begun = md5::Md5::new().chain_update([0; MD5_BLOCK]).serialize();
    for (slot, octet) in begun.iter_mut().zip(state.iter().take(MD5_STATE)) {
        *slot = *octet;
    }
    match md5::Md5::deserialize(&begun) {
        Ok(hash) => Secret::new(hash.chain_update(message).finalize().to_vec()),
        // It was written by the same library: this matches no proof.
        Err(_) => Secret::new([]),
    }
}

/// MD5, for what is defined with it.
pub(crate) fn md5(octets: &[u8]) -> Secret {
    Secret::new(md5::Md5::digest(octets).to_vec())
}

/// Octets in hexadecimal digits, small letters.
pub(crate) fn hex(octets: &Secret) -> Secret {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    let mut digits = Vec::with_capacity(2 * octets.expose().len());
    for octet in octets.expose() {
        digits.extend_from_slice(&[digit(octet >> 4), digit(octet & 0x0f)]);
    }
    Secret::new(digits)
}

/// MD4 of a password in UTF-16, little end first.
pub(crate) fn nt_hash(password: &Secret) -> Secret {
    let mut wide = Vec::with_capacity(2 * password.expose().len());
    match std::str::from_utf8(password.expose()) {
        Ok(text) => text.encode_utf16().for_each(|unit| wide.extend_from_slice(&unit.to_le_bytes())),
        Err(_) => password.expose().iter().for_each(|octet| wide.extend_from_slice(&[*octet, 0])),
    }
    let wide = Secret::new(wide);
    Secret::new(md4::Md4::digest(wide.expose()).to_vec())
}

#[cfg(test)]
mod tests {
    use md5::Md5;

    use super::{ScramHash, hmac};

    /// RFC 2202 and RFC 4231: keys shorter and longer than a block.
    #[test]
    fn hmac_agrees_with_the_published_vectors() {
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex(hmac::<Md5>(b"Jefe", &[b"what do ya want ", b"for nothing?"]).expose()),
            "750c783e6ab0b503eaa86e310a5db738"
        );
        assert_eq!(
            hex(ScramHash::Sha1.hmac(&[0xaa; 80], &[long]).expose()),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112"
        );
        assert_eq!(
            hex(ScramHash::Sha256.hmac(&[0xaa; 131], &[long]).expose()),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn hmac_goes_on_from_its_states() {
        let long = [b'k'; 100];
        for key in [b"tanstaaftanstaaf".as_slice(), b"", &long, &long[..64]] {
            for message in [b"<1896.697170952@postoffice.reston.mci.net>".as_slice(), b"", &long] {
                let states = super::hmac_md5_states(key);
                assert_eq!(
                    super::hmac_md5_from_states(states.expose(), message),
                    hmac::<Md5>(key, &[message])
                );
            }
        }
    }

    #[test]
    fn names_lead_back() {
        for hash in ScramHash::ALL {
            assert_eq!(ScramHash::from_name(hash.name()), Some(hash));
            assert_eq!(hash.digest(b"").expose().len(), hash.octets());
        }
    }
}
