//! The real programs that tests talk to, brought to the machine.
//!
//! Debian's packages, never started as services: each test starts what it needs with a configuration of its
//! own. Exim conflicts with Postfix, so its package is only unpacked, into `target/peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, repository};

/// What the tests, the benchmark and the demonstrations start.
const PACKAGES: &[&str] = &[
    "apache2-utils",
    "curl",
    "cyrus-clients",
    "db5.3-util",
    "dovecot-core",
    "dovecot-lmtpd",
    "e2fsprogs",
    "fail2ban",
    "gsasl",
    "krb5-admin-server",
    "krb5-kdc",
    "krb5-user",
    "ldap-utils",
    "libauthen-ntlm-perl",
    "libauthen-sasl-perl",
    "libdigest-hmac-perl",
    "libgssapi-perl",
    "libio-socket-ssl-perl",
    "libkrb5-dev",
    "libnet-dns-perl",
    "libnet-ssleay-perl",
    "libpam-modules",
    "libpam0g-dev",
    "libsasl2-modules",
    "mariadb-server",
    "libsasl2-modules-gssapi-mit",
    "mount",
    "msmtp",
    "nmap",
    "openssl",
    "postfix",
    "postgresql-15",
    "procps",
    "python3",
    "sasl2-bin",
    "slapd",
    "strace",
    "swaks",
    "telnet",
    "whois",
    "valgrind",
];

/// For machines that have no Node.js of their own.
const NODE: &[&str] = &["nodejs", "npm"];

/// Clients and servers that are no Debian packages: npm's, with their exact versions.
const NPM: &[&str] = &["nodemailer@7.0.13", "oidc-provider@8.8.1"];

/// What the unpacked Exim links to.
const EXIM_NEEDS: &[&str] = &[
    "libdb5.3",
    "libgnutls-dane0",
    "libgnutls30",
    "libidn12",
    "libidn2-0",
    "libldap-2.5-0",
    "libmariadb3",
    "libpam0g",
    "libperl5.36",
    "libpcre2-8-0",
    "libpq5",
    "libsasl2-2",
    "libspf2-2",
    "libsqlite3-0",
    "libssl3",
];

const EXIM: &str = "exim4-daemon-heavy";

/// Exim will not start without the user that its package would have made.
const EXIM_USER: &str = "Debian-exim";

/// Tells package scripts that no service may be started; the file is Debian's own way to say so.
const NO_SERVICES: &str = "/usr/sbin/policy-rc.d";

/// The folder of unpacked programs.
pub(crate) fn peers() -> PathBuf {
    repository::root().join("target/peers")
}

/// Brings whatever is missing.
///
/// # Errors
///
/// Names what is missing when this user may not install it.
pub(crate) fn bring() -> Outcome {
    let node: &[&str] = if succeeds(Command::new("npm").arg("--version")) { &[] } else { NODE };
    let wanted = PACKAGES.iter().chain(EXIM_NEEDS).chain(node);
    let missing: Vec<&str> = wanted.copied().filter(|package| !is_installed(package)).collect();
    let exim = peers().join("exim/usr/sbin/exim4");
    let user = !succeeds(Command::new("id").arg(EXIM_USER));
    if missing.is_empty() && exim.exists() && !user {
        return bring_npm();
    }
    may_install(&missing)?;
    apt(&["update", "-q"])?;
    if !missing.is_empty() {
        println!("test: installing {}", missing.join(" "));
        install(&missing)?;
    }
    if user {
        add_user()?;
    }
    if !exim.exists() {
        unpack_exim()?;
    }
    bring_npm()
}

/// Into a folder of their own beside the other programs; their install scripts are not run.
fn bring_npm() -> Outcome {
    let folder = peers().join("npm");
    let mark = folder.join("brought");
    if std::fs::read_to_string(&mark).is_ok_and(|brought| brought == NPM.join(" ")) {
        return Ok(());
    }
    std::fs::create_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    println!("test: installing {}", NPM.join(" "));
    let mut command = Command::new("npm");
    command
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix", "."])
        .args(NPM);
    command.current_dir(&folder).stdin(std::process::Stdio::null()).stdout(std::io::stderr());
    repository::run("npm install", &mut command)?;
    std::fs::write(&mark, NPM.join(" ")).map_err(|cause| format!("{}: {cause}", mark.display()))
}

fn is_installed(package: &str) -> bool {
    let asked = Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]).output();
    asked.is_ok_and(|told| told.stdout == b"install ok installed")
}

fn may_install(missing: &[&str]) -> Outcome {
    let root = Command::new("id").arg("-u").output().is_ok_and(|told| told.stdout == b"0\n");
    if root && succeeds(Command::new("apt-get").arg("--version")) {
        return Ok(());
    }
    Err(format!(
        "the tests need these Debian packages, and only root may install them:\n  {}\n\
         and {EXIM} unpacked with `dpkg -x` into {}, and a system user {EXIM_USER}\n\
         run `cargo xtask test` once as root, or install them by hand",
        missing.join(" "),
        peers().join("exim").display(),
    ))
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|done| done.status.success())
}

fn install(packages: &[&str]) -> Outcome {
    let policy = Path::new(NO_SERVICES);
    let ours = !policy.exists();
    if ours {
        repository::run(
            "sh",
            Command::new("sh").args([
                "-c",
                "printf '#!/bin/sh\\nexit 101\\n' > \"$0\" && chmod 755 \"$0\"",
                NO_SERVICES,
            ]),
        )?;
    }
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend(packages);
    let done = apt(&arguments);
    if ours {
        let removed = std::fs::remove_file(policy);
        removed.map_err(|cause| format!("{NO_SERVICES} could not be removed again: {cause}"))?;
    }
    done
}

/// Runs apt-get without questions; what it prints goes to standard error, as it is no result of ours.
fn apt(arguments: &[&str]) -> Outcome {
    let mut command = Command::new("apt-get");
    command
        .args(["-o", "Acquire::Retries=3"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1");
    command.stdin(std::process::Stdio::null()).stdout(std::io::stderr());
    repository::run(&format!("apt-get {}", arguments.first().unwrap_or(&"")), &mut command)
}

fn add_user() -> Outcome {
    let mut command = Command::new("useradd");
    command.args(["--system", "--no-create-home", "--home-dir", "/nonexistent"]);
    repository::run("useradd", command.args(["--shell", "/usr/sbin/nologin", EXIM_USER]))
}

/// Postfix and Exim may not both be installed, so this one is unpacked where only the tests see it.
fn unpack_exim() -> Outcome {
    let folder = peers().join("exim");
    std::fs::create_dir_all(&folder).map_err(|cause| format!("{} : {cause}", folder.display()))?;
    println!("test: unpacking {EXIM} into {}", repository::shown(&folder));
    let mut download = Command::new("apt-get");
    download.args(["download", "-q", EXIM]).current_dir(&folder);
    // Root's own download folder is not readable by the user apt would like to fetch as.
    download.args(["-o", "APT::Sandbox::User=root"]);
    repository::run("apt-get download", download.stdout(std::io::stderr()))?;
    let archives = repository::files(&folder, "deb");
    let archive = archives.first().ok_or("apt-get download left no archive")?;
    repository::run("dpkg -x", Command::new("dpkg").arg("-x").arg(archive).arg(&folder))?;
    // The package makes it setuid root; the tests start it as root, and a build folder holds no such thing.
    repository::run("chmod", Command::new("chmod").arg("u-s").arg(folder.join("usr/sbin/exim4")))
}
