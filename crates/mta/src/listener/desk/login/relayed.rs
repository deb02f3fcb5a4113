//! Exchanges that another server runs: octets pass through, and whose they are comes out at the end.

use gatepost_directory::{Directory, Relayed};
use gatepost_sasl::Failure;
use gatepost_smtp::Answer;
use gatepost_spool::Spool;

use super::ending::Ending;
use super::{Claim, Desk, LoginState};

impl<S: Spool, D: Directory> Desk<S, D> {
    /// Goes on with what the other server said.
    ///
    /// Where network or account are locked, right and wrong get the same reply, so that a lockout ends guessing here too.
    pub(super) async fn relayed(&mut self, mut claim: Claim, relayed: Relayed) -> Answer {
        match relayed {
            Relayed::Challenge(octets, exchange) => {
                self.login = LoginState::Relayed(claim, Box::new(exchange));
                Answer::Challenge(octets.into())
            }
            Relayed::Right { user } => self.proved(claim, user, None).await,
            Relayed::Wrong { user } => match self.admit(&mut claim, user).await {
                Ok(()) => Answer::Refuse(self.failed(&claim, Ending::of(Failure::Rejected))),
                Err(reply) => Answer::Refuse(reply),
            },
        }
    }
}
