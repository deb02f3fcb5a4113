//! Dovecot: a message store behind LMTP, on a unix socket and over TCP; and the mechanisms that Postfix lacks.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Foreground, NOBODY, await_listener, open_folder, owned_folder, program};
use crate::issuer::Issuer;
use crate::loopback::Neighbourhood;
use crate::maildir::Maildir;

const PROGRAM: &str = "/usr/sbin/dovecot";

/// A running Dovecot. Dropping it ends it and removes its folder.
pub struct Dovecot {
    // Ended before its folder goes: fields are dropped in this order.
    _server: Foreground,
    folder: TempDir,
    address: SocketAddr,
}

impl Dovecot {
    /// Takes mail for any user of any domain over LMTP, a Maildir for each.
    ///
    /// # Errors
    ///
    /// When Dovecot is not here, may not be started by this user, or does not listen in time.
    pub async fn store() -> io::Result<Self> {
        Self::start("", None).await
    }

    /// Knows one account, and proves it by PLAIN, LOGIN, CRAM-MD5, DIGEST-MD5, SCRAM-SHA-1 and SCRAM-SHA-256
    /// to who asks at [`Dovecot::authority`], as [`super::PostfixPlan::accounts_of`] does. A wrong password is
    /// answered at once, however often one came.
    ///
    /// # Errors
    ///
    /// As for [`Dovecot::store`].
    pub async fn account(user: &str, password: &str) -> io::Result<Self> {
        Self::start(&format!("{user}:{{PLAIN}}{password}\n"), None).await
    }

    /// Knows whoever shows a token that this issuer knows, by OAUTHBEARER and XOAUTH2.
    ///
    /// # Errors
    ///
    /// As for [`Dovecot::store`].
    pub async fn tokens_of(issuer: &Issuer) -> io::Result<Self> {
        Self::start("", Some(issuer)).await
    }

    async fn start(accounts: &str, issuer: Option<&Issuer>) -> io::Result<Self> {
        let folder = open_folder()?;
        let address = Neighbourhood::new().free_port(1)?;
        owned_folder(folder.path(), "mail", NOBODY)?;
        for name in ["run", "state"] {
            std::fs::create_dir_all(folder.path().join(name))?;
        }
        let configuration = folder.path().join("dovecot.conf");
        std::fs::write(folder.path().join("accounts"), accounts)?;
        let mut written = text(folder.path(), address);
        if let Some(issuer) = issuer {
            let oauth = folder.path().join("oauth2.conf");
            let info = format!("tokeninfo_url = {}/tokeninfo/\nusername_attribute = email\n", issuer.url());
            std::fs::write(&oauth, info)?;
            let _ = writeln!(
                written,
                "passdb {{\n  driver = oauth2\n  mechanisms = oauthbearer xoauth2\n  args = {}\n}}",
                oauth.display()
            );
        }
        std::fs::write(&configuration, written)?;
        let mut command = program(Path::new(PROGRAM))?;
        let server = Foreground::start(command.arg("-F").arg("-c").arg(&configuration))?;
        await_listener(address, &folder.path().join("dovecot.log")).await?;
        Ok(Self { _server: server, folder, address })
    }

    /// Where it listens for LMTP over TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for LMTP on a unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("lmtp")
    }

    /// Where it proves accounts, by Dovecot's own protocol.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("auth")
    }

    /// What came for this address, one file a message, with LF line ends.
    #[must_use]
    pub fn maildir(&self, recipient: &str) -> Maildir {
        Maildir::at(&self.folder.path().join("mail").join(recipient))
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("dovecot.log")).unwrap_or_default()
    }
}

fn text(folder: &Path, address: SocketAddr) -> String {
    let at = folder.display();
    let (ip, port) = (address.ip(), address.port());
    format!(
        "base_dir = {at}/run
state_dir = {at}/state
log_path = {at}/dovecot.log
protocols = lmtp
ssl = no
listen = {ip}
auth_username_chars =
mail_location = maildir:{at}/mail/%u
mail_save_crlf = no
auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 oauthbearer xoauth2
disable_plaintext_auth = no
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {at}/accounts
}}
userdb {{
  driver = static
  args = allow_all_users=yes uid={NOBODY} gid={NOBODY} home={at}/mail/%u
}}
service lmtp {{
  unix_listener {at}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = {ip}
    port = {port}
  }}
}}
service auth {{
  unix_listener {at}/auth {{
    mode = 0666
  }}
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
