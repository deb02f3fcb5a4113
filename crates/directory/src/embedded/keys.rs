//! The two keys of a store: one seals secrets that must be had back, one makes the decoys of users that do not exist.
//!
//! What is sealed for one purpose opens for no other, and for no other account.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_sasl::Secret;

use super::files;
use crate::StoreFault;

const SEALING: &str = "sealing.key";
const DECOY: &str = "decoy.key";
/// AES-256, and as much for the decoys.
const KEY_OCTETS: usize = 32;
/// Base64 of a key, and the line's end.
const KEY_FILE_OCTETS: usize = 45;
/// First octet of a sealed secret: AES-256-GCM, then nonce, ciphertext and tag.
const FORM: u8 = 1;
/// What the key of device passwords is made from, beside the sealing key.
const DEVICES: &[u8] = b"gatepost device passwords";
/// As long as a fair password, for [`Keys::open_decoy`].
const DECOY_PASSWORD: [u8; 16] = [0; 16];

pub(super) struct Keys {
    sealing: LessSafeKey,
    devices: hmac::Key,
    decoy: Secret,
    decoy_sealed: Sealed,
}

/// A secret that only [`Keys`] can open.
#[derive(Clone)]
pub(super) struct Sealed(Vec<u8>);

impl Keys {
    /// Reads the keys, and makes those that are missing. The caller holds the lock.
    pub(super) fn load(folder: &Path) -> Result<Self, StoreFault> {
        let sealing = load_or_make(&folder.join(SEALING))?;
        let devices = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, sealing.expose()), DEVICES);
        let sealing = UnboundKey::new(&AES_256_GCM, sealing.expose()).map_err(|_| StoreFault::Sealing)?;
        let mut keys = Self {
            sealing: LessSafeKey::new(sealing),
            devices: hmac::Key::new(hmac::HMAC_SHA256, devices.as_ref()),
            decoy: load_or_make(&folder.join(DECOY))?,
            decoy_sealed: Sealed(Vec::new()),
        };
        keys.decoy_sealed = keys.seal("", "", &Secret::new(DECOY_PASSWORD))?;
        Ok(keys)
    }

    pub(super) fn decoy(&self) -> &Secret {
        &self.decoy
    }

    /// The hash that a device's random password is held against.
    ///
    /// A slow hash would buy nothing: 125 random bits cannot be guessed however fast the guesses are. That it is keyed keeps a copy of the
    /// database from being of use to check a password that was found elsewhere.
    pub(super) fn device_hash(&self, account: &str, password: &Secret) -> Secret {
        let mut context = hmac::Context::with_key(&self.devices);
        context.update(account.as_bytes());
        context.update(&[0]);
        context.update(password.expose());
        Secret::new(context.sign().as_ref())
    }

    /// Seals a secret so that it opens for this purpose and account only: in another's row it is worth nothing.
    pub(super) fn seal(&self, purpose: &str, account: &str, secret: &Secret) -> Result<Sealed, StoreFault> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let tag = AES_256_GCM.tag_len();
        // Room for all of it from the start: growing would leave an unwiped copy behind.
        let mut octets = Vec::with_capacity(1 + NONCE_LEN + secret.expose().len() + tag);
        octets.push(FORM);
        octets.extend_from_slice(&nonce);
        let mut inside = Vec::with_capacity(secret.expose().len() + tag);
        inside.extend_from_slice(secret.expose());
        self.sealing
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(purpose, account), &mut inside)
            .map_err(|_| StoreFault::Sealing)?;
        octets.append(&mut inside);
        Ok(Sealed(octets))
    }

    /// None if it was sealed for another purpose or account or with another key, or is damaged.
    pub(super) fn open(&self, purpose: &str, account: &str, sealed: Sealed) -> Option<Secret> {
        let (form, rest) = sealed.0.split_first()?;
        if *form != FORM {
            return None;
        }
        let (nonce, inside) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut inside = inside.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.sealing.open_in_place(nonce, aad(purpose, account), &mut inside).ok()?.len();
        inside.truncate(length);
        Some(Secret::new(inside))
    }

    /// The same work for those who have nothing to open.
    pub(super) fn open_decoy(&self) {
        drop(self.open("", "", self.decoy_sealed.clone()));
    }
}

/// For storing it.
impl From<Sealed> for Secret {
    fn from(sealed: Sealed) -> Self {
        Self::new(sealed.0)
    }
}

impl From<Secret> for Sealed {
    fn from(stored: Secret) -> Self {
        Self(stored.expose().to_vec())
    }
}

fn aad(purpose: &str, account: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("gatepost {purpose}\0{account}").into_bytes())
}

fn load_or_make(path: &Path) -> Result<Secret, StoreFault> {
    match files::read_private(path, KEY_FILE_OCTETS)? {
        Some(text) => read_key(&text).ok_or_else(|| StoreFault::Key { path: path.to_owned() }),
        None => make_key(path),
    }
}

fn read_key(text: &Secret) -> Option<Secret> {
    let text = text.expose();
    let key = Secret::new(STANDARD.decode(text.strip_suffix(b"\n").unwrap_or(text)).ok()?);
    (key.expose().len() == KEY_OCTETS).then_some(key)
}

fn make_key(path: &Path) -> Result<Secret, StoreFault> {
    let mut key = vec![0; KEY_OCTETS];
    let filled = getrandom::fill(&mut key);
    let key = Secret::new(key);
    filled?;
    let mut text = String::with_capacity(KEY_FILE_OCTETS);
    STANDARD.encode_string(key.expose(), &mut text);
    text.push('\n');
    files::write_private(path, &Secret::new(text))?;
    Ok(key)
}

#[cfg(test)]
mod tests;
