//! Kerberos: whoever has a ticket needs no KDC, and neither do we. Killing it stops new tickets only.

use std::io;
use std::process::{Command, Stdio};

use gatepost_testworld::peers::Kdc;

use crate::helper;
use crate::rig::{Gatepost, HOSTNAME, Plan};

const REALM: &str = "OURS.EXAMPLE";
const CLIENTS: usize = 3;

/// gsasl with these tickets; gives what it heard.
fn gsasl(gatepost: &Gatepost, kdc: &Kdc, cache: &str) -> String {
    let mut command = Command::new("timeout");
    command.args(["60", "gsasl", "--smtp", "--connect", &gatepost.submission().to_string(), "-m", "GSSAPI"]);
    command.args(["--service", "smtp", "--hostname", HOSTNAME, "--authorization-id", "ada@ours.example"]);
    command.arg("--x509-ca-file").arg(gatepost.ca()).envs(kdc.environment()).env("KRB5CCNAME", cache);
    let output = command.stdin(Stdio::null()).output().expect("running gsasl");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Each client logs in so often; gives how many heard 235.
fn all_log_in(gatepost: &Gatepost, kdc: &Kdc, caches: &[String], times: usize) -> usize {
    std::thread::scope(|scope| {
        let running: Vec<_> = caches
            .iter()
            .map(|cache| {
                scope.spawn(move || {
                    for _ in 0..times {
                        let talk = gsasl(gatepost, kdc, cache);
                        assert!(talk.contains("235 2.7.0"), "{talk}");
                    }
                })
            })
            .collect();
        running.into_iter().for_each(|client| client.join().expect("a client"));
    });
    caches.len() * times
}

#[tokio::test]
async fn a_killed_kdc_stops_new_tickets_only_and_a_killed_helper_puts_logins_off() -> io::Result<()> {
    let mut kdc = Kdc::start(REALM).await?;
    kdc.principal("ada", "pencil")?;
    let keytab = kdc.keytab(&format!("smtp/{HOSTNAME}"))?;
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("helper");
    helper::kerberos_helper(&kdc, &program)?;
    let gatepost = Plan::default()
        .auth("mechanisms = [\"GSSAPI\"]\ntarpit = \"0s\"")
        .with(&format!(
            "[auth.source.realm]\nkind = \"kerberos\"\nhelper = {program:?}\nkeytab = {keytab:?}\n\
             realms = {{ \"{REALM}\" = \"ours.example\" }}"
        ))
        .start();

    let caches: Vec<String> = (0..CLIENTS).map(|_| kdc.ticket("ada", "pencil")).collect::<io::Result<_>>()?;
    let before = all_log_in(&gatepost, &kdc, &caches, 2);
    let late = kdc.ticket("ada", "pencil")?;
    kdc.kill();
    let meanwhile = all_log_in(&gatepost, &kdc, &caches, 2);
    assert!(kdc.ticket("ada", "pencil").is_err());
    let talk = gsasl(&gatepost, &kdc, &late);
    assert!(!talk.contains("235 2.7.0") && !talk.contains("535"), "{talk}");
    kdc.begin().await?;
    let talk = gsasl(&gatepost, &kdc, &late);
    assert!(talk.contains("235 2.7.0"), "{talk}");

    let mut put_off = 0;
    for strike in [helper::take_away, helper::put_dying] {
        strike(&program)?;
        for cache in &caches {
            let talk = gsasl(&gatepost, &kdc, cache);
            assert!(talk.contains("454 4.7.0"), "{talk}");
            put_off += 1;
        }
        helper::put_back(&program)?;
        all_log_in(&gatepost, &kdc, &caches, 1);
    }
    let failures = gatepost.events("login-failed");
    let said: Vec<_> = failures.iter().filter_map(|event| event["reply"].as_str()).collect();
    assert!(said.iter().all(|reply| reply.starts_with("454 4.7.0")), "{said:?}");
    eprintln!(
        "MIT KDC                          {before} logins before; {meanwhile} while it is dead, by tickets that were there, and none by others; \
         {put_off} times 454 without its helper"
    );
    Ok(())
}
