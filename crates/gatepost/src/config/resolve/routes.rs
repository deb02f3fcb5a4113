//! Fixed next hops and their logins.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use gatepost_policy::rules::{Endpoint, Pattern, Route, TlsRule};
use gatepost_sasl::{Login, Secret};

use super::{Resolving, is_here, own_listener};
use crate::config::fault::Fault;
use crate::config::options::{LoginOptions, RouteOptions};
use crate::config::read::Setting;

/// Longest password, in octets.
const LONGEST_PASSWORD: u64 = 1024;

pub(super) fn resolve(resolving: &mut Resolving<'_>) -> (Vec<Route>, BTreeMap<String, Login>) {
    let options = resolving.options;
    let mut routes: Vec<Route> = Vec::new();
    let mut logins = BTreeMap::new();
    for (pattern, route) in &options.route.entries {
        check_pattern(resolving, pattern, &routes);
        let tls = tls(resolving, route);
        check_next_hop(resolving, route);
        let name = shown(&pattern.value);
        let login = route.login.as_ref().map(|login| {
            logins.extend(credentials(resolving, login).map(|found| (name.clone(), found)));
            name
        });
        routes.push(Route { pattern: pattern.value.clone(), via: route.via.value.0.clone(), login, tls });
    }
    (routes, logins)
}

/// A pattern as it is written.
fn shown(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Exactly(domain) => domain.to_string(),
        Pattern::Below(parent) => format!("*.{parent}"),
        Pattern::All => "*".to_owned(),
    }
}

fn check_pattern(resolving: &mut Resolving<'_>, pattern: &Setting<Pattern>, earlier: &[Route]) {
    if earlier.iter().any(|route| route.pattern == pattern.value) {
        resolving.note(
            Fault::error(format!("the route for {} is written twice", shown(&pattern.value)))
                .at(pattern.place.clone(), "in another spelling")
                .mend("remove one of them"),
        );
    }
    let Pattern::Exactly(domain) = &pattern.value else { return };
    let entries = &resolving.options.domain.entries;
    if let Some((hosted, _)) = entries.iter().find(|(hosted, _)| hosted.value == *domain) {
        let fault = Fault::error(format!("{domain} is ours: a route for it is never used"))
            .at(pattern.place.clone(), "a route")
            .against(hosted.place.clone(), "its mail goes where this section says")
            .mend(format!(
                "write `deliver = \"smtp:HOST:PORT\"` in [domain.\"{domain}\"], and remove the route"
            ));
        resolving.note(fault);
    }
}

fn check_next_hop(resolving: &mut Resolving<'_>, route: &RouteOptions) {
    let Some(own) = own_listener(resolving.options, &route.via.value.0).map(str::to_owned) else { return };
    resolving.note(
        Fault::error("this route leads back to ourselves")
            .at(route.via.place.clone(), format!("our own [listener.{own}]"))
            .mend("name the next hop"),
    );
}

/// How secure the next hop must be; passwords and mail for other machines never go in the clear unless mail
/// itself may.
fn tls(resolving: &mut Resolving<'_>, route: &RouteOptions) -> TlsRule {
    let here = is_here(&route.via.value.0);
    let general = resolving.options.delivery.tls.value.0;
    let Some(written) = &route.tls else {
        return match (&route.via.value.0, &route.login) {
            (Endpoint::Unix(_), _) => TlsRule::Off,
            (Endpoint::Address(..) | Endpoint::Name(..), Some(_)) if !here => TlsRule::Required,
            (Endpoint::Address(..) | Endpoint::Name(..), Some(_) | None) => general,
        };
    };
    match (written.value, &route.login) {
        (TlsRule::Off | TlsRule::Opportunistic, Some(login)) if !here => resolving.note(
            Fault::error("the password for the next hop could be read on the way")
                .at(written.place.clone(), "TLS is not demanded")
                .against(login.place.clone(), "a login at another machine")
                .mend("write `tls = \"required\"`"),
        ),
        (TlsRule::Off, None) if !here => resolving.note(
            Fault::error("mail for another machine would never be encrypted")
                .at(written.place.clone(), "TLS is off")
                .against(route.via.place.clone(), "not on this machine")
                .mend("write `tls = \"opportunistic\"`"),
        ),
        (TlsRule::Off | TlsRule::Opportunistic | TlsRule::Required, Some(_) | None) => {}
    }
    written.value
}

fn credentials(resolving: &mut Resolving<'_>, login: &LoginOptions) -> Option<Login> {
    match Login::new(login.username.value.clone(), password(resolving, login)?) {
        Ok(login) => Some(login),
        Err(cause) => {
            let fault = Fault::error("no mechanism can send this login");
            resolving.note(
                fault.at(login.place.clone(), cause.to_string()).mend("look at the name and the password"),
            );
            None
        }
    }
}

fn password(resolving: &mut Resolving<'_>, login: &LoginOptions) -> Option<Secret> {
    match (&login.password_file, &login.password_env) {
        (Some(file), None) => {
            let path = resolving.path(&file.value.0);
            let fault = match read_password(&path) {
                Ok(password) if !password.is_empty() => return Some(password),
                Ok(_) => "its first line is empty".to_owned(),
                Err(cause) => cause.to_string(),
            };
            let what = format!("no password could be read from {}", path.display());
            let mend = "put the password on the first line of the file, readable for gatepost only";
            resolving.note(Fault::error(what).at(file.place.clone(), fault).mend(mend));
        }
        (None, Some(variable)) => {
            let found = (resolving.around.variable)(&variable.value).filter(|password| !password.is_empty());
            if let Some(password) = found {
                return Some(Secret::new(password));
            }
            let what = format!("the environment variable {} is not set", variable.value);
            let mend = format!("set {} where gatepost is started, or use `password-file`", variable.value);
            resolving.note(Fault::error(what).at(variable.place.clone(), "not set").mend(mend));
        }
        (Some(file), Some(variable)) => resolving.note(
            Fault::error("the password is in two places")
                .at(variable.place.clone(), "here")
                .against(file.place.clone(), "and here")
                .mend("remove one of them"),
        ),
        (None, None) => resolving.note(
            Fault::error("a login needs a password")
                .at(login.place.clone(), "without one")
                .mend("add `password-file = \"/etc/gatepost/provider.secret\"`, or `password-env`"),
        ),
    }
    None
}

/// The first line of a file, without its end.
fn read_password(path: &Path) -> std::io::Result<Secret> {
    let mut line = String::new();
    BufReader::new(std::fs::File::open(path)?.take(LONGEST_PASSWORD)).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(Secret::new(line))
}
