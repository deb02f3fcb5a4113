//! Certificates of our own making: for a throw-away instance, and for the first hours of a new server.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_mail::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use crate::cli::failure::Failure;

/// A day before, for clocks that go wrong.
const HEAD_START: Duration = Duration::from_secs(86_400);

/// The files of a certificate and of the authority that signed it.
#[derive(Debug, Clone)]
pub struct Files {
    /// The authority's certificate: what a client must trust.
    pub authority: PathBuf,
    /// Our certificate, then the authority's.
    pub certificate: PathBuf,
    /// The private key, for its owner only.
    pub private_key: PathBuf,
}

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The names of the server, addresses among them. The first is its title.
    pub names: &'a [&'a str],
    /// Now.
    pub now: Timestamp,
    /// How long it is valid.
    pub valid: Duration,
}

/// Makes an authority and a certificate signed by it, and writes them into a folder. The authority's key is
/// forgotten, so that it never signs another.
///
/// # Errors
///
/// When the machine makes no key, or the files cannot be written; files that are there already are not replaced.
pub fn make(wanted: &Wanted<'_>, folder: &Path) -> Result<Files, Failure> {
    let made = |error: rcgen::Error| Failure::no(format!("no certificate could be made: {error}"));
    let title = wanted.names.first().copied().unwrap_or("gatepost");
    let authority_key = KeyPair::generate().map_err(made)?;
    let mut params = parameters(wanted, &[], &format!("authority of {title} alone")).map_err(made)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = params.self_signed(&authority_key).map_err(made)?.pem();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().map_err(made)?;
    let mut params = parameters(wanted, wanted.names, title).map_err(made)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let own = params.signed_by(&key, &issuer).map_err(made)?.pem();
    let files = Files {
        authority: folder.join("authority.pem"),
        certificate: folder.join("certificate.pem"),
        private_key: folder.join("private-key.pem"),
    };
    fs::create_dir_all(folder).map_err(|cause| Failure::no(format!("{}: {cause}", folder.display())))?;
    write_new(&files.authority, &authority, 0o644)?;
    write_new(&files.certificate, &format!("{own}{authority}"), 0o644)?;
    write_new(&files.private_key, &key.serialize_pem(), 0o600)?;
    Ok(files)
}

fn parameters(wanted: &Wanted<'_>, names: &[&str], title: &str) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    let day = |moment: Timestamp| {
        let (year, month, day) = civil(moment);
        date_time_ymd(year, month, day)
    };
    let begin =
        Timestamp::since_epoch(Duration::from_micros(wanted.now.as_micros()).saturating_sub(HEAD_START));
    params.not_before = day(begin);
    params.not_after = day(wanted.now.after(wanted.valid));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, title);
    Ok(params)
}

/// Year, month and day of a moment.
fn civil(moment: Timestamp) -> (i32, u8, u8) {
    let text = moment.to_string();
    let mut parts = text.splitn(3, '-').map(|part| part.chars().take_while(char::is_ascii_digit).collect());
    let mut next = || parts.next().unwrap_or_else(String::new);
    (next().parse().unwrap_or(1970), next().parse().unwrap_or(1), next().parse().unwrap_or(1))
}

/// Writes a file that is not there yet.
///
/// # Errors
///
/// When it is there, or the system refuses.
pub fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|cause| Failure::no(format!("{}: {cause}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_for_its_owner_and_nothing_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_micros(1_795_299_337_000_000);
        let names = ["mail.example.org", "127.0.0.1"];
        let wanted = Wanted { names: &names, now, valid: Duration::from_secs(86_400 * 30) };
        let files = make(&wanted, folder.path()).unwrap();
        let mode = fs::metadata(&files.private_key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let chain = fs::read_to_string(&files.certificate).unwrap();
        assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(make(&wanted, folder.path()).is_err());
        assert_eq!(fs::read_to_string(&files.certificate).unwrap(), chain);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(Timestamp::from_micros(1_795_299_337_000_000)), (2026, 11, 21));
        assert_eq!(civil(Timestamp::from_micros(0)), (1970, 1, 1));
    }
}
