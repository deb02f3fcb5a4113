//! Fixed next hops and their logins.

mod login;

use std::collections::BTreeMap;

use gatepost_mta::settings::RouteLogin;
use gatepost_policy::rules::{Endpoint, Pattern, Route, TlsRule};

use super::{Resolving, is_here, own_listener};
use crate::config::fault::Fault;
use crate::config::options::RouteOptions;
use crate::config::read::Setting;

pub(super) fn resolve(resolving: &mut Resolving<'_>) -> (Vec<Route>, BTreeMap<String, RouteLogin>) {
    let options = resolving.options;
    let mut routes: Vec<Route> = Vec::new();
    let mut logins = BTreeMap::new();
    for (pattern, route) in &options.route.entries {
        check_pattern(resolving, pattern, &routes);
        let tls = tls(resolving, route);
        check_next_hop(resolving, route);
        let name = shown(&pattern.value);
        let login = route.login.as_ref().map(|login| {
            logins.extend(login::resolve(resolving, login).map(|found| (name.clone(), found)));
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
