//! Accounts of a token issuer.

use std::path::PathBuf;

use gatepost_directory::{OauthSettings, TokenAccounts, Verification};
use gatepost_fetch::Url;

use super::super::Resolving;
use super::super::secret::{self, Kept};
use crate::config::fault::Fault;
use crate::config::options::{OauthOptions, SourceOptions};
use crate::config::read::Setting;
use crate::config::values::Web;

/// An issuer, and how to reach it.
#[derive(Debug, Clone)]
pub struct OauthSourceSettings {
    /// What its tokens must say.
    pub issuer: OauthSettings,
    /// Who vouches for its server beside whoever the system trusts: a PEM file.
    pub trust: Option<PathBuf>,
}

pub(super) fn resolve(
    resolving: &mut Resolving<'_>,
    name: &str,
    oauth: &OauthOptions,
) -> Option<OauthSourceSettings> {
    check_accounts(resolving, name, oauth);
    check_audience(resolving, oauth);
    let trust = resolving.trust_file(oauth.trust.as_ref());
    let verification = match &oauth.introspection {
        Some(introspection) => introspected(resolving, oauth, introspection)?,
        None => by_keys(resolving, oauth),
    };
    let issuer = OauthSettings {
        name: name.to_owned(),
        issuer: oauth.issuer.value.0.clone(),
        audience: oauth.audience.as_ref().map(|audience| audience.value.clone()),
        scope: oauth.scope.as_ref().map(|scope| scope.value.clone()),
        claim: oauth.claim.value.clone(),
        verification,
        accounts: oauth.accounts.value.0,
        domains: super::values(&oauth.domains),
    };
    Some(OauthSourceSettings { issuer, trust })
}

/// The issuer knows accounts, or another source does.
fn check_accounts(resolving: &mut Resolving<'_>, name: &str, oauth: &OauthOptions) {
    let place = oauth.accounts.place.clone().or_else(|| oauth.issuer.place.clone());
    if oauth.accounts.value.0 == TokenAccounts::Any {
        if oauth.domains.items.is_empty() {
            resolving.note(
                Fault::error("any name of any domain would be an account")
                    .at(place, "without `domains`")
                    .mend("add `domains = [\"example.org\"]`"),
            );
        }
        return;
    }
    let knows = |source: &SourceOptions| match source {
        SourceOptions::Oauth(other) => other.accounts.value.0 == TokenAccounts::Any,
        SourceOptions::Embedded(_)
        | SourceOptions::Sql(_)
        | SourceOptions::Ldap(_)
        | SourceOptions::Dovecot(_)
        | SourceOptions::Pam(_)
        | SourceOptions::Kerberos(_) => true,
    };
    if !resolving.options.auth.source.entries.iter().any(|(_, source)| knows(source)) {
        resolving.note(
            Fault::error(format!("no token of [auth.source.{name}] has an account"))
                .at(place, "another source must know the account, and there is none")
                .mend("add a source such as [auth.source.local] with `kind = \"embedded\"`, or write `accounts = \"any\"`"),
        );
    }
}

/// A token that was given to some other service, and stolen there, must be of no use here.
fn check_audience(resolving: &mut Resolving<'_>, oauth: &OauthOptions) {
    if oauth.audience.is_some() {
        return;
    }
    let mend = "add `audience = \"smtp.example.org\"`: what the issuer writes into `aud` of tokens for us";
    let what = "a token for any other service would be good here";
    let fault = if oauth.introspection.is_some() { Fault::warning(what) } else { Fault::error(what) };
    resolving.note(fault.at(oauth.issuer.place.clone(), "without `audience`").mend(mend));
}

fn introspected(
    resolving: &mut Resolving<'_>,
    oauth: &OauthOptions,
    introspection: &Setting<Web>,
) -> Option<Verification> {
    if let Some(jwks) = &oauth.jwks {
        resolving.note(
            Fault::error("tokens are verified by keys or by asking, not both")
                .at(jwks.place.clone(), "keys")
                .against(introspection.place.clone(), "and asking")
                .mend("remove one of them"),
        );
    }
    let Some(client_id) = &oauth.client_id else {
        resolving.note(
            Fault::error("an issuer tells about tokens only whom it knows")
                .at(introspection.place.clone(), "without `client-id`")
                .mend("add `client-id` and `client-secret-file`"),
        );
        return None;
    };
    let kept = Kept {
        who: "introspection",
        file: oauth.client_secret_file.as_ref(),
        variable: oauth.client_secret_env.as_ref(),
        place: introspection.place.clone(),
    };
    let client_secret = secret::named(resolving, "client-secret", &kept)?;
    let url: Url = introspection.value.0.clone();
    Some(Verification::Introspection { url, client_id: client_id.value.clone(), client_secret })
}

fn by_keys(resolving: &mut Resolving<'_>, oauth: &OauthOptions) -> Verification {
    let client = oauth.client_id.as_ref().map(|it| it.place.clone());
    let client = client.or_else(|| oauth.client_secret_file.as_ref().map(|it| it.place.clone()));
    if let Some(place) = client.or_else(|| oauth.client_secret_env.as_ref().map(|it| it.place.clone())) {
        resolving.note(
            Fault::error("keys are fetched without a name")
                .at(place, "of no use")
                .mend("remove the line, or add `introspection = \"https://login.example.org/introspect\"`"),
        );
    }
    Verification::Keys { jwks: oauth.jwks.as_ref().map(|jwks| jwks.value.0.clone()) }
}
