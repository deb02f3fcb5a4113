//! MariaDB: a database on a unix socket and over TCP, with and without TLS.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::group::{Group, as_user, finish};
use super::{await_listener, folder_for, open_folder, program};
use crate::authority::Authority;
use crate::loopback::Neighbourhood;
use crate::patience::{PATIENCE, until};

const SERVER: &str = "/usr/sbin/mariadbd";
const INSTALL: &str = "/usr/bin/mariadb-install-db";
const CLIENT: &str = "/usr/bin/mariadb";
const OWNER: &str = "mysql";

/// A running MariaDB with a database `mail` and a user `gatepost`, who may read all of it. Dropping it kills it.
pub struct Mariadb {
    server: Option<Group>,
    folder: TempDir,
    address: SocketAddr,
    tls: Vec<String>,
}

impl Mariadb {
    /// Starts one; `password` is that of `gatepost`. With an authority, which vouches for its address, it takes TLS connections too.
    ///
    /// # Errors
    ///
    /// When MariaDB is not here, or does not start in time.
    pub async fn start(password: &str, authority: Option<&Authority>) -> io::Result<Self> {
        let folder = open_folder()?;
        let data = folder_for(folder.path(), "data", OWNER)?;
        folder_for(folder.path(), "socket", OWNER)?;
        let scratch = folder_for(folder.path(), "scratch", OWNER)?;
        let mut install = program(Path::new(INSTALL))?;
        install.args(["--no-defaults", "--skip-test-db", "--skip-name-resolve"]);
        install.arg("--auth-root-authentication-method=normal").arg(format!("--datadir={}", data.display()));
        // One that begins removes the temporary tables that it finds, others' too.
        install.env("TMPDIR", &scratch);
        finish(as_user(&mut install, OWNER)?, "")?;
        let address = Neighbourhood::new().free_port(1)?;
        let mut tls = Vec::new();
        if let Some(authority) = authority {
            let (certificate, key) = super::write_identity(authority, address.ip(), (&data, OWNER))?;
            tls.push(format!("--ssl-cert={}", certificate.display()));
            tls.push(format!("--ssl-key={}", key.display()));
        }
        let mut running = Self { server: None, folder, address, tls };
        running.restart().await?;
        running.fill(
            "mysql",
            &format!(
                "CREATE DATABASE mail CHARACTER SET utf8mb4; \
                 CREATE USER gatepost IDENTIFIED BY '{password}'; GRANT SELECT ON mail.* TO gatepost"
            ),
        )?;
        Ok(running)
    }

    /// Starts it again after a [`Mariadb::kill`].
    ///
    /// # Errors
    ///
    /// When it does not listen in time.
    pub async fn restart(&mut self) -> io::Result<()> {
        let mut command = program(Path::new(SERVER))?;
        let at = self.folder.path().display();
        // What is committed is written, though the disk is not waited for: a kill loses none of it.
        command.args(["--no-defaults", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2"]);
        command.args([format!("--datadir={at}/data"), format!("--socket={at}/socket/mariadb")]);
        command.arg(format!("--tmpdir={at}/scratch"));
        command.args([format!("--bind-address={}", self.address.ip())]);
        command.args([format!("--port={}", self.address.port())]).args(&self.tls);
        command.arg(format!("--pid-file={at}/socket/pid"));
        let log = self.folder.path().join("log");
        self.server = Some(Group::start(as_user(&mut command, OWNER)?, &log)?);
        await_listener(self.address, &log).await?;
        until("MariaDB", PATIENCE, || Ok(self.fill("mysql", "SELECT 1").ok())).await.map(drop)
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

    /// Runs SQL in the database `mail`, as its administrator.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn query(&self, sql: &str) -> io::Result<String> {
        self.fill("mail", sql)
    }

    fn fill(&self, database: &str, sql: &str) -> io::Result<String> {
        let mut client = Command::new(CLIENT);
        client.args(["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        client.arg(format!("--socket={}", self.socket().display())).args(["-u", "root", database]);
        finish(&mut client, sql)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket/mariadb")
    }
}
