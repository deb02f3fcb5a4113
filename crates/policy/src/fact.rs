//! What is known, and what could not be found out.

/// A fact that had to be looked up.
///
/// It has no default and no `unwrap_or`: whoever decides must say what happens when nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<T> {
    /// The look-up gave an answer.
    Known(T),
    /// The look-up failed; the text says why, for operators only.
    Unknown(String),
}

impl<T> Fact<T> {
    /// The answer as a reference; the reason why there is none is kept.
    #[must_use]
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known(value) => Fact::Known(value),
            Self::Unknown(why) => Fact::Unknown(why.clone()),
        }
    }

    /// Applies `change` to the answer, if there is one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(change(value)),
            Self::Unknown(why) => Fact::Unknown(why),
        }
    }
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Fact<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(cause) => Self::Unknown(cause.to_string()),
        }
    }
}
