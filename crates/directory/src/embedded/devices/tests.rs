use std::net::IpAddr;

use gatepost_sasl::{Mechanism, PasswordCheck, ScramHash};
use tempfile::TempDir;

use super::*;
use crate::embedded::{EmbeddedSettings, now};
use crate::{Known, LoginNote, NewAccount, SendsAs, Source};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const ADA: &str = "ada@gatepost.example";

fn site() -> (TempDir, Embedded) {
    let data_dir = TempDir::new().unwrap();
    let directory = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap();
    directory.add(&NewAccount::new(ADA, Secret::new("pencil"), NOW)).unwrap();
    (data_dir, directory)
}

fn new(device: Device) -> NewDevice {
    NewDevice { device, allow: Vec::new(), realm: None }
}

fn check(directory: &Embedded, user: &str, password: &Secret) -> Known<PasswordCheck> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Source::check_password(directory, user, password)).unwrap()
}

#[test]
fn one_is_revoked_without_touching_the_others() {
    let (_data_dir, directory) = site();
    let printer = directory.add_device(ADA, &new(Device::new("printer", NOW))).unwrap();
    let camera = directory.add_device(ADA, &new(Device::new("camera", NOW))).unwrap();
    assert_ne!(printer, camera);
    directory.revoke_device("Ada@gatepost.example", "printer").unwrap();
    let (right, wrong) = (Known::Here(PasswordCheck::Right), Known::Here(PasswordCheck::Wrong));
    assert_eq!(check(&directory, ADA, &printer), wrong);
    assert_eq!(check(&directory, "ada%printer@gatepost.example", &printer), Known::Elsewhere);
    assert_eq!(check(&directory, "ada%camera@gatepost.example", &camera), right);
    let camera_name = PasswordCheck::RightAs("ada%camera@gatepost.example".to_owned());
    assert_eq!(check(&directory, ADA, &camera), Known::Here(camera_name));
    assert_eq!(check(&directory, ADA, &Secret::new("pencil")), right);
    let again = directory.revoke_device(ADA, "printer").unwrap_err().to_string();
    assert_eq!(again, "ada@gatepost.example has no device \"printer\"");
}

#[test]
fn what_a_device_may_do_is_kept() {
    let (_data_dir, directory) = site();
    let network = Network { address: IpAddr::from([10, 0, 0, 0]), prefix: 8 };
    let sender: SendsAs = "scans@gatepost.example".parse().unwrap();
    let device = Device {
        expires: Some(now().after(std::time::Duration::from_secs(3_600))),
        networks: vec![network],
        senders: vec![sender, "*@b\u{fc}cher.example".parse().unwrap()],
        messages_per_day: NonZeroU32::new(50),
        mechanisms: vec![Mechanism::ScramSha256, Mechanism::Login],
        ..Device::new("scanner", NOW)
    };
    directory.add_device(ADA, &new(device.clone())).unwrap();
    assert_eq!(directory.devices(ADA).unwrap().as_slice(), std::slice::from_ref(&device));
    let login = Login::of_device(ADA, "scanner");
    let account = directory.store.account(&login, now()).unwrap().unwrap();
    assert_eq!(account.device(), Some(&device));
    assert_eq!(account.mechanisms(), [Mechanism::ScramSha256, Mechanism::Login]);
    // What its mechanisms do not use is not stored.
    assert!(directory.verifier(&login, ScramHash::Sha256).unwrap().is_some());
    assert!(directory.verifier(&login, ScramHash::Sha1).unwrap().is_none());

    let note = LoginNote {
        account: ADA.to_owned(),
        device: Some("scanner".to_owned()),
        network: Network::of_client([10, 0, 0, 7].into()),
        mechanism: Mechanism::Login,
        at: NOW,
    };
    directory.note_login(&note).unwrap();
    let last = directory.devices(ADA).unwrap()[0].last_use.unwrap();
    assert_eq!((last.at, last.network, last.mechanism), (NOW, note.network, Mechanism::Login));
    assert_eq!(directory.show(ADA).unwrap().last_use(), None, "that was the device's");
}

#[test]
fn a_device_that_has_ended_or_whose_account_is_suspended_is_unknown() {
    let (_data_dir, directory) = site();
    let soon = now().after(std::time::Duration::from_secs(60));
    let device = Device { expires: Some(soon), ..Device::new("printer", NOW) };
    let allow = vec![Mechanism::CramMd5, Mechanism::DigestMd5, Mechanism::Ntlm];
    let realm = Some("mail.gatepost.example".to_owned());
    let password = directory.add_device(ADA, &NewDevice { device, allow, realm }).unwrap();
    let login = Login::of_device(ADA, "printer");
    let all = |now: Timestamp| {
        let kinds = [Kind::Device, Kind::ScramSha256, Kind::CramMd5, Kind::DigestMd5, Kind::Ntlm];
        let there = kinds.map(|kind| directory.store.credential(&login, kind, now).unwrap().is_some());
        let hashes = directory.store.device_hashes(ADA, now).unwrap().len();
        (there, directory.store.account(&login, now).unwrap().is_some(), hashes)
    };
    assert_eq!(all(now()), ([true; 5], true, 1));
    assert_eq!(all(soon), ([false; 5], false, 0));
    directory.suspend(ADA).unwrap();
    assert_eq!(all(now()), ([false; 5], false, 0));
    assert_eq!(check(&directory, "ada%printer@gatepost.example", &password), Known::Elsewhere);
    assert_eq!(check(&directory, ADA, &password), Known::Here(PasswordCheck::Wrong));
    directory.resume(ADA).unwrap();
    assert_eq!(all(now()), ([true; 5], true, 1));
    directory.remove(ADA).unwrap();
    assert_eq!(all(now()), ([false; 5], false, 0));
}

/// The weak mechanisms of a device are for its own login name.
#[test]
fn a_device_opts_in_by_itself() {
    let (_data_dir, directory) = site();
    let device = Device::new("printer", NOW);
    let allow = vec![Mechanism::CramMd5];
    let password = directory.add_device(ADA, &NewDevice { device, allow, realm: None }).unwrap();
    let secret = directory.secret(&Login::of_device(ADA, "printer")).unwrap().unwrap();
    assert_eq!(secret.password(), Some(&password));
    assert_eq!(directory.secret(&Login::of_account(ADA)).unwrap(), None);
}

#[test]
fn refusals_are_for_people() {
    let (_data_dir, directory) = site();
    directory.add_device(ADA, &new(Device::new("printer", NOW))).unwrap();
    let networks = vec![Network { address: [10, 0, 0, 0].into(), prefix: 8 }; DEVICE_BOUNDS_MOST + 1];
    let rows = [
        (ADA, Device::new("printer", NOW), "has a device \"printer\" already"),
        (ADA, Device::new("Big Printer", NOW), "cannot be a label"),
        (ADA, Device::new("", NOW), "cannot be a label"),
        ("bob@gatepost.example", Device::new("printer", NOW), "there is no account"),
        (ADA, Device { networks, ..Device::new("other", NOW) }, "100 networks"),
    ];
    for (account, device, want) in rows {
        let said = directory.add_device(account, &new(device)).unwrap_err().to_string();
        assert!(said.contains(want), "{said}");
    }
}
