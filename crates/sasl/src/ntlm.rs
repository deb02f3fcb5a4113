//! NTLM ([MS-NLMP]): not built yet.

use crate::Secret;
use crate::exchange::client::{ClientContext, ClientFailure, ClientTurn};
use crate::exchange::server::{Answer, Failure, ServerContext, Turn};

/// Not built yet.
pub(crate) struct Server(());

impl Server {
    pub(crate) fn new(_context: ServerContext) -> Self {
        Self(())
    }

    pub(crate) fn open(self, _initial: Option<&[u8]>) -> Turn<Self> {
        Turn::Failed(Failure::Misused)
    }

    pub(crate) fn receive(self, _octets: &[u8]) -> Turn<Self> {
        Turn::Failed(Failure::Misused)
    }

    pub(crate) fn answer(self, _answer: Answer) -> Turn<Self> {
        Turn::Failed(Failure::Misused)
    }
}

/// Not built yet.
pub(crate) struct Client(());

impl Client {
    pub(crate) fn new(_context: ClientContext) -> Result<Self, ClientFailure> {
        Err(ClientFailure::NoCredential)
    }

    /// The first message.
    pub(crate) fn open(self) -> (Secret, Self) {
        (Secret::new(""), self)
    }

    pub(crate) fn receive(self, _challenge: &[u8]) -> ClientTurn<Self> {
        ClientTurn::Failed(ClientFailure::Unexpected)
    }

    pub(crate) fn succeeded(&self) -> Result<(), ClientFailure> {
        Err(ClientFailure::Premature)
    }
}
