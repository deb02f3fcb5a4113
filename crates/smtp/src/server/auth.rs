//! AUTH (RFC 4954). The exchange itself passes through as octets.

use gatepost_mail::Reply;
use gatepost_mail::reply::table as reply;

use super::core::{Core, Turn, refusal};
use super::phase::{Asked, Login, Phase};
use super::{Answer, AuthOctets, Question};
use crate::command::{self, Auth};
use crate::line::{BadLine, Read};

/// What a client sends to break off. RFC 4954 section 4.
const CANCEL: &[u8] = b"*";

impl Core {
    pub(super) fn auth(&mut self, auth: &Auth) -> Turn {
        if let Some(reply) = self.why_no_login(&auth.mechanism) {
            return self.fail(&reply);
        }
        match auth.decoded() {
            Err(_) => self.fail(&reply::AUTH_MALFORMED),
            Ok(initial) => {
                let mechanism = auth.mechanism.clone();
                let initial = initial.map(AuthOctets);
                self.ask(Question::AuthBegin { mechanism, initial }, Asked::Login)
            }
        }
    }

    fn why_no_login(&self, mechanism: &str) -> Option<Reply> {
        let offered = |names: &[String]| names.iter().any(|name| name == mechanism);
        let settings = &self.settings;
        match () {
            () if !self.is_introduced() => Some(reply::HELLO_FIRST),
            () if settings.mechanisms.is_empty() && settings.mechanisms_after_tls.is_empty() => {
                Some(reply::NO_AUTH)
            }
            () if self.login == Login::Done || self.transaction.is_some() => Some(reply::AUTH_NOT_NOW),
            () if !offered(&settings.mechanisms) && offered(&settings.mechanisms_after_tls) => {
                Some(reply::ENCRYPTION_REQUIRED)
            }
            // One that is not offered is asked about too: which ones come near to it, this crate does not know.
            () => None,
        }
    }

    /// Reads the response to a challenge.
    pub(super) fn response(&mut self) -> Turn {
        let limits = &self.settings.limits;
        let line = self.input.line(limits.auth_response + CRLF, limits.refused_line);
        let response = match line {
            Read::More => return Turn::Wait,
            Read::Passed => return Turn::Again,
            Read::Endless => return self.no_more_of_this_line(),
            Read::Bad(BadLine::TooLong) => return self.break_off(&reply::AUTH_TOO_LONG),
            Read::Bad(BadLine::Octets) => return self.break_off(&reply::AUTH_MALFORMED),
            Read::Line(place) => match self.input.at(place) {
                CANCEL => return self.break_off(&reply::AUTH_CANCELLED),
                base64 => command::decode(base64),
            },
        };
        match response {
            Err(_) => self.break_off(&reply::AUTH_MALFORMED),
            Ok(octets) => {
                self.clock.progress();
                self.ask(Question::AuthResponse(AuthOctets(octets)), Asked::Login)
            }
        }
    }

    fn break_off(&mut self, reply: &Reply) -> Turn {
        self.clock.progress();
        self.phase = Phase::Commands;
        self.tell(Question::AuthCancel);
        self.fail(reply)
    }

    pub(super) fn answer_login(&mut self, answer: Answer) {
        match answer {
            Answer::Challenge(AuthOctets(octets)) => {
                self.phase = Phase::Response;
                self.output.challenge(&octets);
            }
            Answer::Authenticated => {
                self.login = Login::Done;
                self.output.say(&reply::AUTHENTICATED);
            }
            answer @ (Answer::Refuse(_) | Answer::Permit | Answer::PerRecipient(_)) => {
                // Counted before the reply goes out: a client that hangs up early gets no free guess.
                self.patience.error();
                let reply = refusal(answer, &reply::AUTH_LATER);
                self.refuse(&reply);
            }
        }
    }
}

/// The length of what ends a line.
const CRLF: usize = 2;
