//! A decision that can say why.

use std::fmt;

use gatepost_mail::Reply;

/// A decision, the rule that made it, and what the client hears.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<D> {
    /// What was decided.
    pub decision: D,
    /// The rule that decided: a heading of the reference.
    pub rule: Rule,
    /// What is said to the client; `None` where a permission needs no words of its own.
    pub reply: Option<Reply>,
    /// The facts that counted, for logs and `gatepost explain`: short, without secrets.
    pub because: String,
}

/// Yes, no, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Permit,
    /// No, and asking again does not help.
    Refuse,
    /// Nobody knows: ask again later.
    Defer,
}

/// The names of all rules: dotted words, stable, in every log line and refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule(&'static str);

impl Rule {
    /// A rule's name. Rules are constants beside the function that applies them.
    pub(crate) const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
