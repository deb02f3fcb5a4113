//! What a route logs in with, brought into the form of one exchange.

use gatepost_directory::{GssClient, GssSession};
use gatepost_sasl::{Login, LoginError, Mechanism, Secret};

use crate::clock::Clock;
use crate::deliver::token::Tokens;
use crate::event::{Events, What};
use crate::office::Current;
use crate::settings::{self, RouteLogin};

/// A route's credential, for the length of one connection.
pub(super) struct Credential<'a> {
    route: &'a RouteLogin,
    tokens: Option<&'a Tokens>,
    tickets: Option<&'a GssClient>,
    clock: &'a Clock,
    events: &'a Events,
    /// The token of the last login, until it has been renewed once.
    shown: Renewal,
}

/// A connection asks for another token once: the second refusal is not about the token.
enum Renewal {
    Possible(Option<Secret>),
    Done,
}

impl<'a> Credential<'a> {
    /// The credential of the login of that name; the error says what is missing.
    pub(super) fn of(name: &str, current: &'a Current) -> Result<Self, String> {
        let route = current.settings.logins.get(name).ok_or("the login for this route is gone")?;
        let (tokens, tickets) = (current.tokens.get(name), current.tickets.get(name));
        let clock = &current.settings.clock;
        let events = &current.events;
        Ok(Self { route, tokens, tickets, clock, events, shown: Renewal::Possible(None) })
    }

    /// The mechanisms that may be used with it.
    pub(super) fn mechanisms(&self) -> Vec<Mechanism> {
        let serves = |mechanism: &Mechanism| self.route.credential.serves(*mechanism);
        self.route.mechanisms.iter().copied().filter(serves).collect()
    }

    /// The login for the next exchange; may ask a token issuer, and waits for it.
    pub(super) async fn login(&mut self) -> Result<Login, String> {
        let username = self.route.username.clone();
        let login: Result<Login, LoginError> = match &self.route.credential {
            settings::Credential::Password(password) => Login::new(username, password.clone()),
            settings::Credential::OauthOne(keys) => Login::with_oauth_one(username, keys.clone()),
            settings::Credential::Certificate(_) => Login::with_certificate(username),
            settings::Credential::Ticket(_) => Login::with_ticket(username),
            settings::Credential::Token(_) => Login::with_token(username, self.token().await?),
        };
        login.map_err(|error| error.to_string())
    }

    async fn token(&mut self) -> Result<Secret, String> {
        let tokens = self.tokens.ok_or("the token source for this route is gone")?;
        let token = tokens.token(self.clock.now()).await.map_err(|error| error.to_string())?;
        if let Some(cause) = tokens.unsaved() {
            let hint = "make the file writable for gatepost: the old token in it may be worth nothing after a restart";
            self.events.emit(None, None, What::Trouble { part: "tokens", cause, hint });
        }
        if let Renewal::Possible(shown) = &mut self.shown {
            *shown = Some(token.clone());
        }
        Ok(token)
    }

    /// A context of the Kerberos library, where the login is a ticket.
    pub(super) fn gss(&self) -> Option<GssSession> {
        self.tickets.map(GssClient::session)
    }

    /// Whether, after the server's refusal of the last login, the next one will be another.
    pub(super) fn renew(&mut self) -> bool {
        match (self.tokens, std::mem::replace(&mut self.shown, Renewal::Done)) {
            (Some(tokens), Renewal::Possible(Some(token))) => {
                tokens.refused(&token, self.clock.now());
                true
            }
            (Some(_) | None, Renewal::Possible(_) | Renewal::Done) => false,
        }
    }
}
