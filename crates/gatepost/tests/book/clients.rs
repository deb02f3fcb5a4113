//! The pages about clients: commands are run as they stand, settings are logged in with.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;

use crate::blocks::{self, Block};
use crate::rig::{Gatepost, Plan};

const ADA: &str = "ada@example.org";
const OFFICE: &str = "office@example.org";
const PASSWORD: &str = "correct-horse";
const HOST: &str = "mail.example.org";

/// Where the pages say that the system's authorities are.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

fn start() -> Gatepost {
    let plan = Plan::default().maildir("example.org").hostname(HOST);
    ["bob@example.org", ADA, OFFICE]
        .into_iter()
        .fold(plan, |plan, name| plan.account(name, PASSWORD, &[]))
        .start()
}

/// The same text for the gatepost of the test: its ports, its address, its authority.
fn here(gatepost: &Gatepost, text: &str) -> String {
    let mut text = text.replace(AUTHORITIES, &gatepost.ca().display().to_string());
    for (port, address) in [("465", gatepost.submissions()), ("587", gatepost.submission())] {
        text = text.replace(&format!("{HOST}:{port}"), &format!("{HOST}:{}", address.port()));
        text = text.replace(&format!("port {port}\n"), &format!("port {}\n", address.port()));
    }
    text.replace(HOST, "127.0.0.1")
}

/// Runs the commands of a page in a home of its own, in which the page's files lie.
fn run_page(gatepost: &Gatepost, page: &Path) -> usize {
    let home = tempfile::tempdir().expect("a home");
    std::fs::write(home.path().join(".mail-password"), format!("{PASSWORD}\n")).expect("a password file");
    let mut commands = 0;
    for Block { kind, text } in blocks::of_page(page) {
        if let Some(name) = kind.strip_prefix("file ") {
            let path = home.path().join(name);
            std::fs::write(&path, here(gatepost, &text)).expect("writing a file of the page");
            let private = Command::new("chmod").arg("600").arg(&path).status();
            assert!(private.expect("running chmod").success());
        } else if kind == "sh" {
            commands += 1;
            shell(gatepost, home.path(), &text);
        }
    }
    commands
}

fn shell(gatepost: &Gatepost, home: &Path, text: &str) {
    let mut command = Command::new("timeout");
    command.args(["60", "bash", "-ec", &here(gatepost, text)]);
    command.env("HOME", home).env("CURL_CA_BUNDLE", gatepost.ca()).current_dir(home);
    let output = command.stdin(Stdio::null()).output().expect("running bash");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{told}");
}

#[test]
fn the_commands_of_the_pages_work_as_they_stand() {
    let gatepost = start();
    let count: usize = blocks::pages("clients").iter().map(|page| run_page(&gatepost, page)).sum();
    assert!(count >= 3, "{count} commands");
    gatepost.await_mail("example.org", "bob", count);
}

/// What a page tells to enter.
#[derive(Debug)]
struct Settings {
    port: String,
    security: String,
    authentication: String,
    user: String,
}

impl Settings {
    fn read(block: &Block) -> Self {
        let value = |key: &str| {
            let line = block.text.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_else(|| panic!("{key} in {block:?}")).trim().to_owned()
        };
        assert_eq!(value("server"), HOST);
        Self {
            port: value("port"),
            security: value("security"),
            authentication: value("authentication"),
            user: value("user name"),
        }
    }

    /// Logs in as the program would that is set up like this.
    async fn log_in(&self, gatepost: &Gatepost) -> std::io::Result<()> {
        let mut client = match (self.port.as_str(), self.security.as_str()) {
            ("465", "SSL/TLS" | "TLS/SSL") => {
                let mut client = Client::dial(gatepost.submissions()).await?;
                client.shake_hands("127.0.0.1").await?;
                client.expect("220").await?;
                client
            }
            ("587", "STARTTLS") => {
                let mut client = Client::dial(gatepost.submission()).await?;
                client.expect("220").await?;
                client.say("EHLO client.example", "250").await?;
                client.say("STARTTLS", "220").await?;
                client.shake_hands("127.0.0.1").await?;
                client
            }
            other => panic!("no program can be set up like this: {other:?}"),
        };
        client.say("EHLO client.example", "250").await?;
        match self.authentication.as_str() {
            "Normal password" | "Password" => {
                let response = STANDARD.encode(format!("\0{}\0{PASSWORD}", self.user));
                client.say(&format!("AUTH PLAIN {response}"), "235 2.7.0").await?;
            }
            "LOGIN" => {
                client.say("AUTH LOGIN", "334 VXNlcm5hbWU6").await?;
                client.say(&STANDARD.encode(&self.user), "334 UGFzc3dvcmQ6").await?;
                client.say(&STANDARD.encode(PASSWORD), "235 2.7.0").await?;
            }
            other => panic!("what mechanism is {other:?}?"),
        }
        client.quit().await
    }
}

#[tokio::test]
async fn the_settings_of_the_pages_log_in() -> std::io::Result<()> {
    let gatepost = start();
    let mut count = 0;
    for page in blocks::pages("clients") {
        for block in blocks::of_page(&page).iter().filter(|block| block.kind == "settings") {
            let settings = Settings::read(block);
            let done = settings.log_in(&gatepost).await;
            done.map_err(|cause| {
                std::io::Error::other(format!("{}: {settings:?}: {cause}", page.display()))
            })?;
            count += 1;
        }
    }
    assert!(count >= 5, "{count} blocks of settings");
    Ok(())
}
