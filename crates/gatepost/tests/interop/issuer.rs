//! Tokens of npm's oidc-provider, and the source that believes them.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_fetch::{Fetcher, Patience, Url, percent_encoded};
use gatepost_testworld::issuer::{CLIENT_ID, CLIENT_SECRET};

/// Whose tokens it gives.
pub(crate) const ADA: &str = "ada@gatepost.example";

/// An audience whose tokens say nothing by themselves.
pub(crate) const OPAQUE: &str = "opaque:-:smtp";

/// Where tokens are got, and kept for bad times.
pub(crate) struct Till {
    fetcher: Fetcher,
    url: Url,
    kept: Mutex<Vec<String>>,
}

impl Till {
    /// At the issuer with this address.
    pub(crate) fn new(issuer: &str) -> io::Result<Self> {
        let fetcher = Fetcher::new(None, Patience::default()).map_err(io::Error::other)?;
        let url = Url::parse(&format!("{issuer}/token")).map_err(io::Error::other)?;
        Ok(Self { fetcher, url, kept: Mutex::default() })
    }

    /// Puts so many by.
    pub(crate) async fn fill(&self, count: usize) -> io::Result<()> {
        for _ in 0..count {
            let token = self.fetch().await?;
            self.kept.lock().expect("the tokens").push(token);
        }
        Ok(())
    }

    /// One that nobody has shown yet: from the issuer, or of those put by.
    pub(crate) async fn token(&self) -> Option<String> {
        match self.fetch().await {
            Ok(token) => Some(token),
            Err(_) => self.kept.lock().expect("the tokens").pop(),
        }
    }

    /// A new one.
    pub(crate) async fn fetch(&self) -> io::Result<String> {
        let name = [CLIENT_ID, CLIENT_SECRET].map(percent_encoded);
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", *name[0], *name[1])));
        let fields = [("grant_type", "client_credentials"), ("scope", "smtp.send")];
        let asked = self.fetcher.post_form(&self.url, &[("authorization", &basic)], &fields).await;
        let response = asked.map_err(io::Error::other)?;
        let read: serde_json::Value = serde_json::from_slice(response.body())?;
        let token = read["access_token"].as_str();
        token.map(str::to_owned).ok_or_else(|| io::Error::other(format!("no token in {read}")))
    }
}

/// The source of this issuer, which is asked about each token; the secret is put into the folder.
pub(crate) fn source(issuer: &str, folder: &Path) -> io::Result<String> {
    let secret = folder.join("client.secret");
    std::fs::write(&secret, CLIENT_SECRET)?;
    Ok(format!(
        "[auth.source.login]\nkind = \"oauth\"\ndomains = [\"gatepost.example\"]\nissuer = \"{issuer}\"\n\
         audience = \"{OPAQUE}\"\nscope = \"smtp.send\"\naccounts = \"any\"\n\
         introspection = \"{issuer}/token/introspection\"\nclient-id = \"{CLIENT_ID}\"\nclient-secret-file = {secret:?}"
    ))
}
