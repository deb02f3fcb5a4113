//! MIT Kerberos: a KDC of its own realm, with principals, keytabs and tickets.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Foreground, await_listener, open_folder, program};
use crate::loopback::Neighbourhood;

const SERVER: &str = "/usr/sbin/krb5kdc";
const ADMINISTRATION: &str = "/usr/sbin/kadmin.local";
const DATABASE: &str = "/usr/sbin/kdb5_util";
const LOGIN: &str = "/usr/bin/kinit";

/// A running KDC. Dropping it ends it and removes its folder with all keys and tickets.
///
/// No file of the system is read: [`Kdc::environment`] leads every program that uses Kerberos here. No names are looked
/// up in DNS, in either direction.
pub struct Kdc {
    // Ended before its folder goes: fields are dropped in this order.
    server: Option<Foreground>,
    folder: TempDir,
    address: SocketAddr,
    realm: String,
}

impl Kdc {
    /// A KDC for this realm, without any principal but its own.
    ///
    /// # Errors
    ///
    /// When Kerberos is not here, its database cannot be made, or it does not listen in time.
    pub async fn start(realm: &str) -> io::Result<Self> {
        let folder = open_folder()?;
        let address = Neighbourhood::new().free_port(1)?;
        std::fs::write(folder.path().join("krb5.conf"), client_text(folder.path(), address, realm))?;
        std::fs::write(folder.path().join("kdc.conf"), server_text(folder.path(), address, realm))?;
        let mut kdc = Self { server: None, folder, address, realm: realm.to_owned() };
        let mut create = kdc.program(DATABASE)?;
        told(create.args(["create", "-s", "-W", "-P", "master", "-r", realm]))?;
        kdc.begin().await?;
        Ok(kdc)
    }

    /// Starts the server, after [`Kdc::stop`] or [`Kdc::kill`] with the same address, principals and keys.
    ///
    /// # Errors
    ///
    /// When it does not listen in time.
    pub async fn begin(&mut self) -> io::Result<()> {
        let mut command = self.program(SERVER)?;
        self.server = Some(Foreground::start(command.arg("-n"))?);
        await_listener(self.address, &self.folder.path().join("kdc.log")).await
    }

    /// Ends the server.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Kills the server at once.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill_with_children();
        }
    }

    /// Where it listens, over UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a principal with a password; the realm is added to its name.
    ///
    /// # Errors
    ///
    /// What `kadmin.local` says.
    pub fn principal(&self, name: &str, password: &str) -> io::Result<()> {
        self.administer(&format!("addprinc -pw {password} {name}"))
    }

    /// Adds a principal with a random key, as `smtp/mail.gatepost.example`, and gives a keytab with it.
    ///
    /// # Errors
    ///
    /// What `kadmin.local` says.
    pub fn keytab(&self, name: &str) -> io::Result<PathBuf> {
        self.administer(&format!("addprinc -randkey {name}"))?;
        self.rekey(name)
    }

    /// Gives the principal another key, and a new keytab with that one alone.
    ///
    /// # Errors
    ///
    /// What `kadmin.local` says.
    pub fn rekey(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.unused(&format!("{}.keytab", name.replace('/', "-")));
        self.administer(&format!("ktadd -k {} {name}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    /// Runs a command of `kadmin.local`.
    ///
    /// # Errors
    ///
    /// What it says.
    pub fn administer(&self, line: &str) -> io::Result<()> {
        told(self.program(ADMINISTRATION)?.args(["-r", &self.realm, "-q", line]))
    }

    /// Logs in with a password, and gives the credential cache (`FILE:/…`) with the ticket-granting ticket.
    ///
    /// # Errors
    ///
    /// What `kinit` says: a wrong password, an unknown principal, no KDC.
    pub fn ticket(&self, name: &str, password: &str) -> io::Result<String> {
        let cache = format!("FILE:{}", self.unused("tickets").display());
        let mut login = self.program(LOGIN)?;
        login.args(["-c", &cache, name]).stdin(Stdio::piped());
        login.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut login = login.spawn()?;
        if let Some(mut input) = login.stdin.take() {
            writeln!(input, "{password}")?;
        }
        let done = login.wait_with_output()?;
        if done.status.success() { Ok(cache) } else { Err(refused("kinit", &done.stderr)) }
    }

    /// What leads a program here: without it, it would look at the system's realm and replay cache.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 4] {
        let at = self.folder.path().display();
        [
            ("KRB5_CONFIG", format!("{at}/krb5.conf")),
            ("KRB5_KDC_PROFILE", format!("{at}/kdc.conf")),
            ("KRB5RCACHENAME", format!("file2:{at}/replays")),
            ("KRB5CCNAME", format!("FILE:{at}/default-tickets")),
        ]
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("kdc.log")).unwrap_or_default()
    }

    fn program(&self, path: &str) -> io::Result<Command> {
        let mut command = program(Path::new(path))?;
        command.envs(self.environment()).stdin(Stdio::null());
        Ok(command)
    }

    /// A path in the folder where nothing is yet.
    fn unused(&self, name: &str) -> PathBuf {
        let numbered = (0_u32..).map(|number| self.folder.path().join(format!("{number}-{name}")));
        numbered.into_iter().find(|path| !path.exists()).unwrap_or_default()
    }
}

/// Runs a program to its end. `kadmin.local` succeeds whatever happened, but prints errors on standard error.
fn told(command: &mut Command) -> io::Result<()> {
    let done = command.output()?;
    let shown = String::from_utf8_lossy(&done.stderr);
    // Notes about policies that are not set are no errors.
    let fault = shown.lines().any(|line| !line.is_empty() && !line.contains("policy"));
    if done.status.success() && !fault {
        return Ok(());
    }
    Err(refused(&command.get_program().to_string_lossy(), &done.stderr))
}

fn refused(who: &str, told: &[u8]) -> io::Error {
    io::Error::other(format!("{who}: {}", String::from_utf8_lossy(told)))
}

fn client_text(folder: &Path, address: SocketAddr, realm: &str) -> String {
    let at = folder.display();
    format!(
        "[libdefaults]
default_realm = {realm}
dns_lookup_realm = false
dns_lookup_kdc = false
dns_canonicalize_hostname = false
rdns = false
forwardable = false
[realms]
{realm} = {{
  kdc = {address}
}}
[logging]
kdc = FILE:{at}/kdc.log
default = FILE:{at}/other.log
"
    )
}

fn server_text(folder: &Path, address: SocketAddr, realm: &str) -> String {
    let at = folder.display();
    format!(
        "[kdcdefaults]
kdc_listen = {address}
kdc_tcp_listen = {address}
[realms]
{realm} = {{
  database_name = {at}/principals
  key_stash_file = {at}/stash
  acl_file = {at}/acl
  max_life = 1h
}}
"
    )
}
