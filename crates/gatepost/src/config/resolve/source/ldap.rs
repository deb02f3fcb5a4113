//! Accounts in an LDAP server.

use gatepost_directory::{Flavour, LdapSettings, LdapTls, Placeholder, Template};
use gatepost_sasl::Secret;

use super::super::secret::{self, Kept};
use super::super::{Resolving, is_loopback_name};
use crate::config::fault::Fault;
use crate::config::options::LdapOptions;
use crate::config::values::LdapScheme;

/// The filter of [`Flavour::Ldap`], unless another one is written.
const FILTER: &str = "(&(objectClass=person)(mail={user}))";

/// That of [`Flavour::ActiveDirectory`].
const ACTIVE_DIRECTORY_FILTER: &str =
    "(&(objectClass=user)(|(userPrincipalName={user})(sAMAccountName={user})(mail={user})))";

/// What [`Flavour::ActiveDirectory`] sends as, unless another attribute is written.
const PROXY_ADDRESSES: &str = "proxyAddresses";

pub(super) fn resolve(resolving: &mut Resolving<'_>, ldap: &LdapOptions) -> Option<LdapSettings> {
    if ldap.servers.items.is_empty() {
        resolving.note(
            Fault::error("there is no server to ask")
                .at(ldap.servers.place.clone(), "no server")
                .mend("write `servers = [\"ldaps://ldap.example.org\"]`"),
        );
    }
    let flavour = ldap.flavour.value.0;
    let written = ldap.attribute_sends_as.as_ref().map(|attribute| attribute.value.0.clone());
    let usual = || (flavour == Flavour::ActiveDirectory).then(|| PROXY_ADDRESSES.to_owned());
    let tls = tls(resolving, ldap);
    let trust = resolving.trust_file(ldap.trust.as_ref());
    let bind = bind(resolving, ldap);
    Some(LdapSettings {
        servers: ldap.servers.items.iter().map(|server| server.value.text.clone()).collect(),
        tls,
        trust,
        bind: bind.ok()?,
        base: ldap.base.value.clone(),
        filter: filter(ldap)?,
        proved_by: ldap.method.value.0,
        attribute_mailbox: ldap.attribute_mailbox.value.0.clone(),
        attribute_sends_as: written.or_else(usual),
        flavour,
    })
}

fn filter(ldap: &LdapOptions) -> Option<Template> {
    if let Some(filter) = &ldap.filter {
        return Some(filter.value.0.clone());
    }
    let usual = match ldap.flavour.value.0 {
        Flavour::Ldap => FILTER,
        Flavour::ActiveDirectory => ACTIVE_DIRECTORY_FILTER,
    };
    Template::filter(usual, &[Placeholder::User]).ok()
}

/// As whom we search; an error has been noted.
fn bind(resolving: &mut Resolving<'_>, ldap: &LdapOptions) -> Result<Option<(String, Secret)>, ()> {
    let password_place = ldap.password_file.as_ref().and_then(|file| file.place.clone());
    let password_place =
        password_place.or_else(|| ldap.password_env.as_ref().and_then(|variable| variable.place.clone()));
    let Some(dn) = &ldap.bind_dn else {
        if password_place.is_some() {
            resolving.note(
                Fault::error("nobody binds with this password")
                    .at(password_place, "a password")
                    .against(ldap.place.clone(), "without `bind-dn`")
                    .mend("add `bind-dn = \"cn=gatepost,dc=example,dc=org\"`"),
            );
        }
        return Ok(None);
    };
    let kept = Kept {
        who: "a bind",
        file: ldap.password_file.as_ref(),
        variable: ldap.password_env.as_ref(),
        place: dn.place.clone(),
    };
    let password = secret::password(resolving, &kept).ok_or(())?;
    Ok(Some((dn.value.clone(), password)))
}

/// Passwords never cross the network in the clear.
fn tls(resolving: &mut Resolving<'_>, ldap: &LdapOptions) -> LdapTls {
    let mut open = ldap.servers.items.iter().filter(|server| server.value.scheme == LdapScheme::Ldap);
    let elsewhere = open.find(|server| !is_loopback_name(&server.value.host));
    match (&ldap.tls, elsewhere) {
        (None, None) => LdapTls::Off,
        (None, Some(_)) => LdapTls::StartTls,
        (Some(written), elsewhere) => {
            if let (LdapTls::Off, Some(server)) = (written.value.0, elsewhere) {
                resolving.note(
                    Fault::error("passwords would cross the network in the clear")
                        .at(written.place.clone(), "TLS is off")
                        .against(server.place.clone(), "not on this machine")
                        .mend("write `tls = \"starttls\"`, or a URL with ldaps://"),
                );
            }
            written.value.0
        }
    }
}
