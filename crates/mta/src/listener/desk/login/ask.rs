//! What an exchange wants to know, asked of the directory.

use std::sync::Arc;

use gatepost_directory::{Directory, DirectoryError, OauthOneNonce};
use gatepost_mail::Reply;
use gatepost_policy::auth::login_name;
use gatepost_policy::rules::Network;
use gatepost_sasl::{
    Answer, Freshness, GssAnswer, GssQuestion, Lookup, PasswordCheck, ServerQuestion, TokenCheck, prepare,
};
use gatepost_spool::Spool;

use super::ending::Ending;
use super::{Desk, Going};
use crate::event::What;
use crate::listener::guard::{Familiar, account_of};

impl<S: Spool, D: Directory> Desk<S, D> {
    /// Asks the directory, after the guard has looked at the account. The error is the client's reply.
    pub(super) async fn ask(&mut self, going: &mut Going, question: ServerQuestion) -> Result<Answer, Reply> {
        // Tokens, certificates and tickets cannot be guessed: whose they are is looked at when they have proved it.
        if let Some(user) = self.claimed(&question) {
            self.admit(&mut going.claim, Some(user)).await?;
        }
        if let ServerQuestion::Gss(question) = question {
            return Ok(Answer::Gss(self.ask_kerberos(going, question).await));
        }
        if matches!(question, ServerQuestion::CheckPassword { .. }) {
            let office = Arc::clone(&self.office);
            let Some(_turn) = office.guard.turn(going.claim.familiar).await else {
                return Err(self.failed(&going.claim, Ending::crowded()));
            };
            return Ok(self.look_up(question).await);
        }
        Ok(self.look_up(question).await)
    }

    /// The login name that a question is about.
    fn claimed(&self, question: &ServerQuestion) -> Option<String> {
        match question {
            ServerQuestion::CheckPassword { user, .. }
            | ServerQuestion::ScramVerifier { user, .. }
            | ServerQuestion::CramSecret { user }
            | ServerQuestion::DigestSecret { user, .. } => Some(user.clone()),
            ServerQuestion::NtHash { user, domain } => Some(login_name(user, domain, self.rules())),
            ServerQuestion::CheckToken { user, .. }
            | ServerQuestion::OauthOneKeys { user, .. }
            | ServerQuestion::ClientCertificate { user } => user.clone(),
            ServerQuestion::OauthOneNonce { .. }
            | ServerQuestion::Principal { .. }
            | ServerQuestion::Gss(_) => None,
        }
    }

    async fn look_up(&self, question: ServerQuestion) -> Answer {
        let directory = &self.office.directory;
        match question {
            ServerQuestion::CheckPassword { user, password } => {
                let check = directory.check_password(&user, password).await;
                Answer::Password(self.known(check).unwrap_or(PasswordCheck::Unavailable))
            }
            ServerQuestion::ScramVerifier { user, hash } => {
                let found = directory.scram_verifier(&user, hash).await;
                Answer::Scram(self.known(found).map_or(Lookup::Unavailable, Lookup::Found))
            }
            ServerQuestion::CramSecret { user } => {
                Answer::Cram(self.lookup(directory.cram_secret(&user).await))
            }
            ServerQuestion::DigestSecret { user, realm } => {
                Answer::Digest(self.lookup(directory.digest_secret(&user, &realm).await))
            }
            ServerQuestion::NtHash { user, domain } => {
                let user = login_name(&user, &domain, self.rules());
                Answer::Nt(self.lookup(directory.nt_hash(&user).await))
            }
            ServerQuestion::CheckToken { user, token } => {
                let check = directory.check_token(user.as_deref(), token).await;
                Answer::Token(self.known(check).unwrap_or(TokenCheck::Unavailable))
            }
            ServerQuestion::Principal { principal } => {
                Answer::User(self.lookup(directory.principal_user(&principal).await))
            }
            ServerQuestion::ClientCertificate { .. } => self.certificate_user().await,
            ServerQuestion::OauthOneKeys { consumer, token, .. } => {
                Answer::OauthOne(self.lookup(directory.oauth_one_keys(&consumer, &token).await))
            }
            ServerQuestion::OauthOneNonce { consumer, token, nonce, timestamp } => {
                let nonce = OauthOneNonce { consumer: &consumer, token: &token, nonce: &nonce, timestamp };
                let freshness = directory.oauth_one_nonce(&nonce, self.office.now()).await;
                Answer::Freshness(self.known(freshness).unwrap_or(Freshness::Unavailable))
            }
            ServerQuestion::Gss(_) => Answer::Gss(GssAnswer::Unavailable),
        }
    }

    async fn certificate_user(&self) -> Answer {
        let shown = self.visit.tls.as_ref().and_then(|tls| tls.client_certificate.as_ref());
        let Some(certificate) = shown else { return Answer::User(Lookup::Missing) };
        Answer::User(self.lookup(self.office.directory.certificate_user(certificate).await))
    }

    /// One context of the library serves one exchange; it is opened when the first question comes.
    async fn ask_kerberos(&self, going: &mut Going, question: GssQuestion) -> GssAnswer {
        if going.gss.is_none() {
            let opened = self.office.directory.gss().await;
            going.gss = self.known(opened).flatten();
        }
        let Some(session) = &mut going.gss else { return GssAnswer::Unavailable };
        let answer = session.ask(question).await;
        if let GssAnswer::Refused(why) = &answer {
            going.claim.because = Some(why.clone());
        }
        answer
    }

    /// Whether an account normally comes from this client's network. Where nobody knows, it is taken for a stranger's: that
    /// locks out more, never less, and only for a while.
    pub(super) async fn familiar(&self, user: &str) -> Familiar {
        let account = account_of(&prepare::account_key(user));
        let network = Network::of_client(self.visit.client.ip());
        match self.known(self.office.directory.knows_network(&account, network).await) {
            Some(true) => Familiar::Known,
            Some(false) | None => Familiar::Stranger,
        }
    }

    fn lookup<T>(&self, result: Result<Option<T>, DirectoryError>) -> Lookup<T> {
        match self.known(result) {
            Some(Some(found)) => Lookup::Found(found),
            Some(None) => Lookup::Missing,
            None => Lookup::Unavailable,
        }
    }

    /// The directory's answer; tells the operator if there is none.
    pub(super) fn known<T>(&self, result: Result<T, DirectoryError>) -> Option<T> {
        result
            .inspect_err(|cause| {
                let hint = "logins get 454 until the directory answers again";
                self.tell(What::Trouble { part: "directory", cause: cause.to_string(), hint });
            })
            .ok()
    }
}
