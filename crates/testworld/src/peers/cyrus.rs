//! Cyrus SASL: accounts in a sasldb, for servers that ask its library.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{missing, open_folder, owned_folder, user};

const PROGRAM: &str = "/usr/sbin/saslpasswd2";

/// All that the library can prove with what a sasldb holds.
const MECHANISMS: &str = "PLAIN LOGIN CRAM-MD5 DIGEST-MD5 NTLM SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512";

/// One account in a sasldb of its own. Dropping it removes its folder.
pub struct CyrusSasl {
    folder: TempDir,
    realm: String,
}

impl CyrusSasl {
    /// One account of this realm, readable for the user that the server runs as.
    ///
    /// # Errors
    ///
    /// When the library's programs are not here.
    pub fn account(account: &str, password: &str, (realm, reader): (&str, &str)) -> io::Result<Self> {
        if !Path::new(PROGRAM).exists() {
            return Err(missing(PROGRAM));
        }
        let folder = open_folder()?;
        let owner = user(reader)?;
        let database = owned_folder(folder.path(), "db", owner)?.join("sasldb2");
        let mut command = Command::new(PROGRAM);
        command.arg("-f").arg(&database).args(["-u", realm, "-c", "-p", account]).stdin(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(password.as_bytes())?;
        }
        let status = child.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!("saslpasswd2: {status}")));
        }
        std::os::unix::fs::chown(&database, Some(owner), None)?;
        let made = Self { folder, realm: realm.to_owned() };
        std::fs::write(made.configuration(), made.text(&database))?;
        Ok(made)
    }

    /// Whoever has a ticket of a realm for the service whose key is in this keytab, by GSSAPI. A copy of the keytab is made for the
    /// user that the server runs as.
    ///
    /// # Errors
    ///
    /// When the keytab cannot be copied.
    pub fn tickets(keytab: &Path, reader: &str) -> io::Result<Self> {
        let folder = open_folder()?;
        let owner = user(reader)?;
        let copy = owned_folder(folder.path(), "db", owner)?.join("keytab");
        std::fs::copy(keytab, &copy)?;
        std::os::unix::fs::chown(&copy, Some(owner), None)?;
        let made = Self { folder, realm: String::new() };
        std::fs::write(made.configuration(), format!("mech_list: GSSAPI\nkeytab: {}\n", copy.display()))?;
        Ok(made)
    }

    /// The keytab of [`CyrusSasl::tickets`].
    #[must_use]
    pub fn keytab(&self) -> PathBuf {
        self.folder.path().join("db/keytab")
    }

    /// The file that tells the library what to do.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("sasl.conf")
    }

    /// The realm of the account.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    fn text(&self, database: &Path) -> String {
        format!(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: {MECHANISMS}\n",
            database.display()
        )
    }
}
