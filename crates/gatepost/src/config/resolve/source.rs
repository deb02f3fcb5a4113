//! Where accounts are kept: the sources in the order to ask them.

mod dovecot;
mod helper;
mod ldap;
mod oauth;
mod sql;

use std::time::Duration;

use gatepost_directory::{DovecotSettings, HelperSettings, LdapSettings, SqlSettings};
use gatepost_mail::Domain;

use super::Resolving;
use crate::config::fault::Fault;
use crate::config::options::SourceOptions;
use crate::config::read::{Listed, Setting};
use crate::config::values::{Wait, Word};
pub use oauth::OauthSourceSettings;

/// A changed password should not work for longer than this.
const LONGEST_MEMORY: Wait = Wait(Duration::from_secs(3600));

/// The embedded accounts' `cache` where no source is written.
const EMBEDDED_MEMORY: Duration = Duration::from_secs(300);

/// A source of accounts, as the parts are told.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// Its name in the file; messages and errors say it.
    pub name: String,
    /// The domains of the login names that it is asked about; empty means all.
    pub domains: Vec<Domain>,
    /// For how long it is remembered that a password was right; zero for not at all.
    pub remember: Duration,
    /// What answers.
    pub engine: EngineSettings,
}

/// What answers, and what it needs to know.
#[derive(Debug, Clone)]
pub enum EngineSettings {
    /// The accounts in data-dir.
    Embedded,
    /// A database.
    Sql(Box<SqlSettings>),
    /// An LDAP server.
    Ldap(Box<LdapSettings>),
    /// Dovecot.
    Dovecot(Box<DovecotSettings>),
    /// A token issuer.
    Oauth(Box<OauthSourceSettings>),
    /// PAM or Kerberos.
    Helper(Box<HelperSettings>),
}

/// The sources in the order written. Without any, the embedded accounts.
pub(super) fn resolve(resolving: &mut Resolving<'_>) -> Vec<SourceSettings> {
    let options = resolving.options;
    let entries = &options.auth.source.entries;
    check_embedded(resolving, entries);
    helper::check_order(resolving, entries);
    if entries.is_empty() {
        return vec![embedded("local", EMBEDDED_MEMORY)];
    }
    entries.iter().filter_map(|(name, source)| settings(resolving, &name.value.0, source)).collect()
}

fn settings(resolving: &mut Resolving<'_>, name: &str, source: &SourceOptions) -> Option<SourceSettings> {
    match source {
        SourceOptions::Embedded(options) => Some(embedded(name, options.cache.value.0)),
        SourceOptions::Sql(options) => {
            let engine = sql::resolve(resolving, options).map(|it| EngineSettings::Sql(Box::new(it)));
            common(resolving, name, (&options.domains, &options.cache), engine)
        }
        SourceOptions::Ldap(options) => {
            let engine = ldap::resolve(resolving, options).map(|it| EngineSettings::Ldap(Box::new(it)));
            common(resolving, name, (&options.domains, &options.cache), engine)
        }
        SourceOptions::Dovecot(options) => {
            let engine = dovecot::resolve(resolving, name, options);
            let engine = engine.map(|it| EngineSettings::Dovecot(Box::new(it)));
            common(resolving, name, (&options.domains, &options.cache), engine)
        }
        SourceOptions::Oauth(options) => {
            let engine = oauth::resolve(resolving, name, options)?;
            Some(SourceSettings {
                name: name.to_owned(),
                domains: values(&options.domains),
                remember: Duration::ZERO,
                engine: EngineSettings::Oauth(Box::new(engine)),
            })
        }
        SourceOptions::Pam(options) => {
            let engine = EngineSettings::Helper(Box::new(helper::pam(resolving, name, options)));
            common(resolving, name, (&options.domains, &options.cache), Some(engine))
        }
        SourceOptions::Kerberos(options) => Some(SourceSettings {
            name: name.to_owned(),
            domains: helper::domains(options),
            remember: Duration::ZERO,
            engine: EngineSettings::Helper(Box::new(helper::kerberos(resolving, name, options)?)),
        }),
    }
}

/// The domains of a list.
fn values(domains: &Listed<Domain>) -> Vec<Domain> {
    domains.items.iter().map(|domain| domain.value.clone()).collect()
}

fn embedded(name: &str, remember: Duration) -> SourceSettings {
    SourceSettings { name: name.to_owned(), domains: Vec::new(), remember, engine: EngineSettings::Embedded }
}

/// What all kinds but the embedded one have: `domains`, and a `cache` that a changed password outlives.
fn common(
    resolving: &mut Resolving<'_>,
    name: &str,
    (domains, cache): (&Listed<Domain>, &Setting<Wait>),
    engine: Option<EngineSettings>,
) -> Option<SourceSettings> {
    if cache.value > LONGEST_MEMORY {
        resolving.note(
            Fault::warning("a password that was changed goes on working for a long time")
                .at(cache.place.clone(), "remembered for more than an hour")
                .mend("write \"5m\""),
        );
    }
    Some(SourceSettings {
        name: name.to_owned(),
        domains: values(domains),
        remember: cache.value.0,
        engine: engine?,
    })
}

/// There is one folder of data, and so one embedded directory.
fn check_embedded(resolving: &mut Resolving<'_>, entries: &[(Setting<Word>, SourceOptions)]) {
    let mut embedded = entries.iter().filter(|(_, source)| matches!(source, SourceOptions::Embedded(_)));
    let Some((first, _)) = embedded.next() else { return };
    for (name, _) in embedded {
        resolving.note(
            Fault::error("there is one embedded directory only")
                .at(name.place.clone(), "a second one")
                .against(first.place.clone(), "the first one")
                .mend(format!("remove `[auth.source.{}]`", name.value.0)),
        );
    }
}
