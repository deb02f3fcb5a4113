//! Logging in: a SASL exchange between the session, the directory and the guard.

use gatepost_directory::Directory;
use gatepost_mail::Reply;
use gatepost_mail::reply::table;
use gatepost_policy::Verdict;
use gatepost_policy::auth::{AuthFacts, attempt, offered};
use gatepost_policy::verdict::Decision;
use gatepost_sasl::{
    Failure, Identity, Lookup, Mechanism, Nonce, PasswordCheck, PlusOffer, ServerContext, ServerExchange,
    ServerQuestion, ServerStep,
};
use gatepost_smtp::{Answer, AuthOctets};
use gatepost_spool::Spool;

use super::{Desk, words};
use crate::event::{What, now, quoted};
use crate::listener::guard::Attempt;

/// Random octets of one exchange.
const NONCE: usize = gatepost_sasl::limits::NONCE_OCTETS;

/// How far the client has come.
pub(super) enum LoginState {
    /// Not at all.
    Nobody,
    /// An exchange goes on.
    Going(Box<Going>),
    /// This account has logged in.
    In(String),
}

/// An exchange that goes on.
pub(super) struct Going {
    exchange: ServerExchange,
    /// The name given, once it is known.
    user: Option<String>,
}

/// Why an exchange ends without success.
struct Ending {
    reply: Reply,
    rule: &'static str,
    counts: Counts,
}

/// Whether a failure counts as a guess.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Guess,
    NoGuess,
}

impl<S: Spool, D: Directory> Desk<S, D> {
    pub(super) async fn begin_login(&mut self, name: &str, initial: Option<AuthOctets>) -> Answer {
        let Some(mechanism) = Mechanism::from_name(name) else {
            return Answer::Refuse(table::UNKNOWN_MECHANISM);
        };
        let verdict = self.may_attempt(mechanism, None);
        if !verdict.permits() {
            return Answer::Refuse(self.login_refused(mechanism.name(), None, &verdict));
        }
        let Ok(context) = self.context() else { return Answer::Refuse(table::AUTH_LATER) };
        let mut going = Box::new(Going { exchange: ServerExchange::begin(mechanism, context), user: None });
        let step = going.exchange.receive(initial.as_ref().map(|octets| octets.0.as_slice()));
        self.go_on(going, step).await
    }

    pub(super) async fn continue_login(&mut self, octets: &AuthOctets) -> Answer {
        match std::mem::replace(&mut self.login, LoginState::Nobody) {
            LoginState::Going(mut going) => {
                let step = going.exchange.receive(Some(&octets.0));
                self.go_on(going, step).await
            }
            state @ (LoginState::Nobody | LoginState::In(_)) => {
                self.login = state;
                Answer::Refuse(table::AUTH_LATER)
            }
        }
    }

    pub(super) fn break_off_login(&mut self) {
        self.login = LoginState::Nobody;
    }

    /// Follows an exchange until it needs the client again, or ends.
    async fn go_on(&mut self, mut going: Box<Going>, mut step: ServerStep) -> Answer {
        loop {
            step = match step {
                ServerStep::Challenge(octets) => {
                    self.login = LoginState::Going(going);
                    return Answer::Challenge(octets.into());
                }
                ServerStep::Ask(question) => match self.ask(&mut going, question).await {
                    Ok(answer) => going.exchange.answer(answer),
                    Err(reply) => return Answer::Refuse(reply),
                },
                ServerStep::Succeeded(identity) => return self.succeeded(&going, &identity).await,
                ServerStep::Failed(failure) => {
                    return Answer::Refuse(self.failed(&going, ending(failure)));
                }
            };
        }
    }

    /// Asks the directory, after the guard has looked at the account. The error is the client's reply.
    async fn ask(
        &mut self,
        going: &mut Going,
        question: ServerQuestion,
    ) -> Result<gatepost_sasl::Answer, Reply> {
        let user = match &question {
            ServerQuestion::CheckPassword { user, .. }
            | ServerQuestion::ScramVerifier { user, .. }
            | ServerQuestion::CramSecret { user } => user.clone(),
            _ => String::new(),
        };
        let mechanism = going.exchange.mechanism();
        going.user = Some(user.clone());
        let verdict = self.may_attempt(mechanism, Some(&gatepost_sasl::prepare::account_key(&user)));
        if !verdict.permits() {
            return Err(self.login_refused(mechanism.name(), Some(&user), &verdict));
        }
        Ok(self.look_up(question).await)
    }

    async fn look_up(&self, question: ServerQuestion) -> gatepost_sasl::Answer {
        let directory = &self.office.directory;
        match question {
            ServerQuestion::CheckPassword { user, password } => {
                let check = directory.check_password(&user, password).await;
                gatepost_sasl::Answer::Password(self.known(check).unwrap_or(PasswordCheck::Unavailable))
            }
            ServerQuestion::ScramVerifier { user, hash } => {
                let found = directory.scram_verifier(&user, hash).await;
                gatepost_sasl::Answer::Scram(self.known(found).map_or(Lookup::Unavailable, Lookup::Found))
            }
            ServerQuestion::CramSecret { user } => {
                let found = directory.cram_secret(&user).await;
                gatepost_sasl::Answer::Cram(match self.known(found) {
                    Some(Some(secret)) => Lookup::Found(secret),
                    Some(None) => Lookup::Missing,
                    None => Lookup::Unavailable,
                })
            }
            _ => gatepost_sasl::Answer::Password(PasswordCheck::Unavailable),
        }
    }

    /// The directory's answer; tells the operator if there is none.
    fn known<T>(&self, result: Result<T, gatepost_directory::DirectoryError>) -> Option<T> {
        result
            .inspect_err(|cause| {
                let hint = "logins get 454 until the directory answers again";
                self.tell(What::Trouble { part: "directory", cause: cause.to_string(), hint });
            })
            .ok()
    }

    async fn succeeded(&mut self, going: &Going, identity: &Identity) -> Answer {
        let mechanism = going.exchange.mechanism();
        let user = identity.authentication_id();
        let acts_for_other = identity.authorization_id().is_some_and(|other| {
            gatepost_sasl::prepare::account_key(other) != gatepost_sasl::prepare::account_key(user)
        });
        if acts_for_other {
            let ending = Ending {
                reply: table::BAD_CREDENTIALS,
                rule: "auth.acts-for-another",
                counts: Counts::NoGuess,
            };
            return Answer::Refuse(self.failed(going, ending));
        }
        let Some(account) = self.known(self.office.directory.account(user).await) else {
            return Answer::Refuse(table::AUTH_LATER);
        };
        let Some(account) = account.filter(gatepost_directory::Account::may_log_in) else {
            return Answer::Refuse(self.failed(going, ending(Failure::Rejected)));
        };
        let name = account.name().to_owned();
        self.office.guard.succeeded(&self.attempt_of(Some(&gatepost_sasl::prepare::account_key(user))));
        let client = self.visit.client.ip();
        self.tell(What::LoggedIn { account: name.clone(), mechanism: mechanism.name(), client });
        self.login = LoginState::In(name);
        Answer::Authenticated
    }

    /// Counts and tells a failure; gives the client's reply.
    fn failed(&mut self, going: &Going, ending: Ending) -> Reply {
        self.login = LoginState::Nobody;
        let user = going.user.as_deref();
        // Counted before the reply goes out: a client that hangs up early must not get a free guess.
        if ending.counts == Counts::Guess {
            let folded = user.map(gatepost_sasl::prepare::account_key);
            self.office.guard.failed(&self.attempt_of(folded.as_deref()));
        }
        self.tell(What::LoginFailed {
            user: quoted(user.unwrap_or_default()),
            mechanism: going.exchange.mechanism().name().to_owned(),
            client: self.visit.client.ip(),
            rule: ending.rule,
            reply: ending.reply.to_string(),
        });
        ending.reply
    }

    fn login_refused(&mut self, mechanism: &str, user: Option<&str>, verdict: &Verdict<Decision>) -> Reply {
        self.login = LoginState::Nobody;
        let reply = words(verdict);
        self.tell(What::LoginFailed {
            user: quoted(user.unwrap_or_default()),
            mechanism: mechanism.to_owned(),
            client: self.visit.client.ip(),
            rule: verdict.rule.as_str(),
            reply: reply.to_string(),
        });
        reply
    }

    fn may_attempt(&self, mechanism: Mechanism, user: Option<&str>) -> Verdict<Decision> {
        let failures = self.office.guard.failures(&self.attempt_of(user));
        let facts = AuthFacts {
            service: self.visit.service,
            channel: self.visit.channel(),
            mechanism,
            failures_of_network: failures.of_network,
            failures_of_account: failures.of_account,
        };
        attempt(&facts, self.rules())
    }

    fn attempt_of<'a>(&self, user: Option<&'a str>) -> Attempt<'a> {
        Attempt { client: self.visit.client.ip(), user, now: now(), window: self.rules().auth.lockout }
    }

    fn context(&self) -> Result<ServerContext, getrandom::Error> {
        let mut random = [0; NONCE];
        getrandom::fill(&mut random)?;
        let list = offered(self.visit.service, self.visit.channel(), self.rules());
        let plus = list.iter().any(|mechanism| mechanism.needs_channel_binding());
        Ok(ServerContext {
            bindings: self.visit.tls.as_ref().map(|tls| tls.bindings.clone()).unwrap_or_default(),
            plus: if plus { PlusOffer::Offered } else { PlusOffer::NotOffered },
            ..ServerContext::new(
                Nonce::from_random(&random),
                self.rules().hostname.ascii(),
                now().as_seconds(),
            )
        })
    }
}

/// What the client hears, and whether it was a guess.
fn ending(failure: Failure) -> Ending {
    let (reply, rule, counts) = match failure {
        Failure::Malformed => (table::AUTH_MALFORMED, "auth.malformed", Counts::Guess),
        Failure::Rejected => (table::BAD_CREDENTIALS, "auth.rejected", Counts::Guess),
        Failure::ChannelBindingMismatch => (table::BAD_CREDENTIALS, "auth.binding-mismatch", Counts::Guess),
        // No proof was looked at, so nothing was guessed: GnuTLS programs bind to tls-unique on TLS 1.2.
        Failure::ChannelBindingUnsupported => {
            (table::BINDING_UNSUPPORTED, "auth.binding-unsupported", Counts::NoGuess)
        }
        Failure::PlusNotUsedThoughOffered => (table::BAD_CREDENTIALS, "auth.downgrade", Counts::Guess),
        Failure::Unavailable => (table::AUTH_LATER, "auth.unavailable", Counts::NoGuess),
        // A fault of ours is never a refusal for good; nor is what a later version may add.
        Failure::Misused | _ => (table::AUTH_LATER, "auth.fault", Counts::NoGuess),
    };
    Ending { reply, rule, counts }
}
