//! One authentication, from either side: octets in, step out.
//!
//! [`server`] and [`client`] each wrap the mechanisms' own states. A mechanism's state consumes itself when it moves, and
//! an ended exchange has no state left, so what was said cannot be said again.

pub(crate) mod client;
pub(crate) mod context;
pub(crate) mod credentials;
pub(crate) mod gss;
pub(crate) mod server;

use crate::prepare;

/// Whom an exchange has proved, and for whom they want to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    authentication: String,
    authorization: Option<String>,
}

impl Identity {
    pub(crate) fn new(authentication: String, authorization: Option<String>) -> Self {
        Self { authentication, authorization }
    }

    /// The owner of a proof that is not a password, who wants to act for whom the client named where that is somebody else.
    pub(crate) fn of_owner(owner: String, named: Option<String>) -> Self {
        let key = prepare::account_key(&owner);
        Self::new(owner, named.filter(|name| prepare::account_key(name) != key))
    }

    /// The same, by the name that the directory knows the user under.
    pub(crate) fn known_as(self, authentication: String) -> Self {
        Self { authentication, ..self }
    }

    /// The user whose password was proved, prepared but in the case that was typed.
    #[must_use]
    pub fn authentication_id(&self) -> &str {
        &self.authentication
    }

    /// The user to act for, when the client named one. Nothing has been decided about it: the caller must refuse it
    /// unless it knows that this user may act for that one.
    #[must_use]
    pub fn authorization_id(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

/// Whether the server's list held any `-PLUS` mechanism in this session.
///
/// Both sides need it to notice a man in the middle who strikes those from the list (RFC 5802 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlusOffer {
    /// At least one was in the list.
    Offered,
    /// None was.
    NotOffered,
}
