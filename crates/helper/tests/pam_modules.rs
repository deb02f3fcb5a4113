//! Real modules of PAM, in a folder of services that is the test's own: nothing of the system is changed or asked.
// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]
#![cfg(feature = "pam")]

use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use gatepost_directory::{
    DirectoryError, Helper, HelperBounds, HelperKind, HelperPlace, HelperSettings, Known, PamUser,
    Source as _,
};
use gatepost_mail::Domain;
use gatepost_sasl::{PasswordCheck, Secret};
use tempfile::TempDir;

const HELPER: &str = env!("CARGO_BIN_EXE_gatepost-helper");

/// `pencil`, as `openssl passwd -6` hashes it.
const HASH: &str =
    "$6$gatepost$yq5IyG5YnEf5CB17/8AtMGTH24PdZAkVgW1jlMNLC2k6eEWYqjSiH93iiS5g7lvtmD1/T7k3SxXVDS804SI0b/";

/// A folder of services over a Berkeley database of users, as `pam_userdb` reads it.
struct Services(TempDir);

impl Services {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut load = Command::new("db5.3_load");
        load.args(["-T", "-t", "hash"]).arg(folder.path().join("users.db")).stdin(Stdio::piped());
        let mut load = load.spawn().unwrap();
        let users = format!("ada\n{HASH}\nbob@gatepost.example\n{HASH}\n");
        load.stdin.take().unwrap().write_all(users.as_bytes()).unwrap();
        assert!(load.wait().unwrap().success());
        let services = Self(folder);
        // Where a service has no file, PAM takes this one.
        services.add("other", "auth required pam_deny.so\naccount required pam_deny.so\n");
        services.program("helper", &format!("exec {HELPER} \"$@\" {}", services.0.path().display()));
        services
    }

    fn add(&self, service: &str, stack: &str) {
        fs::write(self.0.path().join(service), stack).unwrap();
    }

    fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.0.path().join(name);
        gatepost_testworld::executable(&path, &format!("#!/bin/sh\n{script}\n")).unwrap();
        path
    }

    /// The line that asks the database.
    fn by_database(&self) -> String {
        format!("auth required pam_userdb.so db={}/users crypt=crypt\n", self.0.path().display())
    }

    fn source(&self, service: &str, user: PamUser, time: Duration) -> Helper {
        let domains = vec![Domain::parse("gatepost.example").unwrap()];
        Helper::new(HelperSettings {
            name: "system".to_owned(),
            place: HelperPlace::Program(self.0.path().join("helper")),
            bounds: HelperBounds { password_time: time, ..HelperBounds::default() },
            kind: HelperKind::Pam { service: service.to_owned(), user, domains },
        })
    }

    async fn check(
        &self,
        service: &str,
        user: &str,
        password: &str,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        let source = self.source(service, PamUser::LocalPart, Duration::from_secs(30));
        source.check_password(user, &Secret::new(password)).await
    }
}

fn cause<T: std::fmt::Debug>(answer: Result<T, DirectoryError>) -> String {
    match answer {
        Err(DirectoryError::Source { source_name, cause }) if source_name == "system" => cause,
        other => panic!("{other:?}"),
    }
}

const ADA: &str = "ada@gatepost.example";
const PERMITTED: &str = "account required pam_permit.so\n";

#[tokio::test]
async fn a_right_password_is_right_and_any_other_is_somebody_elses() {
    let services = Services::new();
    services.add("gatepost", &format!("{}{PERMITTED}", services.by_database()));
    let right = services.check("gatepost", "Ada@gatepost.example", "pencil").await;
    assert_eq!(right.unwrap(), Known::Here(PasswordCheck::Right));
    for (user, password) in
        [(ADA, "pen"), (ADA, "pencil "), (ADA, "Pencil"), ("eve@gatepost.example", "pencil")]
    {
        let told = services.check("gatepost", user, password).await.unwrap();
        assert_eq!(told, Known::Elsewhere, "{user} {password}");
    }
}

#[tokio::test]
async fn users_may_be_known_by_their_address() {
    let services = Services::new();
    services.add("gatepost", &format!("{}{PERMITTED}", services.by_database()));
    let source = services.source("gatepost", PamUser::Address, Duration::from_secs(30));
    let bob = source.check_password("bob@gatepost.example", &Secret::new("pencil")).await;
    assert_eq!(bob.unwrap(), Known::Here(PasswordCheck::Right));
    assert_eq!(source.check_password(ADA, &Secret::new("pencil")).await.unwrap(), Known::Elsewhere);
}

#[tokio::test]
async fn an_account_that_may_not_be_used_is_shut_out() {
    let services = Services::new();
    let rows = [
        ("acct_expired", Known::Here(PasswordCheck::Wrong)),
        ("new_authtok_reqd", Known::Here(PasswordCheck::Wrong)),
        ("perm_denied", Known::Elsewhere),
        ("user_unknown", Known::Elsewhere),
    ];
    for (account, wanted) in rows {
        let stack = format!("{}account required pam_debug.so acct={account}\n", services.by_database());
        services.add("gatepost", &stack);
        assert_eq!(services.check("gatepost", ADA, "pencil").await.unwrap(), wanted, "{account}");
        assert_eq!(services.check("gatepost", ADA, "pen").await.unwrap(), Known::Elsewhere, "{account}");
    }
}

#[tokio::test]
async fn what_pam_could_not_find_out_is_no_answer() {
    let services = Services::new();
    let nowhere = "auth required pam_userdb.so db=/nowhere/users crypt=crypt\n";
    let rows = [
        ("no database", format!("{nowhere}{PERMITTED}")),
        ("no module", format!("auth required /nowhere/pam_gone.so\n{PERMITTED}")),
        ("directory down", format!("auth required pam_debug.so auth=authinfo_unavail\n{PERMITTED}")),
        (
            "account unknown",
            format!("{}account required pam_debug.so acct=system_err\n", services.by_database()),
        ),
    ];
    for (name, stack) in rows {
        services.add("gatepost", &stack);
        let told = services.check("gatepost", ADA, "pencil").await;
        assert!(matches!(told, Err(DirectoryError::Source { .. })), "{name}: {told:?}");
    }
}

#[tokio::test]
async fn a_service_without_a_file_lets_nobody_in() {
    let services = Services::new();
    assert_eq!(services.check("gatepost", ADA, "pencil").await.unwrap(), Known::Elsewhere);
    fs::remove_file(services.0.path().join("other")).unwrap();
    let told = cause(services.check("gatepost", ADA, "pencil").await);
    assert!(told.contains("PAM"), "{told}");
}

#[tokio::test]
async fn a_module_that_hangs_is_given_up() {
    let services = Services::new();
    let note = services.0.path().join("process");
    let script = services.program("hang", &format!("echo $$ >{}; exec sleep 600", note.display()));
    services.add("gatepost", &format!("auth required pam_exec.so {}\n{PERMITTED}", script.display()));
    let source = services.source("gatepost", PamUser::LocalPart, Duration::from_secs(3));
    let told = cause(source.check_password(ADA, &Secret::new("pencil")).await);
    assert!(told.contains("did not answer within 3s"), "{told}");
    // This module gives its program a session of its own, out of our reach.
    let process = fs::read_to_string(note).unwrap();
    assert!(Command::new("kill").args(["-KILL", process.trim()]).status().unwrap().success());
}

#[tokio::test]
async fn what_a_module_starts_sees_nothing_of_ours() {
    let services = Services::new();
    let seen = services.0.path().join("seen");
    let script =
        services.program("look", &format!("tr '\\0' '\\n' </proc/$PPID/environ >{}", seen.display()));
    services.add("gatepost", &format!("auth required pam_exec.so {}\n{PERMITTED}", script.display()));
    let told = services.check("gatepost", ADA, "pencil").await.unwrap();
    assert_eq!(told, Known::Here(PasswordCheck::Right));
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("PATH="), "{seen}");
    // Set for every test by cargo, and so in our own environment.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!seen.contains("CARGO_MANIFEST_DIR"), "{seen}");
}

#[tokio::test]
async fn behind_a_socket_it_is_the_same_helper() {
    let services = Services::new();
    services.add("gatepost", &format!("{}{PERMITTED}", services.by_database()));
    let socket = services.0.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let program = services.0.path().join("helper");
    // What systemd does with `Accept=yes`, `StandardInput=socket` and `StandardOutput=socket`.
    let serve = std::thread::spawn(move || {
        for service in ["gatepost", "gatepost", "other"] {
            let (line, _) = listener.accept().unwrap();
            let mut helper = Command::new(&program);
            helper.args(["pam", service]).stdin(OwnedFd::from(line.try_clone().unwrap()));
            let _ = helper.stdout(OwnedFd::from(line)).status().unwrap();
        }
    });
    let domains = vec![Domain::parse("gatepost.example").unwrap()];
    let source = Helper::new(HelperSettings {
        name: "system".to_owned(),
        place: HelperPlace::Socket(socket),
        bounds: HelperBounds::default(),
        kind: HelperKind::Pam { service: "gatepost".to_owned(), user: PamUser::LocalPart, domains },
    });
    let right = source.check_password(ADA, &Secret::new("pencil")).await.unwrap();
    assert_eq!(right, Known::Here(PasswordCheck::Right));
    assert_eq!(source.check_password(ADA, &Secret::new("pen")).await.unwrap(), Known::Elsewhere);
    let told = cause(source.check_password(ADA, &Secret::new("pencil")).await);
    assert!(told.contains("for pam other"), "{told}");
    serve.join().unwrap();
}

/// The modules that the tests need are where Debian puts them.
#[test]
fn modules_are_there() {
    let folder = Path::new("/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH)).join("security");
    for module in ["pam_userdb.so", "pam_debug.so", "pam_exec.so", "pam_permit.so", "pam_deny.so"] {
        assert!(folder.join(module).exists(), "{module}");
    }
}
