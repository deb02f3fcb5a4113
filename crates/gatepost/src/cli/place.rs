//! Which configuration is meant.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatepost_directory::{
    Directories, Dovecot, Embedded, EmbeddedSettings, Engine, Helper, Ldap, Oauth, Place, Recent, Sql,
};
use gatepost_fetch::{Fetcher, Patience};

use super::failure::Failure;
use crate::config::{self, Configuration, EngineSettings, Loaded, Refused, SourceSettings, Surroundings};

/// Where the configuration of an installed gatepost is.
const INSTALLED: &str = "/etc/gatepost/gatepost.toml";
/// The environment variable that names another.
const VARIABLE: &str = "GATEPOST_CONFIG";

/// The configuration: the one named, else that of `$GATEPOST_CONFIG`, else the one in this folder, else the
/// installed one.
#[must_use]
pub fn find(named: Option<&Path>) -> PathBuf {
    if let Some(named) = named {
        return named.to_path_buf();
    }
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return PathBuf::from(named);
    }
    let here = Path::new("gatepost.toml");
    if here.exists() { here.to_path_buf() } else { PathBuf::from(INSTALLED) }
}

/// Finds and loads the configuration.
///
/// # Errors
///
/// Every reason why it does not run.
pub fn load(named: Option<&Path>) -> Result<Loaded, Box<Refused>> {
    load_file(&find(named))
}

/// Loads one configuration file.
///
/// # Errors
///
/// Every reason why it does not run.
pub fn load_file(path: &Path) -> Result<Loaded, Box<Refused>> {
    let around = Surroundings {
        machine: rustix::system::uname().nodename().to_str().ok().map(str::to_owned),
        variable: &|name| std::env::var(name).ok(),
    };
    config::load(path, &around).map_err(Box::new)
}

/// Makes the data folder if it is missing, for its owner and group only.
///
/// # Errors
///
/// What the file system says, and what to do.
pub fn make_data_dir(configuration: &Configuration) -> Result<(), Failure> {
    let folder = &configuration.data_dir;
    let made = DirBuilder::new().recursive(true).mode(0o750).create(folder);
    made.map_err(|cause| {
        let folder = folder.display();
        Failure::no(format!(
            "the data folder {folder} cannot be made: {cause}; make it, or change `data-dir`"
        ))
    })
}

/// Opens the accounts of a configuration.
///
/// # Errors
///
/// Which file is wrong, and how to mend it.
pub fn accounts(configuration: &Configuration) -> Result<Embedded, Failure> {
    make_data_dir(configuration)?;
    Embedded::open(&configuration.data_dir, EmbeddedSettings::default()).map_err(Failure::no)
}

/// Opens all sources of accounts of a configuration. None of them is asked anything yet: one that is down now does not
/// keep the server from starting.
///
/// # Errors
///
/// Which source is wrong, and how to mend it.
pub fn directories(configuration: &Configuration) -> Result<Directories, Failure> {
    let memory = Arc::new(accounts(configuration)?);
    let places = sources(&configuration.sources, &memory)?;
    Ok(Directories::new(memory, places))
}

/// The sources in their order; `memory` is the embedded store, which is one of them or lends its password threads only.
///
/// # Errors
///
/// Which source is wrong, and how to mend it.
pub fn sources(settings: &[SourceSettings], memory: &Arc<Embedded>) -> Result<Vec<Place>, Failure> {
    settings.iter().map(|source| opened(source, memory)).collect()
}

fn opened(source: &SourceSettings, memory: &Arc<Embedded>) -> Result<Place, Failure> {
    let threads = memory.password_threads();
    // The embedded accounts have a memory of their own, which notices changes.
    let elsewhere = !matches!(source.engine, EngineSettings::Embedded) && !source.remember.is_zero();
    let recent = elsewhere.then(|| Recent::new(source.remember, threads.clone()));
    let engine = match &source.engine {
        EngineSettings::Embedded => {
            memory.keep_verified(source.remember);
            Engine::Embedded(Arc::clone(memory))
        }
        EngineSettings::Sql(sql) => {
            Engine::Sql(Box::new(Sql::new(&source.name, sql, threads).map_err(Failure::no)?))
        }
        EngineSettings::Ldap(ldap) => {
            Engine::Ldap(Box::new(Ldap::new(&source.name, ldap).map_err(Failure::no)?))
        }
        EngineSettings::Dovecot(dovecot) => Engine::Dovecot(Box::new(Dovecot::new((**dovecot).clone()))),
        EngineSettings::Oauth(oauth) => {
            let fetcher = Fetcher::new(oauth.trust.as_deref(), Patience::default()).map_err(Failure::no)?;
            Engine::Oauth(Box::new(Oauth::new(oauth.issuer.clone(), fetcher)))
        }
        EngineSettings::Helper(helper) => Engine::Helper(Box::new(Helper::new((**helper).clone()))),
    };
    Ok(Place { engine, domains: source.domains.clone(), recent })
}
