//! Recipients in doubt: all was sent to a host, and its answer was lost.
//!
//! The spool keeps why a recipient waits. For one in doubt that begins with which host may have the message, so
//! that it is known after a restart, and an operator reads it too.

use std::fmt;

/// How the reason of a recipient in doubt begins. No host's words begin so, which begin with a reply code, and no
/// other words of ours.
const MARK: &str = "in doubt at ";
/// Between the host and the rest. No line's name has it.
const END: &str = ": ";

/// Which host may have the message, named as lines are: `mx1.example.net [192.0.2.1]:25`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Doubt(Box<str>);

impl Doubt {
    pub(super) fn at(line: &str) -> Self {
        Self(line.into())
    }

    /// What a reason for waiting tells.
    pub(super) fn of(why: &str) -> Option<Self> {
        let (line, _rest) = why.strip_prefix(MARK)?.split_once(END)?;
        Some(Self::at(line))
    }

    /// A reason that tells it.
    pub(super) fn why(&self, cause: &str) -> String {
        format!("{MARK}{}{END}{cause}", self.0)
    }

    /// The name of the line.
    pub(super) fn line(&self) -> &str {
        &self.0
    }

    /// The host's own name.
    pub(super) fn host(&self) -> &str {
        self.0.split_once(' ').map_or(&*self.0, |(host, _)| host)
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_tells_the_host_again() {
        for line in ["mx.there.example [192.0.2.1]:25", "[2001:db8::1]:25", "mx [::1]:25", "unix:/run/lmtp"] {
            let doubt = Doubt::at(line);
            assert_eq!(Doubt::of(&doubt.why("no answer: gone")), Some(doubt));
        }
        assert_eq!(Doubt::at("mx.there.example [192.0.2.1]:25").host(), "mx.there.example");
    }

    #[test]
    fn other_reasons_tell_nothing() {
        for why in ["", "450 4.2.0 in doubt at mx: x", "in doubt at mx", "cannot connect: refused"] {
            assert_eq!(Doubt::of(why), None, "{why}");
        }
    }
}
