//! What `gatepost account` says and does, beside the first few steps that `commands` shows.

#[path = "support/site.rs"]
mod site;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use serde_json::Value;
use site::{CONFIGURATION, Site};

const ADA: &str = "ada@example.org";

/// A site with one account.
fn with_ada() -> io::Result<Site> {
    let site = Site::new(CONFIGURATION)?;
    let said = site.run_with(&["account", "add", ADA, "--password-stdin"], "correct horse")?;
    assert_eq!(said.status, Some(0), "{}", said.err);
    Ok(site)
}

fn json(site: &Site, arguments: &[&str]) -> io::Result<Value> {
    let said = site.run(&[&["--json"], arguments].concat())?;
    assert_eq!(said.status, Some(0), "{arguments:?}: {}{}", said.out, said.err);
    Ok(serde_json::from_str(&said.out)?)
}

/// Why a mechanism works for Ada, or does not.
fn reason(site: &Site, mechanism: &str) -> io::Result<(Value, Value)> {
    let shown = json(site, &["account", "show", ADA])?;
    let logins = shown.get("logins").and_then(Value::as_array).cloned().unwrap_or_default();
    let found = logins.into_iter().find(|one| one.get("mechanism").is_some_and(|name| name == mechanism));
    let field = |name| found.as_ref().and_then(|one| one.get(name)).cloned().unwrap_or_default();
    Ok((field("reason"), field("mend")))
}

#[test]
fn show_says_which_mechanisms_work_and_why_not_the_others() -> io::Result<()> {
    let offered = r#"["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN"]"#;
    let site = Site::new(&format!("{CONFIGURATION}\n[auth]\nmechanisms = {offered}\n"))?;
    site.run_with(&["account", "add", ADA, "--password-stdin", "--allow", "ntlm"], "correct horse")?;
    let mend = "gatepost account passwd ada@example.org --allow cram-md5";
    for (mechanism, why, mend) in [
        ("SCRAM-SHA-256-PLUS", "works", Value::Null),
        ("PLAIN", "works", Value::Null),
        ("NTLM", "not-offered", Value::Null),
        ("CRAM-MD5", "missing", mend.into()),
    ] {
        assert_eq!(reason(&site, mechanism)?, (why.into(), mend), "{mechanism}");
    }
    // The mend that is shown does what it says.
    let mut passwd: Vec<&str> = mend.split(' ').skip(1).collect();
    passwd.push("--password-stdin");
    assert_eq!(site.run_with(&passwd, "correct horse")?.status, Some(0));
    assert_eq!(reason(&site, "CRAM-MD5")?.0, "works");
    site.run(&["account", "only-by", ADA, "external", "scram-sha-256-plus"])?;
    let want = ("not-allowed".into(), "gatepost account only-by ada@example.org any".into());
    assert_eq!(reason(&site, "PLAIN")?, want);
    assert_eq!(reason(&site, "SCRAM-SHA-256-PLUS")?.0, "works");
    site.run(&["account", "only-by", ADA, "any"])?;
    assert_eq!(reason(&site, "PLAIN")?.0, "works");
    site.run(&["account", "suspend", ADA])?;
    assert_eq!(reason(&site, "PLAIN")?.0, "suspended");
    let text = site.run(&["account", "show", ADA])?.out;
    for part in
        ["last use      never", "ratchet       no login was bound", "gatepost account resume ada@example.org"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    Ok(())
}

#[test]
fn a_device_lives_from_add_to_revoke() -> io::Result<()> {
    let site = with_ada()?;
    let add = |arguments: &[&str]| site.run(&[&["account", "device", "add", ADA], arguments].concat());
    let said = add(&[
        "printer",
        "--expires",
        "90d",
        "--network",
        "10.0.7.0/24",
        "--sender",
        "scans@example.org",
        "--messages-per-day",
        "50",
        "--mechanism",
        "login",
        "--mechanism",
        "cram-md5",
        "--allow",
        "cram-md5",
    ])?;
    assert_eq!(said.status, Some(0), "{}", said.err);
    let password =
        said.out.lines().find_map(|line| line.strip_prefix("password  ")).unwrap_or_default().to_owned();
    assert_eq!(password.len(), 29, "five groups of five: {}", said.out);
    let other = json(&site, &["account", "device", "add", ADA, "camera", "--expires", "2099-12-31"])?;
    assert_eq!(other["login"], "ada%camera@example.org");
    assert_ne!(other["password"], password.as_str());

    let devices = json(&site, &["account", "device", "list", ADA])?;
    let printer = &devices[1];
    assert_eq!((&printer["label"], &printer["state"]), (&"printer".into(), &"active".into()));
    assert_eq!(printer["networks"], serde_json::json!(["10.0.7.0/24"]));
    assert_eq!(printer["messages-per-day"], 50);
    assert_eq!(printer["mechanisms"], serde_json::json!(["LOGIN", "CRAM-MD5"]));
    assert_eq!(printer["last-use"], Value::Null);
    assert_eq!(devices[0]["expires"], "2100-01-01T00:00:00.000Z");
    let table = site.run(&["account", "device", "list", ADA])?.out;
    assert!(
        table.contains("from 10.0.7.0/24; as scans@example.org; by LOGIN, CRAM-MD5; 50 messages a day"),
        "{table}"
    );
    let shown = site.run(&["account", "show", ADA])?.out;
    assert!(shown.contains("camera") && !shown.contains(&password), "{shown}");

    for (arguments, status) in [
        (["printer", "--expires", "90d"], 1),
        (["Printer!", "--expires", "90d"], 1),
        (["other", "--expires", "2020-01-01"], 2),
        (["other", "--expires", "soon"], 2),
        (["other", "--network", "10.0.7.1/24"], 2),
        (["other", "--mechanism", "morse"], 2),
        (["other", "--allow", "plain"], 1),
    ] {
        assert_eq!(add(&arguments)?.status, Some(status), "{arguments:?}");
    }
    assert_eq!(site.run(&["account", "device", "revoke", ADA, "printer"])?.status, Some(0));
    assert_eq!(site.run(&["account", "device", "revoke", ADA, "printer"])?.status, Some(1));
    let left = json(&site, &["account", "device", "list", ADA])?;
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    Ok(())
}

#[test]
fn oauth_one_keys_are_shown_once() -> io::Result<()> {
    let site = with_ada()?;
    let made = json(&site, &["account", "oauth1", "add", ADA, "script"])?;
    let keys: BTreeSet<&str> = ["consumer-key", "consumer-secret", "token", "token-secret"]
        .iter()
        .filter_map(|name| made[*name].as_str())
        .collect();
    assert_eq!(keys.len(), 4, "{made}");
    let listed = site.run(&["--json", "account", "oauth1", "list", ADA])?.out;
    assert!(listed.contains(made["token"].as_str().unwrap_or("?")), "{listed}");
    for secret in ["consumer-secret", "token-secret"] {
        assert!(!listed.contains(made[secret].as_str().unwrap_or_default()), "{listed}");
    }
    assert_eq!(site.run(&["account", "oauth1", "revoke", ADA, "script"])?.status, Some(0));
    assert_eq!(site.run(&["account", "oauth1", "revoke", ADA, "script"])?.status, Some(1));
    Ok(())
}

#[test]
fn certificates_are_known_by_what_openssl_calls_their_fingerprint() -> io::Result<()> {
    let site = with_ada()?;
    let openssl = |arguments: &[&str]| {
        Command::new("openssl").args(arguments).current_dir(site.path()).stderr(Stdio::null()).output()
    };
    let made = openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "desk.pem",
        "-subj",
        "/CN=desk of ada",
        "-days",
        "1",
    ])?;
    assert!(made.status.success());
    let said = openssl(&["x509", "-in", "desk.pem", "-noout", "-fingerprint", "-sha256"])?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let fingerprint = said.trim().rsplit_once('=').map(|(_, text)| text.to_owned()).unwrap_or_default();
    let added = json(&site, &["account", "certificate", "add", ADA, "desk.pem"])?;
    assert_eq!(added["fingerprint"], fingerprint.replace(':', "").to_lowercase());
    assert_eq!(added["subject"], "CN=desk of ada");
    assert_eq!(site.run(&["account", "certificate", "add", ADA, "desk.pem"])?.status, Some(1));
    assert_eq!(site.run(&["account", "certificate", "add", ADA, "key.pem"])?.status, Some(1));
    assert_eq!(json(&site, &["account", "certificate", "list", ADA])?.as_array().map(Vec::len), Some(1));
    let short = &fingerprint[..11];
    assert_eq!(site.run(&["account", "certificate", "remove", ADA, "00:11"])?.status, Some(1));
    assert_eq!(site.run(&["account", "certificate", "remove", ADA, short])?.status, Some(0));
    assert_eq!(site.run(&["account", "certificate", "list", ADA])?.out, "there are no certificates\n");
    Ok(())
}

/// What a program prints; what it is given goes to its standard input.
fn output(program: &str, arguments: &[&str], input: &str) -> io::Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|cause| {
            io::Error::new(cause.kind(), format!("{program}: {cause}; `cargo xtask packages`"))
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let said = child.wait_with_output()?;
    assert!(said.status.success(), "{program}: {}", String::from_utf8_lossy(&said.stderr));
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

#[test]
fn a_passwd_file_of_dovecot_is_tried_and_then_imported() -> io::Result<()> {
    let site = with_ada()?;
    let hash =
        |scheme: &str| output("doveadm", &["pw", "-s", scheme, "-p", "pencil", "-u", "eve@example.org"], "");
    let text = format!(
        "# people\nada:{}:::::\neve:{}:1000:1000::/home/eve::allow_nets=10.0.0.0/8\ngreta@example.net:{}\n\
         old:{}\noff:*\nroot::0:0::/root\nbroken\nscram:{}\n",
        hash("SSHA512")?,
        hash("BLF-CRYPT")?,
        hash("PLAIN")?,
        hash("DES-CRYPT")?,
        hash("SCRAM-SHA-256")?,
    );
    fs::write(site.path().join("users"), text)?;
    let import = |more: &[&str]| {
        site.run(&[&["--json", "account", "import", "users", "--format", "dovecot"], more].concat())
    };
    let fates = |said: &str| -> io::Result<Vec<String>> {
        let told: Value = serde_json::from_str(said)?;
        let lines = told["lines"].as_array().cloned().unwrap_or_default();
        Ok(lines
            .iter()
            .map(|line| format!("{} {} {}", line["line"], line["name"], line["outcome"]).replace('"', ""))
            .collect())
    };
    let tried = import(&["--domain", "example.org", "--dry-run"])?;
    assert_eq!(tried.status, Some(1), "DES crypt and a line without a colon: {}", tried.err);
    let want = [
        "2 ada skipped",
        "3 eve imported",
        "4 greta@example.net imported",
        "5 old failed",
        "6 off skipped",
        "7 root skipped",
        "8 broken failed",
        "9 scram imported",
    ];
    assert_eq!(fates(&tried.out)?, want);
    assert!(
        tried.out.contains("DES crypt is not taken") && tried.out.contains("allow_nets is not carried over"),
        "{}",
        tried.out
    );
    assert_eq!(json(&site, &["account", "list"])?.as_array().map(Vec::len), Some(1), "nothing was written");
    let done = import(&["--domain", "example.org"])?;
    assert_eq!((fates(&done.out)?, done.status), (want.map(str::to_owned).to_vec(), Some(1)));
    assert_eq!(json(&site, &["account", "list"])?.as_array().map(Vec::len), Some(4));
    // Without a domain for those that have none.
    let without = import(&[])?;
    assert!(without.out.contains("give it one with --domain"), "{}", without.out);
    assert!(!format!("{}{}", tried.out, done.out).contains("pencil"));
    let scram = json(&site, &["account", "show", "scram@example.org"])?;
    assert!(scram["mechanisms"].to_string().contains("SCRAM-SHA-256-PLUS"), "{scram}");
    let eve = site.run(&["account", "show", "eve@example.org"])?.out;
    assert!(eve.contains("the next login by PLAIN or LOGIN makes it"), "{eve}");
    Ok(())
}

#[test]
fn an_htpasswd_file_is_imported() -> io::Result<()> {
    let site = Site::new(CONFIGURATION)?;
    let file = site.path().join(".htpasswd");
    let file = file.to_str().unwrap_or_default();
    output("htpasswd", &["-c", "-b", "-B", file, "ada", "pencil"], "")?;
    output("htpasswd", &["-b", "-m", file, "bob", "pencil"], "")?;
    output("htpasswd", &["-b", "-s", file, "eve", "pencil"], "")?;
    let said = site.run(&["account", "import", file, "--format", "htpasswd", "--domain", "example.org"])?;
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("line 2: bob imported: APR1: for PLAIN and LOGIN"), "{}", said.out);
    assert!(said.out.ends_with("3 accounts imported, 0 skipped, 0 failed\n"), "{}", said.out);
    output("htpasswd", &["-b", "-d", file, "old", "pencil"], "")?;
    let said = site.run(&["account", "import", file, "--format", "htpasswd", "--domain", "example.org"])?;
    assert_eq!(said.status, Some(1));
    assert!(said.out.ends_with("no accounts imported, 3 skipped, 1 failed\n"), "{}", said.out);
    Ok(())
}

/// The database is one that Cyrus SASL's own program made.
#[test]
fn a_dump_of_sasldb_is_imported_with_weak_mechanisms_allowed() -> io::Result<()> {
    let site = Site::new(CONFIGURATION)?;
    let database = site.path().join("sasldb2");
    let database = database.to_str().unwrap_or_default();
    for (user, password) in [("ada", "pencil"), ("bob", "back\\slash \u{e9}")] {
        output("saslpasswd2", &["-c", "-p", "-f", database, "-u", "mail.example.org", user], password)?;
    }
    for (name, dump) in [("print", vec!["-p", database]), ("bytes", vec![database])] {
        fs::write(site.path().join(name), output("db5.3_dump", &dump, "")?)?;
    }
    let import = |file: &str, more: &[&str]| {
        site.run(&[&["account", "import", file, "--format", "sasldb"], more].concat())
    };
    let tried = import("bytes", &["--dry-run"])?;
    assert!(
        tried.out.contains("bob@mail.example.org imported: PLAIN: all verifiers were made"),
        "{}{}",
        tried.out,
        tried.err
    );
    assert!(tried.out.ends_with("2 accounts would be imported, 0 skipped, 0 failed\n"), "{}", tried.out);
    let weak = ["--allow", "cram-md5", "--allow", "digest-md5"];
    let done = import("print", &[&["--domain", "example.org"], weak.as_slice()].concat())?;
    assert_eq!(done.status, Some(0), "{}{}", done.out, done.err);
    let shown = json(&site, &["account", "show", "bob@example.org"])?["mechanisms"].to_string();
    for mechanism in ["SCRAM-SHA-512", "CRAM-MD5", "DIGEST-MD5", "PLAIN"] {
        assert!(shown.contains(&format!("\"{mechanism}\"")), "{mechanism}: {shown}");
    }
    assert!(!shown.contains("NTLM"));
    let wrong = import("gatepost.toml", &[])?;
    assert!(wrong.err.contains("db5.3_dump -p"), "{}", wrong.err);
    Ok(())
}

#[test]
fn the_ratchet_is_reset_for_accounts_that_there_are() -> io::Result<()> {
    let site = with_ada()?;
    assert_eq!(site.run(&["account", "ratchet-reset", ADA])?.status, Some(0));
    assert_eq!(site.run(&["account", "ratchet-reset", "bob@example.org"])?.status, Some(1));
    assert_eq!(site.run(&["account", "only-by", ADA, "any", "plain"])?.status, Some(2));
    Ok(())
}
