//! How we log in at a fixed next hop.

use gatepost_sasl::{Mechanism, OauthOneKeys, Secret, Strength};

use super::TlsFiles;

/// A login at a fixed next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteLogin {
    /// Who we are there. May be empty for a certificate or a ticket: the server then takes the name from those.
    pub username: String,
    /// What proves it.
    pub credential: Credential,
    /// The mechanisms that may be used, and no others: of these, the strongest that the server offers is.
    pub mechanisms: Vec<Mechanism>,
}

/// What proves a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A password.
    Password(Secret),
    /// OAuth 1 keys.
    OauthOne(OauthOneKeys),
    /// A client certificate, shown in the TLS handshake.
    Certificate(TlsFiles),
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
            Self::OauthOne(_) => mechanism == Mechanism::Oauth10a,
            Self::Certificate(_) => mechanism == Mechanism::External,
            Self::Password(_) => {
                mechanism.strength() != Strength::Token
                    && !matches!(mechanism, Mechanism::External | Mechanism::Gssapi)
            }
        }
    }
}
