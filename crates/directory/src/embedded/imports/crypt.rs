//! What crypt(3) makes: the forms that begin with a dollar sign.

use gatepost_sasl::Secret;
use md5::{Digest as _, Md5};
use password_hash::PasswordVerifier as _;
use sha_crypt::ShaCrypt;
use yescrypt::Yescrypt;

use super::NotTaken;
use crate::StoreFault;
use crate::embedded::hash::{PasswordHash, Scratch};
use crate::limits::{BCRYPT_COST_MOST, SHA_CRYPT_ROUNDS_MOST, YESCRYPT_MEMORY_MOST};

/// The letters of crypt(3)'s base64, least significant first.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A hash of one of those forms.
pub(crate) enum CryptHash {
    Argon2(PasswordHash),
    Bcrypt(Secret),
    Sha(Secret),
    Yescrypt(Secret),
    Md5(Md5Hash),
}

impl CryptHash {
    /// The scheme's name, and the hash.
    pub(super) fn read(text: &str) -> Result<(String, Self), NotTaken> {
        let Some((name, _)) = text.strip_prefix('$').and_then(|rest| rest.split_once('$')) else {
            return Err(if looks_like_des(text) { NotTaken::DesCrypt } else { NotTaken::NoScheme });
        };
        let (scheme, hash) = match name {
            "argon2i" | "argon2d" | "argon2id" => {
                let hash = PasswordHash::from_foreign_text(text);
                return Ok((
                    name.to_ascii_uppercase(),
                    Self::Argon2(hash.ok_or_else(|| argon2_fault(text))?),
                ));
            }
            "2a" | "2b" | "2y" => ("BLF-CRYPT", bcrypt(text)),
            "5" => ("SHA256-CRYPT", sha(text, 43)),
            "6" => ("SHA512-CRYPT", sha(text, 86)),
            "y" => ("YESCRYPT", yescrypt(text)),
            "1" => ("MD5-CRYPT", Md5Hash::read(text, "$1$").map(Self::Md5)),
            "apr1" => ("APR1", Md5Hash::read(text, "$apr1$").map(Self::Md5)),
            _ => return Err(NotTaken::Scheme(format!("${name}$"))),
        };
        let fault = |fault| match fault {
            Fault::Damaged => NotTaken::Damaged(scheme.to_owned()),
            Fault::TooDear(what) => NotTaken::TooDear(scheme.to_owned(), what),
        };
        Ok((scheme.to_owned(), hash.map_err(fault)?))
    }

    pub(super) fn matches(&self, password: &Secret, scratch: &mut Scratch) -> Result<bool, StoreFault> {
        // None of these was made of a password with a NUL in it, and some would take what precedes it.
        if password.expose().contains(&0) {
            return Ok(false);
        }
        let text = |hash: &Secret| String::from_utf8(hash.expose().to_vec()).unwrap_or_default();
        Ok(match self {
            Self::Argon2(hash) => hash.matches(password, scratch)?,
            Self::Bcrypt(hash) => bcrypt::verify(password.expose(), &text(hash)).unwrap_or(false),
            Self::Sha(hash) => mcf::PasswordHashRef::new(&text(hash))
                .is_ok_and(|hash| ShaCrypt::default().verify_password(password.expose(), hash).is_ok()),
            Self::Yescrypt(hash) => mcf::PasswordHashRef::new(&text(hash))
                .is_ok_and(|hash| Yescrypt::default().verify_password(password.expose(), hash).is_ok()),
            Self::Md5(hash) => hash.matches(password),
        })
    }
}

enum Fault {
    Damaged,
    TooDear(&'static str),
}

/// Thirteen letters of crypt's alphabet; or the BSD form, which begins with an underscore.
fn looks_like_des(text: &str) -> bool {
    let letters = text.strip_prefix('_').unwrap_or(text);
    matches!((letters.len(), text.len()), (13, 13) | (19, 20))
        && letters.bytes().all(|octet| LETTERS.contains(&octet))
}

/// Damaged, or dearer than is let be.
fn argon2_fault(text: &str) -> NotTaken {
    let dear = text.contains("$m=") && text.contains(",t=") && text.contains(",p=");
    if dear {
        NotTaken::TooDear("ARGON2".to_owned(), "more than 64 MiB or 8 passes, or a part of it is damaged")
    } else {
        NotTaken::Damaged("ARGON2".to_owned())
    }
}

fn bcrypt(text: &str) -> Result<CryptHash, Fault> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| Fault::Damaged)?;
    match parts.get_cost() {
        ..4 => Err(Fault::Damaged),
        4..=BCRYPT_COST_MOST => Ok(CryptHash::Bcrypt(Secret::new(text))),
        _ => Err(Fault::TooDear("a cost above 14")),
    }
}

/// `$6$rounds=5000$salt$output`; the rounds may be left out.
fn sha(text: &str, letters: usize) -> Result<CryptHash, Fault> {
    let mut parts: Vec<&str> = text.split('$').skip(2).collect();
    if let Some(rounds) = parts.first().and_then(|part| part.strip_prefix("rounds=")) {
        if rounds.parse::<u32>().map_err(|_| Fault::Damaged)? > SHA_CRYPT_ROUNDS_MOST {
            return Err(Fault::TooDear("more than 1,000,000 rounds"));
        }
        parts.remove(0);
    }
    match parts.as_slice() {
        [salt, output] if salt.len() <= 16 && output.len() == letters => {
            Ok(CryptHash::Sha(Secret::new(text)))
        }
        _ => Err(Fault::Damaged),
    }
}

/// `$y$j9T$salt$output`. crypt(3) writes three letters of parameters only: flags, memory and block size.
fn yescrypt(text: &str) -> Result<CryptHash, Fault> {
    let parts: Vec<&str> = text.split('$').skip(2).collect();
    let [cost, salt, output] = parts.as_slice() else { return Err(Fault::Damaged) };
    if cost.len() != 3 || salt.is_empty() || output.len() != 43 {
        return Err(Fault::Damaged);
    }
    let cost: yescrypt::Params = cost.parse().map_err(|_| Fault::Damaged)?;
    let memory = cost.n().saturating_mul(128 * u64::from(cost.r()));
    if memory > YESCRYPT_MEMORY_MOST {
        return Err(Fault::TooDear("more than 64 MiB"));
    }
    Ok(CryptHash::Yescrypt(Secret::new(text)))
}

/// MD5-crypt by Poul-Henning Kamp, and Apache's, which differs by its prefix only.
pub(crate) struct Md5Hash {
    magic: &'static str,
    salt: String,
    output: Secret,
}

impl Md5Hash {
    const ROUNDS: usize = 1_000;
    /// In which order the digest's octets are written, three at a time, the first of three in front.
    const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

    fn read(text: &str, magic: &'static str) -> Result<Self, Fault> {
        let (salt, output) =
            text.strip_prefix(magic).and_then(|rest| rest.split_once('$')).ok_or(Fault::Damaged)?;
        if salt.len() > 8 || output.len() != 22 {
            return Err(Fault::Damaged);
        }
        Ok(Self { magic, salt: salt.to_owned(), output: Secret::new(output) })
    }

    fn matches(&self, password: &Secret) -> bool {
        Self::text(&self.digest(password.expose())) == self.output
    }

    fn digest(&self, password: &[u8]) -> [u8; 16] {
        let salt = self.salt.as_bytes();
        let inner: [u8; 16] =
            Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize().into();
        let mut outer = Md5::new().chain_update(password).chain_update(self.magic).chain_update(salt);
        for at in (0..password.len()).step_by(inner.len()) {
            let length = inner.len().min(password.len().saturating_sub(at));
            outer.update(inner.get(..length).unwrap_or_default());
        }
        let mut length = password.len();
        while length > 0 {
            let first = password.get(..1).unwrap_or_default();
            outer.update(if length & 1 == 1 { &[0] } else { first });
            length >>= 1;
        }
        let mut digest: [u8; 16] = outer.finalize().into();
        for round in 0..Self::ROUNDS {
            digest = Self::round(round, (password, salt), &digest);
        }
        digest
    }

    fn round(round: usize, (password, salt): (&[u8], &[u8]), before: &[u8; 16]) -> [u8; 16] {
        let (first, last): (&[u8], &[u8]) =
            if round % 2 == 1 { (password, before) } else { (before, password) };
        let mut hash = Md5::new().chain_update(first);
        if !round.is_multiple_of(3) {
            hash.update(salt);
        }
        if !round.is_multiple_of(7) {
            hash.update(password);
        }
        hash.chain_update(last).finalize().into()
    }

    /// In crypt(3)'s base64: twenty-two letters, six bits each, the least significant first.
    fn text(digest: &[u8; 16]) -> Secret {
        let octet = |at: usize| digest.get(at).copied().map_or(0, u32::from);
        let mut text = Vec::with_capacity(22);
        let mut write = |mut bits: u32, letters: usize| {
            for _ in 0..letters {
                text.extend(LETTERS.get((bits & 0x3f) as usize));
                bits >>= 6;
            }
        };
        for [high, middle, low] in Self::ORDER {
            write((octet(high) << 16) | (octet(middle) << 8) | octet(low), 4);
        }
        write(octet(11), 2);
        Secret::new(text)
    }
}
