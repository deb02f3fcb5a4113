//! PostgreSQL: a database on a unix socket and over TCP, with and without TLS.

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

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
const OWNER: &str = "postgres";

/// A running PostgreSQL with a database `mail` and a user `gatepost`, who may read all of it. Dropping it kills it.
pub struct Postgresql {
    server: Option<Group>,
    folder: TempDir,
    address: SocketAddr,
}

impl Postgresql {
    /// Starts one; `password` is that of `gatepost`. With an authority, which vouches for its address, it takes TLS connections too.
    ///
    /// # Errors
    ///
    /// When PostgreSQL 15 is not here, or does not start in time.
    pub async fn start(password: &str, authority: Option<&Authority>) -> io::Result<Self> {
        let folder = open_folder()?;
        let data = folder_for(folder.path(), "data", OWNER)?;
        folder_for(folder.path(), "socket", OWNER)?;
        let mut initdb = program(&Path::new(PROGRAMS).join("initdb"))?;
        initdb
            .args(["-A", "trust", "-U", OWNER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data);
        finish(as_user(&mut initdb, OWNER)?, "")?;
        std::fs::write(data.join("pg_hba.conf"), WHO)?;
        let address = Neighbourhood::new().free_port(1)?;
        if let Some(authority) = authority {
            super::write_identity(authority, address.ip(), (&data, OWNER))?;
        }
        let mut running = Self { server: None, folder, address };
        std::fs::write(
            data.join("postgresql.auto.conf"),
            running.settings(if authority.is_some() { "on" } else { "off" }),
        )?;
        running.restart().await?;
        running.fill("postgres", "CREATE DATABASE mail")?;
        running.query(&format!(
            "CREATE USER gatepost PASSWORD '{password}'; \
             ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO gatepost"
        ))?;
        Ok(running)
    }

    fn settings(&self, tls: &str) -> String {
        let socket = self.folder.path().join("socket");
        format!(
            "listen_addresses = '{}'\nport = {}\nunix_socket_directories = '{}'\nfsync = off\n\
             ssl = {tls}\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n",
            self.address.ip(),
            self.address.port(),
            socket.display()
        )
    }

    /// Starts it again after a [`Postgresql::kill`].
    ///
    /// # Errors
    ///
    /// When it does not listen in time.
    pub async fn restart(&mut self) -> io::Result<()> {
        let mut command = program(&Path::new(PROGRAMS).join("postgres"))?;
        command.arg("-D").arg(self.folder.path().join("data"));
        let log = self.folder.path().join("log");
        // A killed one leaves a lock that names its process, which must be seen to be gone.
        self.server = Some(Group::start(as_user(&mut command, OWNER)?, &log)?);
        await_listener(self.address, &log).await?;
        until("PostgreSQL", PATIENCE, || Ok(self.fill("postgres", "SELECT 1").ok())).await.map(drop)
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
        let mut psql = Command::new(Path::new(PROGRAMS).join("psql"));
        psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", OWNER, "-d", database]);
        psql.arg("-h").arg(self.socket()).args(["-p", &self.address.port().to_string()]);
        finish(&mut psql, sql)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of its unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The file of its unix socket.
    #[must_use]
    pub fn socket_file(&self) -> PathBuf {
        self.socket().join(format!(".s.PGSQL.{}", self.address.port()))
    }
}

/// Administrators on the socket are believed; everybody else shows a password.
const WHO: &str = "local all postgres trust\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n";
