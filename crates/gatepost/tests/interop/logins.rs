//! Every client logs in with everything that it and we speak, and no password is ever written down.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::clients::{Door, Login, Program, Success, Talk, Tls};
use crate::rig::{Gatepost, HOSTNAME, Plan, await_that};

const OURS: &str = "ours.example";
const READER: &str = "reader@ours.example";

/// All that we have, CRAM-MD5 among it.
const MECHANISMS: &str = r#"mechanisms = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1",
    "CRAM-MD5", "PLAIN", "LOGIN"]
failures-before-lockout = 1000"#;

fn user_of(program: Program) -> String {
    format!("{}@{OURS}", program.name())
}

/// With what trips those who paste strings together.
fn password_of(program: Program) -> String {
    format!("planted {} 7%20\"x'$=,\\", program.name())
}

fn start() -> Gatepost {
    let mut plan = Plan::default().maildir(OURS).auth(MECHANISMS).account(READER, "of no concern", &[]);
    for program in Program::ALL {
        plan = plan.account(&user_of(program), &password_of(program), &["--allow", "cram-md5"]);
    }
    plan.start()
}

/// One cell of the matrix.
struct Tried {
    program: Program,
    door: Door,
    tls: Tls,
    mechanism: &'static str,
    delivered: &'static str,
}

/// What one client has left behind.
#[derive(Default)]
struct Walk {
    tried: Vec<Tried>,
    /// Subjects of what was sent with the right password.
    sent: BTreeSet<String>,
    /// What must be found nowhere.
    secrets: BTreeSet<String>,
}

#[test]
fn every_client_logs_in_with_every_mechanism_that_it_speaks_and_leaves_no_secret() {
    let gatepost = start();
    let walks: Vec<Walk> = thread::scope(|scope| {
        let gatepost = &gatepost;
        let running = Program::ALL.map(|program| scope.spawn(move || walk(gatepost, program)));
        running.into_iter().map(|walk| walk.join().expect("a client's walk")).collect()
    });
    let sent: BTreeSet<String> = walks.iter().flat_map(|walk| walk.sent.iter().cloned()).collect();
    let mail = gatepost.await_mail(OURS, "reader", sent.len());
    let arrived: Vec<String> = mail.iter().map(|octets| subject_of(octets)).collect();
    assert_eq!(arrived.len(), sent.len(), "nothing came twice, and nothing of a failed login");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), sent);
    let secrets: BTreeSet<String> = walks.iter().flat_map(|walk| walk.secrets.iter().cloned()).collect();
    assert_nowhere(&gatepost, &secrets);
    show(&walks, secrets.len());
}

fn subject_of(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let field = text.lines().find_map(|line| line.strip_prefix("Subject: ")).expect("a Subject field");
    field.trim_end().to_owned()
}

fn walk(gatepost: &Gatepost, program: Program) -> Walk {
    let scratch = tempfile::tempdir().expect("a folder for the client");
    let (user, password, ca) = (user_of(program), password_of(program), gatepost.ca());
    let mut walk = Walk::default();
    for (&door, tls) in program.doors().iter().flat_map(|door| [(door, Tls::V12), (door, Tls::V13)]) {
        for mechanism in program.mechanisms(tls) {
            let number = walk.tried.len() + 1;
            let (right, wrong) = (
                format!("{}-right-{number}", program.name()),
                format!("mistaken {} {number}", program.name()),
            );
            let server = match door {
                Door::StartTls => gatepost.submission(),
                Door::Implicit => gatepost.submissions(),
            };
            let good = Login {
                server,
                door,
                tls,
                mechanism,
                user: &user,
                password: &password,
                to: READER,
                subject: &right,
                ca: &ca,
                scratch: scratch.path(),
            };
            let talk = program.run(&good);
            assert_logged_in(gatepost, program, &good, (&talk, number));
            walk.secrets.extend(secrets_in(program, &talk, &password));
            let subject = format!("{}-wrong-{number}", program.name());
            let bad = Login { password: &wrong, subject: &subject, ..good };
            let talk = program.run(&bad);
            assert_refused(gatepost, program, &bad, (&talk, number));
            walk.secrets.extend(secrets_in(program, &talk, &wrong));
            walk.secrets.extend(forms_of(&wrong));
            let delivered = match program.sends() {
                Success::Yes => {
                    walk.sent.insert(right);
                    "delivered"
                }
                Success::No => "sends none",
            };
            walk.tried.push(Tried { program, door, tls, mechanism, delivered });
        }
    }
    walk.secrets.extend(forms_of(&password));
    walk
}

/// The client heard 235, and we know of the same login, with this mechanism over this TLS.
fn assert_logged_in(
    gatepost: &Gatepost,
    program: Program,
    login: &Login<'_>,
    (talk, number): (&Talk, usize),
) {
    let who = format!("{} {} {} {}", program.name(), login.mechanism, login.door, login.tls.name());
    assert!(talk.transcript.contains("235 2.7.0"), "{who}:\n{}", talk.transcript);
    assert_eq!(talk.succeeded, Success::Yes, "{who}:\n{}", talk.transcript);
    let logins = await_that(&format!("login {number} of {who}"), || {
        let mut logins = gatepost.events("logged-in");
        logins.retain(|event| event["account"] == login.user);
        (logins.len() >= number).then_some(logins)
    });
    assert_eq!(logins.len(), number, "{who}");
    assert_eq!(logins[number - 1]["mechanism"], login.mechanism, "{who}");
    let encrypted = gatepost.events("encrypted");
    let of_session = encrypted.iter().find(|event| event["session"] == logins[number - 1]["session"]);
    assert_eq!(of_session.expect("TLS before the login")["version"], login.tls.name(), "{who}");
}

/// The client heard 535, and showed it to its user.
fn assert_refused(gatepost: &Gatepost, program: Program, login: &Login<'_>, (talk, number): (&Talk, usize)) {
    let who = format!("{} {} {} {}", program.name(), login.mechanism, login.door, login.tls.name());
    assert!(
        talk.transcript.contains("535 5.7.8") || talk.transcript.contains("(535, b'5.7.8"),
        "{who}:\n{}",
        talk.transcript
    );
    assert!(!talk.transcript.contains("235 2.7.0"), "{who}:\n{}", talk.transcript);
    assert_eq!(talk.succeeded, Success::No, "{who}:\n{}", talk.transcript);
    let failures = await_that(&format!("failure {number} of {who}"), || {
        let mut failures = gatepost.events("login-failed");
        failures.retain(|event| event["user"] == login.user);
        (failures.len() >= number).then_some(failures)
    });
    assert_eq!(failures[number - 1]["mechanism"], login.mechanism, "{who}");
    assert_eq!(failures[number - 1]["rule"], "auth.rejected", "{who}");
}

/// What the client sent of its secret, as it printed it: whole responses, and the proofs inside.
fn secrets_in(program: Program, talk: &Talk, password: &str) -> Vec<String> {
    let is_base64 = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=');
    let mut found = Vec::new();
    for word in talk.transcript.split(|letter| !is_base64(letter)).filter(|word| word.len() >= 16) {
        let Some(text) = STANDARD.decode(word).ok().and_then(|octets| String::from_utf8(octets).ok()) else {
            continue;
        };
        if text.contains(password) {
            found.push(word.to_owned());
        } else if let Some((_, proof)) = text.split_once(",p=") {
            found.extend([word.to_owned(), proof.to_owned()]);
        } else if let Some((_, digest)) = text.rsplit_once(' ').filter(|(_, digest)| is_md5(digest)) {
            found.extend([word.to_owned(), digest.to_owned()]);
        }
    }
    // nodemailer strikes its own out.
    assert!(program == Program::Nodemailer || !found.is_empty(), "no secret seen in:\n{}", talk.transcript);
    found
}

fn is_md5(digest: &str) -> bool {
    digest.len() == 32 && digest.bytes().all(|octet| octet.is_ascii_hexdigit())
}

/// A password as it is, and in base64 wherever it begins.
fn forms_of(password: &str) -> Vec<String> {
    let mut forms = vec![password.to_owned(), STANDARD.encode(password)];
    for before in 1..3 {
        let whole = STANDARD_NO_PAD.encode([&vec![0; before], password.as_bytes()].concat());
        // The first letters hold what stands before the password, the last one what follows it.
        forms.push(whole[before + 1..whole.len() - 1].to_owned());
    }
    forms
}

/// grep, since a search for so many words must be quick.
fn assert_nowhere(gatepost: &Gatepost, secrets: &BTreeSet<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (words, written) = (folder.path().join("words"), folder.path().join("written"));
    fs::write(&written, gatepost.everything_written()).expect("writing all that was written");
    let grep = |list: &str| {
        fs::write(&words, list).expect("writing the secrets");
        let mut command = Command::new("grep");
        command.args(["--text", "--only-matching", "--fixed-strings", "--file"]).arg(&words).arg(&written);
        String::from_utf8_lossy(&command.output().expect("running grep").stdout).into_owned()
    };
    let list: String = secrets.iter().map(|secret| format!("{secret}\n")).collect();
    assert_eq!(grep(&list), "", "secrets in what gatepost has written");
    assert!(
        grep("swaks@ours.example\n").contains("swaks@ours.example"),
        "names are written, so the search works"
    );
}

fn show(walks: &[Walk], secrets: usize) {
    let mut table = String::new();
    for tried in walks.iter().flat_map(|walk| &walk.tried) {
        let Tried { program, door, tls, mechanism, delivered } = tried;
        table += &format!(
            "{:8} {door:13} {} {mechanism:19} 235, {delivered:10}  wrong: 535\n",
            program.name(),
            tls.name()
        );
    }
    let count = walks.iter().map(|walk| walk.tried.len()).sum::<usize>();
    let mut err = std::io::stderr().lock();
    let _ = writeln!(
        err,
        "{table}{count} logins, as many failed ones; {secrets} secrets in nothing that was written"
    );
}

/// gsasl knows tls-unique (TLS 1.2) and tls-exporter (TLS 1.3). We have no tls-unique, which RFC 9266 section 4.2
/// gives up; what it is told, and that the operator can read why.
#[test]
fn gsasl_binding_to_tls_unique_is_refused_and_the_log_says_why() {
    let gatepost = start();
    let scratch = tempfile::tempdir().expect("a folder for the client");
    let (user, password, ca) = (user_of(Program::Gsasl), password_of(Program::Gsasl), gatepost.ca());
    let (door, tls) = (Door::StartTls, Tls::V12);
    let server = gatepost.submission();
    for mechanism in ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"] {
        let login = Login {
            server,
            door,
            tls,
            mechanism,
            user: &user,
            password: &password,
            to: READER,
            subject: mechanism,
            ca: &ca,
            scratch: scratch.path(),
        };
        let talk = Program::Gsasl.run(&login);
        assert_eq!(talk.succeeded, Success::No, "{}", talk.transcript);
        assert!(talk.transcript.contains("535 5.7.8"), "{}", talk.transcript);
    }
    let failures = gatepost.await_events("login-failed", 2);
    assert!(failures.iter().all(|event| event["rule"] == "auth.binding-unsupported"), "{failures:#?}");
}

/// Somebody in between with a certificate of their own gets nowhere: the binding is to another channel.
#[test]
fn a_proof_for_another_certificate_is_refused() {
    let gatepost = start();
    let (user, password) = (user_of(Program::Smtplib), password_of(Program::Smtplib));
    let scratch = tempfile::tempdir().expect("a folder for the client");
    let ca = gatepost.ca();
    let script = include_str!("smtplib_login.py").replace(
        "certificate = server.sock.getpeercert(binary_form=True)",
        "certificate = server.sock.getpeercert(binary_form=True) + b'!'",
    );
    let mut command = Command::new("timeout");
    command
        .args(["60", "python3", "-c", &script, &gatepost.submissions().port().to_string(), HOSTNAME])
        .arg(&ca);
    command.args(["implicit", "TLSv1.3", "SCRAM-SHA-256-PLUS", &user, &password, READER, "no"]);
    let output = command.current_dir(scratch.path()).stdin(Stdio::null()).output().expect("running python3");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("535") && !output.status.success(), "{said}");
    assert_eq!(gatepost.await_events("login-failed", 1)[0]["rule"], "auth.binding-mismatch");
    assert_eq!(gatepost.events("logged-in").len(), 0);
}
