//! Accounts of a token issuer.

use gatepost_mail::Domain;

use super::super::super::read::{Listed, Setting, section};
use super::super::super::values::{FilePath, Issuer, SourceKind, TokenAccountsChoice, Web};

section! {
    /// Logins by the tokens of an OAuth issuer, for OAUTHBEARER and XOAUTH2. A token is a JWT that the issuer's keys have signed,
    /// or the issuer is asked about each one.
    pub struct OauthOptions {
        /// Which kind of source this is.
        kind: Setting<SourceKind>, r#""oauth""#;
        /// The domains of the login names that the issuer may speak for. Without any, all.
        domains: Listed<Domain> = "[]";
        /// What the issuer calls itself, exactly as its tokens have it in `iss`.
        issuer: Setting<Issuer>, r#""https://login.example.org""#;
        /// Whom a token must be for (`aud`). Needed, unless the issuer is asked about each token.
        audience: Option<Setting<String>>, r#""smtp.example.org""#;
        /// What a token must be good for (`scope` or `scp`); several words must all be there.
        scope: Option<Setting<String>>, r#""smtp.send""#;
        /// The claim that is the login name. An `email` that the issuer calls unverified is refused.
        claim: Setting<String> = r#""email""#;
        /// `known`: another source must know the account. `any`: every login name in `domains` is an account, which sends as itself.
        accounts: Setting<TokenAccountsChoice> = r#""known""#;
        /// Where the issuer's keys are. The default is what its openid-configuration says.
        jwks: Option<Setting<Web>>, r#""https://login.example.org/jwks""#;
        /// Where to ask about each token (RFC 7662), in the place of keys. A good answer is believed for a minute.
        introspection: Option<Setting<Web>>, r#""https://login.example.org/introspect""#;
        /// Our name there.
        client_id: Option<Setting<String>>, r#""gatepost""#;
        /// The file that holds what proves that name, on its first line.
        client_secret_file: Option<Setting<FilePath>>, r#""/etc/gatepost/client.secret""#;
        /// The environment variable that holds it.
        client_secret_env: Option<Setting<String>>, r#""CLIENT_SECRET""#;
        /// PEM: who vouches for the issuer's server, beside whoever the system trusts.
        trust: Option<Setting<FilePath>>, r#""/etc/gatepost/tls/login.pem""#;
    }
}
