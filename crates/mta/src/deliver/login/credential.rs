//! What a route logs in with, brought into the form of one exchange.

use gatepost_sasl::{Login, LoginError, Mechanism};

use crate::office::Current;
use crate::settings::{self, RouteLogin};

/// A route's credential, for the length of one connection.
pub(super) struct Credential<'a> {
    route: &'a RouteLogin,
}

impl<'a> Credential<'a> {
    /// The credential of the login of that name; the error says what is missing.
    pub(super) fn of(name: &str, current: &'a Current) -> Result<Self, String> {
        let route = current.settings.logins.get(name).ok_or("the login for this route is gone")?;
        Ok(Self { route })
    }

    /// The mechanisms that may be used with it.
    pub(super) fn mechanisms(&self) -> Vec<Mechanism> {
        let serves = |mechanism: &Mechanism| self.route.credential.serves(*mechanism);
        self.route.mechanisms.iter().copied().filter(serves).collect()
    }

    /// The login for the next exchange.
    pub(super) async fn login(&mut self) -> Result<Login, String> {
        let username = self.route.username.clone();
        let login: Result<Login, LoginError> = match &self.route.credential {
            settings::Credential::Password(password) => Login::new(username, password.clone()),
            settings::Credential::OauthOne(keys) => Login::with_oauth_one(username, keys.clone()),
            settings::Credential::Certificate(_) => Login::with_certificate(username),
        };
        login.map_err(|error| error.to_string())
    }

    /// Whether, after the server's refusal of this login, the next one will be another.
    pub(super) fn renew(&mut self, _refused: &Login) -> bool {
        false
    }
}
