use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use gatepost_mail::{Domain, Mailbox};
use gatepost_sasl::{GssAnswer, GssQuestion, PasswordCheck, Secret};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// Longer than any test waits.
const FOR_EVER: &str = "exec sleep 600";

fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

fn pam(user: PamUser) -> HelperKind {
    HelperKind::Pam { service: "gatepost".to_owned(), user, domains: vec![domain("gatepost.example")] }
}

fn kerberos() -> HelperKind {
    HelperKind::Kerberos {
        keytab: "/nowhere".into(),
        service: "smtp".to_owned(),
        realms: vec![("GATEPOST.EXAMPLE".to_owned(), domain("gatepost.example"))],
    }
}

fn source(kind: HelperKind, place: HelperPlace, bounds: HelperBounds) -> Helper {
    Helper::new(HelperSettings { name: "outside".to_owned(), place, bounds, kind })
}

/// A source whose helper is this shell script; `$here` is a folder with the greeting and the answer as files.
fn scripted(kind: HelperKind, script: &str, answer: &[&[u8]], bounds: HelperBounds) -> (TempDir, Helper) {
    let folder = tempfile::tempdir().unwrap();
    let (word, service) =
        if matches!(kind, HelperKind::Pam { .. }) { ("pam", "gatepost") } else { ("accept", "smtp") };
    let greeting = frame::written(&[b"gatepost-helper", b"1", word.as_bytes(), service.as_bytes()]).unwrap();
    fs::write(folder.path().join("greeting"), greeting.expose()).unwrap();
    fs::write(folder.path().join("answer"), frame::written(answer).unwrap().expose()).unwrap();
    let program = folder.path().join("helper");
    install(&program, &format!("#!/bin/sh\nhere={}\n{script}\n", folder.path().display()));
    let helper = source(kind, HelperPlace::Program(program), bounds);
    (folder, helper)
}

/// Written by another process: a file that this one has open for writing, even in a child that another test just
/// forked, cannot be run.
fn install(program: &Path, text: &str) {
    let mut install = std::process::Command::new("sh");
    install.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(program);
    let mut install = install.stdin(std::process::Stdio::piped()).spawn().unwrap();
    install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
}

fn short() -> HelperBounds {
    let short = Duration::from_millis(300);
    HelperBounds { at_once: 2, password_time: short, answer_time: Duration::from_secs(30) }
}

async fn check(helper: &Helper) -> Result<Known<PasswordCheck>, DirectoryError> {
    helper.check_password("ada@gatepost.example", &Secret::new("pencil")).await
}

/// What is wrong, of an answer that must not be one.
fn cause<T: std::fmt::Debug>(answer: Result<T, DirectoryError>) -> String {
    match answer {
        Err(DirectoryError::Source { source_name, cause }) if source_name == "outside" => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_word_of_a_helper_has_one_meaning() {
    let rows: [(&[&[u8]], _); 3] = [
        (&[b"right"], Known::Here(PasswordCheck::Right)),
        (&[b"wrong"], Known::Elsewhere),
        (&[b"expired"], Known::Here(PasswordCheck::Wrong)),
    ];
    for (answer, wanted) in rows {
        let script = "cat $here/greeting $here/answer; exec cat >/dev/null";
        let (_folder, helper) = scripted(pam(PamUser::Address), script, answer, HelperBounds::default());
        assert_eq!(check(&helper).await.unwrap(), wanted);
    }
}

#[tokio::test]
async fn whatever_else_a_helper_does_is_no_answer() {
    let whole = "cat $here/greeting $here/answer; exec cat >/dev/null";
    let rows: [(&str, &[&[u8]], &str); 8] = [
        (whole, &[b"unavailable", b"the cat\r\nis ill"], "the catis ill"),
        (whole, &[b"right", b"more"], "makes no sense"),
        (whole, &[], "makes no sense"),
        ("cat $here/greeting; head -c 7 $here/answer", &[b"right"], "ended before its answer"),
        ("cat $here/greeting; exec cat >/dev/null </dev/null", &[b"right"], "ended before its answer"),
        ("exit 1", &[], "ended before its answer"),
        (
            "cat $here/answer; exec cat >/dev/null",
            &[b"gatepost-helper", b"2", b"pam", b"gatepost"],
            "version 2, for pam gatepost",
        ),
        ("echo HTTP/1.1 200; exec cat >/dev/null", &[], "makes no sense"),
    ];
    for (script, answer, wanted) in rows {
        let (_folder, helper) = scripted(pam(PamUser::Address), script, answer, HelperBounds::default());
        let told = cause(check(&helper).await);
        assert!(told.contains(wanted), "{script}: {told}");
    }
    let nowhere = HelperPlace::Program("/nowhere/gatepost-helper".into());
    let told = cause(check(&source(pam(PamUser::Address), nowhere, short())).await);
    assert!(told.contains("cannot be reached"), "{told}");
}

#[tokio::test]
async fn a_helper_that_hangs_is_given_up_and_ended_with_what_it_started() {
    let script = format!("sleep 600 & echo $$ $! >$here/processes; cat $here/greeting; {FOR_EVER}");
    let (folder, helper) = scripted(pam(PamUser::Address), &script, &[], short());
    let told = cause(check(&helper).await);
    assert!(told.contains("did not answer within 300ms"), "{told}");

    let processes = fs::read_to_string(folder.path().join("processes")).unwrap();
    let processes: Vec<&str> = processes.split_whitespace().collect();
    assert_eq!(processes.len(), 2);
    // One that has ended and is not waited for yet has an empty command line.
    let lives =
        |process: &&str| fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty());
    let ended = async {
        while processes.iter().any(lives) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
}

#[tokio::test]
async fn one_more_than_the_bound_is_told_busy_at_once() {
    let bounds = HelperBounds { password_time: Duration::from_secs(60), ..short() };
    let script = format!("cat $here/greeting; echo >>$here/started; {FOR_EVER}");
    let (folder, helper) = scripted(pam(PamUser::Address), &script, &[], bounds);
    let started = || fs::read(folder.path().join("started")).map_or(0, |lines| lines.len());
    let third = async {
        while started() < 2 {
            tokio::task::yield_now().await;
        }
        check(&helper).await
    };
    // The first two are dropped with the waiting for them, and make room.
    let told = tokio::select! {
        _ = check(&helper) => panic!("it never answers"),
        _ = check(&helper) => panic!("it never answers"),
        told = third => told,
    };
    assert!(matches!(told, Err(DirectoryError::Busy)), "{told:?}");
    assert!(helper.greets().await.is_ok());
}

#[tokio::test]
async fn a_helper_behind_a_socket_is_asked_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("helper");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let helper = source(pam(PamUser::LocalPart), HelperPlace::Socket(socket), HelperBounds::default());
    let serve = async {
        let (mut line, _) = listener.accept().await.unwrap();
        let greeting = frame::written(&[b"gatepost-helper", b"1", b"pam", b"gatepost"]).unwrap();
        line.write_all(greeting.expose()).await.unwrap();
        let wanted = frame::written(&[b"check", b"ada", b"pencil"]).unwrap();
        let mut question = vec![0; wanted.expose().len()];
        line.read_exact(&mut question).await.unwrap();
        assert_eq!(Secret::new(question), wanted);
        line.write_all(frame::written(&[b"right"]).unwrap().expose()).await.unwrap();
    };
    let password = Secret::new("pencil");
    let (_, told) = tokio::join!(serve, helper.check_password("Ada@Gatepost.Example", &password));
    assert_eq!(told.unwrap(), Known::Here(PasswordCheck::Right));
}

#[tokio::test]
async fn names_that_modules_could_misread_are_nobodys() {
    // The helper is not there: an answer without error means that it was not asked.
    let nowhere = HelperPlace::Program("/nowhere/gatepost-helper".into());
    let helper = source(pam(PamUser::LocalPart), nowhere, short());
    let names = [
        "ada",
        "ada@elsewhere.example",
        "ada%printer@gatepost.example",
        "-ada@gatepost.example",
        "../ada@gatepost.example",
        "\"ada b\"@gatepost.example",
        "a|b@gatepost.example",
        "",
    ];
    for name in names {
        let told = helper.check_password(name, &Secret::new("pencil")).await;
        assert!(matches!(told, Ok(Known::Elsewhere)), "{name}");
        assert_eq!(helper.account(name).await.unwrap(), Known::Elsewhere, "{name}");
    }
    assert!(matches!(check(&helper).await, Err(DirectoryError::Source { .. })));
}

#[tokio::test]
async fn an_account_owns_itself_alone() {
    let nowhere = HelperPlace::Program("/nowhere/gatepost-helper".into());
    let helper = source(pam(PamUser::LocalPart), nowhere, short());
    let account = helper.account("Ada@Gatepost.Example").await.unwrap().here().unwrap();
    assert_eq!(account.name(), "ada@gatepost.example");
    let mailbox = |text: &str| Mailbox::parse(text).unwrap();
    let rows = [
        ("ada@gatepost.example", "ADA@gatepost.example", Known::Here(true)),
        ("ada@gatepost.example", "bob@gatepost.example", Known::Here(false)),
        ("ada@elsewhere.example", "ada@elsewhere.example", Known::Elsewhere),
    ];
    for (account, path, wanted) in rows {
        assert_eq!(helper.owns(account, &mailbox(path)).await.unwrap(), wanted, "{account} as {path}");
    }
    assert!(!helper.mailbox_exists(&mailbox("ada@gatepost.example")).await.unwrap());
    assert!(helper.gss().await.unwrap().is_none());
}

#[tokio::test]
async fn a_principal_is_a_user_of_its_own_realm_only() {
    let nowhere = HelperPlace::Program("/nowhere/gatepost-helper".into());
    let helper = source(kerberos(), nowhere, short());
    let rows = [
        ("ada@GATEPOST.EXAMPLE", Some("ada@gatepost.example")),
        ("ada/admin@GATEPOST.EXAMPLE", None),
        ("host/ada@GATEPOST.EXAMPLE", None),
        ("ada@ELSEWHERE.EXAMPLE", None),
        ("ada@gatepost.example", None),
        ("ada\\@GATEPOST.EXAMPLE@GATEPOST.EXAMPLE", None),
        ("ada@GATEPOST.EXAMPLE@ELSEWHERE.EXAMPLE", None),
        ("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", None),
        ("ada%printer@GATEPOST.EXAMPLE", None),
        ("@GATEPOST.EXAMPLE", None),
        ("ada", None),
    ];
    for (principal, wanted) in rows {
        let user = helper.principal_user(principal).await.unwrap().here();
        assert_eq!(user.as_deref(), wanted, "{principal}");
    }
}

#[tokio::test]
async fn a_session_ends_with_the_first_no_and_says_why() {
    let accept = || GssQuestion::Accept { token: vec![1, 2, 3] };
    let script = "cat $here/greeting $here/answer; exec cat >/dev/null";
    let rows: [(&[&[u8]], &str); 4] = [
        (&[b"refused", b"no key"], "no key"),
        (&[b"unavailable", b"no keytab"], "no keytab"),
        (&[b"complete", b"token"], "makes no sense"),
        (&[b"octets", b"\0"], "makes no sense"),
    ];
    for (answer, wanted) in rows {
        let (_folder, helper) = scripted(kerberos(), script, answer, HelperBounds::default());
        let mut session = helper.gss().await.unwrap().unwrap();
        match session.ask(accept()).await {
            GssAnswer::Refused(reason) => assert_eq!(reason, wanted),
            GssAnswer::Unavailable => assert!(session.fault().unwrap().contains(wanted), "{session:?}"),
            answer @ (GssAnswer::Token { .. } | GssAnswer::Octets(_)) => panic!("{answer:?}"),
        }
        assert!(matches!(session.ask(accept()).await, GssAnswer::Unavailable));
    }
    let (_folder, helper) = scripted(kerberos(), script, &[b"going", b"token"], HelperBounds::default());
    let mut session = helper.gss().await.unwrap().unwrap();
    let other_side = GssQuestion::Init { target: "smtp@mail.gatepost.example".to_owned(), token: None };
    assert!(matches!(session.ask(other_side).await, GssAnswer::Unavailable));
}
