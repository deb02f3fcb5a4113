//! The throw-away instance: folder, certificate, configuration, accounts.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_directory::NewAccount;
use gatepost_mail::{Domain, ForwardPath, Recipient, ReversePath};
use gatepost_mta::deliver::submit::Submission;
use gatepost_mta::settings::ListenerTls;
use gatepost_sasl::{Login, Secret};

use crate::certificate::{self, Files, Wanted};
use crate::cli::failure::Failure;
use crate::cli::place;
use crate::config::Configuration;

/// Who sends.
pub(super) const ADA: &str = "ada";
/// Who receives.
pub(super) const BOB: &str = "bob";
/// The domain of both.
const DOMAIN: &str = "quickstart.example";
/// The server's name, which its certificate has, beside those of loopback.
const HOSTNAME: &str = "mail.quickstart.example";
/// Tells a folder of ours from anything else.
const MARK: &str = ".gatepost-quickstart";
/// How long the certificate is valid.
const VALID: Duration = Duration::from_secs(30 * 86_400);
/// Random octets of a password, written as twice as many digits.
const PASSWORD_OCTETS: usize = 8;

/// The throw-away instance.
pub(super) struct Instance {
    /// Its folder, as a whole path.
    pub(super) dir: PathBuf,
    /// Its configuration file.
    pub(super) config: PathBuf,
    /// What that says.
    pub(super) configuration: Configuration,
    /// Its certificate and authority.
    pub(super) tls: Files,
    /// Passwords of Ada and Bob: throw-away, and so shown.
    pub(super) passwords: [String; 2],
}

/// The address of somebody.
pub(super) fn address(who: &str) -> String {
    format!("{who}@{DOMAIN}")
}

impl Instance {
    /// Makes everything anew.
    pub(super) fn make(dir: &Path) -> Result<Self, Failure> {
        clear(dir)?;
        let dir = dir.canonicalize()?;
        let names = [HOSTNAME, "localhost", "127.0.0.1"];
        let wanted = Wanted { names: &names, now: gatepost_mta::event::now(), valid: VALID };
        let tls = certificate::make(&wanted, &dir.join("tls"))?;
        let config = dir.join("gatepost.toml");
        certificate::write_new(&config, &text(&dir, free_ports()?), 0o644)?;
        let configuration = place::load_file(&config)?.configuration;
        let passwords = [password()?, password()?];
        let accounts = place::accounts(&configuration)?;
        for (who, password) in [ADA, BOB].into_iter().zip(&passwords) {
            let secret = Secret::new(password.clone());
            let new = NewAccount::new(&address(who), secret, gatepost_mta::event::now());
            accounts.add(&new).map_err(Failure::no)?;
        }
        Ok(Self { dir, config, configuration, tls, passwords })
    }

    /// Ada's message to somebody, over STARTTLS, with a check of the server's certificate.
    pub(super) fn submission(
        &self,
        server: SocketAddr,
        to: &str,
        token: &str,
    ) -> Result<Submission, Failure> {
        let ada = address(ADA);
        let [password, _] = &self.passwords;
        let forward_path = ForwardPath::parse(&format!("<{to}>")).map_err(Failure::no)?;
        let content = format!(
            "From: Ada <{ada}>\r\nTo: <{to}>\r\nSubject: {token}\r\n\r\nHello,\r\n\r\nthis went through gatepost.\r\n"
        );
        Ok(Submission {
            server,
            name: Some(HOSTNAME.to_owned()),
            trust: Some(self.tls.authority.clone()),
            tls: ListenerTls::StartTls,
            hello: Domain::parse("localhost").map_err(Failure::no)?,
            login: Some(Login::new(ada.clone(), Secret::new(password.clone())).map_err(Failure::no)?),
            mechanism: None,
            reverse_path: ReversePath::parse(&format!("<{ada}>")).map_err(Failure::no)?,
            recipients: vec![Recipient::new(forward_path)],
            content: content.into_bytes(),
        })
    }

    /// The file in Bob's Maildir that holds this text.
    pub(super) fn mail_with(&self, token: &str) -> Result<PathBuf, Failure> {
        let folder = self.dir.join("mail").join(BOB).join("new");
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if fs::read_to_string(&path)?.contains(token) {
                return Ok(path);
            }
        }
        Err(Failure::no(format!("the message is not in {}", folder.display())))
    }
}

/// Makes room for a new instance, in place of an old one and of nothing else.
fn clear(dir: &Path) -> Result<(), Failure> {
    let mark = dir.join(MARK);
    match fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() && !mark.exists() {
                let dir = dir.display();
                return Err(Failure::no(format!(
                    "{dir} is no quickstart of ours: choose another with --dir"
                )));
            }
            fs::remove_dir_all(dir)?;
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(Failure::no(format!("{}: {cause}", dir.display()))),
    }
    fs::create_dir_all(dir).map_err(|cause| Failure::no(format!("{}: {cause}", dir.display())))?;
    certificate::write_new(&mark, "This folder is thrown away by the next gatepost quickstart.\n", 0o644)
}

/// Three free ports on loopback. Somebody else may take one before we do; then starting says so.
fn free_ports() -> io::Result<[u16; 3]> {
    let sockets = [open()?, open()?, open()?];
    let mut ports = [0; 3];
    for (port, socket) in ports.iter_mut().zip(&sockets) {
        *port = socket.local_addr()?.port();
    }
    Ok(ports)
}

fn open() -> io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0")
}

fn text(dir: &Path, [mx, submission, submissions]: [u16; 3]) -> String {
    let dir = dir.display();
    format!(
        r#"# A throw-away instance, made by `gatepost quickstart`: loopback only.

hostname = "{HOSTNAME}"
data-dir = '{dir}/data'

[tls]
certificate = "tls/certificate.pem"
private-key = "tls/private-key.pem"

[listener.mx]
bind = ["127.0.0.1:{mx}"]
role = "mx"

[listener.submission]
bind = ["127.0.0.1:{submission}"]
role = "submission"

[listener.submissions]
bind = ["127.0.0.1:{submissions}"]
role = "submission"
tls = "implicit"

[domain."{DOMAIN}"]
deliver = 'maildir:{dir}/mail/{{local-part}}'
"#
    )
}

fn password() -> Result<String, Failure> {
    let mut octets = [0; PASSWORD_OCTETS];
    getrandom::fill(&mut octets).map_err(|cause| Failure::no(format!("no random numbers: {cause}")))?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}
