//! Postfix: takes mail into a Maildir, or carries it to a next hop.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{CyrusSasl, Dovecot, NOBODY, await_listener, end, open_folder, owned_folder, program, user};
use crate::authority::Identity;
use crate::loopback::Neighbourhood;
use crate::maildir::Maildir;

const CONTROL: &str = "/usr/sbin/postfix";

/// All but the listener: the services that Debian's `master.cf` has, none in a chroot.
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
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// What a Postfix shall do.
#[derive(Debug, Clone)]
pub struct Plan {
    domain: String,
    settings: Vec<(String, String)>,
    identity: Option<Identity>,
    address: Option<SocketAddr>,
    /// What Cyrus SASL is to do.
    sasl: Option<PathBuf>,
}

/// A running Postfix. Dropping it ends it and removes its folder.
pub struct Postfix {
    folder: TempDir,
    address: SocketAddr,
}

impl Postfix {
    /// Takes mail for this domain, any recipient, into one Maildir, and relays for nobody.
    #[must_use]
    pub fn receiving(domain: &str) -> Plan {
        Plan::new(domain)
    }

    /// Takes mail for anyone from this machine and carries it to this next hop.
    #[must_use]
    pub fn sending_to(next_hop: SocketAddr) -> Plan {
        Plan::new("sender.example")
            .setting("mynetworks", "127.0.0.0/8")
            .setting("smtpd_relay_restrictions", "permit_mynetworks, reject")
            .setting("relayhost", &format!("[{}]:{}", next_hop.ip(), next_hop.port()))
    }

    /// Where it listens for SMTP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder: `conf`, `queue`, `data`, `mail`, `mail.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What came, one file a message, with LF line ends.
    #[must_use]
    pub fn maildir(&self) -> Maildir {
        Maildir::at(&self.folder.path().join("mail/box"))
    }

    /// How many messages wait.
    ///
    /// # Errors
    ///
    /// When Postfix cannot say so.
    pub fn queued(&self) -> io::Result<usize> {
        let mut command = program(Path::new("/usr/sbin/postqueue"))?;
        let output = command.arg("-c").arg(self.folder.path().join("conf")).arg("-j").output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().count())
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(log(self.folder.path())).unwrap_or_default()
    }

    /// Hands a message in through Postfix's own `sendmail`; lines of the content may end with LF or CRLF.
    ///
    /// # Errors
    ///
    /// When `sendmail` refuses it.
    pub fn sendmail(&self, from: &str, to: &[&str], content: &[u8]) -> io::Result<()> {
        let mut command = Command::new("/usr/sbin/sendmail");
        command.arg("-C").arg(self.folder.path().join("conf")).args(["-i", "-f", from, "--"]).args(to);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(content)?;
        }
        let status = child.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("sendmail: {status}"))) }
    }
}

impl Plan {
    fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned(), settings: Vec::new(), identity: None, address: None, sasl: None }
    }

    /// One more line of `main.cf`; it outweighs what was there.
    #[must_use]
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Listens there, instead of on an address of its own: known before, for a certificate that names it.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Offers STARTTLS with this certificate.
    #[must_use]
    pub fn starttls(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// Demands a login that this Dovecot proves, and then carries to anyone; in the clear too, unless
    /// settings say otherwise.
    #[must_use]
    pub fn accounts_of(self, dovecot: &Dovecot) -> Self {
        self.setting("smtpd_sasl_auth_enable", "yes")
            .setting("smtpd_sasl_type", "dovecot")
            .setting("smtpd_sasl_path", &dovecot.authority().display().to_string())
            .setting("smtpd_sasl_security_options", "noanonymous")
            .setting("mynetworks", "")
            .setting("smtpd_relay_restrictions", "permit_sasl_authenticated, reject")
    }

    /// Demands a login that Cyrus SASL proves, and then carries to anyone; in the clear too, unless settings say
    /// otherwise.
    #[must_use]
    pub fn accounts_in(mut self, cyrus: &CyrusSasl) -> Self {
        self.sasl = Some(cyrus.configuration());
        self.setting("smtpd_sasl_auth_enable", "yes")
            .setting("smtpd_sasl_type", "cyrus")
            .setting("smtpd_sasl_path", "smtpd")
            .setting("smtpd_sasl_local_domain", cyrus.realm())
            .setting("smtpd_sasl_security_options", "noanonymous")
            .setting("mynetworks", "")
            .setting("smtpd_relay_restrictions", "permit_sasl_authenticated, reject")
    }

    /// Brings it to life.
    ///
    /// # Errors
    ///
    /// When Postfix is not here, may not be started by this user, or does not listen in time.
    pub async fn start(self) -> io::Result<Postfix> {
        let folder = open_folder()?;
        let address = self.address.map_or_else(|| Neighbourhood::new().free_port(1), Ok)?;
        self.write(folder.path(), address)?;
        let postfix = Postfix { folder, address };
        let mut command = program(Path::new(CONTROL))?;
        command.arg("-c").arg(postfix.folder.path().join("conf")).arg("start");
        let started = command.stdin(Stdio::null()).output()?;
        if !started.status.success() {
            let told = String::from_utf8_lossy(&started.stderr).into_owned();
            return Err(io::Error::other(format!("postfix start: {told}{}", postfix.log())));
        }
        await_listener(address, &log(postfix.folder.path())).await?;
        Ok(postfix)
    }

    fn write(&self, folder: &Path, address: SocketAddr) -> io::Result<()> {
        let conf = folder.join("conf");
        std::fs::create_dir_all(&conf)?;
        if let Some(sasl) = &self.sasl {
            // Debian's build looks here, whatever `cyrus_sasl_config_path` says.
            std::fs::create_dir_all(conf.join("sasl"))?;
            std::fs::copy(sasl, conf.join("sasl/smtpd.conf"))?;
        }
        owned_folder(folder, "data", user("postfix")?)?;
        owned_folder(folder, "mail", NOBODY)?;
        std::fs::create_dir_all(folder.join("queue"))?;
        std::fs::write(conf.join("master.cf"), format!("{address} inet n - n - - smtpd\n{SERVICES}"))?;
        // Written once each: Postfix warns about a line that outweighs an earlier one.
        let is_set =
            |line: &&str| self.settings.iter().any(|(key, _)| line.split(" =").next() == Some(key.as_str()));
        let mut main = String::new();
        for line in self.main(folder).lines().filter(|line| !is_set(line)) {
            let _ = writeln!(main, "{line}");
        }
        if let Some(identity) = &self.identity {
            let (certificate, key) = identity.write(&conf, "server")?;
            let _ = writeln!(main, "smtpd_tls_cert_file = {}", certificate.display());
            let _ = writeln!(main, "smtpd_tls_key_file = {}", key.display());
            main.push_str("smtpd_tls_security_level = may\n");
        }
        for (key, value) in &self.settings {
            let _ = writeln!(main, "{key} = {value}");
        }
        std::fs::write(conf.join("main.cf"), main)
    }

    /// Settings that keep a message as it came: nothing rewritten, dropped, added or cut.
    fn main(&self, folder: &Path) -> String {
        let at = folder.display();
        let domain = &self.domain;
        format!(
            "compatibility_level = 3.6\n\
             queue_directory = {at}/queue\n\
             data_directory = {at}/data\n\
             maillog_file = {at}/mail.log\n\
             maillog_file_prefixes = {at}\n\
             inet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\n\
             myhostname = {domain}\n\
             mydestination =\n\
             alias_maps =\n\
             alias_database =\n\
             mynetworks =\n\
             virtual_mailbox_domains = {domain}\n\
             virtual_mailbox_base = {at}/mail\n\
             virtual_mailbox_maps = static:box/\n\
             virtual_uid_maps = static:{NOBODY}\n\
             virtual_gid_maps = static:{NOBODY}\n\
             virtual_mailbox_limit = 0\n\
             mailbox_size_limit = 0\n\
             message_size_limit = 104857600\n\
             header_size_limit = 10485760\n\
             message_drop_headers =\n\
             local_header_rewrite_clients =\n\
             smtpd_relay_restrictions = reject_unauth_destination\n\
             smtpd_client_connection_count_limit = 0\n\
             smtpd_peername_lookup = no\n\
             smtp_dns_support_level = disabled\n\
             in_flow_delay = 0\n\
             hopcount_limit = 100\n"
        )
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let pid = self.folder.path().join("queue/pid/master.pid");
        let process = std::fs::read_to_string(pid).ok().and_then(|text| text.trim().parse().ok());
        if let Some(process) = process {
            end(process);
        }
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("mail.log")
}
