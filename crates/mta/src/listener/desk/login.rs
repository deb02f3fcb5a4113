//! Logging in: a SASL exchange between the session, the directory and the guard.
//!
//! An exchange is run here, or by another server for us ([`relayed`]). What the directory is asked is in [`ask`], how a failure
//! ends in [`ending`], and what a proved login is used for in [`granted`].

mod ask;
mod ending;
mod granted;
mod relayed;

use gatepost_directory::{Directory, GssSession, RelayStart, RelayedExchange};
use gatepost_mail::Reply;
use gatepost_mail::reply::table;
use gatepost_policy::Verdict;
use gatepost_policy::auth::{AuthFacts, Standing, attempt, offered, unknown};
use gatepost_policy::verdict::Decision;
use gatepost_sasl::{Mechanism, Nonce, PlusOffer, Secret, ServerContext, ServerExchange, ServerStep};
use gatepost_smtp::{Answer, AuthOctets};
use gatepost_spool::Spool;

use self::ending::Ending;
use super::Desk;
use crate::listener::guard::{Attempt, Familiar};

/// Random octets of one exchange.
const NONCE: usize = gatepost_sasl::limits::NONCE_OCTETS;

/// How far the client has come.
pub(super) enum LoginState {
    /// Not at all.
    Nobody,
    /// An exchange of ours goes on.
    Going(Box<Going>),
    /// One that another server runs.
    Relayed(Claim, Box<RelayedExchange>),
    /// Somebody has logged in.
    In(LoggedIn),
}

/// Who has logged in.
pub(super) struct LoggedIn {
    /// The account's name.
    pub(super) account: String,
    /// The login name of the device whose password it was, if it was one.
    pub(super) device: Option<String>,
}

/// An exchange that goes on.
pub(super) struct Going {
    claim: Claim,
    exchange: ServerExchange,
    gss: Option<GssSession>,
}

/// Who somebody says they are, before it is proved.
pub(super) struct Claim {
    mechanism: Mechanism,
    /// The login name, once there is one that the guard has looked at.
    user: Option<String>,
    familiar: Familiar,
    /// What a library said about a failure, for our log.
    because: Option<String>,
}

impl Claim {
    const fn new(mechanism: Mechanism) -> Self {
        Self { mechanism, user: None, familiar: Familiar::Stranger, because: None }
    }
}

impl<S: Spool, D: Directory> Desk<S, D> {
    pub(super) async fn begin_login(&mut self, name: &str, initial: Option<AuthOctets>) -> Answer {
        let Some(mechanism) = Mechanism::from_name(name) else {
            let verdict = unknown(name, &self.offer(), self.rules());
            return Answer::Refuse(self.login_refused(name, None, &verdict));
        };
        let claim = Claim::new(mechanism);
        // Whether the network is locked counts once the account is known: it may be one that comes from here.
        let verdict = self.may_attempt(&claim, Standing::NEW);
        if !verdict.permits() {
            return Answer::Refuse(self.refuse_claim(&claim, &verdict));
        }
        let start = RelayStart {
            mechanism: mechanism.name(),
            initial: initial.as_ref().map(|octets| Secret::new(octets.0.as_slice())),
            client: self.visit.client,
            encrypted: self.visit.tls.is_some(),
        };
        let relayed = self.office.directory.relay(start).await;
        match self.known(relayed) {
            None => Answer::Refuse(self.failed(&claim, Ending::unavailable())),
            Some(Some(relayed)) => self.relayed(claim, relayed).await,
            Some(None) => self.begin_own(claim, initial).await,
        }
    }

    async fn begin_own(&mut self, claim: Claim, initial: Option<AuthOctets>) -> Answer {
        let Ok(context) = self.context() else { return Answer::Refuse(table::AUTH_LATER) };
        let exchange = ServerExchange::begin(claim.mechanism, context);
        let mut going = Box::new(Going { claim, exchange, gss: None });
        let step = going.exchange.receive(initial.as_ref().map(|octets| octets.0.as_slice()));
        self.go_on(going, step).await
    }

    pub(super) async fn continue_login(&mut self, octets: &AuthOctets) -> Answer {
        match std::mem::replace(&mut self.login, LoginState::Nobody) {
            LoginState::Going(mut going) => {
                let step = going.exchange.receive(Some(&octets.0));
                self.go_on(going, step).await
            }
            LoginState::Relayed(claim, exchange) => {
                let relayed = exchange.receive(Secret::new(octets.0.as_slice())).await;
                match self.known(relayed) {
                    None => Answer::Refuse(self.failed(&claim, Ending::unavailable())),
                    Some(relayed) => self.relayed(claim, relayed).await,
                }
            }
            state @ (LoginState::Nobody | LoginState::In(_)) => {
                self.login = state;
                Answer::Refuse(table::AUTH_LATER)
            }
        }
    }

    /// The client gives up, or is gone. What it was told already is told to the operator too: curl hangs up when its token
    /// is refused, and somebody will want to know why it sends no mail.
    pub(super) fn break_off_login(&mut self) {
        let state = std::mem::replace(&mut self.login, LoginState::Nobody);
        let LoginState::Going(going) = state else { return };
        if let Some(failure) = going.exchange.refused() {
            let _unheard = self.failed(&going.claim, Ending::of(failure));
        }
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
                ServerStep::Succeeded(identity) => return self.succeeded(going.claim, &identity).await,
                ServerStep::Failed(failure) => {
                    return Answer::Refuse(self.failed(&going.claim, Ending::of(failure)));
                }
            };
        }
    }

    /// Lets the guard look at a login name, the first that a claim has. The error is the client's reply.
    async fn admit(&mut self, claim: &mut Claim, user: Option<String>) -> Result<(), Reply> {
        if claim.user.is_some() {
            return Ok(());
        }
        if let Some(user) = &user {
            claim.familiar = self.familiar(user).await;
        }
        claim.user = user;
        let standing = self.with_attempt(claim, |desk, attempt| desk.office.guard.standing(attempt));
        if matches!(standing, Standing::Known { .. }) {
            claim.familiar = Familiar::Known;
        }
        let verdict = self.may_attempt(claim, standing);
        if verdict.permits() { Ok(()) } else { Err(self.refuse_claim(claim, &verdict)) }
    }

    fn may_attempt(&self, claim: &Claim, standing: Standing) -> Verdict<Decision> {
        let facts = AuthFacts { offer: self.offer(), mechanism: claim.mechanism, standing };
        attempt(&facts, self.rules())
    }

    /// What the guard is told of a claim.
    fn with_attempt<T>(&self, claim: &Claim, tell: impl FnOnce(&Self, &Attempt<'_>) -> T) -> T {
        let user = claim.user.as_deref().map(gatepost_sasl::prepare::account_key);
        let attempt = Attempt {
            client: self.visit.client.ip(),
            user: user.as_deref(),
            familiar: claim.familiar,
            now: self.office.now(),
            window: self.rules().auth.lockout,
        };
        tell(self, &attempt)
    }

    fn context(&self) -> Result<ServerContext, getrandom::Error> {
        let mut random = [0; NONCE];
        getrandom::fill(&mut random)?;
        let list = offered(&self.offer(), self.rules());
        let plus = list.iter().any(|mechanism| mechanism.needs_channel_binding());
        let auth = &self.rules().auth;
        Ok(ServerContext {
            bindings: self.visit.tls.as_ref().map(|tls| tls.bindings.clone()).unwrap_or_default(),
            plus: if plus { PlusOffer::Offered } else { PlusOffer::NotOffered },
            // Clients name us as they found us, and a certificate says under which names that may be.
            aliases: self.current.acceptor.as_ref().map(|it| it.names().to_vec()).unwrap_or_default(),
            port: self.visit.port,
            realm: auth.realm.clone(),
            oauth_help: auth.oauth_help.clone(),
            ntlm: auth.ntlm,
            ..ServerContext::new(
                Nonce::from_random(&random),
                self.rules().hostname.ascii(),
                self.office.now().as_seconds(),
            )
        })
    }
}
