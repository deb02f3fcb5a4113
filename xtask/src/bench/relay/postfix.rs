//! Debian's Postfix, and Dovecot for its logins.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Kind, Need, PASSWORD, SCRAM_USER, Site, USER};
use crate::{Outcome, repository};

/// The services of Debian's `master.cf`, none in a chroot.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// The socket at which Dovecot answers, in the relay's folder.
pub(super) const AUTHORITY: &str = "auth";

/// Writes the configuration; gives the words that start it.
pub(super) fn configure(site: &Site, need: Need, sink: SocketAddr) -> Result<Vec<String>, String> {
    let conf = site.folder.join("conf");
    let fault = |cause: std::io::Error| format!("{}: {cause}", site.folder.display());
    for name in ["conf", "queue", "data"] {
        std::fs::create_dir_all(site.folder.join(name)).map_err(fault)?;
    }
    std::fs::write(conf.join("main.cf"), main(site, need, sink)).map_err(fault)?;
    std::fs::write(conf.join("master.cf"), master(site, need)).map_err(fault)?;
    repository::run("chown", Command::new("chown").arg("postfix").arg(site.folder.join("data")))?;
    Ok(["/usr/sbin/postfix", "-c", &conf.display().to_string(), "start-fg"].map(str::to_owned).to_vec())
}

fn main(site: &Site, need: Need, sink: SocketAddr) -> String {
    let at = site.folder.display();
    let (ip, port) = (sink.ip(), sink.port());
    let mut main = format!(
        "compatibility_level = 3.6
queue_directory = {at}/queue
data_directory = {at}/data
maillog_file = {at}/mail.log
maillog_file_prefixes = {at}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
relayhost = [{ip}]:{port}
smtpd_tls_cert_file = {at}/server.crt
smtpd_tls_key_file = {at}/server.key
"
    );
    if site.kind == Kind::Unflowed {
        main.push_str("in_flow_delay = 0s\n");
    }
    if need == Need::Patience {
        main.push_str("minimal_backoff_time = 4h\nmaximal_backoff_time = 4h\n");
    }
    main
}

/// Two doors: one in the clear, and one as Debian's `submission` with STARTTLS.
fn master(site: &Site, need: Need) -> String {
    let Site { open, secure, .. } = site;
    let most = match need {
        Need::Sessions(count) => count.to_string(),
        Need::Relay | Need::Logins | Need::Patience => "-".to_owned(),
    };
    let mut master = format!("{open} inet n - n - {most} smtpd\n");
    master += &format!("{secure} inet n - n - {most} smtpd\n  -o smtpd_tls_security_level=may\n");
    if need == Need::Logins {
        master += "  -o smtpd_sasl_auth_enable=yes\n  -o smtpd_tls_auth_only=yes\n";
        master += "  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n";
        master += "  -o smtpd_sasl_type=dovecot\n";
        master += &format!("  -o smtpd_sasl_path={}\n", site.folder.join(AUTHORITY).display());
    }
    master + SERVICES
}

pub(super) fn flush(site: &Site) -> Outcome {
    let mut command = Command::new("/usr/sbin/postqueue");
    command.arg("-c").arg(site.folder.join("conf")).arg("-f").stdin(Stdio::null());
    repository::run("postqueue -f", &mut command)
}

/// Writes Dovecot's configuration and accounts; gives the words that start it.
pub(super) fn authority(site: &Site) -> Result<Vec<String>, String> {
    let fault = |cause: std::io::Error| format!("{}: {cause}", site.folder.display());
    for name in ["dovecot-run", "dovecot-state"] {
        std::fs::create_dir_all(site.folder.join(name)).map_err(fault)?;
    }
    let scram = repository::output(
        "doveadm pw",
        Command::new("doveadm").args(["pw", "-s", "SCRAM-SHA-256", "-p", PASSWORD]),
    )?;
    let accounts = format!("{USER}:{{PLAIN}}{PASSWORD}\n{SCRAM_USER}:{}\n", scram.trim());
    std::fs::write(site.folder.join("accounts"), accounts).map_err(fault)?;
    let file = site.folder.join("dovecot.conf");
    std::fs::write(&file, dovecot(&site.folder)).map_err(fault)?;
    Ok(["/usr/sbin/dovecot", "-F", "-c", &file.display().to_string()].map(str::to_owned).to_vec())
}

/// Only what answers Postfix: no protocol, no mail.
fn dovecot(folder: &Path) -> String {
    let at = folder.display();
    format!(
        "base_dir = {at}/dovecot-run
state_dir = {at}/dovecot-state
log_path = {at}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain scram-sha-256
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {at}/accounts
}}
userdb {{
  driver = static
  args = allow_all_users=yes uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {at}/{AUTHORITY} {{
    mode = 0666
  }}
  client_limit = 4096
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"
    )
}
