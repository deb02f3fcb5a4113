//! Accounts of Dovecot.

use gatepost_directory::DovecotSettings;

use super::super::Resolving;
use crate::config::fault::Fault;
use crate::config::options::DovecotOptions;

pub(super) fn resolve(
    resolving: &mut Resolving<'_>,
    name: &str,
    dovecot: &DovecotOptions,
) -> Option<DovecotSettings> {
    if dovecot.domains.items.is_empty() && dovecot.userdb_socket.is_none() {
        resolving.note(
            Fault::error(format!("nobody says which accounts [auth.source.{name}] has"))
                .at(
                    dovecot.socket.place.clone().or_else(|| dovecot.place.clone()),
                    "this socket knows no list of users",
                )
                .mend("add `userdb-socket = \"/run/dovecot/auth-userdb\"`, or `domains = [\"example.org\"]`"),
        );
        return None;
    }
    Some(DovecotSettings {
        name: name.to_owned(),
        socket: resolving.path(&dovecot.socket.value.0),
        userdb_socket: dovecot.userdb_socket.as_ref().map(|socket| resolving.path(&socket.value.0)),
        domains: super::values(&dovecot.domains),
    })
}
