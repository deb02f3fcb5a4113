//! What Dovecot says, line by line.
//!
//! Fields are separated by tabs; in their values, what could be taken for a separator is written with an octet 1 before it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One line after the greeting that is about a request.
pub(super) struct Reply {
    /// Whose.
    pub(super) id: u32,
    pub(super) verdict: Verdict,
}

/// What it says.
pub(super) enum Verdict {
    /// Send this to the client, and what it answers back to us.
    Continue(Zeroizing<Vec<u8>>),
    /// The client is this user.
    Right {
        user: String,
    },
    Refused(Refusal),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Wrong password, or no such user.
    Rejected { user: Option<String> },
    /// The proof may be good, but the user is disabled, must change the password, or wants to be somebody else.
    NotAllowed { user: Option<String> },
    /// It cannot tell: a database of its own is down.
    Temporary,
}

/// Reads a line; none for one that is about no request, or of a kind that is not known here: newer versions add some.
pub(super) fn read(line: &str) -> Option<Result<Reply, Malformed>> {
    let (kind, rest) = line.split_once('\t')?;
    let mut fields = rest.split('\t');
    let id = fields.next().unwrap_or_default();
    let verdict = match kind {
        "CONT" => STANDARD
            .decode(fields.next().unwrap_or_default())
            .map_or(Err(Malformed), |challenge| Ok(Verdict::Continue(Zeroizing::new(challenge)))),
        "OK" => value(fields, "user").map_or(Err(Malformed), |user| Ok(Verdict::Right { user })),
        "FAIL" => Ok(Verdict::Refused(refusal(&fields.collect::<Vec<_>>()))),
        _ => return None,
    };
    let id: Result<u32, Malformed> = id.parse().map_err(|_| Malformed);
    Some(id.and_then(|id| Ok(Reply { id, verdict: verdict? })))
}

/// A line that does not keep to the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// `temp`, `authz`, `user_disabled` and `pass_expired` are of older versions, `code=` of newer ones.
fn refusal(fields: &[&str]) -> Refusal {
    let user = value(fields.iter().copied(), "user");
    let code = value(fields.iter().copied(), "code").unwrap_or_default();
    let says = |word: &str| fields.contains(&word);
    if says("temp") || code == "temp_fail" {
        return Refusal::Temporary;
    }
    let forbidden = ["authz", "user_disabled", "pass_expired"].into_iter().any(says);
    if forbidden || matches!(code.as_str(), "authz_fail" | "user_disabled" | "pass_expired") {
        return Refusal::NotAllowed { user };
    }
    Refusal::Rejected { user }
}

fn value<'a>(mut fields: impl Iterator<Item = &'a str>, name: &str) -> Option<String> {
    let found = fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
    Some(unescaped(found))
}

/// Undoes Dovecot's tab escaping.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\u{1}' => match letters.next() {
                Some('0') => '\0',
                Some('1') => '\u{1}',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('n') => '\n',
                Some(other) => other,
                None => continue,
            },
            other => other,
        });
    }
    plain
}

/// Does it.
pub(super) fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for letter in text.chars() {
        let stand_in = match letter {
            '\0' => '0',
            '\u{1}' => '1',
            '\t' => 't',
            '\r' => 'r',
            '\n' => 'n',
            other => {
                written.push(other);
                continue;
            }
        };
        written.extend(['\u{1}', stand_in]);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{Refusal, Verdict, escaped, read, unescaped};

    #[test]
    fn refusals_of_every_kind() {
        let user = || Some("ada".to_owned());
        let rows = [
            ("FAIL\t7\tuser=ada", Refusal::Rejected { user: user() }),
            ("FAIL\t7", Refusal::Rejected { user: None }),
            ("FAIL\t7\tuser=ada\ttemp", Refusal::Temporary),
            ("FAIL\t7\tuser=ada\tcode=temp_fail\tdebug=x", Refusal::Temporary),
            ("FAIL\t7\tuser=ada\tauthz", Refusal::NotAllowed { user: user() }),
            ("FAIL\t7\tuser=ada\tuser_disabled", Refusal::NotAllowed { user: user() }),
            ("FAIL\t7\tcode=pass_expired\tuser=ada", Refusal::NotAllowed { user: user() }),
            ("FAIL\t7\tuser=ada\treason=temp", Refusal::Rejected { user: user() }),
            ("FAIL\t7\tuser=temp", Refusal::Rejected { user: Some("temp".into()) }),
        ];
        for (line, want) in rows {
            let reply = read(line).unwrap().unwrap();
            assert_eq!(reply.id, 7);
            let Verdict::Refused(refusal) = reply.verdict else { panic!("{line}") };
            assert_eq!(refusal, want, "{line}");
        }
    }

    #[test]
    fn success_challenge_and_nonsense() {
        let Verdict::Right { user } = read("OK\t1\tuser=a\u{1}tb\tauth=x").unwrap().unwrap().verdict else {
            panic!()
        };
        assert_eq!(user, "a\tb");
        let Verdict::Continue(challenge) = read("CONT\t1\tPDE+").unwrap().unwrap().verdict else { panic!() };
        assert_eq!(&**challenge, b"<1>");
        let empty = read("CONT\t1\t").unwrap().unwrap().verdict;
        assert!(matches!(empty, Verdict::Continue(challenge) if challenge.is_empty()));
        for wrong in ["OK\t1", "OK\tx\tuser=a", "CONT\t1\t***", "FAIL\t", "FAIL\t99999999999"] {
            assert!(read(wrong).unwrap().is_err(), "{wrong}");
        }
        for unknown in ["", "NEWS\t1", "SPID"] {
            assert!(read(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn escaping_goes_both_ways() {
        let text = "a\tb\nc\rd\0e\u{1}f g=ü";
        assert!(!escaped(text).contains(['\t', '\n', '\r', '\0']));
        assert_eq!(unescaped(&escaped(text)), text);
        assert_eq!(unescaped("a\u{1}"), "a");
    }
}
