//! AUTH (RFC 4954), as octets: what they mean is the business of whoever drives the session.

use std::fmt;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatepost_mail::reply::Class;

use super::phase::{Awaited, Leftover, Login, Phase};
use super::{ClientSession, News, NotNow, Stage};
use crate::reply_reader::Heard;

/// Longest line of the AUTH command, in octets with CRLF: it is a command line like others (RFC 4954 section 4).
/// An initial response that does not fit is sent as an answer to the first challenge.
const LONGEST_AUTH_LINE: usize = 512;

/// How a login begins.
pub struct AuthStart {
    /// The mechanism, as registered: `SCRAM-SHA-256`.
    pub mechanism: &'static str,
    /// What a mechanism says first of its own accord, if it does; an empty one is sent as `=`.
    pub initial: Option<Vec<u8>>,
}

/// The mechanism only.
impl fmt::Debug for AuthStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthStart").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

impl ClientSession {
    /// Begins a login, at `Login`.
    ///
    /// # Errors
    ///
    /// [`NotNow`] at any other step.
    pub fn authenticate(&mut self, start: AuthStart, now: Instant) -> Result<(), NotNow> {
        let Phase::Login(Login::Choose) = self.phase else { return Err(NotNow) };
        self.wire.outbox.forget_lent();
        self.since = now;
        let mechanism = start.mechanism;
        let initial = start.initial.as_deref().map(initial_response);
        let held = match initial {
            None => {
                self.wire.say(Awaited::Auth, format_args!("AUTH {mechanism}"));
                None
            }
            Some(coded) if mechanism.len() + coded.len() + "AUTH  \r\n".len() <= LONGEST_AUTH_LINE => {
                self.wire.say_secret(Awaited::Auth, &format!("AUTH {mechanism} "), &coded);
                None
            }
            Some(_) => {
                self.wire.say(Awaited::Auth, format_args!("AUTH {mechanism}"));
                start.initial
            }
        };
        self.phase = Phase::Login(Login::Answer(held));
        Ok(())
    }

    /// Answers a challenge, at `Challenge`.
    ///
    /// # Errors
    ///
    /// [`NotNow`] at any other step.
    pub fn auth_respond(&mut self, response: &[u8], now: Instant) -> Result<(), NotNow> {
        let Phase::Login(Login::Challenge(_)) = self.phase else { return Err(NotNow) };
        self.wire.outbox.forget_lent();
        self.since = now;
        self.respond(response);
        Ok(())
    }

    /// Breaks the login off, at `Challenge`; `LoginFailed` follows when the server has answered.
    ///
    /// # Errors
    ///
    /// [`NotNow`] at any other step.
    pub fn auth_cancel(&mut self, now: Instant) -> Result<(), NotNow> {
        let Phase::Login(Login::Challenge(_)) = self.phase else { return Err(NotNow) };
        self.wire.outbox.forget_lent();
        self.since = now;
        self.cancel();
        Ok(())
    }

    pub(super) fn auth_answered(&mut self, heard: Heard) {
        let Phase::Login(login) = std::mem::replace(&mut self.phase, Phase::Login(Login::Cancel)) else {
            return self.nonsense(Stage::Auth, heard);
        };
        match (heard.code.class(), login) {
            (Class::Later | Class::Never, _) => {
                self.phase = Phase::Login(Login::Choose);
                self.news.push_back(News::LoginFailed(heard.into_reply()));
            }
            (Class::Done, Login::Answer(None)) => {
                self.phase = Phase::Ready(Leftover::Nothing);
                self.news.push_back(News::LoggedIn(heard.into_reply()));
            }
            (Class::GoOn, Login::Answer(Some(held))) => self.respond(&held),
            (Class::GoOn, Login::Answer(None)) => self.challenged(&heard),
            // A success although we broke off, or before the initial response was sent.
            (Class::Done | Class::GoOn, _) => self.nonsense(Stage::Auth, heard),
        }
    }

    /// What is not base64 cannot be answered (RFC 4954 section 4).
    fn challenged(&mut self, heard: &Heard) {
        match STANDARD.decode(heard.text.trim_ascii()) {
            Ok(challenge) => self.phase = Phase::Login(Login::Challenge(challenge)),
            Err(_) => self.cancel(),
        }
    }

    fn respond(&mut self, response: &[u8]) {
        self.wire.say_secret(Awaited::Auth, "", &STANDARD.encode(response));
        self.phase = Phase::Login(Login::Answer(None));
    }

    fn cancel(&mut self) {
        self.wire.say(Awaited::Auth, "*");
        self.phase = Phase::Login(Login::Cancel);
    }
}

/// An empty response would look like none.
fn initial_response(octets: &[u8]) -> String {
    if octets.is_empty() { "=".to_owned() } else { STANDARD.encode(octets) }
}
