//! Every client logs in with everything that it and we speak, and no secret is ever written down.

mod matrix;
mod people;
mod secrets;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use self::people::{Held, People};
use crate::clients::{Door, Login, Program, Proof, Success, Talk, Tls};
use crate::rig::{Gatepost, HOSTNAME, PATIENCE, Plan};

const OURS: &str = "ours.example";
const READER: &str = "reader@ours.example";

/// Only one at a time fails without a login name that we could have known, so that its event is known.
static NAMELESS: Mutex<()> = Mutex::new(());

/// A continuation with `{"status":"401",` and more, as Google has it.
const TOKEN_REFUSED: &str = "334 eyJzdGF0dXMiOiI0MDEiL";

fn user_of(program: Program) -> String {
    format!("{}@{OURS}", program.name())
}

/// With what trips those who paste strings together.
fn password_of(program: Program) -> String {
    format!("planted {} 7%20\"x'$=,\\", program.name())
}

/// One cell of the matrix, one way.
struct Tried {
    program: Program,
    door: Door,
    tls: Tls,
    mechanism: &'static str,
    /// Why it is not green.
    fault: Option<String>,
}

/// What one client has left behind.
#[derive(Default)]
struct Walk {
    tried: Vec<Tried>,
    /// Subjects of what was sent with the right secret.
    sent: BTreeSet<String>,
    /// What must be found nowhere.
    secrets: BTreeSet<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_logs_in_with_every_mechanism_that_it_speaks_and_leaves_no_secret() {
    let people = People::gather().await;
    tokio::task::block_in_place(|| all_walks(&people));
}

fn all_walks(people: &People) {
    let walks: Vec<Walk> = thread::scope(|scope| {
        let running = Program::ALL.map(|program| scope.spawn(move || walk(people, program)));
        running.into_iter().map(|walk| walk.join().expect("a client's walk")).collect()
    });
    let sent: BTreeSet<String> = walks.iter().flat_map(|walk| walk.sent.iter().cloned()).collect();
    let secrets: BTreeSet<String> = walks.iter().flat_map(|walk| walk.secrets.iter().cloned()).collect();
    let tried: Vec<Tried> = walks.into_iter().flat_map(|walk| walk.tried).collect();
    matrix::show(&tried, secrets.len());
    assert!(tried.iter().all(|tried| tried.fault.is_none()), "the table says what is not green");
    let mail = people.gatepost.await_mail(OURS, "reader", sent.len());
    let arrived: Vec<String> = mail.iter().map(|octets| subject_of(octets)).collect();
    assert_eq!(arrived.len(), sent.len(), "nothing came twice, and nothing of a failed login");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), sent);
    secrets::assert_nowhere(&people.gatepost, &secrets);
}

fn subject_of(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let field = text.lines().find_map(|line| line.strip_prefix("Subject: ")).expect("a Subject field");
    field.trim_end().to_owned()
}

fn walk(people: &People, program: Program) -> Walk {
    let scratch = tempfile::tempdir().expect("a folder for the client");
    let (user, ca) = (user_of(program), people.gatepost.ca());
    let mut walk = Walk::default();
    for (&door, tls) in program.doors().iter().flat_map(|door| [(door, Tls::V12), (door, Tls::V13)]) {
        for mechanism in program.mechanisms(door, tls) {
            let number = walk.tried.len() + 1;
            let subject = format!("{}-{number}", program.name());
            let server = match door {
                Door::StartTls => people.gatepost.submission(),
                Door::Implicit => people.gatepost.submissions(),
            };
            let held = people.good(program, mechanism);
            let login = Login {
                server,
                door,
                tls,
                mechanism,
                user: &user,
                proof: held.proof(),
                to: READER,
                subject: &subject,
                ca: &ca,
                scratch: scratch.path(),
            };
            let fault = walk.both(people, program, (&login, &held), number).err();
            walk.tried.push(Tried { program, door, tls, mechanism, fault });
        }
    }
    walk
}

impl Walk {
    /// Logs in with what is right and with what is wrong. The error says what was not as it should be.
    fn both(
        &mut self,
        people: &People,
        program: Program,
        (login, held): (&Login<'_>, &Held),
        number: usize,
    ) -> Result<(), String> {
        let talk = logs_in(&people.gatepost, program, login)?;
        if program.sends() == Success::Yes {
            self.sent.insert(login.subject.to_owned());
        }
        self.keep(program, login.mechanism, &talk, held)?;
        let wrong = people.wrong(program, login.mechanism, number);
        let subject = format!("{}-wrong", login.subject);
        let login = Login { proof: wrong.proof(), subject: &subject, ..*login };
        let talk = is_refused(&people.gatepost, program, &login)?;
        self.keep(program, login.mechanism, &talk, &wrong)
    }

    fn keep(&mut self, program: Program, mechanism: &str, talk: &Talk, held: &Held) -> Result<(), String> {
        let seen = secrets::sent(talk, mechanism, held);
        // nodemailer strikes its own out; EXTERNAL has none.
        if seen.is_empty() && program != Program::Nodemailer && mechanism != "EXTERNAL" {
            return Err(format!("no secret seen in:\n{}", talk.transcript));
        }
        self.secrets.extend(seen);
        self.secrets.extend(held.secrets().into_iter().flat_map(secrets::forms_of));
        Ok(())
    }
}

/// How often a client tries before it gives up: nodemailer takes a refused token for one that is over, and tries another.
fn tries(program: Program, mechanism: &str) -> usize {
    if (program, mechanism) == (Program::Nodemailer, "XOAUTH2") { 2 } else { 1 }
}

/// Runs the client; gives what it said, and our event of this kind about it, of so many.
fn run(
    gatepost: &Gatepost,
    program: Program,
    login: &Login<'_>,
    (kind, count, about): (&str, usize, impl Fn(&Value) -> bool),
) -> Result<(Talk, Value), String> {
    let events = || gatepost.events(kind).into_iter().filter(&about);
    let before = events().count();
    let talk = program.run(login);
    let until = Instant::now() + PATIENCE / 6;
    loop {
        let events: Vec<Value> = events().skip(before).collect();
        match &events[..] {
            [event, ..] if events.len() == count => return Ok((talk, event.clone())),
            _ if events.len() > count => return Err(format!("too many: {events:?}\n{}", talk.transcript)),
            _ => (),
        }
        if Instant::now() > until {
            return Err(format!("no event {kind}:\n{}", talk.transcript));
        }
        thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

/// The version of TLS that the session of an event has.
fn tls_of(gatepost: &Gatepost, event: &Value) -> Option<String> {
    let encrypted = gatepost.events("encrypted");
    let of_session = encrypted.iter().find(|encrypted| encrypted["session"] == event["session"])?;
    of_session["version"].as_str().map(str::to_owned)
}

/// The client hears 235, and we know of the same login, with this mechanism over this TLS.
fn logs_in(gatepost: &Gatepost, program: Program, login: &Login<'_>) -> Result<Talk, String> {
    let about = |event: &Value| event["account"] == login.user;
    let (talk, event) = run(gatepost, program, login, ("logged-in", 1, about))?;
    let is = |what: &str, holds: bool| {
        if holds { Ok(()) } else { Err(format!("not so: {what}: {event}\n{}", talk.transcript)) }
    };
    is("235 heard", talk.transcript.contains("235 2.7.0"))?;
    is("the client succeeded", talk.succeeded == Success::Yes)?;
    is("its mechanism", event["mechanism"] == login.mechanism)?;
    is("its TLS", tls_of(gatepost, &event).as_deref() == Some(login.tls.name()))?;
    Ok(talk)
}

/// The client hears 535, and shows it to its user.
fn is_refused(gatepost: &Gatepost, program: Program, login: &Login<'_>) -> Result<Talk, String> {
    let (rule, named) = match login.mechanism {
        "OAUTHBEARER" | "XOAUTH2" | "OAUTH10A" => ("auth.token-refused", true),
        "EXTERNAL" => ("auth.no-certificate", true),
        "GSSAPI" => ("auth.rejected", false),
        _ => ("auth.rejected", true),
    };
    let _alone = (!named).then(|| NAMELESS.lock().unwrap_or_else(PoisonError::into_inner));
    let about = |event: &Value| event["user"] == if named { login.user } else { "" };
    let (talk, event) =
        run(gatepost, program, login, ("login-failed", tries(program, login.mechanism), about))?;
    let is = |what: &str, holds: bool| {
        if holds { Ok(()) } else { Err(format!("not so: {what}: {event}\n{}", talk.transcript)) }
    };
    let words = match (program, login.mechanism) {
        // It hangs up when it hears why.
        (Program::Curl, "XOAUTH2") => [TOKEN_REFUSED, TOKEN_REFUSED],
        _ => ["535 5.7.8", "(535, b'5.7.8"],
    };
    let heard = words.iter().any(|words| talk.transcript.contains(words));
    is("535 heard", heard && !talk.transcript.contains("235 2.7.0"))?;
    is("the client failed", talk.succeeded == Success::No)?;
    is("its mechanism", event["mechanism"] == login.mechanism)?;
    is("its rule", event["rule"] == rule)?;
    is("its TLS", tls_of(gatepost, &event).as_deref() == Some(login.tls.name()))?;
    Ok(talk)
}

/// A gatepost with passwords alone.
fn start(mechanisms: &[&str]) -> Gatepost {
    let auth = format!("mechanisms = {mechanisms:?}\ntarpit = \"0s\"");
    let mut plan = Plan::default().maildir(OURS).auth(&auth).account(READER, "of no concern", &[]);
    for program in [Program::Curl, Program::Msmtp, Program::Gsasl, Program::Smtplib, Program::Smtptest] {
        plan = plan.account(&user_of(program), &password_of(program), &["--allow", "ntlm"]);
    }
    plan.start()
}

/// One login of a client by its password, at the submission port.
fn once(gatepost: &Gatepost, program: Program, mechanism: &str, tls: Tls) -> Talk {
    let scratch = tempfile::tempdir().expect("a folder for the client");
    let (user, password, ca) = (user_of(program), password_of(program), gatepost.ca());
    program.run(&Login {
        server: gatepost.submission(),
        door: Door::StartTls,
        tls,
        mechanism,
        user: &user,
        proof: Proof::Password(&password),
        to: READER,
        subject: mechanism,
        ca: &ca,
        scratch: scratch.path(),
    })
}

/// gsasl knows tls-unique (TLS 1.2) and tls-exporter (TLS 1.3). We have no tls-unique, which RFC 9266 section 4.2
/// gives up; what it is told, and that the operator can read why.
#[test]
fn gsasl_binding_to_tls_unique_is_refused_and_the_log_says_why() {
    let gatepost = start(&["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]);
    let bound = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"];
    for mechanism in bound {
        let talk = once(&gatepost, Program::Gsasl, mechanism, Tls::V12);
        assert_eq!(talk.succeeded, Success::No, "{}", talk.transcript);
        assert!(talk.transcript.contains("535 5.7.8"), "{}", talk.transcript);
    }
    let failures = gatepost.await_events("login-failed", bound.len());
    assert!(failures.iter().all(|event| event["rule"] == "auth.binding-unsupported"), "{failures:#?}");
}

/// curl answers with version 2, which the default takes; the others know version 1 alone.
#[test]
fn version_1_of_ntlm_is_refused_unless_an_option_says_otherwise() {
    let gatepost = start(&["NTLM"]);
    let talk = once(&gatepost, Program::Curl, "NTLM", Tls::V13);
    assert_eq!(talk.succeeded, Success::Yes, "{}", talk.transcript);
    let old = [Program::Msmtp, Program::Gsasl, Program::Smtptest];
    for program in old {
        let talk = once(&gatepost, program, "NTLM", Tls::V13);
        assert_eq!(talk.succeeded, Success::No, "{}", talk.transcript);
        assert!(talk.transcript.contains("534 5.7.9"), "{}", talk.transcript);
    }
    let failures = gatepost.await_events("login-failed", old.len());
    assert!(failures.iter().all(|event| event["rule"] == "auth.ntlm-v1"), "{failures:#?}");
}

/// Somebody in between with a certificate of their own gets nowhere: the binding is to another channel.
#[test]
fn a_proof_for_another_certificate_is_refused() {
    let gatepost = start(&["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
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
