//! Accounts that PAM or Kerberos knows.

use std::path::{Path, PathBuf};

use gatepost_directory::{HelperBounds, HelperKind, HelperPlace, HelperSettings, TokenAccounts};
use gatepost_mail::Domain;

use super::super::Resolving;
use crate::config::fault::Fault;
use crate::config::options::{KerberosOptions, PamOptions, SourceOptions};
use crate::config::read::Setting;
use crate::config::source::Place;
use crate::config::values::{HelperChoice, Word};

/// PAM's, as the parts are told.
pub(super) fn pam(resolving: &mut Resolving<'_>, name: &str, pam: &PamOptions) -> HelperSettings {
    if pam.domains.items.is_empty() {
        resolving.note(
            Fault::error("a source of PAM says whose accounts it has")
                .at(pam.domains.place.clone(), "no domain")
                .mend("write `domains = [\"example.org\"]`"),
        );
    }
    warn_of_missing_program(resolving, &pam.helper, pam.place.clone());
    HelperSettings {
        name: name.to_owned(),
        place: pam.helper.value.0.clone(),
        bounds: HelperBounds {
            at_once: at_once(pam.at_once.value.get()),
            password_time: pam.patience.value.0,
            ..HelperBounds::default()
        },
        kind: HelperKind::Pam {
            service: pam.service.value.0.clone(),
            user: pam.user.value.0,
            domains: pam.domains.items.iter().map(|domain| domain.value.clone()).collect(),
        },
    }
}

/// Kerberos', as the parts are told.
pub(super) fn kerberos(
    resolving: &mut Resolving<'_>,
    name: &str,
    kerberos: &KerberosOptions,
) -> Option<HelperSettings> {
    if kerberos.realms.0.is_empty() {
        resolving.note(
            Fault::error("a source of Kerberos says whose tickets it takes")
                .at(kerberos.place.clone(), "no realm")
                .mend("write `realms = { \"EXAMPLE.ORG\" = \"example.org\" }`"),
        );
    }
    warn_of_missing_program(resolving, &kerberos.helper, kerberos.place.clone());
    let realms = kerberos.realms.0.iter();
    Some(HelperSettings {
        name: name.to_owned(),
        place: kerberos.helper.value.0.clone(),
        bounds: HelperBounds {
            at_once: at_once(kerberos.at_once.value.get()),
            answer_time: kerberos.patience.value.0,
            ..HelperBounds::default()
        },
        kind: HelperKind::Kerberos {
            keytab: keytab(resolving, kerberos)?,
            service: kerberos.service.value.0.clone(),
            realms: realms.map(|(realm, domain)| (realm.value.0.clone(), domain.value.clone())).collect(),
        },
    })
}

/// The domains of the accounts of its realms.
pub(super) fn domains(kerberos: &KerberosOptions) -> Vec<Domain> {
    kerberos.realms.0.iter().map(|(_, domain)| domain.value.clone()).collect()
}

fn at_once(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The helper that we start is told its keys by us; the one behind a socket by whoever starts it.
fn keytab(resolving: &mut Resolving<'_>, kerberos: &KerberosOptions) -> Option<PathBuf> {
    match (&kerberos.helper.value.0, &kerberos.keytab) {
        (HelperPlace::Program(_), Some(keytab)) => {
            warn_if_missing(resolving, "keytab", &keytab.value.0, keytab.place.clone());
            Some(resolving.path(&keytab.value.0))
        }
        (HelperPlace::Program(_), None) => {
            resolving.note(
                Fault::error("the helper needs the keys of our service")
                    .at(kerberos.place.clone(), "without `keytab`")
                    .mend("add `keytab = \"/etc/gatepost/smtp.keytab\"`"),
            );
            None
        }
        (HelperPlace::Socket(_), None) => Some(PathBuf::new()),
        (HelperPlace::Socket(_), Some(keytab)) => {
            resolving.note(
                Fault::error("the keytab is not ours to name")
                    .at(keytab.place.clone(), "of no use")
                    .against(kerberos.helper.place.clone(), "whoever listens here starts the helper with it")
                    .mend("remove the line, and name the keytab in the unit of the socket"),
            );
            None
        }
    }
}

fn warn_of_missing_program(
    resolving: &mut Resolving<'_>,
    helper: &Setting<HelperChoice>,
    section: Option<Place>,
) {
    if let HelperPlace::Program(program) = &helper.value.0 {
        // The usual program has no place in the file.
        warn_if_missing(resolving, "helper", program, helper.place.clone().or(section));
    }
}

/// The server starts without it, and goes on once it is there.
fn warn_if_missing(resolving: &mut Resolving<'_>, key: &str, path: &Path, place: Option<Place>) {
    let path = resolving.path(path);
    if let Err(cause) = std::fs::metadata(&path) {
        resolving.note(
            Fault::warning(format!("`{key}`: {} is not there now", path.display()))
                .at(place, cause.to_string())
                .mend("put the file there: until then nobody can log in by this source"),
        );
    }
}

/// PAM, Kerberos, and some others where they are told so, have an account for every address of their domains, so what stands below
/// them is not asked who an account is.
pub(super) fn check_order(resolving: &mut Resolving<'_>, entries: &[(Setting<Word>, SourceOptions)]) {
    for (number, (name, source)) in entries.iter().enumerate() {
        // Without a domain it is an error that is told elsewhere.
        let Some(theirs) = all_of(source).filter(|domains| !domains.is_empty()) else { continue };
        let mut below = entries.iter().skip(number + 1);
        let hidden = below.find(|(_, later)| all_of(later).is_none() && shares(later, &theirs));
        if let Some((hidden, _)) = hidden {
            resolving.note(
                Fault::warning(format!("the accounts of `{}` are not seen", hidden.value.0))
                    .at(name.place.clone(), "takes every address of its domains for an account")
                    .against(hidden.place.clone(), "below it, for the same domains")
                    .mend(format!("write [auth.source.{}] above", hidden.value.0)),
            );
        }
    }
}

/// The domains that a source takes every address of, if it is of a kind that does.
fn all_of(source: &SourceOptions) -> Option<Vec<Domain>> {
    match source {
        SourceOptions::Pam(pam) => Some(super::values(&pam.domains)),
        SourceOptions::Kerberos(kerberos) => Some(domains(kerberos)),
        SourceOptions::Oauth(oauth) if oauth.accounts.value.0 == TokenAccounts::Any => {
            Some(super::values(&oauth.domains))
        }
        SourceOptions::Dovecot(dovecot) if dovecot.userdb_socket.is_none() => {
            Some(super::values(&dovecot.domains))
        }
        SourceOptions::Embedded(_)
        | SourceOptions::Sql(_)
        | SourceOptions::Ldap(_)
        | SourceOptions::Dovecot(_)
        | SourceOptions::Oauth(_) => None,
    }
}

/// Whether it is asked about any of these domains.
fn shares(source: &SourceOptions, domains: &[Domain]) -> bool {
    let own = match source {
        SourceOptions::Sql(sql) => &sql.domains.items,
        SourceOptions::Ldap(ldap) => &ldap.domains.items,
        SourceOptions::Dovecot(dovecot) => &dovecot.domains.items,
        SourceOptions::Oauth(oauth) => &oauth.domains.items,
        SourceOptions::Embedded(_) | SourceOptions::Pam(_) | SourceOptions::Kerberos(_) => return true,
    };
    own.is_empty() || own.iter().any(|domain| domains.contains(&domain.value))
}
