//! Exim: takes mail into a Maildir.
//!
//! Debian lets only one of Postfix and Exim be installed, so `cargo xtask test` unpacks this one.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Foreground, await_listener, open_folder, owned_folder, program, user};
use crate::loopback::Neighbourhood;
use crate::maildir::Maildir;

/// The user that Debian's build changes to.
const USER: &str = "Debian-exim";

/// A running Exim. Dropping it ends it and removes its folder.
pub struct Exim {
    // Ended before its folder goes: fields are dropped in this order.
    _server: Foreground,
    folder: TempDir,
    address: SocketAddr,
}

impl Exim {
    /// Takes mail for this domain, any recipient, into one Maildir, and relays for nobody.
    ///
    /// # Errors
    ///
    /// When Exim is not here, may not be started by this user, or does not listen in time.
    pub async fn receiving(domain: &str) -> io::Result<Self> {
        let folder = open_folder()?;
        let address = Neighbourhood::new().free_port(1)?;
        let owner = user(USER)?;
        for name in ["spool", "mail", "log"] {
            owned_folder(folder.path(), name, owner)?;
        }
        let binary = binary();
        let configuration = folder.path().join("exim.conf");
        std::fs::write(&configuration, text(folder.path(), &binary, (domain, address)))?;
        let mut command = program(&binary)?;
        let server = Foreground::start(command.arg("-C").arg(&configuration).arg("-bdf"))?;
        await_listener(address, &folder.path().join("log/mainlog")).await?;
        Ok(Self { _server: server, folder, address })
    }

    /// Where it listens for SMTP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came, one file a message, with LF line ends.
    #[must_use]
    pub fn maildir(&self) -> Maildir {
        Maildir::at(&self.folder.path().join("mail"))
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        let log = |name: &str| std::fs::read_to_string(self.folder.path().join("log").join(name));
        log("mainlog").unwrap_or_default() + &log("paniclog").unwrap_or_default()
    }
}

/// Where `cargo xtask test` unpacked it, or where it is installed.
fn binary() -> PathBuf {
    let peers = std::env::var_os("GATEPOST_PEERS").map(PathBuf::from);
    let checkout = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
    let unpacked = peers.unwrap_or_else(checkout).join("exim/usr/sbin/exim4");
    let installed = PathBuf::from("/usr/sbin/exim4");
    if !unpacked.exists() && installed.exists() { installed } else { unpacked }
}

/// Keeps a message as it came: no field removed, no line changed.
fn text(folder: &Path, binary: &Path, (domain, address): (&str, SocketAddr)) -> String {
    let at = folder.display();
    let (ip, port) = (address.ip(), address.port());
    format!(
        "exim_path = {binary}
primary_hostname = {domain}
spool_directory = {at}/spool
log_file_path = {at}/log/%slog
pid_file_path = {at}/exim.pid
notifier_socket =
local_interfaces = {ip}
daemon_smtp_ports = {port}
domainlist local_domains = {domain}
acl_smtp_rcpt = recipient
acl_smtp_data = content
smtp_accept_max = 200
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
message_size_limit = 100M
header_maxsize = 10M
return_path_remove = false
envelope_to_remove = false
delivery_date_remove = false
host_lookup =
rfc1413_query_timeout = 0s
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
accept_8bitmime = true
tls_advertise_hosts =
check_spool_space = 0
keep_environment =
received_headers_max = 100
begin acl
recipient:
  accept domains = +local_domains
  deny message = relaying is not permitted
content:
  accept
begin routers
mailbox:
  driver = accept
  domains = +local_domains
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {at}/mail
  maildir_format
  user = {USER}
  delivery_date_add
  envelope_to_add
  return_path_add
begin retry
* * F,2h,15m
",
        binary = binary.display()
    )
}
