//! Where bearer tokens for a next hop come from.

use gatepost_mta::deliver::token::{TokenEndpoint, TokenSource};

use crate::config::fault::Fault;
use crate::config::options::OauthLoginOptions;
use crate::config::resolve::Resolving;
use crate::config::resolve::secret::{self, Kept};
use crate::config::values::Grant;

pub(super) fn resolve(resolving: &mut Resolving<'_>, oauth: &OauthLoginOptions) -> Option<TokenSource> {
    if oauth.command.is_some() {
        return command(resolving, oauth);
    }
    let endpoint = endpoint(resolving, oauth)?;
    let scope = oauth.scope.as_ref().map(|scope| scope.value.clone());
    match (oauth.grant.value, &oauth.refresh_token_file) {
        (Grant::ClientCredentials, None) => Some(TokenSource::ClientCredentials { endpoint, scope }),
        (Grant::RefreshToken, Some(file)) => {
            resolving.warn_if_missing("oauth.refresh-token-file", &file.value.0, file.place.clone());
            Some(TokenSource::RefreshToken { endpoint, scope, file: resolving.path(&file.value.0) })
        }
        (Grant::ClientCredentials, Some(file)) => {
            resolving.note(
                Fault::error("a refresh token is of no use here")
                    .at(file.place.clone(), "`grant` is \"client-credentials\"")
                    .mend("write `grant = \"refresh-token\"`, or remove the file"),
            );
            None
        }
        (Grant::RefreshToken, None) => {
            resolving.note(
                Fault::error("`grant = \"refresh-token\"` needs `refresh-token-file`")
                    .at(oauth.grant.place.clone(), "without one")
                    .mend("write the file with the refresh token that the provider gave once somebody had consented"),
            );
            None
        }
    }
}

fn endpoint(resolving: &mut Resolving<'_>, oauth: &OauthLoginOptions) -> Option<TokenEndpoint> {
    let (Some(url), Some(client_id)) = (&oauth.token_url, &oauth.client_id) else {
        resolving.note(
            Fault::error("tokens come from an issuer or from a program")
                .at(oauth.place.clone(), "`token-url` and `client-id` are needed, or `command`")
                .mend(
                    "add `token-url = \"https://login.provider.example/token\"` and `client-id = \"our-id\"`",
                ),
        );
        return None;
    };
    let written = oauth.client_secret_file.is_some() || oauth.client_secret_env.is_some();
    let kept = Kept {
        who: "an OAuth client",
        file: oauth.client_secret_file.as_ref(),
        variable: oauth.client_secret_env.as_ref(),
        place: oauth.place.clone(),
    };
    let client_secret = if written { Some(secret::named(resolving, "client-secret", &kept)?) } else { None };
    if client_secret.is_none() && oauth.grant.value == Grant::ClientCredentials {
        resolving.note(
            Fault::error("client credentials are a name and a secret")
                .at(oauth.place.clone(), "without `client-secret-file`")
                .mend("add `client-secret-file = \"/etc/gatepost/client.secret\"`"),
        );
        return None;
    }
    Some(TokenEndpoint { url: url.value.0.clone(), client_id: client_id.value.clone(), client_secret })
}

fn command(resolving: &mut Resolving<'_>, oauth: &OauthLoginOptions) -> Option<TokenSource> {
    let command = oauth.command.as_ref()?;
    if oauth.token_url.is_some() || oauth.client_id.is_some() || oauth.refresh_token_file.is_some() {
        resolving.note(
            Fault::error("tokens come from an issuer or from a program, not from both")
                .at(command.place.clone(), "a program")
                .against(oauth.place.clone(), "and an issuer")
                .mend("keep one of them"),
        );
        return None;
    }
    let arguments: Vec<String> = command.items.iter().map(|word| word.value.clone()).collect();
    if !arguments.first().is_some_and(|program| program.starts_with('/')) {
        resolving.note(
            Fault::error("`command` begins with the whole path of a program")
                .at(command.place.clone(), "not a path")
                .mend("write `command = [\"/usr/local/bin/mail-token\"]`; no shell reads it"),
        );
        return None;
    }
    Some(TokenSource::Command { arguments })
}
