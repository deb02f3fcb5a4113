//! How a login ends without success: counted, told, and answered.

use gatepost_directory::Directory;
use gatepost_mail::Reply;
use gatepost_mail::reply::table;
use gatepost_policy::Verdict;
use gatepost_policy::auth::{Standing, delay};
use gatepost_policy::verdict::Decision;
use gatepost_sasl::{Failure, TokenFault};
use gatepost_spool::Spool;

use super::{Claim, Desk, LoginState};
use crate::event::{What, quoted};
use crate::listener::desk::words;
use crate::listener::guard::Familiar;

/// Why an exchange ends without success.
pub(super) struct Ending {
    reply: Reply,
    rule: &'static str,
    because: String,
    counts: Counts,
}

/// Whether a failure counts as a guess. What guesses no secret does not: a client that is broken, or set up wrong, must not
/// lock anybody out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Guess,
    NoGuess,
    /// Besides, it is a sign of somebody in between.
    Alarm,
}

impl Ending {
    /// What the client hears, and whether it was a guess.
    pub(super) fn of(failure: Failure) -> Self {
        use Counts::{Alarm, Guess, NoGuess};
        let (reply, rule, counts) = match failure {
            Failure::Malformed => (table::AUTH_MALFORMED, "auth.malformed", NoGuess),
            Failure::Rejected => (table::BAD_CREDENTIALS, "auth.rejected", Guess),
            Failure::ChannelBindingMismatch => (table::BAD_CREDENTIALS, "auth.binding-mismatch", Alarm),
            // No proof was looked at, so nothing was guessed: GnuTLS programs bind to tls-unique on TLS 1.2.
            Failure::ChannelBindingUnsupported => {
                (table::BINDING_UNSUPPORTED, "auth.binding-unsupported", NoGuess)
            }
            Failure::PlusNotUsedThoughOffered => (table::BAD_CREDENTIALS, "auth.downgrade", Alarm),
            // Tokens cannot be guessed, and all of them end: a telephone that was asleep brings an old one.
            Failure::TokenRefused(TokenFault::Invalid) => {
                (table::TOKEN_REFUSED, "auth.token-refused", NoGuess)
            }
            Failure::TokenRefused(TokenFault::Scope) => (table::TOKEN_REFUSED, "auth.token-scope", NoGuess),
            Failure::WrongServer => (table::WRONG_SERVER, "auth.wrong-server", NoGuess),
            Failure::Repeated => (table::LOGIN_REPEATED, "auth.repeated", NoGuess),
            Failure::NoCertificate => (table::NO_CERTIFICATE, "auth.no-certificate", NoGuess),
            Failure::TooWeak => (table::NTLM_V1, "auth.ntlm-v1", NoGuess),
            Failure::Unavailable => (table::AUTH_LATER, "auth.unavailable", NoGuess),
            // A fault of ours is never a refusal for good; nor is what a later version may add.
            Failure::Misused | _ => (table::AUTH_LATER, "auth.fault", NoGuess),
        };
        Self { reply, rule, because: failure.to_string(), counts }
    }

    pub(super) fn unavailable() -> Self {
        Self::of(Failure::Unavailable)
    }

    /// Too many strangers wait for their passwords to be checked.
    pub(super) fn crowded() -> Self {
        Self::uncounted(table::AUTH_LATER, "auth.unavailable", "too many strangers wait for the same")
    }

    /// A refusal of what a client wants beyond its proof.
    pub(super) fn uncounted(reply: Reply, rule: &'static str, because: &str) -> Self {
        Self { reply, rule, because: because.to_owned(), counts: Counts::NoGuess }
    }

    /// A refusal of what was proved.
    pub(super) fn refused(reply: Reply, rule: &'static str, because: impl Into<String>) -> Self {
        // What sounds like a wrong password counts like one: else counting would tell the difference.
        let counts = if reply == table::BAD_CREDENTIALS { Counts::Guess } else { Counts::NoGuess };
        Self { reply, rule, because: because.into(), counts }
    }
}

impl<S: Spool, D: Directory> Desk<S, D> {
    /// Counts and tells a failure; gives the client's reply, which the driver may have to hold back.
    pub(super) fn failed(&mut self, claim: &Claim, ending: Ending) -> Reply {
        self.login = LoginState::Nobody;
        // Counted before the reply goes out: a client that hangs up early must not get a free guess.
        if ending.counts != Counts::NoGuess {
            let standing = self.with_attempt(claim, |desk, attempt| desk.office.guard.failed(attempt));
            self.hold = self.office.guard.hold(delay(standing.failures(), self.rules()));
        }
        let because = claim.because.as_deref().unwrap_or(&ending.because);
        if ending.counts == Counts::Alarm {
            self.alarm(claim, &ending);
        }
        self.tell_failure(claim.mechanism.name(), Some(claim), (ending.rule, because), &ending.reply);
        ending.reply
    }

    fn alarm(&self, claim: &Claim, ending: &Ending) {
        self.tell(What::Alarm {
            client: self.visit.client.ip(),
            rule: ending.rule,
            mechanism: claim.mechanism.name(),
            user: quoted(claim.user.as_deref().unwrap_or_default()),
            cause: ending.because.clone(),
            hint: "somebody may sit between this client and us: ask its user which certificate it saw",
        });
    }

    pub(super) fn refuse_claim(&mut self, claim: &Claim, verdict: &Verdict<Decision>) -> Reply {
        self.login_refused(claim.mechanism.name(), Some(claim), verdict)
    }

    /// Tells that policy refused before any proof was looked at; gives the client's reply.
    pub(super) fn login_refused(
        &mut self,
        mechanism: &str,
        claim: Option<&Claim>,
        verdict: &Verdict<Decision>,
    ) -> Reply {
        self.login = LoginState::Nobody;
        let reply = words(verdict);
        self.tell_failure(mechanism, claim, (verdict.rule.as_str(), &verdict.because), &reply);
        reply
    }

    fn tell_failure(
        &self,
        mechanism: &str,
        claim: Option<&Claim>,
        (rule, because): (&'static str, &str),
        reply: &Reply,
    ) {
        let standing =
            claim.map(|claim| self.with_attempt(claim, |desk, attempt| desk.office.guard.standing(attempt)));
        let familiar = match standing {
            Some(Standing::Known { .. }) => Familiar::Known,
            Some(Standing::Stranger { .. }) | None => Familiar::Stranger,
        };
        self.tell(What::LoginFailed {
            client: self.visit.client.ip(),
            network: match familiar {
                Familiar::Known => "known",
                Familiar::Stranger => "stranger",
            },
            rule,
            mechanism: quoted(mechanism),
            user: quoted(claim.and_then(|claim| claim.user.as_deref()).unwrap_or_default()),
            because: quoted(because),
            reply: reply.to_string(),
        });
    }
}
