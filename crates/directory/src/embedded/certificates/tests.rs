use gatepost_sasl::{Mechanism, Secret};
use tempfile::TempDir;

use super::*;
use crate::NewAccount;
use crate::embedded::EmbeddedSettings;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const ADA: &str = "ada@gatepost.example";
const BOB: &str = "bob@gatepost.example";

#[test]
fn a_certificate_has_one_account_until_it_is_removed() {
    let data_dir = TempDir::new().unwrap();
    let directory = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap();
    for name in [ADA, BOB] {
        directory.add(&NewAccount::new(name, Secret::new("pencil"), NOW)).unwrap();
    }
    let certificate =
        |number| KnownCertificate { fingerprint: [number; 32], label: "CN=desk".into(), created: NOW };
    assert!(!directory.show(ADA).unwrap().mechanisms().contains(&Mechanism::External));
    directory.add_certificate(ADA, &certificate(1)).unwrap();
    assert!(directory.show(ADA).unwrap().mechanisms().contains(&Mechanism::External));
    let taken = directory.add_certificate(BOB, &certificate(1)).unwrap_err().to_string();
    assert_eq!(taken, "this certificate is ada@gatepost.example's already");
    assert_eq!(directory.certificates(ADA).unwrap(), [certificate(1)]);
    let owner = |number| {
        let certificate =
            ClientCertificate { fingerprint: [number; 32], emails: Vec::new(), vouched: Vouched::Not };
        directory.owner_of(&certificate).unwrap()
    };
    assert_eq!(owner(1).as_deref(), Some(ADA));
    directory.suspend(ADA).unwrap();
    assert_eq!(owner(1), None);
    directory.resume(ADA).unwrap();
    assert!(directory.remove_certificate(BOB, &[1; 32]).is_err());
    directory.remove_certificate(ADA, &[1; 32]).unwrap();
    assert_eq!(owner(1), None);
    for number in 1..=20 {
        directory.add_certificate(ADA, &certificate(number)).unwrap();
    }
    let full = directory.add_certificate(ADA, &certificate(21)).unwrap_err().to_string();
    assert_eq!(full, "an account may have 20 certificates");
    directory.remove(ADA).unwrap();
    assert_eq!(owner(1), None);
    directory.add_certificate(BOB, &certificate(1)).unwrap();
}
