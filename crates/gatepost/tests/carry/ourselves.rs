//! The client side against our own server: what no other server here has. Bound SCRAM of every hash and OAUTH10A.

use std::fmt::Write as _;
use std::io;

use serde_json::Value;

use crate::parcel::{ADA, PASSWORD, logged_in};
use crate::rig::{Gatepost, HOSTNAME, Plan};

const THERE: &str = "there.example";
const USER: &str = "customer@there.example";
const RIGHT: &str = "the right one";

const BOUND: [&str; 4] = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS", "SCRAM-SHA-512"];

fn domain(credential: &str, mechanism: &str) -> String {
    format!("{credential}-{}.{THERE}", mechanism.to_lowercase())
}

fn message(subject: &str, to: &str) -> String {
    format!(
        "From: <{ADA}>\r\nTo: <{to}>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{subject}@here.example>\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    )
}

/// A gatepost that other gateposts log in at; the account may send as anyone here.
fn smart_host() -> Gatepost {
    let mechanisms: Vec<String> =
        BOUND.iter().chain(&["OAUTH10A", "PLAIN"]).map(|it| format!("{it:?}")).collect();
    let mut plan = Plan::default().account(USER, RIGHT, &["--sends-as", "*@here.example"]).auth(&format!(
        "mechanisms = [{}]\ntarpit = \"0s\"\nfailures-before-lockout = 1000",
        mechanisms.join(", ")
    ));
    for mechanism in BOUND.iter().chain(&["OAUTH10A"]) {
        for credential in ["right", "wrong"] {
            let domain = domain(credential, mechanism);
            plan = plan.maildir(&domain).account(&format!("bob@{domain}"), "of no concern", &[]);
        }
    }
    plan.start()
}

fn write(host: &Gatepost, name: &str, secret: &str) -> String {
    let path = host.dir().join(name);
    std::fs::write(&path, secret).expect("writing a secret");
    path.display().to_string()
}

fn routes(host: &Gatepost) -> String {
    let made = host.run(&["--json", "account", "oauth1", "add", USER]);
    let keys: Value = serde_json::from_slice(&made.stdout).expect("keys as JSON");
    let key = |name: &str| keys[name].as_str().unwrap_or_else(|| panic!("{name} in {keys}"));
    let via = format!("via = \"smtp:{}\"\ntls = \"required\"", host.submission());
    let mut text = String::new();
    for credential in ["right", "wrong"] {
        let wrong = if credential == "wrong" { "x" } else { "" };
        let password = write(host, credential, &format!("{RIGHT}{wrong}"));
        for mechanism in BOUND {
            let domain = domain(credential, mechanism);
            let login = format!(
                "{{ username = {USER:?}, password-file = {password:?}, mechanisms = [{mechanism:?}] }}"
            );
            let _ = writeln!(text, "[route.\"{domain}\"]\n{via}\nlogin = {login}");
        }
        let consumer = write(host, &format!("{credential}-consumer"), key("consumer-secret"));
        let token = write(host, &format!("{credential}-token"), &format!("{}{wrong}", key("token-secret")));
        let _ = writeln!(
            text,
            "[route.\"{}\"]\n{via}\n[route.\"{}\".login]\nusername = {USER:?}\n\
             oauth1 = {{ consumer-key = {:?}, consumer-secret-file = {consumer:?}, token = {:?}, token-secret-file = {token:?} }}",
            domain(credential, "OAUTH10A"),
            domain(credential, "OAUTH10A"),
            key("consumer-key"),
            key("token"),
        );
    }
    text
}

#[tokio::test]
async fn what_nobody_else_has_works_between_two_of_us() -> io::Result<()> {
    let host = smart_host();
    let gatepost = Plan::default()
        .maildir("here.example")
        .account(ADA, PASSWORD, &[])
        .tls(&format!("trust = {:?}", host.ca()))
        .with(&routes(&host))
        .start();
    let mut client = logged_in(&gatepost, ADA).await?;
    let all: Vec<&str> = BOUND.into_iter().chain(["OAUTH10A"]).collect();
    for mechanism in &all {
        for credential in ["right", "wrong"] {
            let to = format!("bob@{}", domain(credential, mechanism));
            client.submit(ADA, &[&to], message(&format!("{credential}-{mechanism}"), &to).as_bytes()).await?;
        }
    }
    for mechanism in &all {
        host.await_mail(&domain("right", mechanism), "bob", 1);
    }
    let mut logins: Vec<String> = host
        .await_events("logged-in", all.len())
        .iter()
        .map(|event| event["mechanism"].as_str().unwrap_or_default().to_owned())
        .collect();
    logins.sort();
    let mut wanted: Vec<String> = all.iter().map(|mechanism| (*mechanism).to_owned()).collect();
    wanted.sort();
    assert_eq!(logins, wanted, "{HOSTNAME}");
    let deferred = gatepost.await_events("deferred", all.len());
    for mechanism in &all {
        let to = format!("<bob@{}>", domain("wrong", mechanism));
        let event = deferred.iter().find(|event| event["recipient"] == to.as_str());
        let cause = event.map(|event| event["cause"].to_string()).unwrap_or_default();
        assert!(cause.contains(&format!("login by {mechanism}")), "{mechanism}: {cause:?}");
    }
    println!("logins at ourselves, right and wrong: {}", all.join(" "));
    Ok(())
}
