//! What a server's exchange is told beforehand.

use crate::{ChannelBinding, Nonce, PlusOffer};

/// What the driver brings to a server's exchange.
#[derive(Debug)]
pub struct ServerContext {
    /// Fresh for this exchange.
    pub nonce: Nonce,
    /// The bindings of the channel, none without TLS.
    pub bindings: Vec<ChannelBinding>,
    /// What the client could read in the list of mechanisms.
    pub plus: PlusOffer,
    /// Our name: in challenges, and as the host that a token or a digest must be meant for.
    pub host: String,
    /// Other names that clients reach us by; a digest or a token may be meant for any of them.
    pub aliases: Vec<String>,
    /// The port that the client connected to, which OAuth clients name.
    pub port: u16,
    /// Seconds since 1970.
    pub time: u64,
    /// DIGEST-MD5's realm: the one that secrets were made for.
    pub realm: String,
    /// Where clients of OAUTHBEARER learn how to get a token (RFC 7628 section 3.2.2).
    pub oauth_help: OauthHelp,
    /// What NTLM takes.
    pub ntlm: NtlmVersions,
}

/// What a refused OAuth client is told (RFC 7628 section 3.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OauthHelp {
    /// The scope that a token needs.
    pub scope: Option<String>,
    /// The address of the issuer's OpenID configuration.
    pub openid_configuration: Option<String>,
}

/// Which responses NTLM takes ([MS-NLMP] section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NtlmVersions {
    /// NTLMv2 only.
    #[default]
    Two,
    /// NTLMv1 too, which is broken: for devices that know no other.
    OneAndTwo,
}

impl ServerContext {
    /// All names of ours, the first one first.
    pub(crate) fn names(&self) -> Vec<String> {
        std::iter::once(&self.host).chain(&self.aliases).cloned().collect()
    }

    /// A context without TLS, at port 587, whose realm is the host. Set what is otherwise.
    #[must_use]
    pub fn new(nonce: Nonce, host: impl Into<String>, time: u64) -> Self {
        let host = host.into();
        Self {
            nonce,
            bindings: Vec::new(),
            plus: PlusOffer::NotOffered,
            realm: host.clone(),
            host,
            aliases: Vec::new(),
            port: 587,
            time,
            oauth_help: OauthHelp::default(),
            ntlm: NtlmVersions::default(),
        }
    }
}
