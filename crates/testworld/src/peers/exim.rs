//! Exim: takes mail into a Maildir, or carries it to a next hop.
//!
//! Debian lets only one of Postfix and Exim be installed, so `cargo xtask test` unpacks this one.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Foreground, await_listener, open_folder, owned_folder, program, user};
use crate::authority::Identity;
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

/// An account that an Exim proves before it takes anything, under TLS only.
#[derive(Debug, Clone)]
pub struct Logins {
    /// Its name.
    pub user: String,
    /// Its password; without a colon, which would end it in Exim's lists.
    pub password: String,
    /// Where to listen: known before, for a certificate that names it.
    pub address: SocketAddr,
    /// The certificate to show.
    pub identity: Identity,
    /// PEM: who vouches for client certificates, whose first e-mail address is then the user, by EXTERNAL.
    pub authorities: String,
}

impl Exim {
    /// Takes mail for this domain, any recipient, into one Maildir, and relays for nobody.
    ///
    /// # Errors
    ///
    /// When Exim is not here, may not be started by this user, or does not listen in time.
    pub async fn receiving(domain: &str) -> io::Result<Self> {
        Self::start(domain, (None, None)).await
    }

    /// Takes mail for anyone from this machine and carries it to this next hop, by DATA; what failed is tried again within a
    /// few seconds.
    ///
    /// # Errors
    ///
    /// As for [`Exim::receiving`].
    pub async fn sending_to(next_hop: SocketAddr) -> io::Result<Self> {
        Self::start("sender.example", (None, Some(next_hop))).await
    }

    /// The same, but only for who has logged in: PLAIN, LOGIN, CRAM-MD5, NTLM (`spa`), EXTERNAL.
    ///
    /// # Errors
    ///
    /// As for [`Exim::receiving`].
    pub async fn demanding(domain: &str, logins: &Logins) -> io::Result<Self> {
        Self::start(domain, (Some(logins), None)).await
    }

    async fn start(
        domain: &str,
        (logins, next_hop): (Option<&Logins>, Option<SocketAddr>),
    ) -> io::Result<Self> {
        let folder = open_folder()?;
        let address =
            logins.map_or_else(|| Neighbourhood::new().free_port(1), |logins| Ok(logins.address))?;
        let owner = user(USER)?;
        for name in ["spool", "mail", "log"] {
            owned_folder(folder.path(), name, owner)?;
        }
        let binary = binary();
        let configuration = folder.path().join("exim.conf");
        let mut written = text(folder.path(), &binary, (domain, address));
        if let Some(logins) = logins {
            let (certificate, key) = logins.identity.write(folder.path(), "server")?;
            for path in [&certificate, &key] {
                std::os::unix::fs::chown(path, Some(owner), None)?;
            }
            std::fs::write(folder.path().join("authorities.pem"), &logins.authorities)?;
            written = with_logins(&written, logins, [folder.path(), &certificate, &key]);
        }
        let mut command = program(&binary)?;
        command.arg("-C").arg(&configuration).arg("-bdf");
        if let Some(next_hop) = next_hop {
            written = onwards(&written, next_hop);
            command.arg("-q1s");
        }
        std::fs::write(&configuration, written)?;
        let server = Foreground::start(&mut command)?;
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

    /// How many messages wait.
    ///
    /// # Errors
    ///
    /// When Exim cannot say so.
    pub fn queued(&self) -> io::Result<usize> {
        let mut command = program(&binary())?;
        let output = command.arg("-C").arg(self.folder.path().join("exim.conf")).arg("-bpc").output()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)
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
domainlist local_domains = {domain} : *.{domain}
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

/// The same configuration for who is on this machine, to this next hop, with no long waits.
fn onwards(text: &str, next_hop: SocketAddr) -> String {
    let (ip, port) = (next_hop.ip(), next_hop.port());
    text.replace("accept domains = +local_domains", "accept hosts = 127.0.0.0/8")
        .replace(
            "driver = accept\n  domains = +local_domains\n  transport = maildir",
            &format!("driver = manualroute\n  route_list = * {ip}\n  self = send\n  transport = onwards"),
        )
        .replace(
            "begin retry\n* * F,2h,15m",
            &format!(
                "onwards:\n  driver = smtp\n  port = {port}\n  allow_localhost\n  hosts_try_chunking =\n\
                 begin retry\n* * F,2h,1s"
            ),
        )
}

/// The same configuration under TLS, for who has logged in.
fn with_logins(text: &str, logins: &Logins, [folder, certificate, key]: [&Path; 3]) -> String {
    let tls = format!(
        "tls_advertise_hosts = *
tls_certificate = {}
tls_privatekey = {}
tls_verify_certificates = {}/authorities.pem
tls_try_verify_hosts = *
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}",
        certificate.display(),
        key.display(),
        folder.display()
    );
    let Logins { user, password, .. } = logins;
    let right = format!("and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}");
    let authenticators = format!(
        "begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if {right}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1
ntlm:
  driver = spa
  public_name = NTLM
  server_password = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1
external:
  driver = external
  public_name = EXTERNAL
  server_param2 = ${{certextract{{subj_altname,mail,>:}}{{$tls_in_peercert}}}}
  server_condition = ${{if and{{{{bool{{$tls_in_certificate_verified}}}}{{eq{{$auth2}}{{{user}}}}}}}}}
  server_set_id = $auth2
"
    );
    text.replace("tls_advertise_hosts =\n", &format!("{tls}\n"))
        .replace("recipient:\n  accept domains", "recipient:\n  deny !authenticated = *\n  accept domains")
        .replace("begin acl", &format!("{authenticators}begin acl"))
}
