//! Lines become commands, commands go to their handlers.

use gatepost_mail::Reply;
use gatepost_mail::reply::table as reply;

use super::Question;
use super::core::{Core, Turn};
use super::phase::{Introduced, Phase};
use super::settings::{Channel, StartTls};
use crate::Protocol;
use crate::command::{Command, CommandError, HelloVerb};
use crate::limits::AUTH_COMMAND_ROOM;
use crate::line::{BadLine, Read};

/// The verb whose line may be as long as a login response (RFC 4954 section 4 gives both one limit).
const AUTH: &[u8] = b"AUTH ";

impl Core {
    /// Reads one command and begins to carry it out.
    pub(super) fn command(&mut self) -> Turn {
        let limits = &self.settings.limits;
        let is_auth =
            self.input.pending().get(..AUTH.len()).is_some_and(|verb| verb.eq_ignore_ascii_case(AUTH));
        let limit = if is_auth { limits.auth_response + AUTH_COMMAND_ROOM } else { limits.command_line };
        match self.input.line(limit, limits.refused_line) {
            Read::More => Turn::Wait,
            Read::Passed => Turn::Again,
            Read::Endless => self.no_more_of_this_line(),
            Read::Bad(why) => {
                self.clock.progress();
                match why {
                    BadLine::TooLong => self.fail(&reply::LINE_TOO_LONG),
                    BadLine::Octets => self.fail(&reply::BAD_LINE),
                }
            }
            Read::Line(place) => {
                self.clock.progress();
                match Command::read(self.input.at(place)) {
                    Ok(command) => self.carry_out(command),
                    Err(CommandError::ChunkSize) => self.lost_in_chunks(),
                    Err(error) => self.fail(&words(error)),
                }
            }
        }
    }

    pub(super) fn no_more_of_this_line(&mut self) -> Turn {
        self.close_with(&reply::TOO_MANY_ERRORS);
        Turn::Again
    }

    /// Nobody knows where this chunk ends, so what follows could be content that reads like commands.
    fn lost_in_chunks(&mut self) -> Turn {
        self.output.say(&reply::SYNTAX);
        self.close_with(&reply::UNREADABLE_CHUNK);
        Turn::Again
    }

    fn carry_out(&mut self, command: Command) -> Turn {
        match command {
            Command::Hello(verb, name) if fits(verb, self.settings.protocol) => self.hello(verb, name),
            Command::Hello(..) => self.fail(&reply::UNKNOWN_COMMAND),
            Command::Mail(sender, script) => self.mail(*sender, script),
            Command::Rcpt(recipient, script) => self.rcpt(*recipient, script),
            Command::Data => self.begin_data(),
            Command::Bdat(size, chunk) => self.begin_chunk(size, chunk),
            Command::Auth(auth) => self.auth(&auth),
            Command::StartTls => self.start_tls(),
            Command::Rset => {
                self.abandon();
                self.idle_command(&reply::OK)
            }
            Command::Noop => self.idle_command(&reply::OK),
            Command::Help => self.idle_command(&reply::HELP),
            Command::Vrfy => self.idle_command(&reply::CANNOT_VERIFY),
            Command::Expn => self.fail(&reply::NO_EXPN),
            Command::Quit => {
                self.close_with(&reply::BYE);
                Turn::Again
            }
        }
    }

    fn idle_command(&mut self, reply: &Reply) -> Turn {
        self.patience.idle_command();
        self.say(reply)
    }

    pub(super) fn is_introduced(&self) -> bool {
        self.introduced == Introduced::Yes
    }

    /// RFC 3207 section 4.
    fn start_tls(&mut self) -> Turn {
        if self.settings.channel != Channel::Clear(StartTls::Offered) {
            return self.fail(&reply::NO_STARTTLS);
        }
        if !self.input.pending().is_empty() {
            self.close_with(&reply::SPOKE_BEFORE_TLS);
            return Turn::Again;
        }
        self.abandon();
        self.phase = Phase::Upgrade;
        self.say(&reply::START_TLS)
    }

    /// RFC 5321 section 4.1.1.1, RFC 2033 section 4.1.
    fn hello(&mut self, verb: HelloVerb, name: gatepost_mail::Hello) -> Turn {
        self.patience.idle_command();
        self.ask(Question::Hello { name, verb }, super::phase::Asked::Hello(verb))
    }
}

fn fits(verb: HelloVerb, protocol: Protocol) -> bool {
    match protocol {
        Protocol::Smtp => verb != HelloVerb::Lhlo,
        Protocol::Lmtp => verb == HelloVerb::Lhlo,
    }
}

const fn words(error: CommandError) -> Reply {
    match error {
        CommandError::Unknown => reply::UNKNOWN_COMMAND,
        CommandError::Argument | CommandError::ChunkSize => reply::SYNTAX,
        CommandError::NoArgument => reply::NO_ARGUMENT,
        CommandError::Sender(_) => reply::BAD_SENDER,
        CommandError::Recipient(_) => reply::BAD_RECIPIENT,
        CommandError::UnknownParameter => reply::UNKNOWN_PARAMETER,
        CommandError::BadParameter => reply::BAD_PARAMETER,
        CommandError::Base64 => reply::AUTH_MALFORMED,
    }
}
