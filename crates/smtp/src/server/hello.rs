//! The greeting, and the answers to EHLO, HELO and LHLO.

use std::fmt::Write as _;

use gatepost_mail::Reply;
use gatepost_mail::reply::table as reply;

use super::Answer;
use super::core::{Core, refusal};
use super::phase::{Introduced, Login};
use super::settings::{Channel, StartTls};
use crate::command::HelloVerb;
use crate::{Extension, Protocol};

impl Core {
    /// RFC 5321 section 3.1: the name comes first, and ESMTP behind it.
    pub(super) fn greet(&mut self) {
        let protocol = match self.settings.protocol {
            Protocol::Smtp => "ESMTP",
            Protocol::Lmtp => "LMTP",
        };
        let text = format!("{} {protocol} gatepost", self.settings.hostname.ascii());
        self.output.say(&reply::GREETING.with_text(text));
    }

    pub(super) fn answer_hello(&mut self, verb: HelloVerb, answer: Answer) {
        if answer != Answer::Permit {
            self.patience.error();
            let reply = refusal(answer, &reply::UNKNOWN_FOR_NOW);
            return self.refuse(&reply);
        }
        // RFC 5321 section 4.1.4: introducing oneself again is a RSET too.
        self.abandon();
        self.introduced = Introduced::Yes;
        let reply = match verb {
            HelloVerb::Helo => reply::HELLO.with_text(self.settings.hostname.ascii().to_owned()),
            HelloVerb::Ehlo | HelloVerb::Lhlo => self.offers(),
        };
        self.output.say(&reply);
    }

    /// The host name, then a line for each extension that works now.
    fn offers(&self) -> Reply {
        let mut text = self.settings.hostname.ascii().to_owned();
        for extension in Extension::all() {
            let Some(arguments) = self.offer(extension) else { continue };
            text.push('\n');
            text.push_str(extension.keyword());
            text.push_str(&arguments);
        }
        reply::HELLO.with_text(text)
    }

    /// What stands behind the keyword, if the extension works now.
    fn offer(&self, extension: Extension) -> Option<String> {
        match extension {
            Extension::Pipelining
            | Extension::EightBitMime
            | Extension::SmtpUtf8
            | Extension::EnhancedStatusCodes
            | Extension::Chunking
            | Extension::BinaryMime
            | Extension::Dsn => Some(String::new()),
            Extension::Size => Some(format!(" {}", self.settings.limits.message_size.0)),
            Extension::Limits => {
                let limits = &self.settings.limits;
                Some(format!(" RCPTMAX={} MAILMAX={}", limits.recipients, limits.transactions))
            }
            Extension::StartTls => {
                (self.settings.channel == Channel::Clear(StartTls::Offered)).then(String::new)
            }
            Extension::Auth => self.mechanisms(),
        }
    }

    fn mechanisms(&self) -> Option<String> {
        if self.login == Login::Done || self.settings.mechanisms.is_empty() {
            return None;
        }
        let mut names = String::new();
        for name in &self.settings.mechanisms {
            let _infallible = write!(names, " {name}");
        }
        Some(names)
    }
}
