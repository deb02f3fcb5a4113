//! Who a client is, and what proves it.

use crate::{Mechanism, OauthOneKeys, Secret, limits};

/// Who we are at the server, and what proves it. Names and secrets are within limits and free of NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    username: String,
    proof: Proof,
    authorization: Option<String>,
}

/// What proves a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    Password(Secret),
    /// A bearer token.
    Token(Secret),
    OauthOne(OauthOneKeys),
    /// Kept by TLS.
    Certificate,
    /// Kept by the Kerberos library.
    Ticket,
}

/// A login that no mechanism could send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// User name or password is empty.
    #[error("user name and password may not be empty")]
    Empty,
    /// Longer than [`limits::NAME_OCTETS_MOST`] or [`limits::PASSWORD_OCTETS_MOST`].
    #[error("user name or password is too long")]
    TooLong,
    /// PLAIN separates its parts by NUL, so none may hold one.
    #[error("user name or password holds a NUL")]
    Nul,
}

impl Login {
    /// User name and password, as the operator wrote them.
    ///
    /// # Errors
    ///
    /// [`LoginError`] says what is wrong with either.
    pub fn new(username: impl Into<String>, password: Secret) -> Result<Self, LoginError> {
        let username = username.into();
        check(username.as_bytes(), limits::NAME_OCTETS_MOST)?;
        check(password.expose(), limits::PASSWORD_OCTETS_MOST)?;
        Ok(Self { username, proof: Proof::Password(password), authorization: None })
    }

    /// User name and a bearer token, for OAUTHBEARER and XOAUTH2.
    ///
    /// # Errors
    ///
    /// [`LoginError`] says what is wrong with either.
    pub fn with_token(username: impl Into<String>, token: Secret) -> Result<Self, LoginError> {
        let username = username.into();
        check(username.as_bytes(), limits::NAME_OCTETS_MOST)?;
        check(token.expose(), limits::TOKEN_OCTETS_MOST)?;
        Ok(Self { username, proof: Proof::Token(token), authorization: None })
    }

    /// User name and OAuth 1 keys, for OAUTH10A.
    ///
    /// # Errors
    ///
    /// [`LoginError`] says what is wrong with the name.
    pub fn with_oauth_one(username: impl Into<String>, keys: OauthOneKeys) -> Result<Self, LoginError> {
        let username = username.into();
        check(username.as_bytes(), limits::NAME_OCTETS_MOST)?;
        Ok(Self { username, proof: Proof::OauthOne(keys), authorization: None })
    }

    /// The client certificate of the TLS channel, for EXTERNAL. The name may be empty: the server then takes it from the
    /// certificate.
    ///
    /// # Errors
    ///
    /// [`LoginError`] says what is wrong with the name.
    pub fn with_certificate(username: impl Into<String>) -> Result<Self, LoginError> {
        let username = username.into();
        if !username.is_empty() {
            check(username.as_bytes(), limits::NAME_OCTETS_MOST)?;
        }
        Ok(Self { username, proof: Proof::Certificate, authorization: None })
    }

    /// A Kerberos ticket that the library finds by itself, for GSSAPI. The name is whom to act as, and may be empty.
    ///
    /// # Errors
    ///
    /// [`LoginError`] says what is wrong with the name.
    pub fn with_ticket(username: impl Into<String>) -> Result<Self, LoginError> {
        let username = username.into();
        if !username.is_empty() {
            check(username.as_bytes(), limits::NAME_OCTETS_MOST)?;
        }
        Ok(Self { username, proof: Proof::Ticket, authorization: None })
    }

    /// Whether this login has what the mechanism needs.
    #[must_use]
    pub fn fits(&self, mechanism: Mechanism) -> bool {
        match (&self.proof, mechanism) {
            (Proof::Token(_), Mechanism::Oauthbearer | Mechanism::Xoauth2)
            | (Proof::OauthOne(_), Mechanism::Oauth10a)
            | (Proof::Certificate, Mechanism::External)
            | (Proof::Ticket, Mechanism::Gssapi) => true,
            (Proof::Password(_), other) => !matches!(
                other,
                Mechanism::Oauthbearer
                    | Mechanism::Xoauth2
                    | Mechanism::Oauth10a
                    | Mechanism::External
                    | Mechanism::Gssapi
            ),
            (Proof::Token(_) | Proof::OauthOne(_) | Proof::Certificate | Proof::Ticket, _) => false,
        }
    }

    /// The same login, acting for another user. LOGIN and CRAM-MD5 cannot say that.
    ///
    /// # Errors
    ///
    /// [`LoginError`] says what is wrong with the name.
    pub fn acting_for(self, authorization: impl Into<String>) -> Result<Self, LoginError> {
        let authorization = authorization.into();
        check(authorization.as_bytes(), limits::NAME_OCTETS_MOST)?;
        Ok(Self { authorization: Some(authorization), ..self })
    }

    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The password; empty for a login that has none, which [`Login::fits`] keeps away from mechanisms that use it.
    pub(crate) fn password(&self) -> Secret {
        match &self.proof {
            Proof::Password(password) => password.clone(),
            Proof::Token(_) | Proof::OauthOne(_) | Proof::Certificate | Proof::Ticket => Secret::new(""),
        }
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

fn check(octets: &[u8], most: usize) -> Result<(), LoginError> {
    if octets.is_empty() {
        return Err(LoginError::Empty);
    }
    if octets.len() > most {
        return Err(LoginError::TooLong);
    }
    if octets.contains(&0) { Err(LoginError::Nul) } else { Ok(()) }
}
