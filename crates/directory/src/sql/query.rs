//! Queries as a database reads them.

use super::SqlSettings;
use crate::placeholders::Values;
use crate::{Placeholder, Template};

/// Which query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    User,
    SendsAs,
    Mailbox,
}

/// A query with the values for one answer.
pub(super) struct Question {
    pub(super) which: Which,
    pub(super) values: Values,
}

/// How a database writes parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `$1`, as often as wanted.
    Dollar,
    /// `?`, one for each place.
    Question,
    /// `?1`, as often as wanted.
    NumberedQuestion,
}

/// A query: its text, and what its parameters stand for.
pub(super) struct Query {
    pub(super) text: String,
    parameters: Vec<Placeholder>,
}

impl Query {
    fn new(template: &Template, dialect: Dialect) -> Self {
        let mut parameters: Vec<Placeholder> = Vec::new();
        let text = template.fill(|placeholder| {
            let earlier = parameters.iter().position(|it| *it == placeholder);
            let number = match (dialect, earlier) {
                (Dialect::Dollar | Dialect::NumberedQuestion, Some(index)) => index + 1,
                (Dialect::Dollar | Dialect::NumberedQuestion, None) | (Dialect::Question, _) => {
                    parameters.push(placeholder);
                    parameters.len()
                }
            };
            match dialect {
                Dialect::Dollar => format!("${number}"),
                Dialect::Question => "?".to_owned(),
                Dialect::NumberedQuestion => format!("?{number}"),
            }
        });
        Self { text, parameters }
    }

    /// The parameters, in their order.
    pub(super) fn bind<'a>(&'a self, values: &'a Values) -> impl Iterator<Item = &'a str> {
        self.parameters.iter().map(|placeholder| values.get(*placeholder))
    }
}

/// All queries of one source.
pub(super) struct Queries {
    user: Query,
    sends_as: Option<Query>,
    mailbox: Option<Query>,
}

impl Queries {
    pub(super) fn new(settings: &SqlSettings, dialect: Dialect) -> Self {
        let query = |template: &Template| Query::new(template, dialect);
        Self {
            user: query(&settings.user),
            sends_as: settings.sends_as.as_ref().map(query),
            mailbox: settings.mailbox.as_ref().map(query),
        }
    }

    /// One that was not written is never asked; the query for users stands in for it.
    pub(super) fn get(&self, which: Which) -> &Query {
        let written = match which {
            Which::User => None,
            Which::SendsAs => self.sends_as.as_ref(),
            Which::Mailbox => self.mailbox.as_ref(),
        };
        written.unwrap_or(&self.user)
    }
}
