//! Logins at fixed next hops: one credential each, and the mechanisms that may carry it.

mod token;

use gatepost_directory::{GssCredential, HelperBounds};
use gatepost_mta::settings::{Credential, RouteLogin, TicketSettings, TlsFiles};
use gatepost_sasl::{Login, Mechanism, OauthOneKeys, Secret, Strength};

use crate::config::fault::Fault;
use crate::config::options::{LoginOptions, OauthOneOptions, TicketOptions};
use crate::config::read::Listed;
use crate::config::resolve::Resolving;
use crate::config::resolve::secret::{self, Kept};

pub(super) fn resolve(resolving: &mut Resolving<'_>, login: &LoginOptions) -> Option<RouteLogin> {
    let credential = credential(resolving, login)?;
    let username = username(resolving, login, &credential)?;
    check_form(resolving, login, (&username, &credential))?;
    let mechanisms = mechanisms(resolving, login, &credential);
    Some(RouteLogin { username, credential, mechanisms })
}

/// The one thing that proves the login.
fn credential(resolving: &mut Resolving<'_>, login: &LoginOptions) -> Option<Credential> {
    let kinds = [
        (login.password_file.is_some() || login.password_env.is_some(), "a password"),
        (login.oauth.is_some(), "`oauth`"),
        (login.oauth1.is_some(), "`oauth1`"),
        (login.kerberos.is_some(), "`kerberos`"),
        (login.certificate.is_some() || login.private_key.is_some(), "a certificate"),
    ];
    let mut written = kinds.iter().filter(|(is_written, _)| *is_written).map(|(_, kind)| *kind);
    if let (Some(first), Some(second)) = (written.next(), written.next()) {
        resolving.note(
            Fault::error(format!("a login is proved by one thing: this one has {first} and {second}"))
                .at(login.place.clone(), "two of them")
                .mend("keep one; a route has one login"),
        );
        return None;
    }
    if let Some(oauth) = &login.oauth {
        return token::resolve(resolving, oauth).map(Credential::Token);
    }
    if let Some(kerberos) = &login.kerberos {
        return ticket(resolving, kerberos).map(Credential::Ticket);
    }
    if let Some(keys) = &login.oauth1 {
        return oauth_one(resolving, login, keys);
    }
    if login.certificate.is_some() || login.private_key.is_some() {
        return certificate(resolving, login);
    }
    let kept = Kept {
        who: "a login",
        file: login.password_file.as_ref(),
        variable: login.password_env.as_ref(),
        place: login.place.clone(),
    };
    secret::password(resolving, &kept).map(Credential::Password)
}

fn oauth_one(
    resolving: &mut Resolving<'_>,
    login: &LoginOptions,
    keys: &OauthOneOptions,
) -> Option<Credential> {
    let consumer = Kept {
        who: "OAUTH10A",
        file: keys.consumer_secret_file.as_ref(),
        variable: keys.consumer_secret_env.as_ref(),
        place: keys.place.clone(),
    };
    let token = Kept {
        file: keys.token_secret_file.as_ref(),
        variable: keys.token_secret_env.as_ref(),
        ..consumer.clone()
    };
    let consumer_secret = secret::named(resolving, "consumer-secret", &consumer);
    let token_secret = secret::named(resolving, "token-secret", &token);
    Some(Credential::OauthOne(OauthOneKeys {
        consumer: keys.consumer_key.value.clone(),
        consumer_secret: consumer_secret?,
        token: keys.token.value.clone(),
        token_secret: token_secret?,
        user: login.username.as_ref().map(|name| name.value.clone()).unwrap_or_default(),
    }))
}

fn certificate(resolving: &mut Resolving<'_>, login: &LoginOptions) -> Option<Credential> {
    let (Some(certificate), Some(key)) = (&login.certificate, &login.private_key) else {
        resolving.note(
            Fault::error("a certificate proves nothing without its key, nor a key without its certificate")
                .at(login.place.clone(), "one of them is missing")
                .mend("add `certificate = \"client.pem\"` and `private-key = \"client.key\"`"),
        );
        return None;
    };
    for (name, file) in [("certificate", certificate), ("private-key", key)] {
        resolving.warn_if_missing(&format!("login.{name}"), &file.value.0, file.place.clone());
    }
    Some(Credential::Certificate(TlsFiles {
        certificate: resolving.path(&certificate.value.0),
        private_key: resolving.path(&key.value.0),
        client_authorities: None,
    }))
}

fn ticket(resolving: &mut Resolving<'_>, ticket: &TicketOptions) -> Option<TicketSettings> {
    let credential = match (&ticket.keytab, &ticket.principal, &ticket.cache) {
        (Some(keytab), Some(principal), None) => {
            resolving.warn_if_missing("login.kerberos.keytab", &keytab.value.0, keytab.place.clone());
            let path = resolving.path(&keytab.value.0);
            GssCredential::Keytab { path, principal: principal.value.clone() }
        }
        (None, None, Some(cache)) => GssCredential::Cache(cache.value.clone()),
        (None, None, None) => GssCredential::DefaultCache,
        (Some(_), None, _) | (None, Some(_), _) | (Some(_), Some(_), Some(_)) => {
            resolving.note(
                Fault::error("tickets come from a keytab and its principal, or from a cache")
                    .at(ticket.place.clone(), "neither of both")
                    .mend("write `keytab` and `principal`, or `cache`"),
            );
            return None;
        }
    };
    let place = ticket.helper.value.0.clone();
    Some(TicketSettings { place, bounds: HelperBounds::default(), credential })
}

/// Certificates and tickets name somebody themselves; all else needs a name.
fn username(resolving: &mut Resolving<'_>, login: &LoginOptions, credential: &Credential) -> Option<String> {
    match (&login.username, credential) {
        (Some(name), _) => Some(name.value.clone()),
        (None, Credential::Certificate(_) | Credential::Ticket(_)) => Some(String::new()),
        (None, Credential::Password(_) | Credential::Token(_) | Credential::OauthOne(_)) => {
            resolving.note(
                Fault::error("a login needs a name")
                    .at(login.place.clone(), "without `username`")
                    .mend("add `username = \"org\"`"),
            );
            None
        }
    }
}

fn check_form(
    resolving: &mut Resolving<'_>,
    login: &LoginOptions,
    (username, credential): (&str, &Credential),
) -> Option<()> {
    let made = match credential {
        Credential::Password(password) => Login::new(username, password.clone()),
        Credential::OauthOne(keys) => Login::with_oauth_one(username, keys.clone()),
        Credential::Certificate(_) => Login::with_certificate(username),
        Credential::Ticket(_) => Login::with_ticket(username),
        // Any token will do: what it is tells the issuer later.
        Credential::Token(_) => Login::with_token(username, Secret::new("token")),
    };
    let Err(cause) = made else { return Some(()) };
    let fault = Fault::error("no mechanism can send this login");
    resolving
        .note(fault.at(login.place.clone(), cause.to_string()).mend("look at the name and the password"));
    None
}

/// Those that are written, or all that the credential serves for.
fn mechanisms(
    resolving: &mut Resolving<'_>,
    login: &LoginOptions,
    credential: &Credential,
) -> Vec<Mechanism> {
    let Some(written) = &login.mechanisms else { return credential.mechanisms() };
    check_mechanisms(resolving, written, credential);
    written.items.iter().map(|mechanism| mechanism.value).collect()
}

fn check_mechanisms(resolving: &mut Resolving<'_>, written: &Listed<Mechanism>, credential: &Credential) {
    if written.items.is_empty() {
        resolving.note(
            Fault::error("this login may use no mechanism")
                .at(written.place.clone(), "empty")
                .mend("remove the line: the strongest that the next hop offers is used"),
        );
    }
    for mechanism in &written.items {
        let name = mechanism.value.name();
        if !credential.serves(mechanism.value) {
            let known: Vec<&str> = credential.mechanisms().iter().map(|it| it.name()).collect();
            resolving.note(
                Fault::error(format!("{name} cannot be used with what proves this login"))
                    .at(mechanism.place.clone(), "another kind of credential")
                    .mend(format!("remove it, or write one of {}", known.join(", "))),
            );
        } else if mechanism.value == Mechanism::Ntlm {
            resolving.note(
                Fault::warning("NTLM lets whoever sees the login guess the password quickly")
                    .at(mechanism.place.clone(), "weak")
                    .mend("remove it, unless the next hop offers nothing else"),
            );
        }
    }
    let strength = |strength: Strength| written.items.iter().any(|it| it.value.strength() == strength);
    if strength(Strength::Revealing) && !strength(Strength::Proof) && !strength(Strength::BoundProof) {
        resolving.note(
            Fault::warning("the password is shown to the next hop at every login")
                .at(written.place.clone(), "PLAIN and LOGIN only")
                .mend("remove the line: SCRAM is used where the next hop offers it"),
        );
    }
}
