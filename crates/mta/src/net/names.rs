//! The names that a certificate is for (RFC 5280 section 4.2.1.6).

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Most names that are kept; a certificate of ours with more is no use to the rest of them.
const MOST: usize = 100;

/// Host names and addresses of a certificate. A name with a star is left out: it is no name that somebody is called.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, read)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(alternatives)) = read.subject_alternative_name() else { return Vec::new() };
    alternatives.value.general_names.iter().filter_map(name).take(MOST).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(host) = name {
        return (!host.contains('*')).then(|| (*host).to_owned());
    }
    let GeneralName::IPAddress(octets) = name else { return None };
    let address = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
    let address = address.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use gatepost_testworld::Authority;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn hosts_and_addresses_count_and_nothing_else() {
        let names_of = |written: &[&str]| {
            let identity = Authority::self_signed(written).unwrap();
            names(&CertificateDer::from_pem_slice(identity.chain.as_bytes()).unwrap())
        };
        let written = ["mail.example.org", "127.0.0.1", "::1", "*.example.org", "ada@example.org"];
        assert_eq!(names_of(&written), ["mail.example.org", "127.0.0.1", "::1"]);
        assert!(names(&CertificateDer::from(vec![0; 10])).is_empty());
    }
}
