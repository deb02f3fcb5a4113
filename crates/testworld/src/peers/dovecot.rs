//! Dovecot: a message store behind LMTP, on a unix socket and over TCP; and the mechanisms that Postfix lacks.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Foreground, NOBODY, await_listener, open_folder, owned_folder, program, with_log};
use crate::issuer::Issuer;
use crate::loopback::Neighbourhood;
use crate::maildir::Maildir;
use crate::patience::{PATIENCE, until};

const PROGRAM: &str = "/usr/sbin/dovecot";

/// A running Dovecot. Dropping it ends it and removes its folder.
pub struct Dovecot {
    // Ended before its folder goes: fields are dropped in this order.
    server: Option<Foreground>,
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
        Self::start("", ANYBODY, None, "").await
    }

    /// Knows one account, and proves it by PLAIN, LOGIN, CRAM-MD5, DIGEST-MD5, SCRAM-SHA-1 and SCRAM-SHA-256
    /// to who asks at [`Dovecot::authority`], as [`super::PostfixPlan::accounts_of`] does. A wrong password is
    /// answered at once, however often one came.
    ///
    /// # Errors
    ///
    /// As for [`Dovecot::store`].
    pub async fn account(user: &str, password: &str) -> io::Result<Self> {
        Self::account_with(user, password, "").await
    }

    /// The same, with more settings, as Dovecot writes them.
    ///
    /// # Errors
    ///
    /// As for [`Dovecot::store`].
    pub async fn account_with(user: &str, password: &str, settings: &str) -> io::Result<Self> {
        let account = format!("{user}:{{PLAIN}}{password}:{NOBODY}:{NOBODY}::/nonexistent\n");
        Self::start(&account, WHO_IS_WRITTEN, None, settings).await
    }

    /// Knows whoever shows a token that this issuer knows, by OAUTHBEARER and XOAUTH2.
    ///
    /// # Errors
    ///
    /// As for [`Dovecot::store`].
    pub async fn tokens_of(issuer: &Issuer) -> io::Result<Self> {
        Self::start("", ANYBODY, Some(issuer), "").await
    }

    async fn start(accounts: &str, users: &str, issuer: Option<&Issuer>, settings: &str) -> io::Result<Self> {
        let folder = open_folder()?;
        let address = Neighbourhood::new().free_port(1)?;
        owned_folder(folder.path(), "mail", NOBODY)?;
        for name in ["run", "state"] {
            std::fs::create_dir_all(folder.path().join(name))?;
        }
        let configuration = folder.path().join("dovecot.conf");
        std::fs::write(folder.path().join("accounts"), accounts)?;
        let mut written = text(folder.path(), address, users);
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
        written.push_str(settings);
        std::fs::write(&configuration, written)?;
        let mut dovecot = Self { server: None, folder, address };
        dovecot.revive().await?;
        Ok(dovecot)
    }

    /// Kills it and all its processes at once; its folder and what is in it stay.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill_with_children();
        }
    }

    /// Starts it again at the same addresses.
    ///
    /// # Errors
    ///
    /// As for [`Dovecot::store`].
    pub async fn revive(&mut self) -> io::Result<()> {
        self.kill();
        let configuration = self.folder.path().join("dovecot.conf");
        let mut command = program(Path::new(PROGRAM))?;
        self.server = Some(Foreground::start(command.arg("-F").arg("-c").arg(&configuration))?);
        let log = self.folder.path().join("dovecot.log");
        await_listener(self.address, &log).await?;
        for socket in [self.socket(), self.authority(), self.userdb()] {
            let answers = || Ok(UnixStream::connect(&socket).ok().map(drop));
            let listens = until(&format!("a listener at {}", socket.display()), PATIENCE, answers).await;
            listens.map_err(|cause| with_log(&cause, &log))?;
        }
        Ok(())
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

    /// Where it says which users there are, by Dovecot's own protocol.
    #[must_use]
    pub fn userdb(&self) -> PathBuf {
        self.folder.path().join("auth-userdb")
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

/// Every name is a user.
const ANYBODY: &str = "userdb {
  driver = static
  args = allow_all_users=yes uid=NOBODY gid=NOBODY home=FOLDER/mail/%u
}";

/// Those with a password are users.
const WHO_IS_WRITTEN: &str = "userdb {
  driver = passwd-file
  args = FOLDER/accounts
}";

fn text(folder: &Path, address: SocketAddr, users: &str) -> String {
    let at = folder.display();
    let (ip, port) = (address.ip(), address.port());
    let users = users.replace("FOLDER", &at.to_string()).replace("NOBODY", &NOBODY.to_string());
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
{users}
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
  unix_listener {at}/auth-userdb {{
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
