//! `gatepost init DOMAIN`: a first configuration, a certificate for the first hours, and the DNS records.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use gatepost_mail::Domain;
use serde_json::json;

use super::console::{Console, Format};
use super::failure::{Failure, Outcome, Status};
use super::place;
use crate::certificate::{self, Files, Wanted};

/// How long the certificate of our own making is valid: time enough to get a real one.
const VALID: Duration = Duration::from_secs(90 * 86_400);

/// Nothing that is there already is replaced.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost init example.org
  gatepost init example.org --hostname mx1.example.org --dir /etc/gatepost --data-dir /var/lib/gatepost")]
pub struct InitArguments {
    /// The domain to take mail for.
    pub domain: String,
    /// This host's own name [default: mail.DOMAIN].
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Where the configuration goes.
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub dir: PathBuf,
    /// Where spool, accounts and events go [default: DIR/data].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

pub(super) fn run(arguments: &InitArguments, console: &mut Console<'_>) -> Outcome {
    let domain = read(&arguments.domain)?;
    let hostname = match &arguments.hostname {
        Some(hostname) => read(hostname)?,
        None => read(&format!("mail.{domain}"))?,
    };
    let path = arguments.dir.join("gatepost.toml");
    if path.exists() {
        return Err(Failure::no(format!("{} is there already; nothing was changed", path.display())));
    }
    let wanted = Wanted { names: &[hostname.ascii()], now: gatepost_mta::event::now(), valid: VALID };
    let files = certificate::make(&wanted, &arguments.dir.join("tls"))?;
    let data_dir = arguments.data_dir.clone().unwrap_or_else(|| PathBuf::from("data"));
    let text = configuration(&domain, &hostname, &data_dir.display().to_string());
    certificate::write_new(&path, &text, 0o644)?;
    // What we write must run: better found out now than at the first start.
    let loaded = place::load_file(&path)?;
    place::make_data_dir(&loaded.configuration)?;
    let records = records(&domain, &hostname);
    if console.format == Format::Machines {
        console.json(&json!({ "config": path, "records": records }))?;
        return Ok(Status::Done);
    }
    tell(&path, &files, &records, console)?;
    Ok(Status::Done)
}

fn read(name: &str) -> Result<Domain, Failure> {
    Domain::parse(name).map_err(|cause| Failure::usage(format!("\"{name}\": {cause}")))
}

fn configuration(domain: &Domain, hostname: &Domain, data_dir: &str) -> String {
    format!(
        r#"# A first configuration. `gatepost check` explains mistakes; docs/configuration.md has every option.

hostname = "{hostname}"
data-dir = "{data_dir}"

[tls]
# Made by `gatepost init` and trusted by nobody: put a real one here before people use this server.
certificate = "tls/certificate.pem"
private-key = "tls/private-key.pem"

[listener.mx]                          # other servers bring mail for our domain
bind = ["0.0.0.0:25", "[::]:25"]
role = "mx"

[listener.submission]                  # our people hand in mail, with a login
bind = ["0.0.0.0:587", "[::]:587"]
role = "submission"

[listener.submissions]                 # the same under TLS from the start
bind = ["0.0.0.0:465", "[::]:465"]
role = "submission"
tls = "implicit"

[domain."{domain}"]
deliver = "maildir:{data_dir}/mail/{{domain}}/{{local-part}}"
"#
    )
}

/// The DNS records to publish. `ADDRESS` is what only the operator knows.
fn records(domain: &Domain, hostname: &Domain) -> Vec<String> {
    let (domain, host) = (domain.ascii(), hostname.ascii());
    vec![
        format!("{host}. A ADDRESS"),
        format!("{host}. AAAA ADDRESS"),
        format!("{domain}. MX 10 {host}."),
        format!("{domain}. TXT \"v=spf1 mx -all\""),
        format!("_submissions._tcp.{domain}. SRV 0 1 465 {host}."),
        format!("_submission._tcp.{domain}. SRV 5 1 587 {host}."),
    ]
}

fn tell(
    path: &std::path::Path,
    files: &Files,
    records: &[String],
    console: &mut Console<'_>,
) -> std::io::Result<()> {
    let config = path.display();
    console.line(format!("{config} is written; its certificate is one of its own making:"))?;
    console.line(format!("  {}", files.certificate.display()))?;
    console.line("\nPublish these DNS records, with this host's addresses:")?;
    for record in records {
        console.line(format!("  {record}"))?;
    }
    console.line("and let whoever owns the addresses point their PTR records to the host's name.\n")?;
    console.line("Then:")?;
    console.line(format!("  gatepost account add YOU@DOMAIN -c {config}"))?;
    console.line(format!("  gatepost serve -c {config}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::console::Tone;

    fn init(dir: &std::path::Path, format: Format) -> (Outcome, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = InitArguments {
            domain: "example.org".into(),
            hostname: None,
            dir: dir.to_path_buf(),
            data_dir: None,
        };
        let mut console = Console { out: &mut out, err: &mut err, format, tone: Tone::Plain };
        let outcome = run(&arguments, &mut console);
        (outcome, String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_is_written_runs_and_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (outcome, told) = init(dir.path(), Format::People);
        assert_eq!(outcome.unwrap(), Status::Done);
        assert!(told.contains("example.org. MX 10 mail.example.org."), "{told}");
        let loaded = place::load_file(&dir.path().join("gatepost.toml")).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert_eq!(loaded.configuration.settings.listeners.len(), 3);
        assert!(dir.path().join("data").is_dir());
        assert!(matches!(init(dir.path(), Format::People).0, Err(Failure::No(_))));
    }
}
