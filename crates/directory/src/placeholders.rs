//! Queries and filters of the operator, with names in braces where a value goes.

use std::fmt;

use crate::limits::SOURCE_QUERY_OCTETS_MOST;

/// A name in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `{user}`: the login name, in lower case.
    User,
    /// `{account}`: the name of the account that logged in.
    Account,
    /// `{mailbox}`: an address, in lower case, its domain in ASCII.
    Mailbox,
    /// `{local}`: what is before the last @ of the name or address.
    Local,
    /// `{domain}`: what is behind it; empty where there is none.
    Domain,
}

impl Placeholder {
    /// The word between the braces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Account => "account",
            Self::Mailbox => "mailbox",
            Self::Local => "local",
            Self::Domain => "domain",
        }
    }
}

/// Why a text is no query or filter of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A word in braces that has no value here.
    #[error("{{{found}}} means nothing here")]
    Unknown {
        /// The word.
        found: String,
        /// What has a value here.
        known: Vec<Placeholder>,
    },
    /// A brace alone.
    #[error("a brace stands alone; a real one is written twice")]
    Brace,
    /// A name in quotes would be a part of the text, not a value.
    #[error("{{{}}} stands in quotes, where it would be text", .0.name())]
    Quoted(Placeholder),
    /// No LDAP filter (RFC 4515).
    #[error("this is not an LDAP filter")]
    Filter,
    /// Longer than [`SOURCE_QUERY_OCTETS_MOST`].
    #[error("this is longer than {SOURCE_QUERY_OCTETS_MOST} octets")]
    TooLong,
}

/// A text with placeholders in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

/// What quotes mean in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// `'` begins and ends a literal, as in SQL.
    Literal,
    /// Nothing.
    Plain,
}

impl Template {
    /// Reads an SQL query in which these names may stand. `{{` and `}}` are braces.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] says what is wrong with it.
    pub fn sql(text: &str, known: &[Placeholder]) -> Result<Self, TemplateError> {
        Self::parse(text, known, Quotes::Literal)
    }

    /// Reads an LDAP filter in which these names may stand.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] says what is wrong with it.
    pub fn filter(text: &str, known: &[Placeholder]) -> Result<Self, TemplateError> {
        let template = Self::parse(text, known, Quotes::Plain)?;
        let sample = template.fill(|_| "a".to_owned());
        ldap3::parse_filter(sample).map(|_| template).map_err(|()| TemplateError::Filter)
    }

    fn parse(text: &str, known: &[Placeholder], quotes: Quotes) -> Result<Self, TemplateError> {
        if text.len() > SOURCE_QUERY_OCTETS_MOST {
            return Err(TemplateError::TooLong);
        }
        let mut reader = Reader { rest: text, pieces: Vec::new(), plain: String::new(), quoted: false };
        while let Some(letter) = reader.next() {
            match letter {
                '\'' if quotes == Quotes::Literal => {
                    reader.quoted = !reader.quoted;
                    reader.plain.push(letter);
                }
                '{' => reader.open(known)?,
                '}' if reader.rest.starts_with('}') => {
                    reader.next();
                    reader.plain.push('}');
                }
                '}' => return Err(TemplateError::Brace),
                _ => reader.plain.push(letter),
            }
        }
        Ok(Self(reader.finish()))
    }

    /// The text with each placeholder as `value` writes it.
    pub(crate) fn fill(&self, mut value: impl FnMut(Placeholder) -> String) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(placeholder) => value(*placeholder),
        });
        pieces.collect()
    }
}

struct Reader<'a> {
    rest: &'a str,
    pieces: Vec<Piece>,
    plain: String,
    quoted: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next()?;
        self.rest = letters.as_str();
        Some(letter)
    }

    /// What follows an opening brace.
    fn open(&mut self, known: &[Placeholder]) -> Result<(), TemplateError> {
        if let Some(rest) = self.rest.strip_prefix('{') {
            self.rest = rest;
            self.plain.push('{');
            return Ok(());
        }
        let (name, rest) = self.rest.split_once('}').ok_or(TemplateError::Brace)?;
        let found = known.iter().copied().find(|placeholder| placeholder.name() == name);
        let unknown = || TemplateError::Unknown { found: name.to_owned(), known: known.to_vec() };
        let placeholder = found.ok_or_else(unknown)?;
        if self.quoted {
            return Err(TemplateError::Quoted(placeholder));
        }
        self.rest = rest;
        self.pieces.push(Piece::Text(std::mem::take(&mut self.plain)));
        self.pieces.push(Piece::Value(placeholder));
        Ok(())
    }

    fn finish(mut self) -> Vec<Piece> {
        self.pieces.push(Piece::Text(self.plain));
        self.pieces
    }
}

/// The values for one question.
#[derive(Clone)]
pub(crate) struct Values {
    name: String,
    mailbox: String,
}

impl Values {
    /// A login name, or the name of an account.
    pub(crate) fn of_user(user: &str) -> Self {
        Self { name: user.to_owned(), mailbox: user.to_owned() }
    }

    /// An account, and the address that is asked about.
    pub(crate) fn of_mailbox(account: &str, mailbox: &str) -> Self {
        Self { name: account.to_owned(), mailbox: mailbox.to_owned() }
    }

    pub(crate) fn get(&self, placeholder: Placeholder) -> &str {
        let halves = self.mailbox.rsplit_once('@');
        match placeholder {
            Placeholder::User | Placeholder::Account => &self.name,
            Placeholder::Mailbox => &self.mailbox,
            Placeholder::Local => halves.map_or(&*self.mailbox, |(local, _)| local),
            Placeholder::Domain => halves.map_or("", |(_, domain)| domain),
        }
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{{}}}", self.name())
    }
}

#[cfg(test)]
mod tests;
