//! Against hashes that the programs themselves made: Dovecot, OpenSSL, Apache's htpasswd, and crypt(3) through mkpasswd.

use std::io::Write as _;
use std::process::{Command, Stdio};

use gatepost_sasl::{NtHash, PasswordCheck};
use tempfile::TempDir;

use super::*;
use crate::Source;
use crate::device::Login;
use crate::embedded::EmbeddedSettings;
use crate::embedded::check::Check;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const ADA: &str = "ada@gatepost.example";
const PASSWORD: &str = "correct horse \u{e9}";

/// What a program prints, on one line.
fn output(program: &str, arguments: &[&str]) -> String {
    output_of(program, arguments, "")
}

fn output_of(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask packages` brings it"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    assert!(said.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

fn doveadm(scheme: &str) -> String {
    output("doveadm", &["pw", "-s", scheme, "-p", PASSWORD, "-u", ADA])
}

fn account(stored: &str) -> ImportedAccount {
    ImportedAccount {
        name: ADA.to_owned(),
        stored: Secret::new(stored),
        allow: Vec::new(),
        realm: None,
        created: NOW,
    }
}

fn open() -> (TempDir, Embedded) {
    let data_dir = TempDir::new().unwrap();
    let directory = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap();
    (data_dir, directory)
}

/// Imports what is stored, logs in with wrong passwords and the right one, and removes the account again.
fn logs_in(directory: &Embedded, stored: &str) -> Imported {
    let imported = directory
        .import(&account(stored), ImportRun::Write)
        .unwrap_or_else(|error| panic!("{stored}: {error}"));
    let mut scratch = Scratch::new(std::sync::Arc::default());
    for (password, want) in [
        ("correct horse", PasswordCheck::Wrong),
        ("", PasswordCheck::Wrong),
        (PASSWORD, PasswordCheck::Right),
    ] {
        let check = Check {
            store: std::sync::Arc::clone(&directory.store),
            keys: std::sync::Arc::clone(&directory.keys),
            verified: std::sync::Arc::new(crate::embedded::verified::Verified::new()),
            login: Login::of_account(ADA),
            password: Secret::new(password),
            now: NOW,
        };
        // The answer alone: what comes after it has tests of its own.
        let found = check.run(&mut scratch).answer.unwrap().here();
        assert_eq!(found, Some(want), "{stored} {password}");
    }
    directory.remove(ADA).unwrap();
    imported
}

fn refused(stored: &str) -> NotTaken {
    match Taken::read(&Secret::new(stored)) {
        Err(reason) => reason,
        Ok((scheme, _)) => panic!("{stored} was taken as {scheme}"),
    }
}

/// Each scheme that the Dovecot of this machine lists is taken, or refused by name.
#[test]
fn every_scheme_of_dovecot_is_taken_or_refused() {
    let (_data_dir, directory) = open();
    let listed = output("doveadm", &["pw", "-l"]);
    let mut taken = 0;
    for scheme in listed.split_whitespace() {
        let stored = doveadm(scheme);
        match scheme {
            "DES-CRYPT" => assert_eq!(refused(&stored), NotTaken::DesCrypt),
            // One-time passwords, and a password that is cut off.
            "OTP" | "PLAIN-TRUNC" => assert_eq!(refused(&stored), NotTaken::Scheme(scheme.to_owned())),
            _ => {
                logs_in(&directory, &stored);
                taken += 1;
            }
        }
    }
    assert!(taken >= 20, "{listed}");
}

#[test]
fn encodings_of_dovecot_are_read() {
    let (_data_dir, directory) = open();
    for scheme in [
        "SHA256.HEX",
        "SSHA.hex",
        "SSHA512.b64",
        "PLAIN.b64",
        "SHA512-CRYPT.b64",
        "CRAM-MD5.b64",
        "DIGEST-MD5.b64",
        "PLAIN-MD5.b64",
    ] {
        logs_in(&directory, &doveadm(scheme));
    }
}

#[test]
fn verifiers_of_dovecot_serve_their_mechanism() {
    let serves = |scheme: &str| {
        let data_dir = TempDir::new().unwrap();
        let directory = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap();
        let imported = directory.import(&account(&doveadm(scheme)), ImportRun::Write).unwrap();
        let ImportedForm::Verifier(mechanism) = imported.form else { panic!("{imported:?}") };
        assert!(directory.show(ADA).unwrap().mechanisms().contains(&mechanism), "{scheme}");
        (directory, mechanism, data_dir)
    };
    let login = Login::of_account(ADA);
    let typed = Secret::new(PASSWORD);
    let (directory, mechanism, _data_dir) = serves("SCRAM-SHA-256");
    assert_eq!(mechanism, Mechanism::ScramSha256);
    let verifier = directory.verifier(&login, gatepost_sasl::ScramHash::Sha256).unwrap().unwrap();
    assert!(verifier.matches(&typed));
    let (directory, mechanism, _data_dir) = serves("CRAM-MD5");
    assert_eq!(mechanism, Mechanism::CramMd5);
    assert!(directory.secret(&login).unwrap().unwrap().matches(&typed));
    let (directory, mechanism, _data_dir) = serves("DIGEST-MD5");
    assert_eq!(mechanism, Mechanism::DigestMd5);
    let digest = Source::digest_secret(&directory, "ada", "gatepost.example");
    let digest = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(digest).unwrap();
    let digest: DigestSecret = digest.here().flatten().unwrap();
    assert!(digest.is_of("ada", "gatepost.example", &typed));
    // Dovecot dropped NTLM's scheme in 2.3; its files have it still. This is [MS-NLMP] section 4.2.2.1.2.
    let (_, Taken::Nt(hash)) = Taken::read(&Secret::new("{NTLM}A4F49C406510BDCAB6824EE7C30FD852")).unwrap()
    else {
        panic!("no NT hash")
    };
    assert_eq!(hash, NtHash::derive(&Secret::new("Password")));
}

#[test]
fn hashes_of_openssl_htpasswd_and_mkpasswd_are_taken() {
    let (_data_dir, directory) = open();
    for form in ["-1", "-apr1", "-5", "-6"] {
        let imported = logs_in(&directory, &output("openssl", &["passwd", form, PASSWORD]));
        assert_eq!(imported.form, ImportedForm::Hash, "{form}");
    }
    for form in ["-m", "-B", "-s", "-2", "-5"] {
        let line = output("htpasswd", &["-n", "-b", form, ADA, PASSWORD]);
        logs_in(&directory, line.strip_prefix("ada@gatepost.example:").unwrap());
    }
    for form in ["yescrypt", "bcrypt", "bcrypt-a", "sha512crypt", "sha256crypt", "md5crypt"] {
        logs_in(&directory, &output_of("mkpasswd", &["-m", form, "-s"], PASSWORD));
    }
    let rounds = output_of("mkpasswd", &["-m", "sha512crypt", "-R", "12345", "-s"], PASSWORD);
    assert!(rounds.contains("rounds=12345"), "{rounds}");
    logs_in(&directory, &rounds);
}

/// Lengths around the sixteen octets of a digest and the eight of a salt.
#[test]
fn md5_crypt_agrees_for_passwords_of_every_length() {
    let read = |text: &str| match Taken::read(&Secret::new(text)) {
        Ok((_, Taken::Hash(hash))) => hash,
        _ => panic!("{text}"),
    };
    let mut scratch = Scratch::new(std::sync::Arc::default());
    for length in [1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100] {
        let password = "x".repeat(length);
        for form in ["-1", "-apr1"] {
            let text = output("openssl", &["passwd", form, "-salt", "s", &password]);
            let hash = read(&text);
            assert!(hash.matches(&Secret::new(password.clone()), &mut scratch).unwrap(), "{text} {length}");
            assert!(!hash.matches(&Secret::new(format!("{password}x")), &mut scratch).unwrap(), "{text}");
        }
    }
}

/// As passlib and OpenLDAP write it: a vector of passlib's documentation, and what Python's own library makes.
#[test]
fn pbkdf2_of_others_is_taken() {
    let made = |function: &str| {
        let program = format!(
            "import hashlib, base64
text = lambda octets: base64.b64encode(octets).decode().rstrip('=').replace('+', '.')
hash = hashlib.pbkdf2_hmac('{function}', b'password', b'\\xffsalt\\xfe\\xfb', 1000)
print('1000$' + text(b'\\xffsalt\\xfe\\xfb') + '$' + text(hash))"
        );
        output("python3", &["-c", &program])
    };
    let (sha1, sha256, sha512) = (made("sha1"), made("sha256"), made("sha512"));
    let mut scratch = Scratch::new(std::sync::Arc::default());
    for text in [
        "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
        &format!("$pbkdf2${sha1}"),
        &format!("$pbkdf2-sha256${sha256}"),
        &format!("$pbkdf2-sha512${sha512}"),
        &format!("{{PBKDF2}}{sha1}"),
        &format!("{{PBKDF2-SHA1}}{sha1}"),
        &format!("{{PBKDF2-SHA256}}{sha256}"),
        &format!("{{PBKDF2-SHA512}}{sha512}"),
    ] {
        let hash = OldHash::read(&Secret::new(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(hash.matches(&Secret::new("password"), &mut scratch).unwrap(), "{text}");
        assert!(!hash.matches(&Secret::new("passwort"), &mut scratch).unwrap(), "{text}");
    }
}

#[test]
fn what_is_damaged_dear_or_switched_off_is_refused_with_the_reason() {
    let rows = [
        ("", "switched off"),
        ("*", "switched off"),
        ("!$6$a$b", "switched off"),
        ("x", "switched off"),
        ("GPH7NifyL3GdY", "DES crypt"),
        ("_J9..CCCCXBrJUJV154M", "DES crypt"),
        ("{CRYPT}GPH7NifyL3GdY", "DES crypt"),
        ("pencil", "no hash of a known form"),
        ("{ROT13}crapvy", "the scheme ROT13 is not known"),
        ("{SHA.ROT}abc", "the scheme SHA.ROT is not known"),
        ("$9$a$b", "the scheme $9$ is not known"),
        ("{SHA}abcd", "not what SHA looks like"),
        ("{SSHA}0vxRJJChUDZGC1SJQBQ51tpUB/o=", "not what SSHA looks like"),
        ("{CRAM-MD5}00", "not what CRAM-MD5 looks like"),
        ("{SCRAM-SHA-256}1,c2FsdA==,AAAA,AAAA", "not what SCRAM-SHA-256 looks like"),
        ("$6$salt$short", "not what SHA512-CRYPT looks like"),
        ("$1$toolongsalt$aaaaaaaaaaaaaaaaaaaaaa", "not what MD5-CRYPT looks like"),
        ("$2y$31$rhfVCYKBSo5DRbFmMvT72OXycJXANxlFTLLvv8.NLv4BZtdi7BGRS", "costs more than a login may"),
        ("$2y$15$rhfVCYKBSo5DRbFmMvT72OXycJXANxlFTLLvv8.NLv4BZtdi7BGRS", "a cost above 14"),
        ("$2x$05$rhfVCYKBSo5DRbFmMvT72OXycJXANxlFTLLvv8.NLv4BZtdi7BGRS", "the scheme $2x$ is not known"),
        ("{PBKDF2}$1$salt$99999999$02230be06bd22b5932e9d21e20ff7752738b0148", "1,200,000 rounds"),
        ("{PBKDF2}$1$salt$0$02230be06bd22b5932e9d21e20ff7752738b0148", "not what PBKDF2 looks like"),
        (
            "$argon2id$v=19$m=4194304,t=3,p=1$c2FsdHNhbHRzYWx0$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
            "64 MiB",
        ),
        ("$y$jFT$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "more than 64 MiB"),
        ("$y$j9T..$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "not what YESCRYPT looks like"),
    ];
    for (stored, want) in rows {
        let said = refused(stored).to_string();
        assert!(said.contains(want), "{stored}: {said}");
    }
    let dear = format!("$6$rounds=1000001$salt${}", "a".repeat(86));
    assert!(refused(&dear).to_string().contains("1,000,000 rounds"));
    assert_eq!(refused(&"x".repeat(1_025)), NotTaken::TooLong);
}

/// Whatever a file holds, reading it gives a hash or a reason.
#[test]
fn cut_and_changed_hashes_never_panic() {
    let mut scratch = Scratch::new(std::sync::Arc::default());
    let schemes = ["SHA512-CRYPT", "BLF-CRYPT", "PBKDF2", "SSHA256", "ARGON2ID", "SCRAM-SHA-1", "MD5-CRYPT"];
    let mut texts: Vec<String> = schemes.iter().map(|scheme| doveadm(scheme)).collect();
    texts.push(output_of("mkpasswd", &["-m", "yescrypt", "-s"], PASSWORD));
    for text in texts {
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let _ = Taken::read(&Secret::new(&text[..at]));
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            if let Ok((_, Taken::Hash(hash))) = Taken::read(&Secret::new(changed)) {
                // Only the short ones: each of the others is a whole run.
                if at % 40 == 0 {
                    let _ = hash.matches(&Secret::new("pencil"), &mut scratch);
                }
            }
        }
    }
}

#[test]
fn an_import_is_tried_and_then_written_once() {
    let data_dir = TempDir::new().unwrap();
    let directory = Embedded::open(data_dir.path(), EmbeddedSettings::default()).unwrap();
    let new = account("{PLAIN}pencil");
    let tried = directory.import(&new, ImportRun::Try).unwrap();
    assert_eq!(tried.form, ImportedForm::Whole);
    assert_eq!(directory.list().unwrap(), []);
    assert_eq!(directory.import(&new, ImportRun::Write).unwrap(), tried);
    let mechanisms = directory.show(ADA).unwrap().mechanisms().to_vec();
    assert!(mechanisms.contains(&Mechanism::ScramSha512) && !mechanisms.contains(&Mechanism::CramMd5));
    let again = directory.import(&new, ImportRun::Try);
    assert!(matches!(again, Err(AccountError::Exists(_))), "{again:?}");
    // Neither the text nor the password is to be found in what is shown.
    let shown = format!("{new:?} {tried:?} {again:?}");
    assert!(!shown.contains("pencil"), "{shown}");
}
