//! An OAuth issuer that others wrote: npm's oidc-provider, which is certified for OpenID Connect.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Foreground, missing};
use crate::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::patience::{PATIENCE, until};

/// What runs it.
const SCRIPT: &str = include_str!("oidc_provider.mjs");

/// A running issuer. It gives its one client, [`CLIENT_ID`], tokens of `ada@gatepost.example` for ten minutes, by client
/// credentials, and tells about them at `/token/introspection`. Dropping it ends it.
pub struct OidcProvider {
    // Ended before its folder goes: fields are dropped in this order.
    server: Option<Foreground>,
    folder: TempDir,
    audience: String,
    url: String,
}

impl OidcProvider {
    /// One whose tokens are for this audience, which says how they are made: `jwt:ES256:NAME`, likewise with RS256 and PS256,
    /// or `opaque:-:NAME`.
    ///
    /// # Errors
    ///
    /// When Node.js or the package is not here, or it does not listen in time.
    pub async fn start(audience: &str) -> io::Result<Self> {
        let folder = super::open_folder()?;
        std::fs::write(folder.path().join("issuer.mjs"), SCRIPT)?;
        let mut provider = Self { server: None, folder, audience: audience.to_owned(), url: String::new() };
        provider.run("0").await?;
        Ok(provider)
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill_with_children();
        }
    }

    /// Ends it and starts it again at the same address: with new keys, and without memory.
    ///
    /// # Errors
    ///
    /// As for [`OidcProvider::start`].
    pub async fn restart(&mut self) -> io::Result<()> {
        self.server = None;
        let port = self.url.rsplit(':').next().unwrap_or("0").to_owned();
        self.run(&port).await
    }

    async fn run(&mut self, port: &str) -> io::Result<()> {
        let modules = modules();
        if !modules.join("oidc-provider").exists() {
            return Err(missing("npm's oidc-provider"));
        }
        let said = self.folder.path().join("said");
        let errors = self.folder.path().join("errors");
        let mut command = Command::new("node");
        command.arg(self.folder.path().join("issuer.mjs")).arg(modules);
        command.args([port, CLIENT_ID, CLIENT_SECRET, &self.audience]).stdin(Stdio::null());
        command.stdout(std::fs::File::create(&said)?).stderr(std::fs::File::create(&errors)?);
        self.server = Some(Foreground(command.spawn()?));
        // The whole line: an address that is half written is another one.
        let listens = || Ok(std::fs::read_to_string(&said)?.split_once('\n').map(|(url, _)| url.to_owned()));
        self.url = until("the address of oidc-provider", PATIENCE, listens).await.map_err(|cause| {
            let told = std::fs::read_to_string(&errors).unwrap_or_default();
            io::Error::new(cause.kind(), format!("{cause}\n{told}"))
        })?;
        Ok(())
    }

    /// Its identifier, and the root of its addresses.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Where `cargo xtask test` installed it.
fn modules() -> PathBuf {
    let peers = std::env::var_os("GATEPOST_PEERS").map(PathBuf::from);
    let checkout = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
    let modules = peers.unwrap_or_else(checkout).join("npm/node_modules");
    modules.canonicalize().unwrap_or(modules)
}
