//! From the greeting to the first transaction: EHLO, HELO, LHLO, STARTTLS.

use super::phase::{Awaited, HelloCommand, Leftover, Login, Phase};
use super::{AuthUse, Cause, ClientSession, Offers, Stage, TlsUse};
use crate::reply_reader::Heard;
use crate::{Extension, Protocol};
use gatepost_mail::reply::Class;

impl ClientSession {
    pub(super) fn greeted(&mut self, heard: Heard) {
        match (heard.code.get(), heard.code.class()) {
            (220, _) => self.say_hello(),
            (_, Class::Later | Class::Never) => self.refused(Stage::Greeting, heard),
            (_, Class::Done | Class::GoOn) => self.nonsense(Stage::Greeting, heard),
        }
    }

    /// EHLO, or what stands for it in LMTP.
    pub(super) fn say_hello(&mut self) {
        self.say_hello_as(match self.settings.protocol {
            Protocol::Smtp => HelloCommand::Ehlo,
            Protocol::Lmtp => HelloCommand::Lhlo,
        });
    }

    fn say_hello_as(&mut self, command: HelloCommand) {
        let word = match command {
            HelloCommand::Ehlo => "EHLO",
            HelloCommand::Lhlo => "LHLO",
            HelloCommand::Helo => "HELO",
        };
        let name = self.settings.hello.ascii();
        self.wire.say(Awaited::Hello(command), format_args!("{word} {name}"));
    }

    pub(super) fn hello_answered(&mut self, command: HelloCommand, heard: Heard) {
        match (heard.code.get(), heard.code.class(), command) {
            (250, _, HelloCommand::Helo) => self.hello_accepted(Offers::default()),
            (250, _, HelloCommand::Ehlo | HelloCommand::Lhlo) => {
                self.hello_accepted(Offers::read(&heard.text))
            }
            // RFC 5321 section 3.2 names 500 and 502; old servers use others, and HELO costs one round trip.
            (_, Class::Never, HelloCommand::Ehlo) => self.say_hello_as(HelloCommand::Helo),
            (_, Class::Later | Class::Never, _) => self.refused(Stage::Hello, heard),
            (_, Class::Done | Class::GoOn, _) => self.nonsense(Stage::Hello, heard),
        }
    }

    fn hello_accepted(&mut self, offers: Offers) {
        self.offers = offers;
        match (self.settings.tls, self.offers.has(Extension::StartTls)) {
            (TlsUse::IfOffered | TlsUse::Required, true) => self.wire.say(Awaited::StartTls, "STARTTLS"),
            (TlsUse::Required, false) => self.give_up(Cause::TlsNotOffered),
            (TlsUse::Never, _) | (TlsUse::IfOffered, false) => self.log_in(),
        }
    }

    pub(super) fn start_tls_answered(&mut self, heard: Heard) {
        match (heard.code.get(), heard.code.class(), self.settings.tls) {
            (220, ..) => self.phase = Phase::Upgrading,
            (_, Class::Later | Class::Never, TlsUse::IfOffered) => self.log_in(),
            (_, Class::Later | Class::Never, _) => self.refused(Stage::StartTls, heard),
            (_, Class::Done | Class::GoOn, _) => self.nonsense(Stage::StartTls, heard),
        }
    }

    fn log_in(&mut self) {
        match self.settings.auth {
            AuthUse::None => self.phase = Phase::Ready(Leftover::Nothing),
            AuthUse::Required if self.offers.mechanisms().is_empty() => self.give_up(Cause::AuthNotOffered),
            AuthUse::Required => self.phase = Phase::Login(Login::Choose),
        }
    }

    /// The server will not, and says so: it is left politely.
    fn refused(&mut self, stage: Stage, heard: Heard) {
        self.give_up(Cause::Refused { stage, reply: heard.into_reply() });
    }

    /// Nobody knows what the server will say next: it is left at once.
    pub(super) fn nonsense(&mut self, stage: Stage, heard: Heard) {
        self.break_off(Cause::Unexpected { stage, reply: heard.into_reply() });
    }
}
