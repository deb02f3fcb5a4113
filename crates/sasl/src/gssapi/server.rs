//! GSSAPI as a server (RFC 4752 section 3.2).

use super::{LAYER_OCTETS, NO_LAYER, WITHOUT_LAYER};
use crate::exchange::server::{Answer, Failure, Lookup, ServerContext, ServerQuestion, Turn, client_name};
use crate::{GssAnswer, GssProgress, GssQuestion, Identity, limits, prepare};

/// Named after what is awaited: the client's word, or an answer to our question.
pub(crate) enum Server {
    Opening,
    Token {
        /// How many there were.
        taken: usize,
    },
    Accepted {
        taken: usize,
    },
    /// The empty response to the last token.
    Nothing(Principal),
    Offer(Principal),
    Choice(Principal),
    ChoiceUnwrapped(Principal),
    User {
        principal: Principal,
        authorization: Option<String>,
    },
}

/// Whom the ticket names; the context is established.
pub(crate) struct Principal(String);

impl Server {
    /// Nothing of the context is needed: the library knows our name by its keys.
    pub(crate) fn new(_context: ServerContext) -> Self {
        Self::Opening
    }

    pub(crate) fn open(self, initial: Option<&[u8]>) -> Turn<Self> {
        match (self, initial) {
            (Self::Opening, None | Some([])) => Turn::Challenge(Vec::new(), Self::Token { taken: 0 }),
            (Self::Opening, Some(token)) => accept(0, token),
            (_, _) => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn receive(self, octets: &[u8]) -> Turn<Self> {
        match self {
            Self::Token { taken } => accept(taken, octets),
            Self::Nothing(principal) if octets.is_empty() => offer(principal),
            Self::Nothing(_) => Turn::Failed(Failure::Malformed),
            Self::Choice(principal) => {
                ask(GssQuestion::Unwrap { message: octets.to_vec() }, Self::ChoiceUnwrapped(principal))
            }
            Self::Opening
            | Self::Accepted { .. }
            | Self::Offer(_)
            | Self::ChoiceUnwrapped(_)
            | Self::User { .. } => Turn::Failed(Failure::Misused),
        }
    }

    pub(crate) fn answer(self, answer: Answer) -> Turn<Self> {
        match (self, answer) {
            (_, Answer::Gss(GssAnswer::Refused(_))) => Turn::Failed(Failure::Rejected),
            (_, Answer::Gss(GssAnswer::Unavailable)) => Turn::Failed(Failure::Unavailable),
            (Self::Accepted { taken }, Answer::Gss(GssAnswer::Token { token, progress })) => {
                accepted(taken, token, progress)
            }
            (Self::Offer(principal), Answer::Gss(GssAnswer::Octets(message))) => {
                Turn::Challenge(message.expose().to_vec(), Self::Choice(principal))
            }
            (Self::ChoiceUnwrapped(principal), Answer::Gss(GssAnswer::Octets(choice))) => {
                match read_choice(choice.expose()) {
                    Ok(authorization) => Turn::Ask(
                        ServerQuestion::Principal { principal: principal.0.clone() },
                        Self::User { principal, authorization },
                    ),
                    Err(failure) => Turn::Failed(failure),
                }
            }
            (Self::User { principal, authorization }, Answer::User(lookup)) => match lookup {
                Lookup::Found(user) => Turn::Succeeded(identity(&principal, user, authorization)),
                Lookup::Missing => Turn::Failed(Failure::Rejected),
                Lookup::Unavailable => Turn::Failed(Failure::Unavailable),
            },
            (_, _) => Turn::Failed(Failure::Misused),
        }
    }
}

fn ask(question: GssQuestion, next: Server) -> Turn<Server> {
    Turn::Ask(ServerQuestion::Gss(question), next)
}

fn accept(taken: usize, token: &[u8]) -> Turn<Server> {
    if token.is_empty() || taken >= limits::GSS_TOKENS_MOST {
        return Turn::Failed(Failure::Malformed);
    }
    ask(GssQuestion::Accept { token: token.to_vec() }, Server::Accepted { taken: taken + 1 })
}

fn accepted(taken: usize, token: Vec<u8>, progress: GssProgress) -> Turn<Server> {
    match progress {
        GssProgress::Going => Turn::Challenge(token, Server::Token { taken }),
        // A context with nobody at its other end is of no use to us.
        GssProgress::Complete { principal: None } => Turn::Failed(Failure::Rejected),
        GssProgress::Complete { principal: Some(principal) } if token.is_empty() => {
            offer(Principal(principal))
        }
        GssProgress::Complete { principal: Some(principal) } => {
            Turn::Challenge(token, Server::Nothing(Principal(principal)))
        }
    }
}

fn offer(principal: Principal) -> Turn<Server> {
    ask(GssQuestion::Wrap { octets: WITHOUT_LAYER.to_vec() }, Server::Offer(principal))
}

/// The authorization identity behind the client's choice, which must be the only one that we offered. The size of
/// messages that it names is not looked at: there will be none.
fn read_choice(choice: &[u8]) -> Result<Option<String>, Failure> {
    let ([layer, ..], authorization) =
        choice.split_first_chunk::<LAYER_OCTETS>().ok_or(Failure::Malformed)?;
    if *layer != NO_LAYER {
        return Err(Failure::Malformed);
    }
    if authorization.is_empty() { Ok(None) } else { client_name(authorization).map(Some) }
}

/// Clients often name themselves where they could have named nobody: by login name, by principal, or by the principal
/// without its realm, which is all that their user knows.
fn identity(principal: &Principal, user: String, authorization: Option<String>) -> Identity {
    let short = principal.0.split_once('@').map_or(principal.0.as_str(), |(short, _)| short);
    let another = authorization.filter(|name| {
        *name != principal.0 && name != short && prepare::account_key(name) != prepare::account_key(&user)
    });
    Identity::new(user, another)
}
