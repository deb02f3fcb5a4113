//! A decision that can say why.

use std::borrow::Cow;
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
    pub because: Cow<'static, str>,
}

impl Verdict<Decision> {
    /// Yes, without words of its own.
    pub(crate) fn permit(rule: Rule, because: impl Into<Cow<'static, str>>) -> Self {
        Self { decision: Decision::Permit, rule, reply: None, because: because.into() }
    }

    /// No, with these words.
    pub(crate) fn refuse(rule: Rule, reply: Reply, because: impl Into<Cow<'static, str>>) -> Self {
        Self { decision: Decision::Refuse, rule, reply: Some(reply), because: because.into() }
    }

    /// Not now, with these words.
    pub(crate) fn defer(rule: Rule, reply: Reply, because: impl Into<Cow<'static, str>>) -> Self {
        Self { decision: Decision::Defer, rule, reply: Some(reply), because: because.into() }
    }

    /// Whether it is a yes.
    #[must_use]
    pub fn permits(&self) -> bool {
        self.decision == Decision::Permit
    }
}

impl<D> Verdict<D> {
    /// A decision of another kind than yes and no, without words.
    pub(crate) fn decide(decision: D, rule: Rule, because: impl Into<Cow<'static, str>>) -> Self {
        Self { decision, rule, reply: None, because: because.into() }
    }

    /// The same with words, for a client or for a report.
    pub(crate) fn saying(self, reply: Reply) -> Self {
        Self { reply: Some(reply), ..self }
    }
}

/// Yes, no, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Yes.
    Permit,
    /// No, and asking again does not help.
    Refuse,
    /// Nobody knows: ask again later.
    Defer,
}

/// As in `permit`, `refuse`, `defer`.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permit => "permit",
            Self::Refuse => "refuse",
            Self::Defer => "defer",
        })
    }
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
