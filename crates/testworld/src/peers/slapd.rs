//! slapd of OpenLDAP: entries over ldap://, with StartTLS, and over ldaps://.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::group::{Group, as_user, finish};
use super::{await_listener, folder_for, open_folder, program};
use crate::authority::Authority;
use crate::loopback::Neighbourhood;

const SERVER: &str = "/usr/sbin/slapd";
const ADD: &str = "/usr/sbin/slapadd";
const OWNER: &str = "openldap";

/// The entry at the top.
pub const BASE: &str = "dc=example,dc=org";

/// Who may search; its password is given at the start.
pub const SERVICE: &str = "cn=gatepost,dc=example,dc=org";

/// A running slapd. Dropping it kills it.
pub struct Slapd {
    server: Option<Group>,
    folder: TempDir,
    clear: SocketAddr,
    encrypted: SocketAddr,
}

impl Slapd {
    /// Starts one with these entries (LDIF, below [`BASE`], which is there already, as [`SERVICE`] is). With an authority, which vouches for its address, it
    /// knows StartTLS and listens for ldaps:// too.
    ///
    /// # Errors
    ///
    /// When slapd is not here, an entry is wrong, or it does not start in time.
    pub async fn start(password: &str, entries: &str, authority: Option<&Authority>) -> io::Result<Self> {
        let folder = open_folder()?;
        folder_for(folder.path(), "data", OWNER)?;
        let own = folder_for(folder.path(), "own", OWNER)?;
        let neighbourhood = Neighbourhood::new();
        // One address, so that one certificate fits both.
        let (clear, encrypted) = (neighbourhood.free_port(1)?, neighbourhood.free_port(1)?);
        let mut settings = configuration(folder.path(), password);
        if let Some(authority) = authority {
            let (certificate, key) = super::write_identity(authority, clear.ip(), (&own, OWNER))?;
            settings = format!(
                "TLSCertificateFile {}\nTLSCertificateKeyFile {}\n{settings}",
                certificate.display(),
                key.display()
            );
        }
        std::fs::write(folder.path().join("slapd.conf"), settings)?;
        let mut add = program(Path::new(ADD))?;
        add.arg("-q").arg("-f").arg(folder.path().join("slapd.conf"));
        finish(as_user(&mut add, OWNER)?, &format!("{}{entries}", top(password)))?;
        let mut running = Self { server: None, folder, clear, encrypted };
        running.restart().await?;
        Ok(running)
    }

    /// Starts it again after a [`Slapd::kill`].
    ///
    /// # Errors
    ///
    /// When it does not listen in time.
    pub async fn restart(&mut self) -> io::Result<()> {
        let mut urls = format!("ldap://{}/ {}", self.clear, self.ipc());
        if self.folder.path().join("own/server.crt").exists() {
            urls = format!("{urls} ldaps://{}/", self.encrypted);
        }
        let mut command = program(Path::new(SERVER))?;
        command.arg("-f").arg(self.folder.path().join("slapd.conf")).args(["-d", "256", "-h", &urls]);
        let log = self.folder.path().join("log");
        self.server = Some(Group::start(as_user(&mut command, OWNER)?, &log)?);
        await_listener(self.clear, &log).await
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Lets it answer nothing, with open connections.
    pub fn freeze(&self) {
        self.server.iter().for_each(Group::freeze);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.server.iter().for_each(Group::thaw);
    }

    /// Changes entries (LDIF with `changetype`), as [`SERVICE`], who may.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn change(&self, password: &str, ldif: &str) -> io::Result<String> {
        let mut modify = Command::new("/usr/bin/ldapmodify");
        modify.args(["-x", "-H", &self.url(), "-D", SERVICE, "-w", password]);
        finish(&mut modify, ldif)
    }

    /// `ldap://`, with its port.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ldap://{}", self.clear)
    }

    /// `ldaps://`, with its port.
    #[must_use]
    pub fn encrypted_url(&self) -> String {
        format!("ldaps://{}", self.encrypted)
    }

    /// Where it listens for `ldap://`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.clear
    }

    /// `ldapi://`, with its path.
    #[must_use]
    pub fn ipc(&self) -> String {
        let path = self.folder.path().join("own/ldapi").display().to_string();
        format!("ldapi://{}", path.replace('/', "%2F"))
    }

    /// Its log so far: a line for each question.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

fn configuration(folder: &Path, password: &str) -> String {
    let at = folder.display();
    format!(
        "modulepath /usr/lib/ldap
moduleload back_mdb
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
{OF_OTHERS}
pidfile {at}/own/pid
database mdb
directory {at}/data
suffix \"{BASE}\"
rootdn \"{SERVICE}\"
rootpw \"{password}\"
dbnosync
index objectClass,mail,uid eq
access to attrs=userPassword by anonymous auth by * none
access to * by * none
"
    )
}

/// What other servers have and OpenLDAP has not: Active Directory by the names of [MS-ADA3] and [MS-ADSC], and one attribute of
/// 389 Directory Server. The numbers are made up.
const OF_OTHERS: &str = "\
attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.2 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.3 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.4 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.5 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'user' SUP top AUXILIARY
  MAY ( userPrincipalName $ sAMAccountName $ userAccountControl $ proxyAddresses ) )";

fn top(password: &str) -> String {
    format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
         dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
         cn: gatepost\nuserPassword: {password}\n\n"
    )
}
