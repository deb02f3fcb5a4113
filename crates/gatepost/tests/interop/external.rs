//! EXTERNAL with certificates that openssl made, shown by curl and gsasl.

use std::process::{Command, Output, Stdio};

use crate::rig::{Gatepost, HOSTNAME, Plan};

const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

/// In the instance's folder: an authority, and certificates for Ada: `device`, which it signed, and `forged`, which it did not.
const MAKE: &str = r#"set -e
    key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
    for name in devices device forged; do key $name; done
    san="subjectAltName=email:ada@ours.example"
    openssl req -x509 -new -key devices.key -subj /CN=devices -days 30 -addext "basicConstraints=critical,CA:TRUE" -out devices.pem
    openssl req -x509 -new -key forged.key -subj /CN=forged -days 30 -addext "$san" -out forged.pem
    openssl req -new -key device.key -subj /CN=device -addext "$san" -out device.csr
    openssl x509 -req -in device.csr -CA devices.pem -CAkey devices.key -CAcreateserial -copy_extensions copy -days 30 -out device.pem
"#;

fn start() -> Gatepost {
    let plan = Plan::default().maildir("ours.example").account(ADA, PASSWORD, &[]);
    let plan = plan.auth("mechanisms = [\"EXTERNAL\", \"SCRAM-SHA-256\", \"PLAIN\"]\ntarpit = \"0s\"");
    plan.tls("client-authorities = \"devices.pem\"").made(MAKE).start()
}

fn said(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

/// curl at the submissions port, with a certificate or none.
fn curl(gatepost: &Gatepost, shown: Option<&str>, version: &str) -> (bool, String) {
    let folder = gatepost.dir();
    let (port, note) = (gatepost.submissions().port(), folder.join("note"));
    std::fs::write(&note, "From: ada@ours.example\r\nSubject: by certificate\r\n\r\nHello.\r\n")
        .expect("a note");
    let mut command = Command::new("timeout");
    command.args(["60", "curl", "-v", "--login-options", "AUTH=EXTERNAL", "--user", &format!("{ADA}:")]);
    command.args(["--resolve", &format!("{HOSTNAME}:{port}:127.0.0.1"), "--cacert"]).arg(gatepost.ca());
    command.args(["--tlsv1.2", "--tls-max", version]);
    if let Some(name) = shown {
        command.arg("--cert").arg(folder.join(format!("{name}.pem")));
        command.arg("--key").arg(folder.join(format!("{name}.key")));
    }
    command.args(["--mail-from", ADA, "--mail-rcpt", ADA, "--upload-file"]).arg(&note);
    command.arg(format!("smtps://{HOSTNAME}:{port}/client.example"));
    let output = command.stdin(Stdio::null()).output().expect("running curl");
    (output.status.success(), said(&output))
}

/// gsasl at the submission port.
fn gsasl(gatepost: &Gatepost, shown: &str, user: &str) -> (bool, String) {
    let file = |ending: &str| gatepost.dir().join(format!("{shown}.{ending}"));
    let mut command = Command::new("timeout");
    command.args([
        "60",
        "gsasl",
        "--smtp",
        "--connect",
        &gatepost.submission().to_string(),
        "-m",
        "EXTERNAL",
    ]);
    command.args(["--authorization-id", user, "--x509-ca-file"]).arg(gatepost.ca());
    command.arg("--x509-cert-file").arg(file("pem")).arg("--x509-key-file").arg(file("key"));
    let output = command.stdin(Stdio::null()).output().expect("running gsasl");
    (output.status.success(), said(&output))
}

#[test]
fn a_certificate_that_an_authority_vouches_for_logs_its_address_in() {
    let gatepost = start();
    for (count, version) in ["1.2", "1.3"].into_iter().enumerate() {
        let (succeeded, talk) = curl(&gatepost, Some("device"), version);
        assert!(succeeded && talk.contains("235 2.7.0"), "{talk}");
        assert_eq!(gatepost.await_events("logged-in", count + 1)[count]["mechanism"], "EXTERNAL");
    }
    gatepost.await_mail("ours.example", "ada", 2);
    let (succeeded, talk) = gsasl(&gatepost, "device", ADA);
    assert!(succeeded && talk.contains("235 2.7.0"), "{talk}");
    assert_eq!(gatepost.await_events("logged-in", 3)[2]["account"], ADA);
}

#[test]
fn one_that_nobody_vouches_for_does_not_and_nobody_acts_for_another() {
    let gatepost = start();
    let (succeeded, talk) = curl(&gatepost, Some("forged"), "1.3");
    assert!(!succeeded && talk.contains("535 5.7.8"), "{talk}");
    let (_, talk) = gsasl(&gatepost, "device", "bob@ours.example");
    assert!(talk.contains("535 5.7.8"), "{talk}");
    let failures = gatepost.await_events("login-failed", 2);
    assert_eq!(failures[0]["rule"], "auth.no-certificate");
    assert_eq!(failures[1]["rule"], "auth.acts-for-another");
}

/// Whoever gives an account's own certificate needs no authority: its fingerprint is known.
#[test]
fn a_certificate_of_the_clients_own_making_is_known_by_its_fingerprint() {
    let gatepost = start();
    let file = gatepost.dir().join("forged.pem").display().to_string();
    let output = gatepost.run(&["account", "certificate", "add", ADA, &file]);
    assert!(output.status.success(), "{}", said(&output));
    let (succeeded, talk) = curl(&gatepost, Some("forged"), "1.3");
    assert!(succeeded && talk.contains("235 2.7.0"), "{talk}");
    gatepost.await_mail("ours.example", "ada", 1);
}

#[test]
fn who_shows_none_is_not_offered_it() {
    let gatepost = start();
    let (succeeded, talk) = curl(&gatepost, None, "1.3");
    assert!(!succeeded, "{talk}");
    assert!(talk.contains("AUTH SCRAM-SHA-256 PLAIN") && !talk.contains("AUTH EXTERNAL SCRAM"), "{talk}");
    assert!(gatepost.events("logged-in").is_empty());
}
