//! What a row of a database says.

use std::fmt;

use gatepost_mail::Mailbox;
use gatepost_sasl::{DigestSecret, Mechanism, NtHash, ScramHash, ScramVerifier, Secret};

use crate::account::account_name;
use crate::{Account, AccountState};

/// A value. Every text may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// NULL.
    Nothing,
    /// A text, or octets.
    Text(Secret),
    /// A whole number.
    Number(i64),
    /// A boolean.
    Truth(bool),
    /// Of a type that is not looked at.
    Other(String),
}

/// Columns with their names, in their order.
#[derive(Debug)]
pub(super) struct Row(pub(super) Vec<(String, Value)>);

impl Row {
    pub(super) fn first(&self) -> &Value {
        self.0.first().map_or(&Value::Nothing, |(_, value)| value)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let found = self.0.iter_mut().find(|(column, _)| column.eq_ignore_ascii_case(name));
        found.map(|(_, value)| std::mem::replace(value, Value::Nothing))
    }

    /// A text; an empty one says as little as NULL.
    fn text(&mut self, name: &'static str) -> Result<Option<Secret>, Unreadable> {
        match self.take(name) {
            None | Some(Value::Nothing) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(Value::Number(_) | Value::Truth(_)) => Err(Unreadable::new(name, "a number")),
            Some(Value::Other(kind)) => Err(Unreadable::new(name, kind)),
        }
    }
}

/// A column that cannot be read. Holds nothing of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    column: &'static str,
    found: String,
}

impl Unreadable {
    pub(super) fn new(column: &'static str, found: impl fmt::Display) -> Self {
        Self { column, found: found.to_string() }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the column {} cannot be read: {}", self.column, self.found)
    }
}

/// A row of `query-user`.
pub(super) struct UserRow {
    pub(super) account: Account,
    password: Option<Secret>,
    scram: [Option<Secret>; 3],
    pub(super) cram_password: Option<Secret>,
    digest: Option<Secret>,
    nt_hash: Option<Secret>,
}

/// Columns of SCRAM verifiers, the strongest first.
const SCRAM: [(&str, ScramHash); 3] = [
    ("scram_sha_512", ScramHash::Sha512),
    ("scram_sha_256", ScramHash::Sha256),
    ("scram_sha_1", ScramHash::Sha1),
];

impl UserRow {
    /// Reads a row that was found for this name. None when the name itself would have to be an account's, and cannot be.
    pub(super) fn read(mut row: Row, user: &str) -> Result<Option<Self>, Unreadable> {
        let name = match row.text("account")? {
            Some(address) => {
                let address = String::from_utf8_lossy(address.expose()).into_owned();
                account_name(&address).map_err(|fault| Unreadable::new("account", fault))?
            }
            None => match account_name(user) {
                Ok(name) => name,
                Err(_) => return Ok(None),
            },
        };
        let mailbox = Mailbox::parse(&name).map_err(|cause| Unreadable::new("account", cause))?;
        let mut account = Account::of(mailbox);
        account.state = state(row.take("active"))?;
        let [first, second, third] = SCRAM.map(|(column, _)| row.text(column));
        let mut read = Self {
            account,
            password: row.text("password")?,
            scram: [first?, second?, third?],
            cram_password: row.text("cram_password")?,
            digest: row.text("digest_md5")?,
            nt_hash: row.text("nt_hash")?,
        };
        read.account.mechanisms = Mechanism::ALL.into_iter().filter(|it| read.serves(*it)).collect();
        Ok(Some(read))
    }

    /// What a password is held against, unless it is only there in the clear.
    pub(super) fn proof(&self) -> Option<Secret> {
        self.password.clone().or_else(|| self.scram.iter().flatten().next().cloned())
    }

    pub(super) fn scram(&self, hash: ScramHash) -> Result<Option<ScramVerifier>, Unreadable> {
        for ((column, of), text) in SCRAM.iter().zip(&self.scram) {
            if let (true, Some(text)) = (*of == hash, text) {
                return verifier(column, hash, text).map(Some);
            }
        }
        // A text of ours may be the password itself.
        let password = self.password.as_ref().and_then(|text| std::str::from_utf8(text.expose()).ok());
        let verifier = password.and_then(|text| ScramVerifier::from_text(text).ok());
        Ok(verifier.filter(|verifier| verifier.hash() == hash))
    }

    pub(super) fn digest(&self, user: &str, realm: &str) -> Result<Option<DigestSecret>, Unreadable> {
        match (&self.digest, &self.cram_password) {
            (Some(text), _) => {
                let octets = hexadecimal(text).and_then(DigestSecret::from_octets);
                octets.map(Some).ok_or_else(|| Unreadable::new("digest_md5", "not 32 hexadecimal digits"))
            }
            (None, Some(clear)) => Ok(Some(DigestSecret::derive(user, realm, clear))),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn nt_hash(&self) -> Result<Option<NtHash>, Unreadable> {
        match (&self.nt_hash, &self.cram_password) {
            (Some(text), _) => {
                let octets = hexadecimal(text).and_then(NtHash::from_octets);
                octets.map(Some).ok_or_else(|| Unreadable::new("nt_hash", "not 32 hexadecimal digits"))
            }
            (None, Some(clear)) => Ok(Some(NtHash::derive(clear))),
            (None, None) => Ok(None),
        }
    }

    fn serves(&self, mechanism: Mechanism) -> bool {
        let clear = self.cram_password.is_some();
        match mechanism {
            Mechanism::Plain | Mechanism::Login => clear || self.proof().is_some(),
            Mechanism::CramMd5 => clear,
            Mechanism::DigestMd5 => clear || self.digest.is_some(),
            Mechanism::Ntlm => clear || self.nt_hash.is_some(),
            other => other.scram_hash().is_some_and(|hash| matches!(self.scram(hash), Ok(Some(_)))),
        }
    }
}

fn verifier(column: &'static str, hash: ScramHash, text: &Secret) -> Result<ScramVerifier, Unreadable> {
    let text = std::str::from_utf8(text.expose()).map_err(|_| Unreadable::new(column, "not text"))?;
    let verifier = ScramVerifier::from_text(text).map_err(|cause| Unreadable::new(column, cause))?;
    if verifier.hash() == hash { Ok(verifier) } else { Err(Unreadable::new(column, "another hash's verifier")) }
}

/// Whoever has no such column has active accounts only.
fn state(active: Option<Value>) -> Result<AccountState, Unreadable> {
    let active = match active {
        None => true,
        // Nobody said that it is active.
        Some(Value::Nothing) => false,
        Some(Value::Truth(truth)) => truth,
        Some(Value::Number(number)) => number != 0,
        Some(Value::Text(text)) => match text.expose().to_ascii_lowercase().as_slice() {
            b"1" | b"t" | b"true" | b"y" | b"yes" | b"active" | [1] => true,
            b"0" | b"f" | b"false" | b"n" | b"no" | b"" | b"suspended" | [0] => false,
            _ => return Err(Unreadable::new("active", "neither yes nor no")),
        },
        Some(Value::Other(kind)) => return Err(Unreadable::new("active", kind)),
    };
    Ok(if active { AccountState::Active } else { AccountState::Suspended })
}

fn hexadecimal(text: &Secret) -> Option<Secret> {
    let digits = text.expose();
    let halves = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    halves.collect::<Option<Vec<u8>>>().map(Secret::new)
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
