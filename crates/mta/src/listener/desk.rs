//! Answers a session's questions: gathers facts, asks policy, tells what happened.

mod envelope;
mod intake;
mod login;
mod repeat;

use std::net::SocketAddr;
use std::sync::Arc;

use gatepost_directory::Directory;
use gatepost_mail::trace::Greeting;
use gatepost_mail::{Hello, Reply, SessionId};
use gatepost_policy::auth::{ClientCertificate, OfferFacts};
use gatepost_policy::peer::Peer;
use gatepost_policy::rules::{Channel, Service};
use gatepost_policy::verdict::Decision;
use gatepost_policy::{Rules, Verdict};
use gatepost_smtp::{Answer, HelloVerb, Question, ServerSession};
use gatepost_spool::{Receipt, Spool};

use self::envelope::Transaction;
use self::login::{LoggedIn, LoginState};
use self::repeat::Unread;
use super::guard::Hold;
use crate::event::What;
use crate::net::tls::TlsFacts;
use crate::office::{Current, Office};

/// Who is at the desk.
#[derive(Debug)]
pub(super) struct Visit {
    /// The session.
    pub(super) session: SessionId,
    /// The listener's purpose.
    pub(super) service: Service,
    /// Its name.
    pub(super) listener: String,
    /// From where.
    pub(super) client: SocketAddr,
    /// The port that it connected to.
    pub(super) port: u16,
    /// What is known of the channel, once it is encrypted.
    pub(super) tls: Option<TlsFacts>,
    /// The name the client gave.
    pub(super) hello: Option<Hello>,
    /// How it gave it.
    pub(super) greeting: Greeting,
}

impl Visit {
    /// Whether the channel is encrypted.
    pub(super) fn channel(&self) -> Channel {
        if self.tls.is_some() { Channel::Encrypted } else { Channel::Clear }
    }

    /// What decides about the list of mechanisms.
    pub(super) fn offer(&self) -> OfferFacts<'_> {
        let shown = self.tls.as_ref().is_some_and(|tls| tls.client_certificate.is_some());
        OfferFacts {
            service: self.service,
            listener: &self.listener,
            client: self.client.ip(),
            channel: self.channel(),
            certificate: if shown { ClientCertificate::Shown } else { ClientCertificate::NotShown },
        }
    }
}

/// One session's desk.
pub(super) struct Desk<S: Spool, D> {
    office: Arc<Office<S, D>>,
    /// The rules that the session began with.
    current: Arc<Current>,
    visit: Visit,
    login: LoginState,
    /// How long the driver must wait before the reply that was answered last goes out.
    hold: Option<Hold>,
    transaction: Option<Transaction<S::Draft>>,
    unread: Unread,
}

impl<S: Spool, D: Directory> Desk<S, D> {
    pub(super) fn open(office: Arc<Office<S, D>>, current: Arc<Current>, visit: Visit) -> Self {
        let (login, unread) = (LoginState::Nobody, Unread::default());
        Self { office, current, visit, login, hold: None, transaction: None, unread }
    }

    /// Answers a question. Questions that need no answer get none.
    pub(super) async fn decide(&mut self, question: Question, session: &mut ServerSession<Receipt>) {
        let answer = match question {
            Question::Hello { verb, name } => {
                self.visit.hello = Some(name);
                self.visit.greeting = match verb {
                    HelloVerb::Ehlo => Greeting::Ehlo,
                    HelloVerb::Helo => Greeting::Helo,
                    HelloVerb::Lhlo => Greeting::Lhlo,
                };
                Answer::Permit
            }
            // Boxed is what is large: sessions, most of which wait, have room for the rest of this all their life.
            Question::AuthBegin { mechanism, initial } => {
                Box::pin(self.begin_login(&mechanism, initial)).await
            }
            Question::AuthResponse(octets) => Box::pin(self.continue_login(&octets)).await,
            Question::AuthCancel => return self.break_off_login(),
            Question::Sender(sender) => self.sender(sender).await,
            Question::Recipient(recipient) => self.recipient(recipient).await,
            Question::Open => self.open_draft().await,
            Question::Complete(seen) => match Box::pin(self.complete(seen)).await {
                Ok(receipt) => return session.stored(receipt),
                Err(reply) => Answer::Refuse(reply),
            },
            Question::Abort => {
                self.transaction = None;
                return;
            }
        };
        session.answer(answer);
    }

    /// The channel is encrypted now; what was said before is forgotten here too.
    pub(super) fn encrypted(&mut self, facts: TlsFacts) {
        let (version, cipher, resumed) = (facts.version.to_owned(), facts.cipher.clone(), facts.resumed);
        self.tell(What::Encrypted { version, cipher, resumed });
        self.visit.tls = Some(facts);
        self.visit.hello = None;
        self.login = LoginState::Nobody;
        self.transaction = None;
    }

    /// The session is over.
    pub(super) fn close(&mut self, cause: String) {
        self.break_off_login();
        self.leave_in_doubt();
        self.tell(What::Disconnected { cause });
    }

    pub(super) const fn visit(&self) -> &Visit {
        &self.visit
    }

    fn rules(&self) -> &Rules {
        self.current.rules()
    }

    fn offer(&self) -> OfferFacts<'_> {
        self.visit.offer()
    }

    /// Who has logged in.
    fn logged_in(&self) -> Option<&LoggedIn> {
        match &self.login {
            LoginState::In(who) => Some(who),
            LoginState::Nobody | LoginState::Going(_) | LoginState::Relayed(..) => None,
        }
    }

    /// The account that has logged in.
    fn account(&self) -> Option<&str> {
        self.logged_in().map(|who| who.account.as_str())
    }

    /// What the reply to the last question must wait for.
    pub(super) fn take_hold(&mut self) -> Option<Hold> {
        self.hold.take()
    }

    pub(super) fn tell(&self, what: What) {
        self.office.events.emit(Some(self.visit.session), None, what);
    }
}

/// The words for a verdict that does not permit. One that has none is a fault of ours, and defers.
fn words(verdict: &Verdict<Decision>) -> Reply {
    verdict.reply.clone().unwrap_or(gatepost_mail::reply::table::UNKNOWN_FOR_NOW)
}

/// A peer as events show it.
fn principal_of(peer: &Peer, hosted: Option<gatepost_mail::Domain>) -> Option<gatepost_mail::Principal> {
    use gatepost_mail::Principal;

    match peer {
        Peer::Account(name) => Some(Principal::Account(name.clone())),
        Peer::Machine(name) => Some(Principal::Machine(name.clone())),
        Peer::Anonymous => hosted.map(Principal::Hosted),
    }
}
