//! How we log in at a fixed next hop.

use gatepost_directory::{GssCredential, HelperBounds, HelperPlace};
use gatepost_sasl::{Mechanism, OauthOneKeys, Secret};

use super::TlsFiles;
use crate::deliver::token::TokenSource;

/// A login at a fixed next hop.
#[derive(Debug, Clone)]
pub struct RouteLogin {
    /// Who we are there. May be empty for a certificate or a ticket: the server then takes the name from those.
    pub username: String,
    /// What proves it.
    pub credential: Credential,
    /// The mechanisms that may be used, and no others: of these, the strongest that the server offers is.
    pub mechanisms: Vec<Mechanism>,
}

/// What proves a login.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A password.
    Password(Secret),
    /// Bearer tokens, fetched when they are needed.
    Token(TokenSource),
    /// OAuth 1 keys.
    OauthOne(OauthOneKeys),
    /// A client certificate, shown in the TLS handshake.
    Certificate(TlsFiles),
    /// A Kerberos ticket, which the helper process finds or gets.
    Ticket(TicketSettings),
}

/// Who asks the Kerberos library, and with what.
#[derive(Debug, Clone)]
pub struct TicketSettings {
    /// Where the helper is.
    pub place: HelperPlace,
    /// How many at once, and for how long.
    pub bounds: HelperBounds,
    /// What it gets tickets with.
    pub credential: GssCredential,
}

impl Credential {
    /// The mechanisms for which it serves, the best first, without those that an operator must ask for by name: NTLM, which
    /// gives away what is as good as the password, and MD5, which is no mechanism.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let asked_for = |mechanism: Mechanism| matches!(mechanism, Mechanism::Ntlm | Mechanism::Md5);
        Mechanism::ALL.into_iter().filter(|it| self.serves(*it) && !asked_for(*it)).collect()
    }

    /// Whether it serves for a mechanism.
    #[must_use]
    pub fn serves(&self, mechanism: Mechanism) -> bool {
        match self {
            Self::Token(_) => matches!(mechanism, Mechanism::Oauthbearer | Mechanism::Xoauth2),
            Self::OauthOne(_) => mechanism == Mechanism::Oauth10a,
            Self::Certificate(_) => mechanism == Mechanism::External,
            Self::Ticket(_) => mechanism == Mechanism::Gssapi,
            Self::Password(_) => !matches!(
                mechanism,
                Mechanism::Oauthbearer
                    | Mechanism::Xoauth2
                    | Mechanism::Oauth10a
                    | Mechanism::External
                    | Mechanism::Gssapi
            ),
        }
    }
}
