//! The mechanisms: names, strength, what each needs, and which of several to use.

use crate::{ChannelBinding, ScramHash, limits};

/// A SASL mechanism, in the order in which a client should prefer them: the last is best.
///
/// A bound channel outranks a better hash, since it is what a man in the middle cannot get around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// LOGIN: an expired draft, still what old clients ask for.
    Login,
    /// PLAIN: RFC 4616.
    Plain,
    /// NTLM: [MS-NLMP] in the dress of [MS-SMTPNTLM].
    Ntlm,
    /// "MD5": no mechanism of any registry; the CRAM-MD5 exchange under a name of ours, for operators who ask for it.
    Md5,
    /// CRAM-MD5: RFC 2195.
    CramMd5,
    /// DIGEST-MD5: RFC 2831, `qop=auth` only.
    DigestMd5,
    /// XOAUTH2: Google's, what mail programs use.
    Xoauth2,
    /// OAUTH10A: RFC 7628 with the signatures of RFC 5849.
    Oauth10a,
    /// OAUTHBEARER: RFC 7628.
    Oauthbearer,
    /// SCRAM-SHA-1: RFC 5802.
    ScramSha1,
    /// SCRAM-SHA-256: RFC 7677.
    ScramSha256,
    /// SCRAM-SHA-512: the same with SHA-512.
    ScramSha512,
    /// GSSAPI: RFC 4752, Kerberos 5.
    Gssapi,
    /// SCRAM-SHA-1-PLUS: RFC 5802, bound to the TLS channel.
    ScramSha1Plus,
    /// SCRAM-SHA-256-PLUS: RFC 7677, bound to the TLS channel.
    ScramSha256Plus,
    /// SCRAM-SHA-512-PLUS: the same with SHA-512.
    ScramSha512Plus,
    /// EXTERNAL: RFC 4422 appendix A, the TLS client certificate.
    External,
}

/// What an onlooker or a false server learns from a mechanism; better ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// The password crosses the wire: only TLS protects it, and the server sees it.
    Revealing,
    /// The password stays at home, but an onlooker can try passwords quickly.
    Challenge,
    /// A token that ends by itself crosses the wire, or signs the login; the password is not in the game.
    Token,
    /// Both sides prove themselves; guessing from what was seen is slow, or nothing can be guessed.
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
    pub const ALL: [Self; 17] = [
        Self::External,
        Self::ScramSha512Plus,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::Gssapi,
        Self::ScramSha512,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::Oauthbearer,
        Self::Oauth10a,
        Self::Xoauth2,
        Self::DigestMd5,
        Self::CramMd5,
        Self::Md5,
        Self::Ntlm,
        Self::Plain,
        Self::Login,
    ];

    /// The registered name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::Ntlm => "NTLM",
            Self::Md5 => "MD5",
            Self::CramMd5 => "CRAM-MD5",
            Self::DigestMd5 => "DIGEST-MD5",
            Self::Xoauth2 => "XOAUTH2",
            Self::Oauth10a => "OAUTH10A",
            Self::Oauthbearer => "OAUTHBEARER",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::Gssapi => "GSSAPI",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha512Plus => "SCRAM-SHA-512-PLUS",
            Self::External => "EXTERNAL",
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
            Self::Ntlm | Self::Md5 | Self::CramMd5 | Self::DigestMd5 => Strength::Challenge,
            Self::Xoauth2 | Self::Oauth10a | Self::Oauthbearer => Strength::Token,
            Self::ScramSha1 | Self::ScramSha256 | Self::ScramSha512 | Self::Gssapi => Strength::Proof,
            Self::ScramSha1Plus | Self::ScramSha256Plus | Self::ScramSha512Plus | Self::External => {
                Strength::BoundProof
            }
        }
    }

    /// Whether what is sent would let whoever reads it log in, so that the mechanism may be used under TLS only: a
    /// password, or a bearer token (RFC 6750 section 5.3).
    #[must_use]
    pub fn reveals_secret(self) -> bool {
        match self {
            Self::Login | Self::Plain | Self::Xoauth2 | Self::Oauthbearer => true,
            Self::Ntlm
            | Self::Md5
            | Self::CramMd5
            | Self::DigestMd5
            | Self::Oauth10a
            | Self::ScramSha1
            | Self::ScramSha256
            | Self::ScramSha512
            | Self::Gssapi
            | Self::ScramSha1Plus
            | Self::ScramSha256Plus
            | Self::ScramSha512Plus
            | Self::External => false,
        }
    }

    /// Whether there is nothing to run it with outside TLS: both sides must know the channel's binding, or the client's
    /// certificate is the proof. (RFC 7628 section 3 wants TLS for OAUTH10A as well.)
    #[must_use]
    pub fn needs_tls(self) -> bool {
        self.reveals_secret() || self.strength() == Strength::BoundProof || self == Self::Oauth10a
    }

    /// Whether both sides must know the TLS channel's binding.
    #[must_use]
    pub fn needs_channel_binding(self) -> bool {
        matches!(self, Self::ScramSha1Plus | Self::ScramSha256Plus | Self::ScramSha512Plus)
    }

    /// Whether the client's first response may go with the command that starts the exchange.
    ///
    /// For the others RFC 4954 section 4 wants an initial response refused; LOGIN clients often send one all the same,
    /// and our server takes it.
    #[must_use]
    pub fn client_speaks_first(self) -> bool {
        match self {
            Self::Login | Self::Md5 | Self::CramMd5 | Self::DigestMd5 => false,
            Self::Plain
            | Self::Ntlm
            | Self::Xoauth2
            | Self::Oauth10a
            | Self::Oauthbearer
            | Self::ScramSha1
            | Self::ScramSha256
            | Self::ScramSha512
            | Self::Gssapi
            | Self::ScramSha1Plus
            | Self::ScramSha256Plus
            | Self::ScramSha512Plus
            | Self::External => true,
        }
    }

    /// The hash function, for the SCRAM family.
    #[must_use]
    pub fn scram_hash(self) -> Option<ScramHash> {
        match self {
            Self::ScramSha1 | Self::ScramSha1Plus => Some(ScramHash::Sha1),
            Self::ScramSha256 | Self::ScramSha256Plus => Some(ScramHash::Sha256),
            Self::ScramSha512 | Self::ScramSha512Plus => Some(ScramHash::Sha512),
            Self::Login
            | Self::Plain
            | Self::Ntlm
            | Self::Md5
            | Self::CramMd5
            | Self::DigestMd5
            | Self::Xoauth2
            | Self::Oauth10a
            | Self::Oauthbearer
            | Self::Gssapi
            | Self::External => None,
        }
    }
}

/// The best mechanism that is offered, permitted and possible here, if there is any.
///
/// `permitted` is the caller's policy: it must leave out what [`needs_tls`](Mechanism::needs_tls) when the
/// channel is not encrypted, and what the login cannot be used with. A `-PLUS` form is possible when `bindings` holds at least one.
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

/// The mechanism among `offered` that somebody who wrote `name` most likely meant: the first of [`nearest_all`].
#[must_use]
pub fn nearest(name: &str, offered: &[Mechanism]) -> Option<Mechanism> {
    nearest_all(name, offered).first().copied()
}

/// The mechanisms among `offered` that somebody who wrote `name` may have meant, the likeliest first; for a refusal that
/// helps. At most [`limits::NEAREST_MOST`].
///
/// Names of which the word is a part ("MD5", "SHA-256") come first; where there is none, those of which at most a third
/// of the word's letters differ. Among those the fewest changed letters win, then the better mechanism.
#[must_use]
pub fn nearest_all(name: &str, offered: &[Mechanism]) -> Vec<Mechanism> {
    let word = squeeze(name);
    if word.is_empty() || word.len() > limits::MECHANISM_NAME_OCTETS_MOST {
        return Vec::new();
    }
    let likely = |is_likely: &dyn Fn(&str, usize) -> bool| {
        let mut found: Vec<_> = offered
            .iter()
            .map(|mechanism| (squeeze(mechanism.name()), *mechanism))
            .map(|(other, mechanism)| (changes(&word, &other), mechanism, other))
            .filter(|(changes, _, other)| is_likely(other, *changes))
            .map(|(changes, mechanism, _)| (changes, std::cmp::Reverse(mechanism)))
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().take(limits::NEAREST_MOST).map(|(_, mechanism)| mechanism.0).collect::<Vec<_>>()
    };
    let parts = likely(&|other, _| other.contains(&word));
    if parts.is_empty() { likely(&|_, changes| changes <= word.len().div_ceil(3)) } else { parts }
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
    use super::{Mechanism, changes, nearest, nearest_all, strongest};
    use crate::{BindingKind, ChannelBinding};

    #[test]
    fn names_lead_back_in_any_case() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
            assert_eq!(Mechanism::from_name(&mechanism.name().to_lowercase()), Some(mechanism));
        }
        assert_eq!(Mechanism::from_name("MD4"), None);
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
            ("md-5", Some(Mechanism::Md5)),
            ("CRAM_MD5", Some(Mechanism::CramMd5)),
            ("DIGEST", Some(Mechanism::DigestMd5)),
            ("DIGESTMD5", Some(Mechanism::DigestMd5)),
            ("PLAN", Some(Mechanism::Plain)),
            ("logon", Some(Mechanism::Login)),
            ("SHA256", Some(Mechanism::ScramSha256)),
            ("SCRAM-SHA1", Some(Mechanism::ScramSha1)),
            ("SCRAM-SHA-256-PLUSS", Some(Mechanism::ScramSha256Plus)),
            ("SCRAM-SHA-265", Some(Mechanism::ScramSha256)),
            ("GSS-SPNEGO", None),
            ("OAUTH", Some(Mechanism::Xoauth2)),
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
    fn the_nearest_names_come_best_first_and_are_few() {
        use Mechanism::{CramMd5, DigestMd5, Login, Md5, Plain, ScramSha1, ScramSha256, ScramSha512};
        let without_md5: Vec<_> = Mechanism::ALL.into_iter().filter(|mechanism| *mechanism != Md5).collect();
        let rows: [(&str, &[Mechanism], &[Mechanism]); 8] = [
            ("MD5", &without_md5, &[CramMd5, DigestMd5]),
            ("MD5", &Mechanism::ALL, &[Md5, CramMd5, DigestMd5]),
            ("MD5", &[Plain, DigestMd5], &[DigestMd5]),
            ("MD5", &[Plain, Login], &[]),
            ("SCRAM", &Mechanism::ALL, &[ScramSha1, ScramSha512, ScramSha256]),
            ("PLAIM", &[Plain, Plain, Login], &[Plain]),
            ("GSSAPI", &[Plain, Login], &[]),
            ("", &Mechanism::ALL, &[]),
        ];
        for (name, offered, want) in rows {
            assert_eq!(nearest_all(name, offered), want, "{name}");
        }
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
