//! The mechanisms: names, strength, what each needs, and which of several to use.

use crate::{ChannelBinding, ScramHash, limits};

/// A SASL mechanism that both sides of this crate speak, in the order in which a client should prefer them: the last is
/// best.
///
/// A bound channel outranks a better hash, since it is what a man in the middle cannot get around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// LOGIN: an expired draft, still what old clients ask for.
    Login,
    /// PLAIN: RFC 4616.
    Plain,
    /// CRAM-MD5: RFC 2195.
    CramMd5,
    /// SCRAM-SHA-1: RFC 5802.
    ScramSha1,
    /// SCRAM-SHA-256: RFC 7677.
    ScramSha256,
    /// SCRAM-SHA-1-PLUS: RFC 5802, bound to the TLS channel.
    ScramSha1Plus,
    /// SCRAM-SHA-256-PLUS: RFC 7677, bound to the TLS channel.
    ScramSha256Plus,
}

/// What an onlooker or a false server learns from a mechanism; better ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// The password crosses the wire: only TLS protects it, and the server sees it.
    Revealing,
    /// The password stays at home, but an onlooker can try passwords quickly, and the server proves nothing.
    Challenge,
    /// Both sides prove themselves; guessing from what was seen is slow.
    Proof,
    /// The same, and the proof is worthless outside this very TLS channel.
    BoundProof,
}

/// Whether a SCRAM exchange is tied to its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    Unbound,
    Bound,
}

impl Mechanism {
    /// Every mechanism, the best first: the order in which a server lists them.
    pub const ALL: [Self; 7] = [
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::CramMd5,
        Self::Plain,
        Self::Login,
    ];

    /// The registered name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// The mechanism of that name, whatever the case of its letters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// What it protects against.
    #[must_use]
    pub fn strength(self) -> Strength {
        match self {
            Self::Login | Self::Plain => Strength::Revealing,
            Self::CramMd5 => Strength::Challenge,
            Self::ScramSha1 | Self::ScramSha256 => Strength::Proof,
            Self::ScramSha1Plus | Self::ScramSha256Plus => Strength::BoundProof,
        }
    }

    /// Whether the password itself is sent, so that the mechanism may be used under TLS only.
    #[must_use]
    pub fn reveals_password(self) -> bool {
        self.strength() == Strength::Revealing
    }

    /// Whether both sides must know the TLS channel's binding.
    #[must_use]
    pub fn needs_channel_binding(self) -> bool {
        self.strength() == Strength::BoundProof
    }

    /// Whether the client's first response may go with the command that starts the exchange.
    ///
    /// For the others RFC 4954 section 4 wants an initial response refused; LOGIN clients often send one all the same,
    /// and our server takes it.
    #[must_use]
    pub fn client_speaks_first(self) -> bool {
        match self {
            Self::Login | Self::CramMd5 => false,
            Self::Plain
            | Self::ScramSha1
            | Self::ScramSha256
            | Self::ScramSha1Plus
            | Self::ScramSha256Plus => true,
        }
    }

    /// The hash function, for the SCRAM family.
    #[must_use]
    pub fn scram_hash(self) -> Option<ScramHash> {
        match self {
            Self::Login | Self::Plain | Self::CramMd5 => None,
            Self::ScramSha1 | Self::ScramSha1Plus => Some(ScramHash::Sha1),
            Self::ScramSha256 | Self::ScramSha256Plus => Some(ScramHash::Sha256),
        }
    }
}

/// The best mechanism that is offered, permitted and possible here, if there is any.
///
/// `permitted` is the caller's policy: it must leave out what [`reveals_password`](Mechanism::reveals_password) when the
/// channel is not encrypted. A `-PLUS` form is possible when `bindings` holds at least one.
#[must_use]
pub fn strongest(
    offered: &[Mechanism],
    permitted: &[Mechanism],
    bindings: &[ChannelBinding],
) -> Option<Mechanism> {
    offered
        .iter()
        .copied()
        .filter(|mechanism| permitted.contains(mechanism))
        .filter(|mechanism| !mechanism.needs_channel_binding() || !bindings.is_empty())
        .max()
}

/// The mechanism among `offered` that somebody who wrote `name` most likely meant; for a refusal that helps.
///
/// A name that is part of a real one ("MD5", "SHA-256") leads to the best such; otherwise the fewest changed
/// letters win, up to a third of the word.
#[must_use]
pub fn nearest(name: &str, offered: &[Mechanism]) -> Option<Mechanism> {
    let word = squeeze(name);
    if word.is_empty() || word.len() > limits::MECHANISM_NAME_OCTETS_MOST {
        return None;
    }
    let part = offered.iter().copied().filter(|mechanism| squeeze(mechanism.name()).contains(&word)).max();
    part.or_else(|| {
        offered
            .iter()
            .map(|mechanism| (changes(&word, &squeeze(mechanism.name())), *mechanism))
            .filter(|(changes, _)| *changes <= word.len().div_ceil(3))
            .min_by_key(|(changes, mechanism)| (*changes, std::cmp::Reverse(*mechanism)))
            .map(|(_, mechanism)| mechanism)
    })
}

/// Letters and digits only, as capitals: people leave out hyphens and write underscores.
fn squeeze(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

/// Levenshtein's distance. Both words are short, so the plain table is enough.
fn changes(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.bytes().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(right.bytes()) {
            let changed = diagonal + usize::from(letter != other);
            diagonal = *cell;
            *cell = changed.min(before + 1).min(diagonal + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::{Mechanism, changes, nearest, strongest};
    use crate::{BindingKind, ChannelBinding};

    #[test]
    fn names_lead_back_in_any_case() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
            assert_eq!(Mechanism::from_name(&mechanism.name().to_lowercase()), Some(mechanism));
        }
        assert_eq!(Mechanism::from_name("MD5"), None);
        assert!(Mechanism::ALL.is_sorted_by(|better, worse| better > worse));
        assert!(Mechanism::ALL.is_sorted_by_key(|mechanism| std::cmp::Reverse(mechanism.strength())));
    }

    #[test]
    fn the_strongest_is_offered_permitted_and_possible() {
        use Mechanism::{CramMd5, Login, Plain, ScramSha1Plus, ScramSha256, ScramSha256Plus};
        let bound = [ChannelBinding::new(BindingKind::TlsExporter, [1; 32])];
        type Row<'a> = (&'a [Mechanism], &'a [Mechanism], &'a [ChannelBinding], Option<Mechanism>);
        let rows: [Row<'_>; 7] = [
            (&[Plain, ScramSha256Plus, ScramSha256], &Mechanism::ALL, &bound, Some(ScramSha256Plus)),
            (&[Plain, ScramSha256Plus, ScramSha256], &Mechanism::ALL, &[], Some(ScramSha256)),
            (&[ScramSha256, ScramSha1Plus], &Mechanism::ALL, &bound, Some(ScramSha1Plus)),
            (&[Login, Plain], &Mechanism::ALL, &[], Some(Plain)),
            (&[Login, Plain, CramMd5], &[Login], &bound, Some(Login)),
            (&[Login, Plain], &[CramMd5], &bound, None),
            (&[], &Mechanism::ALL, &bound, None),
        ];
        for (offered, permitted, bindings, want) in rows {
            assert_eq!(strongest(offered, permitted, bindings), want, "{offered:?} {permitted:?}");
        }
    }

    #[test]
    fn the_nearest_name_is_what_was_meant() {
        let rows = [
            ("MD5", Some(Mechanism::CramMd5)),
            ("CRAM_MD5", Some(Mechanism::CramMd5)),
            ("DIGEST-MD5", None),
            ("PLAN", Some(Mechanism::Plain)),
            ("logon", Some(Mechanism::Login)),
            ("SHA256", Some(Mechanism::ScramSha256Plus)),
            ("SCRAM-SHA1", Some(Mechanism::ScramSha1Plus)),
            ("SCRAM-SHA-265", Some(Mechanism::ScramSha256)),
            ("GSSAPI", None),
            ("", None),
            ("--", None),
            (&"X".repeat(4_000), None),
        ];
        for (name, want) in rows {
            assert_eq!(nearest(name, &Mechanism::ALL), want, "{name}");
        }
        assert_eq!(nearest("SHA256", &[Mechanism::Plain]), None);
    }

    #[test]
    fn changes_are_counted() {
        let rows =
            [("", "", 0), ("", "ABC", 3), ("ABC", "", 3), ("KITTEN", "SITTING", 3), ("PLAN", "PLAIN", 1)];
        for (left, right, want) in rows {
            assert_eq!(changes(left, right), want, "{left} {right}");
        }
    }
}
