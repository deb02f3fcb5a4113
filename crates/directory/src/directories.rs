//! All sources of accounts, asked in the order written.
//!
//! The first source that knows a user answers for it. One that cannot be asked ends the question with an error, since the next
//! one must not answer for it: what it would have said is not known. Decoys are made here, once, when no source knows a
//! user; so an unknown user costs what a known one costs at the embedded source.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gatepost_mail::{Domain, Mailbox, Network, Timestamp};
use gatepost_sasl::{
    CramSecret, DigestSecret, Freshness, NtHash, OauthOneKeys, PasswordCheck, ScramHash, ScramVerifier,
    Secret, TokenCheck, TokenFault,
};

use crate::{
    Account, ClientCertificate, Directory, DirectoryError, Dovecot, Embedded, GssSession, Helper, Known,
    Ldap, LoginNote, Oauth, OauthOneNonce, Recent, RelayStart, Relayed, Source, Sql,
};

/// A source of accounts of any kind, with whom it is for.
pub struct Place {
    /// What answers.
    pub engine: Engine,
    /// The domains of the login names that it is asked about; empty means all. A source that is down then stops only these.
    pub domains: Vec<Domain>,
    /// What is remembered of its right passwords, where that is wanted.
    pub recent: Option<Recent>,
}

/// What answers. Each kind is a file of its own.
pub enum Engine {
    /// The accounts in the data folder.
    Embedded(Arc<Embedded>),
    /// Queries of a database.
    Sql(Box<Sql>),
    /// LDAP or Active Directory.
    Ldap(Box<Ldap>),
    /// Dovecot's auth socket.
    Dovecot(Box<Dovecot>),
    /// Tokens of an issuer.
    Oauth(Box<Oauth>),
    /// PAM or Kerberos, through the helper process.
    Helper(Box<Helper>),
}

/// The sources of accounts, and what is remembered of logins.
///
/// What is remembered (networks, last uses, nonces) is in the embedded store, whether or not that is one of the sources.
pub struct Directories {
    memory: Arc<Embedded>,
    places: ArcSwap<Vec<Place>>,
}

/// Asks the engine, whichever it is. Those that wait for somebody do it in a box of their own: a session has a question in it all its
/// life, and need not have room for the largest.
macro_rules! ask {
    ($place:expr, $source:ident => $question:expr) => {
        match &$place.engine {
            Engine::Embedded($source) => $question.await,
            Engine::Sql($source) => Box::pin($question).await,
            Engine::Ldap($source) => Box::pin($question).await,
            Engine::Dovecot($source) => Box::pin($question).await,
            Engine::Oauth($source) => Box::pin($question).await,
            Engine::Helper($source) => Box::pin($question).await,
        }
    };
}

/// Asks the sources in their order until one knows.
macro_rules! first {
    ($places:expr, $source:ident => $question:expr) => {{
        let mut found = None;
        for place in $places {
            if let Known::Here(answer) = ask!(place, $source => $question)? {
                found = Some(answer);
                break;
            }
        }
        found
    }};
}

impl Directories {
    /// The sources in the order to ask them; `memory` remembers logins, and may be one of them.
    #[must_use]
    pub fn new(memory: Arc<Embedded>, places: Vec<Place>) -> Self {
        Self { memory, places: ArcSwap::from_pointee(places) }
    }

    /// The embedded accounts alone.
    #[must_use]
    pub fn embedded(accounts: Arc<Embedded>) -> Self {
        let place =
            Place { engine: Engine::Embedded(Arc::clone(&accounts)), domains: Vec::new(), recent: None };
        Self::new(accounts, vec![place])
    }

    /// Puts other sources in the place of these; questions under way end with the old ones.
    pub fn replace(&self, places: Vec<Place>) {
        self.places.store(Arc::new(places));
    }

    /// Whether what this one says of an account has in it what is remembered.
    fn is_memory(&self, place: &Place) -> bool {
        matches!(&place.engine, Engine::Embedded(accounts) if Arc::ptr_eq(accounts, &self.memory))
    }

    /// The embedded store that remembers logins.
    #[must_use]
    pub fn memory(&self) -> &Arc<Embedded> {
        &self.memory
    }
}

impl Place {
    async fn check_password(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        let Some(recent) = &self.recent else { return self.ask_password(user, password).await };
        // A password that was right is no use to an account that has been suspended since.
        if recent.knows(user, password).await?
            && let Known::Here(account) = ask!(self, source => Source::account(source.as_ref(), user))?
            && account.may_log_in()
        {
            return Ok(Known::Here(PasswordCheck::Right));
        }
        let check = self.ask_password(user, password).await?;
        recent.learn(user, password, &check).await?;
        Ok(check)
    }

    async fn ask_password(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        ask!(self, source => Source::check_password(source.as_ref(), user, password))
    }
}

/// Those of the sources that are for this login name.
fn for_user<'a>(places: &'a [Place], user: &str) -> impl Iterator<Item = &'a Place> + use<'a> {
    let domain = user.rsplit_once('@').and_then(|(_, domain)| Domain::parse(domain).ok());
    places.iter().filter(move |place| {
        place.domains.is_empty() || domain.as_ref().is_some_and(|domain| place.domains.contains(domain))
    })
}

impl Directory for Directories {
    async fn check_password(&self, user: &str, password: Secret) -> Result<PasswordCheck, DirectoryError> {
        let places = self.places.load_full();
        for place in for_user(&places, user) {
            if let Known::Here(check) = place.check_password(user, &password).await? {
                return Ok(check);
            }
        }
        self.memory.spend_on_nobody(password).await
    }

    async fn scram_verifier(&self, user: &str, hash: ScramHash) -> Result<ScramVerifier, DirectoryError> {
        let places = self.places.load_full();
        let found =
            first!(for_user(&places, user), source => Source::scram_verifier(source.as_ref(), user, hash));
        // Made for everybody, so that having none costs no more than having one.
        let fake = self.memory.fake_verifier(user, hash);
        Ok(found.flatten().unwrap_or(fake))
    }

    async fn cram_secret(&self, user: &str) -> Result<Option<CramSecret>, DirectoryError> {
        let places = self.places.load_full();
        let found =
            first!(for_user(&places, user), source => Source::cram_secret(source.as_ref(), user)).flatten();
        Ok(found.or_else(|| self.memory.open_nothing()))
    }

    async fn digest_secret(&self, user: &str, realm: &str) -> Result<Option<DigestSecret>, DirectoryError> {
        let places = self.places.load_full();
        let found =
            first!(for_user(&places, user), source => Source::digest_secret(source.as_ref(), user, realm))
                .flatten();
        Ok(found.or_else(|| self.memory.open_nothing()))
    }

    async fn nt_hash(&self, user: &str) -> Result<Option<NtHash>, DirectoryError> {
        let places = self.places.load_full();
        let found =
            first!(for_user(&places, user), source => Source::nt_hash(source.as_ref(), user)).flatten();
        Ok(found.or_else(|| self.memory.open_nothing()))
    }

    async fn check_token(&self, user: Option<&str>, token: Secret) -> Result<TokenCheck, DirectoryError> {
        let places = self.places.load_full();
        let found = first!(places.iter(), source => Source::check_token(source.as_ref(), user, &token));
        Ok(found.unwrap_or(TokenCheck::Refused(TokenFault::Invalid)))
    }

    async fn oauth_one_keys(
        &self,
        consumer: &str,
        token: &str,
    ) -> Result<Option<OauthOneKeys>, DirectoryError> {
        let places = self.places.load_full();
        Ok(first!(places.iter(), source => Source::oauth_one_keys(source.as_ref(), consumer, token)))
    }

    async fn oauth_one_nonce(
        &self,
        nonce: &OauthOneNonce<'_>,
        now: Timestamp,
    ) -> Result<Freshness, DirectoryError> {
        Ok(self.memory.use_nonce(nonce, now)?)
    }

    async fn certificate_user(
        &self,
        certificate: &ClientCertificate,
    ) -> Result<Option<String>, DirectoryError> {
        let places = self.places.load_full();
        Ok(first!(places.iter(), source => Source::certificate_user(source.as_ref(), certificate)))
    }

    async fn principal_user(&self, principal: &str) -> Result<Option<String>, DirectoryError> {
        let places = self.places.load_full();
        Ok(first!(places.iter(), source => Source::principal_user(source.as_ref(), principal)))
    }

    async fn gss(&self) -> Result<Option<GssSession>, DirectoryError> {
        for place in self.places.load_full().iter() {
            if let Engine::Helper(helper) = &place.engine
                && let Some(session) = helper.gss().await?
            {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    async fn relay(&self, start: RelayStart) -> Result<Option<Relayed>, DirectoryError> {
        // Whose account it is comes out in the exchange only, so there is no asking one source after the other: Dovecot runs
        // those mechanisms for which it comes first. PLAIN and LOGIN show name and password, and ask all.
        let places = self.places.load_full();
        match places.first().map(|place| &place.engine) {
            Some(Engine::Dovecot(dovecot)) => dovecot.relay(start).await,
            _ => Ok(None),
        }
    }

    async fn knows_network(&self, account: &str, network: Network) -> Result<bool, DirectoryError> {
        Ok(self.memory.knows_network(account, network)?)
    }

    async fn logged_in(&self, note: &LoginNote) -> Result<(), DirectoryError> {
        Ok(self.memory.note_login(note)?)
    }

    async fn account(&self, user: &str) -> Result<Option<Account>, DirectoryError> {
        let places = self.places.load_full();
        for place in for_user(&places, user) {
            if let Known::Here(mut account) = ask!(place, source => Source::account(source.as_ref(), user))? {
                if !self.is_memory(place) {
                    self.memory.remember(&mut account)?;
                }
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    async fn owns(&self, account: &str, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        let places = self.places.load_full();
        let found =
            first!(for_user(&places, account), source => Source::owns(source.as_ref(), account, mailbox));
        Ok(found.unwrap_or(false))
    }

    async fn mailbox_exists(&self, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        let places = self.places.load_full();
        for place in for_user(&places, &mailbox.to_string()) {
            if ask!(place, source => Source::mailbox_exists(source.as_ref(), mailbox))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl fmt::Debug for Directories {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Directories({} sources)", self.places.load().len())
    }
}
