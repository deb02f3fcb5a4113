//! What a login that was proved is used for.

use gatepost_directory::{Account, Directory, LoginNote};
use gatepost_mail::reply::table;
use gatepost_policy::auth::{DeviceFacts, GrantFacts, grant};
use gatepost_policy::rules::Network;
use gatepost_sasl::{Identity, Mechanism, prepare};
use gatepost_smtp::Answer;
use gatepost_spool::Spool;

use super::ending::Ending;
use super::{Claim, Desk, LoggedIn, LoginState};
use crate::event::What;
use crate::listener::desk::words;

impl<S: Spool, D: Directory> Desk<S, D> {
    pub(super) async fn succeeded(&mut self, claim: Claim, identity: &Identity) -> Answer {
        // NTLM's user has no domain of its own; the name that was looked up has.
        let user = match (claim.mechanism, &claim.user) {
            (Mechanism::Ntlm, Some(user)) => user.clone(),
            _ => identity.authentication_id().to_owned(),
        };
        self.proved(claim, user, identity.authorization_id()).await
    }

    /// Somebody has proved to be this user, and wants to act for another, perhaps.
    pub(super) async fn proved(&mut self, mut claim: Claim, user: String, acts_for: Option<&str>) -> Answer {
        if let Err(reply) = self.admit(&mut claim, Some(user.clone())).await {
            return Answer::Refuse(reply);
        }
        let Some(account) = self.known(self.office.directory.account(&user).await) else {
            return Answer::Refuse(self.failed(&claim, Ending::unavailable()));
        };
        match account.filter(Account::may_log_in) {
            None => {
                let because = "no such account, or it is suspended";
                let ending = Ending::refused(table::BAD_CREDENTIALS, "auth.no-account", because);
                Answer::Refuse(self.failed(&claim, ending))
            }
            Some(account) => self.use_account(claim, &user, &account, acts_for).await,
        }
    }

    async fn use_account(
        &mut self,
        claim: Claim,
        user: &str,
        account: &Account,
        acts_for: Option<&str>,
    ) -> Answer {
        let is_self = |other: &str| {
            let other = prepare::account_key(other);
            other == prepare::account_key(user) || other == account.name()
        };
        if acts_for.is_some_and(|other| !is_self(other)) {
            let because = "it wants to act for another account";
            let ending = Ending::uncounted(table::BAD_CREDENTIALS, "auth.acts-for-another", because);
            return Answer::Refuse(self.failed(&claim, ending));
        }
        let verdict = grant(&self.grant_facts(&claim, account), self.rules());
        if !verdict.permits() {
            let ending = Ending::refused(words(&verdict), verdict.rule.as_str(), verdict.because);
            return Answer::Refuse(self.failed(&claim, ending));
        }
        self.remember(&claim, account).await;
        self.let_in(&claim, user, account)
    }

    fn grant_facts<'a>(&self, claim: &Claim, account: &'a Account) -> GrantFacts<'a> {
        GrantFacts {
            mechanism: claim.mechanism,
            client: self.visit.client.ip(),
            now: self.office.now(),
            only_by: account.only_by(),
            bound_since: account.bound_since(),
            device: account.device().map(|device| DeviceFacts {
                label: &device.label,
                expires: device.expires,
                networks: &device.networks,
                mechanisms: &device.mechanisms,
            }),
        }
    }

    /// A login that cannot be remembered counts all the same: its proof was good.
    async fn remember(&self, claim: &Claim, account: &Account) {
        let note = LoginNote {
            account: account.name().to_owned(),
            device: account.device().map(|device| device.label.clone()),
            network: Network::of_client(self.visit.client.ip()),
            mechanism: claim.mechanism,
            at: self.office.now(),
        };
        if note.adds_to(account)
            && let Err(cause) = self.office.directory.logged_in(&note).await
        {
            let hint =
                "last uses and networks of accounts are not remembered; look at the disk under data-dir";
            self.tell(What::Trouble { part: "directory", cause: cause.to_string(), hint });
        }
    }

    fn let_in(&mut self, claim: &Claim, user: &str, account: &Account) -> Answer {
        self.with_attempt(claim, |desk, attempt| desk.office.guard.succeeded(attempt));
        let device = account.device();
        self.tell(What::LoggedIn {
            account: account.name().to_owned(),
            device: device.map(|device| device.label.clone()),
            mechanism: claim.mechanism.name(),
            client: self.visit.client.ip(),
        });
        self.login = LoginState::In(LoggedIn {
            account: account.name().to_owned(),
            device: device.map(|_| user.to_owned()),
        });
        Answer::Authenticated
    }
}
