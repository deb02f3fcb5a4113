//! `gatepost account certificate`: TLS client certificates, for EXTERNAL.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatepost_directory::KnownCertificate;
use serde_json::{Value, json};
use x509_parser::pem::Pem;

use super::Desk;
use crate::cli::console::{Console, Format};
use crate::cli::failure::{Failure, Outcome, Status};

/// A certificate is known by its fingerprint: whoever signed it, and until it is removed here.
#[derive(Debug, Args)]
pub struct CertificateArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: CertificateCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// Let an account log in with the first certificate of a file.
    Add {
        /// The account's address.
        address: String,
        /// The certificate (PEM); its private key stays with the client.
        file: PathBuf,
    },
    /// List an account's certificates.
    List {
        /// The account's address.
        address: String,
    },
    /// Take a certificate from an account.
    Remove {
        /// The account's address.
        address: String,
        /// Its fingerprint (SHA-256), or as much of its beginning as leaves no doubt.
        fingerprint: String,
    },
}

pub(super) fn run(desk: &Desk, arguments: &CertificateArguments, console: &mut Console<'_>) -> Outcome {
    match &arguments.command {
        CertificateCommand::Add { address, file } => {
            let certificate = read(file)?;
            desk.directory.add_certificate(address, &certificate)?;
            told(console, &certificate, "may be used to log in")
        }
        CertificateCommand::List { address } => list(&desk.directory.certificates(address)?, console),
        CertificateCommand::Remove { address, fingerprint } => {
            let all = desk.directory.certificates(address)?;
            let certificate = find(&all, fingerprint)?;
            desk.directory.remove_certificate(address, &certificate.fingerprint)?;
            told(console, certificate, "can no longer be used")
        }
    }
}

/// The first certificate of a file.
fn read(file: &Path) -> Result<KnownCertificate, Failure> {
    let shown = file.display();
    let text = fs::read(file).map_err(|cause| Failure::no(format!("{shown}: {cause}")))?;
    let found = Pem::iter_from_buffer(&text)
        .filter_map(Result::ok)
        .find(|pem| pem.label == "CERTIFICATE")
        .ok_or_else(|| Failure::no(format!("{shown} holds no certificate (PEM)")))?;
    let subject = found
        .parse_x509()
        .map(|certificate| certificate.subject().to_string())
        .map_err(|_| Failure::no(format!("{shown} holds a certificate that cannot be read")))?;
    Ok(KnownCertificate::of_der(&found.contents, &subject, gatepost_mta::event::now()))
}

fn find<'a>(all: &'a [KnownCertificate], typed: &str) -> Result<&'a KnownCertificate, Failure> {
    let typed = typed.replace(':', "").to_ascii_lowercase();
    let mut fit = all.iter().filter(|one| !typed.is_empty() && hex(&one.fingerprint).starts_with(&typed));
    match (fit.next(), fit.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Failure::no("no certificate of the account has this fingerprint")),
        (Some(_), Some(_)) => {
            Err(Failure::no("more than one fingerprint begins like this: write more of it"))
        }
    }
}

fn hex(fingerprint: &[u8]) -> String {
    fingerprint.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn as_json(certificate: &KnownCertificate) -> Value {
    json!({
        "fingerprint": hex(&certificate.fingerprint),
        "subject": certificate.label,
        "created": certificate.created.to_string(),
    })
}

fn told(console: &mut Console<'_>, certificate: &KnownCertificate, what: &str) -> Outcome {
    match console.format {
        Format::Machines => console.json(&as_json(certificate))?,
        Format::People => {
            console.line(format!("{} ({}) {what}", hex(&certificate.fingerprint), certificate.label))?;
        }
    }
    Ok(Status::Done)
}

fn list(all: &[KnownCertificate], console: &mut Console<'_>) -> Outcome {
    match console.format {
        Format::Machines => console.json(&all.iter().map(as_json).collect::<Value>())?,
        Format::People if all.is_empty() => console.line("there are no certificates")?,
        Format::People => {
            let mut rows = vec![["FINGERPRINT (SHA-256)", "SUBJECT", "ADDED"].map(str::to_owned).to_vec()];
            rows.extend(
                all.iter().map(|one| vec![hex(&one.fingerprint), one.label.clone(), one.created.to_string()]),
            );
            console.table(&rows)?;
        }
    }
    Ok(Status::Done)
}
