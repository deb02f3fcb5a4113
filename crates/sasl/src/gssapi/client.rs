//! GSSAPI as a client (RFC 4752 section 3.1).

use super::{LAYER_OCTETS, NO_LAYER, WITHOUT_LAYER};
use crate::exchange::client::{ClientContext, ClientFailure, ClientTurn};
use crate::{GssAnswer, GssProgress, GssQuestion, Secret, limits};

/// Named after what is awaited, the server's word or the library's answer; or done.
pub(crate) enum Client {
    Opening(Aim),
    Token {
        aim: Aim,
        /// How many there were.
        taken: usize,
    },
    Initiated {
        aim: Aim,
        taken: usize,
    },
    Offer(Aim),
    OfferUnwrapped(Aim),
    ChoiceWrapped,
    Said,
}

/// Which server, and as whom.
pub(crate) struct Aim {
    /// A host-based service, `smtp@host` (RFC 4752 section 3.1).
    target: String,
    /// Empty for whom the ticket names.
    authorization: String,
}

impl Client {
    pub(crate) fn new(context: ClientContext) -> Result<Self, ClientFailure> {
        let ClientContext { login, host, .. } = context;
        Ok(Self::Opening(Aim {
            target: format!("smtp@{host}"),
            authorization: login.authorization().unwrap_or(login.username()).to_owned(),
        }))
    }

    pub(crate) fn receive(self, challenge: &[u8]) -> ClientTurn<Self> {
        match self {
            // Empty, or chatter to be ignored.
            Self::Opening(aim) => initiate(aim, 0, None),
            Self::Token { taken, .. } if taken >= limits::GSS_TOKENS_MOST => {
                ClientTurn::Failed(ClientFailure::Malformed)
            }
            Self::Token { aim, taken } => initiate(aim, taken + 1, Some(challenge.to_vec())),
            Self::Offer(aim) => ClientTurn::Ask(
                GssQuestion::Unwrap { message: challenge.to_vec() },
                Self::OfferUnwrapped(aim),
            ),
            Self::Initiated { .. } | Self::OfferUnwrapped(_) | Self::ChoiceWrapped | Self::Said => {
                ClientTurn::Failed(ClientFailure::Unexpected)
            }
        }
    }

    pub(crate) fn answer(self, answer: GssAnswer) -> ClientTurn<Self> {
        match (self, answer) {
            (_, GssAnswer::Refused(_) | GssAnswer::Unavailable) => {
                ClientTurn::Failed(ClientFailure::NoTicket)
            }
            (Self::Initiated { aim, taken }, GssAnswer::Token { token, progress }) => {
                let next = match progress {
                    GssProgress::Going => Self::Token { aim, taken },
                    GssProgress::Complete { .. } => Self::Offer(aim),
                };
                ClientTurn::Respond(Secret::new(token), next)
            }
            (Self::OfferUnwrapped(aim), GssAnswer::Octets(offer)) => choose(&aim, offer.expose()),
            (Self::ChoiceWrapped, GssAnswer::Octets(message)) => ClientTurn::Respond(message, Self::Said),
            (_, _) => ClientTurn::Failed(ClientFailure::Unexpected),
        }
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        match self {
            Self::Opening(_)
            | Self::Token { .. }
            | Self::Initiated { .. }
            | Self::Offer(_)
            | Self::OfferUnwrapped(_) => Err(ClientFailure::ServerNotProved),
            Self::ChoiceWrapped => Err(ClientFailure::Premature),
            Self::Said => Ok(()),
        }
    }
}

fn initiate(aim: Aim, taken: usize, token: Option<Vec<u8>>) -> ClientTurn<Client> {
    let question = GssQuestion::Init { target: aim.target.clone(), token };
    ClientTurn::Ask(question, Client::Initiated { aim, taken })
}

fn choose(aim: &Aim, offer: &[u8]) -> ClientTurn<Client> {
    let Ok([layers, ..]) = <[u8; LAYER_OCTETS]>::try_from(offer) else {
        return ClientTurn::Failed(ClientFailure::Malformed);
    };
    if layers & NO_LAYER == 0 {
        return ClientTurn::Failed(ClientFailure::SecurityLayer);
    }
    let octets = [WITHOUT_LAYER.as_slice(), aim.authorization.as_bytes()].concat();
    ClientTurn::Ask(GssQuestion::Wrap { octets }, Client::ChoiceWrapped)
}
