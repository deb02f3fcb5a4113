//! Which scheme a stored text is of, and what it is good for.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use gatepost_sasl::{DigestSecret, NtHash, ScramHash, ScramVerifier, Secret};

use super::NotTaken;
use super::crypt::CryptHash;
use super::digest::{DigestHash, Function, Pbkdf2Hash};
use crate::StoreFault;
use crate::embedded::hash::Scratch;
use crate::limits::{IMPORTED_OCTETS_MOST, IMPORTED_PASSWORD_OCTETS_MOST};

/// A hash that another program made of a password.
pub(crate) enum OldHash {
    Crypt(CryptHash),
    Digest(DigestHash),
    Pbkdf2(Pbkdf2Hash),
}

/// What a stored text is good for.
pub(crate) enum Taken {
    /// The password itself.
    Password(Secret),
    /// Checking passwords that come in the clear.
    Hash(OldHash),
    Scram(ScramVerifier),
    /// Of HMAC-MD5, as Dovecot writes them.
    CramStates(Secret),
    Nt(NtHash),
    Digest(DigestSecret),
}

impl OldHash {
    pub(crate) fn read(text: &Secret) -> Result<Self, NotTaken> {
        match Taken::read(text)? {
            (_, Taken::Hash(hash)) => Ok(hash),
            (scheme, _) => Err(NotTaken::Damaged(scheme)),
        }
    }

    /// Whether this is the password, which is prepared already.
    pub(crate) fn matches(&self, password: &Secret, scratch: &mut Scratch) -> Result<bool, StoreFault> {
        // No such password was taken there; it would make the work longer than the limits say.
        if password.expose().len() > IMPORTED_PASSWORD_OCTETS_MOST {
            return Ok(false);
        }
        match self {
            Self::Crypt(hash) => hash.matches(password, scratch),
            Self::Digest(hash) => Ok(hash.matches(password)),
            Self::Pbkdf2(hash) => Ok(hash.matches(password)),
        }
    }
}

impl Taken {
    /// The scheme's name in capitals, and what the text is good for.
    pub(crate) fn read(text: &Secret) -> Result<(String, Self), NotTaken> {
        if text.expose().len() > IMPORTED_OCTETS_MOST {
            return Err(NotTaken::TooLong);
        }
        let text = std::str::from_utf8(text.expose()).map_err(|_| NotTaken::NoScheme)?;
        if text.is_empty() || text == "x" || text.starts_with(['*', '!']) {
            return Err(NotTaken::SwitchedOff);
        }
        match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((scheme, rest)) => Scheme::read(scheme, rest)?.taken(),
            None => {
                let (scheme, hash) = crypt(text)?;
                Ok((scheme, Self::Hash(hash)))
            }
        }
    }
}

/// What crypt(3) makes, or something of the same look.
fn crypt(text: &str) -> Result<(String, OldHash), NotTaken> {
    if let Some(rest) = text.strip_prefix("$pbkdf2") {
        let (scheme, hash) = Pbkdf2Hash::from_passlib(rest)?;
        return Ok((scheme, OldHash::Pbkdf2(hash)));
    }
    let (scheme, hash) = CryptHash::read(text)?;
    Ok((scheme, OldHash::Crypt(hash)))
}

/// `{NAME}text` or `{NAME.ENCODING}text`.
struct Scheme<'a> {
    name: String,
    encoding: Encoding,
    text: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Hexadecimal if it has the length, else base64; and text is itself.
    Usual,
    Base64,
    Hex,
}

impl<'a> Scheme<'a> {
    fn read(scheme: &str, text: &'a str) -> Result<Self, NotTaken> {
        let name = scheme.to_ascii_uppercase();
        let (name, encoding) = match name.rsplit_once('.') {
            Some((name, "B64" | "BASE64")) => (name.to_owned(), Encoding::Base64),
            Some((name, "HEX")) => (name.to_owned(), Encoding::Hex),
            Some(_) => return Err(NotTaken::Scheme(name)),
            None => (name, Encoding::Usual),
        };
        Ok(Self { name, encoding, text })
    }

    fn taken(self) -> Result<(String, Taken), NotTaken> {
        let taken = match self.name.as_str() {
            "PLAIN" | "CLEAR" | "CLEARTEXT" => Taken::Password(self.characters()?),
            "CRYPT" | "BLF-CRYPT" | "MD5-CRYPT" | "SHA256-CRYPT" | "SHA512-CRYPT" | "ARGON2" | "ARGON2I"
            | "ARGON2D" | "ARGON2ID" => {
                let text = self.characters()?;
                let text = std::str::from_utf8(text.expose()).map_err(|_| self.damaged())?;
                Taken::Hash(crypt(text)?.1)
            }
            "MD5" if self.text.starts_with("$1$") => Taken::Hash(crypt(self.text)?.1),
            "DES-CRYPT" => return Err(NotTaken::DesCrypt),
            "PBKDF2" | "PBKDF2-SHA1" | "PBKDF2-SHA256" | "PBKDF2-SHA512" => {
                Taken::Hash(OldHash::Pbkdf2(Pbkdf2Hash::read(&self.name, self.text)?))
            }
            "SCRAM-SHA-1" | "SCRAM-SHA-256" | "SCRAM-SHA-512" => Taken::Scram(self.scram()?),
            "CRAM-MD5" | "HMAC-MD5" => Taken::CramStates(Secret::new(self.exactly(32)?)),
            "DIGEST-MD5" => Taken::Digest(self.sixteen(DigestSecret::from_octets)?),
            "NTLM" => Taken::Nt(self.sixteen(NtHash::from_octets)?),
            _ => Taken::Hash(OldHash::Digest(self.digest()?)),
        };
        Ok((self.name, taken))
    }

    fn damaged(&self) -> NotTaken {
        NotTaken::Damaged(self.name.clone())
    }

    /// The text of a scheme whose text is no octets in disguise.
    fn characters(&self) -> Result<Secret, NotTaken> {
        match self.encoding {
            Encoding::Usual => Ok(Secret::new(self.text)),
            Encoding::Base64 | Encoding::Hex => Ok(Secret::new(self.octets(None)?)),
        }
    }

    /// The octets behind the text; `usual` is their number where the scheme has one.
    fn octets(&self, usual: Option<usize>) -> Result<Vec<u8>, NotTaken> {
        let hex = match self.encoding {
            Encoding::Hex => true,
            Encoding::Base64 => false,
            Encoding::Usual => usual.is_some_and(|octets| self.text.len() == 2 * octets),
        };
        let octets = if hex { from_hex(self.text) } else { from_base64(self.text) };
        octets.ok_or_else(|| self.damaged())
    }

    fn exactly(&self, octets: usize) -> Result<Vec<u8>, NotTaken> {
        let found = self.octets(Some(octets))?;
        if found.len() == octets { Ok(found) } else { Err(self.damaged()) }
    }

    fn sixteen<T>(&self, make: impl Fn(Secret) -> Option<T>) -> Result<T, NotTaken> {
        make(Secret::new(self.exactly(16)?)).ok_or_else(|| self.damaged())
    }

    /// `4096,salt,stored-key,server-key`, all but the first in base64.
    fn scram(&self) -> Result<ScramVerifier, NotTaken> {
        let hash = ScramHash::from_name(&self.name).ok_or_else(|| self.damaged())?;
        let parts: Vec<&str> = self.text.split(',').collect();
        let [iterations, salt, stored_key, server_key] = parts.as_slice() else { return Err(self.damaged()) };
        let text = format!("{}${iterations}:{salt}${stored_key}:{server_key}", hash.name());
        ScramVerifier::from_text(&text).map_err(|_| self.damaged())
    }

    /// A digest with or without salt behind it.
    fn digest(&self) -> Result<DigestHash, NotTaken> {
        use Function::{Md4, Md5, Sha1, Sha256, Sha512};
        let (function, salted) = match self.name.as_str() {
            "MD5" | "PLAIN-MD5" | "LDAP-MD5" => (Md5, false),
            // Of the password as it is; that of NTLM is of its UTF-16.
            "PLAIN-MD4" => (Md4, false),
            "SMD5" => (Md5, true),
            "SHA" | "SHA1" => (Sha1, false),
            "SSHA" => (Sha1, true),
            "SHA256" => (Sha256, false),
            "SSHA256" => (Sha256, true),
            "SHA512" => (Sha512, false),
            "SSHA512" => (Sha512, true),
            _ => return Err(NotTaken::Scheme(self.name.clone())),
        };
        let length = function.octets();
        let octets = if salted { self.octets(None)? } else { self.exactly(length)? };
        let (output, salt) = octets.split_at_checked(length).ok_or_else(|| self.damaged())?;
        if salted && salt.is_empty() {
            return Err(self.damaged());
        }
        Ok(DigestHash { function, salt: salt.to_vec(), output: Secret::new(output) })
    }
}

/// With padding or without.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let octet = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4) | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(octet).collect() } else { None }
}
