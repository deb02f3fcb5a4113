//! What is stored in place of a password.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{ScramHash, Secret, limits, prepare};

/// What a server keeps to run SCRAM with one user: salt, rounds and two keys (RFC 5802 section 3).
///
/// It does not let anybody log in elsewhere, but whoever steals it can try passwords against it and can play this server,
/// so `Debug` shows neither keys nor salt. Its text is `SCRAM-SHA-256$15000:salt$stored-key:server-key`, the last three in
/// base64: the form of RFC 5803 as PostgreSQL writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    hash: ScramHash,
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Secret,
    server_key: Secret,
}

/// A verifier that cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// The text has not the form `SCHEME$iterations:salt$stored:server`, or its base64 is broken.
    #[error("not of the form SCRAM-SHA-256$iterations:salt$stored-key:server-key")]
    Form,
    /// The scheme is no SCRAM hash that we know.
    #[error("unknown scheme")]
    Scheme,
    /// Outside [`limits::ITERATIONS_LEAST`] to [`limits::ITERATIONS_MOST`].
    #[error("{0} iterations are outside {least} to {most}", least = limits::ITERATIONS_LEAST, most = limits::ITERATIONS_MOST)]
    Iterations(u32),
    /// Empty, or longer than [`limits::SALT_OCTETS_MOST`].
    #[error("the salt has {0} octets")]
    Salt(usize),
    /// A key has not the length of the hash.
    #[error("a key has {0} octets")]
    Key(usize),
}

impl ScramVerifier {
    /// The verifier of a password, which is brought to its form by [`prepare::password`] first.
    ///
    /// `salt` must be random; [`limits::SALT_OCTETS`] octets, or a fake can be told from a real one. Runs
    /// PBKDF2 once.
    ///
    /// # Errors
    ///
    /// [`VerifierError::Iterations`] and [`VerifierError::Salt`] when those are out of bounds.
    pub fn derive(
        hash: ScramHash,
        password: &Secret,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, VerifierError> {
        check_cost(salt, iterations)?;
        let keys = Keys::derive(hash, password, salt, iterations);
        Ok(Self {
            hash,
            iterations,
            salt: salt.to_vec(),
            stored_key: keys.stored_key,
            server_key: keys.server_key,
        })
    }

    /// A verifier for a user that does not exist: the same whenever that user is asked for, like a real one to
    /// look at, and passed by no password.
    ///
    /// `server_secret` must stay the same over restarts and be known to nobody else; `iterations` must be what real accounts
    /// have. The case of the name's letters does not matter, since it does not for real accounts either.
    #[must_use]
    pub fn fake(hash: ScramHash, user: &str, server_secret: &Secret, iterations: u32) -> Self {
        let user = prepare::account_key(user);
        let made = |part: &[u8], octets: usize| {
            let pieces = [part, b"\0", hash.name().as_bytes(), b"\0", user.as_bytes()];
            // SHA-512, so that there are octets enough for the longest key.
            let mut made = ScramHash::Sha512.hmac(server_secret.expose(), &pieces).expose().to_vec();
            made.truncate(octets);
            made
        };
        Self {
            hash,
            iterations,
            salt: made(b"salt", limits::SALT_OCTETS),
            // The password's side of this key would be its preimage under the hash: nobody has it.
            stored_key: Secret::new(made(b"stored", hash.octets())),
            server_key: Secret::new(made(b"server", hash.octets())),
        }
    }

    /// Whether this is the password (RFC 5802 section 3, without the exchange). Runs PBKDF2 once.
    #[must_use]
    pub fn matches(&self, password: &Secret) -> bool {
        Keys::derive(self.hash, password, &self.salt, self.iterations).stored_key == self.stored_key
    }

    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// Any [`VerifierError`]: what is stored is damaged or was not made by us.
    pub fn from_text(text: &str) -> Result<Self, VerifierError> {
        let (scheme, rest) = text.split_once('$').ok_or(VerifierError::Form)?;
        let hash = ScramHash::from_name(scheme).ok_or(VerifierError::Scheme)?;
        let (cost, keys) = rest.split_once('$').ok_or(VerifierError::Form)?;
        let (iterations, salt) = cost.split_once(':').ok_or(VerifierError::Form)?;
        let (stored_key, server_key) = keys.split_once(':').ok_or(VerifierError::Form)?;
        let iterations = iterations.parse().map_err(|_| VerifierError::Form)?;
        let salt = STANDARD.decode(salt).map_err(|_| VerifierError::Form)?;
        check_cost(&salt, iterations)?;
        let key = |text: &str| match STANDARD.decode(text) {
            Ok(key) if key.len() == hash.octets() => Ok(Secret::new(key)),
            Ok(key) => Err(VerifierError::Key(key.len())),
            Err(_) => Err(VerifierError::Form),
        };
        Ok(Self { hash, iterations, salt, stored_key: key(stored_key)?, server_key: key(server_key)? })
    }

    /// The text form, as a secret: it is for storage, not for eyes.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        Secret::new(format!(
            "{}${}:{}${}:{}",
            self.hash.name(),
            self.iterations,
            STANDARD.encode(&self.salt),
            STANDARD.encode(self.stored_key.expose()),
            STANDARD.encode(self.server_key.expose()),
        ))
    }

    /// Which mechanisms it serves.
    #[must_use]
    pub fn hash(&self) -> ScramHash {
        self.hash
    }

    /// PBKDF2 rounds.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    pub(crate) fn salt(&self) -> &[u8] {
        &self.salt
    }

    pub(crate) fn stored_key(&self) -> &Secret {
        &self.stored_key
    }

    pub(crate) fn server_key(&self) -> &Secret {
        &self.server_key
    }
}

impl fmt::Debug for ScramVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ScramVerifier({}, {} iterations, ..)", self.hash.name(), self.iterations)
    }
}

fn check_cost(salt: &[u8], iterations: u32) -> Result<(), VerifierError> {
    if !(limits::ITERATIONS_LEAST..=limits::ITERATIONS_MOST).contains(&iterations) {
        return Err(VerifierError::Iterations(iterations));
    }
    if salt.is_empty() || salt.len() > limits::SALT_OCTETS_MOST {
        return Err(VerifierError::Salt(salt.len()));
    }
    Ok(())
}

/// All keys of RFC 5802 section 3 that a password leads to; what a client has.
pub(crate) struct Keys {
    pub(crate) client_key: Secret,
    pub(crate) stored_key: Secret,
    pub(crate) server_key: Secret,
}

impl Keys {
    pub(crate) fn derive(hash: ScramHash, password: &Secret, salt: &[u8], iterations: u32) -> Self {
        let salted = hash.salted_password(prepare::password(password).expose(), salt, iterations);
        let client_key = hash.hmac(salted.expose(), &[b"Client Key"]);
        let stored_key = hash.digest(client_key.expose());
        let server_key = hash.hmac(salted.expose(), &[b"Server Key"]);
        Self { client_key, stored_key, server_key }
    }
}

/// What a server keeps to run CRAM-MD5 with one user: the password itself, for accounts that opted in; or what HMAC-MD5 makes
/// of it before the challenge comes in, which is worth as much here and nothing elsewhere.
///
/// The octets are used as they are, without preparing: RFC 2195 clients do not prepare either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CramSecret(Cram);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cram {
    Password(Secret),
    States(Secret),
}

impl CramSecret {
    /// The length of both states, in octets.
    pub const STATES_OCTETS: usize = 32;

    /// Wraps a password that was kept in a form from which it can be had back.
    #[must_use]
    pub fn new(password: Secret) -> Self {
        Self(Cram::Password(password))
    }

    /// The two states of HMAC-MD5, outer and then inner, as Dovecot stores them; none if it has not
    /// [`STATES_OCTETS`](Self::STATES_OCTETS).
    #[must_use]
    pub fn from_states(states: Secret) -> Option<Self> {
        (states.expose().len() == Self::STATES_OCTETS).then_some(Self(Cram::States(states)))
    }

    /// The password, where it is kept.
    #[must_use]
    pub fn password(&self) -> Option<&Secret> {
        match &self.0 {
            Cram::Password(password) => Some(password),
            Cram::States(_) => None,
        }
    }

    /// Whether this is the password.
    #[must_use]
    pub fn matches(&self, password: &Secret) -> bool {
        match &self.0 {
            Cram::Password(kept) => kept == password,
            Cram::States(states) => crate::hash::hmac_md5_states(password.expose()) == *states,
        }
    }

    /// HMAC-MD5 of the challenge (RFC 2195 section 2).
    pub(crate) fn proof(&self, challenge: &[u8]) -> Secret {
        match &self.0 {
            Cram::Password(password) => crate::hash::hmac::<md5::Md5>(password.expose(), &[challenge]),
            Cram::States(states) => crate::hash::hmac_md5_from_states(states.expose(), challenge),
        }
    }
}

/// What a server keeps to run DIGEST-MD5 with one user of one realm: `H(user:realm:password)` (RFC 2831 section 2.1.2.1).
///
/// Whoever steals it can log in by DIGEST-MD5 in that realm, so it is sealed where it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestSecret(Secret);

impl DigestSecret {
    /// Its length in octets: an MD5 digest.
    pub const OCTETS: usize = 16;

    /// The secret of a user and password as they were typed. Each part goes in as ISO 8859-1 where it can, else in
    /// UTF-8, as the RFC wants it whatever charset a client speaks.
    #[must_use]
    pub fn derive(user: &str, realm: &str, password: &Secret) -> Self {
        let part = |text: &[u8]| crate::latin::encode(text).unwrap_or_else(|| Secret::new(text));
        let (user, realm, password) =
            (part(user.as_bytes()), part(realm.as_bytes()), part(password.expose()));
        Self::of_octets([user.expose(), realm.expose(), password.expose()])
    }

    fn of_octets([user, realm, password]: [&[u8]; 3]) -> Self {
        let joined = Secret::joined(&[user, b":", realm, b":", password]);
        Self(crate::hash::md5(joined.expose()))
    }

    /// Whether this is the secret of a user and password as they were typed. One that another program made may have been made of
    /// UTF-8 throughout (Dovecot's are); such a one serves here for checking a password, but not for clients that do as the RFC
    /// says.
    #[must_use]
    pub fn is_of(&self, user: &str, realm: &str, password: &Secret) -> bool {
        let plain = Self::of_octets([user.as_bytes(), realm.as_bytes(), password.expose()]);
        Self::derive(user, realm, password) == *self || plain == *self
    }

    /// A stored one; none if it has not [`OCTETS`](Self::OCTETS).
    #[must_use]
    pub fn from_octets(octets: Secret) -> Option<Self> {
        (octets.expose().len() == Self::OCTETS).then_some(Self(octets))
    }

    /// The octets, for sealing them into storage.
    #[must_use]
    pub fn octets(&self) -> &Secret {
        &self.0
    }
}

/// What a server keeps to run NTLM with one user: MD4 of the password in UTF-16 ([MS-NLMP] section 3.3.1, `NTOWFv1`).
///
/// Whoever steals it can log in by NTLM, so it is sealed where it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NtHash(Secret);

impl NtHash {
    /// Its length in octets: an MD4 digest.
    pub const OCTETS: usize = 16;

    /// The hash of a password as it was typed. One that is not UTF-8 is taken octet by octet.
    #[must_use]
    pub fn derive(password: &Secret) -> Self {
        Self(crate::hash::nt_hash(password))
    }

    /// A stored one; none if it has not [`OCTETS`](Self::OCTETS).
    #[must_use]
    pub fn from_octets(octets: Secret) -> Option<Self> {
        (octets.expose().len() == Self::OCTETS).then_some(Self(octets))
    }

    /// The octets, for sealing them into storage.
    #[must_use]
    pub fn octets(&self) -> &Secret {
        &self.0
    }
}

/// Both halves of an OAuth 1 credential (RFC 5849 section 1.1): who the client program is, and whom it acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthOneKeys {
    /// `oauth_consumer_key`.
    pub consumer: String,
    /// Its shared secret.
    pub consumer_secret: Secret,
    /// `oauth_token`.
    pub token: String,
    /// Its shared secret.
    pub token_secret: Secret,
    /// The login name of the account that the token is for.
    pub user: String,
}

#[cfg(test)]
mod tests;
