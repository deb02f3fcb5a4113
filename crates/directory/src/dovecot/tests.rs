//! Against the real Dovecot, with our own SASL client at the other end.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use gatepost_mail::{Domain, Mailbox};
use gatepost_sasl::{
    ClientContext, ClientExchange, ClientStep, Login, Mechanism, Nonce, PasswordCheck, Secret,
};
use gatepost_testworld::patience::PATIENCE;
use gatepost_testworld::peers;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::{Dovecot, DovecotSettings};
use crate::{Account, DirectoryError, Known, RelayStart, Relayed, RelayedExchange, Source as _};

const ADA: &str = "ada@gatepost.example";
const PENCIL: &str = "pencil \u{e9}";

fn at(socket: &Path) -> Dovecot {
    settled(DovecotSettings {
        name: "dovecot".into(),
        socket: socket.to_owned(),
        userdb_socket: None,
        domains: vec![Domain::parse("gatepost.example").unwrap()],
    })
}

fn settled(settings: DovecotSettings) -> Dovecot {
    Dovecot::new(settings)
}

async fn password(
    source: &Dovecot,
    user: &str,
    password: &str,
) -> Result<Known<PasswordCheck>, DirectoryError> {
    source.check_password(user, &Secret::new(password)).await
}

fn start(mechanism: &'static str, initial: Option<Secret>) -> RelayStart {
    let client: SocketAddr = "192.0.2.1:4711".parse().unwrap();
    RelayStart { mechanism, initial, client, encrypted: true }
}

fn client(mechanism: Mechanism, password: &str) -> ClientExchange {
    client_of(mechanism, Login::new(ADA, Secret::new(password)).unwrap())
}

fn client_of(mechanism: Mechanism, login: Login) -> ClientExchange {
    let context = ClientContext::new(login, Nonce::from_random(&[7; 18]), "mail.gatepost.example", 0);
    ClientExchange::begin(mechanism, context).unwrap()
}

async fn logged_in(
    source: &Dovecot,
    mechanism: Mechanism,
    password: &str,
) -> Result<Relayed, DirectoryError> {
    logged_in_as(source, mechanism, Login::new(ADA, Secret::new(password)).unwrap()).await
}

/// Goes through a whole exchange.
async fn logged_in_as(
    source: &Dovecot,
    mechanism: Mechanism,
    login: Login,
) -> Result<Relayed, DirectoryError> {
    let mut client = client_of(mechanism, login);
    let initial = client.initial();
    let mut relayed = source.relay(start(mechanism.name(), initial)).await?.expect("Dovecot offers it");
    loop {
        match relayed {
            Relayed::Challenge(challenge, exchange) => {
                let ClientStep::Respond(response) = client.receive(&challenge) else {
                    return Ok(Relayed::Wrong { user: None });
                };
                relayed = exchange.receive(response).await?;
            }
            Relayed::Right { .. } => {
                client.succeeded().unwrap();
                return Ok(relayed);
            }
            Relayed::Wrong { .. } => return Ok(relayed),
        }
    }
}

#[tokio::test]
async fn passwords_right_and_wrong() {
    let dovecot = peers::Dovecot::account(ADA, PENCIL).await.unwrap();
    let source = at(&dovecot.authority());
    assert_eq!(password(&source, ADA, PENCIL).await.unwrap(), Known::Here(PasswordCheck::Right));
    assert_eq!(
        password(&source, "Ada@Gatepost.Example", PENCIL).await.unwrap(),
        Known::Here(PasswordCheck::Right)
    );
    for (user, guess) in [
        (ADA, "pencil"),
        (ADA, ""),
        ("bob@gatepost.example", PENCIL),
        ("ada@elsewhere.example", PENCIL),
        ("", PENCIL),
        (ADA, "pencil\0"),
        ("\0ada@gatepost.example", PENCIL),
        (ADA, &"x".repeat(100_000)),
    ] {
        assert_eq!(password(&source, user, guess).await.unwrap(), Known::Elsewhere, "{user:?}");
    }
    assert_eq!(password(&source, ADA, PENCIL).await.unwrap(), Known::Here(PasswordCheck::Right));
}

#[tokio::test]
async fn whole_exchanges_pass_through() {
    let dovecot = peers::Dovecot::account(ADA, PENCIL).await.unwrap();
    let source = at(&dovecot.authority());
    for mechanism in [Mechanism::CramMd5, Mechanism::ScramSha1, Mechanism::ScramSha256] {
        let right = logged_in(&source, mechanism, PENCIL).await.unwrap();
        assert!(matches!(&right, Relayed::Right { user } if user == ADA), "{mechanism:?}: {right:?}");
        let wrong = logged_in(&source, mechanism, "pencil").await.unwrap();
        assert!(matches!(wrong, Relayed::Wrong { .. }), "{mechanism:?}: {wrong:?}");
    }
    for own in ["PLAIN", "LOGIN", "EXTERNAL", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "MD5", "ANONYMOUS"] {
        assert!(source.relay(start(own, None)).await.unwrap().is_none(), "{own}");
    }
}

/// Dovecot hashes what stands behind the @ of its users as the realm, which no client does: DIGEST-MD5 is for users without one.
#[tokio::test]
async fn a_digest_passes_through_for_a_user_without_a_domain() {
    let dovecot = peers::Dovecot::account("ada", "pencil").await.unwrap();
    let source = at(&dovecot.authority());
    for (guess, want) in [("pencil", Some(ADA)), ("pen", None)] {
        let login = Login::new("ada", Secret::new(guess)).unwrap();
        let got = logged_in_as(&source, Mechanism::DigestMd5, login).await.unwrap();
        let user = if let Relayed::Right { user } = &got { Some(user.as_str()) } else { None };
        assert_eq!(user, want, "{got:?}");
    }
}

#[tokio::test]
async fn exchanges_share_a_connection_and_do_not_wait_for_each_other() {
    let dovecot = peers::Dovecot::account(ADA, PENCIL).await.unwrap();
    let source = at(&dovecot.authority());
    // Clients that never answer, some of which hang up.
    let mut idle = Vec::new();
    for number in 0..50 {
        let Some(Relayed::Challenge(_, exchange)) = source.relay(start("CRAM-MD5", None)).await.unwrap()
        else {
            panic!()
        };
        if number % 2 == 0 {
            idle.push(exchange);
        }
    }
    let (a, b, c) = tokio::join!(
        logged_in(&source, Mechanism::ScramSha256, PENCIL),
        password(&source, ADA, "wrong"),
        logged_in(&source, Mechanism::CramMd5, "wrong"),
    );
    assert!(matches!(a.unwrap(), Relayed::Right { .. }));
    assert_eq!(b.unwrap(), Known::Elsewhere);
    assert!(matches!(c.unwrap(), Relayed::Wrong { .. }));
    // One that waited for long is well.
    let (mut late, exchange) = (client(Mechanism::CramMd5, PENCIL), idle.remove(0));
    assert!(
        matches!(answer(&mut late, exchange).await, Ok(Relayed::Wrong { .. })),
        "an answer to no challenge"
    );
}

/// Answers a challenge that was made for somebody else.
async fn answer(client: &mut ClientExchange, exchange: RelayedExchange) -> Result<Relayed, DirectoryError> {
    let ClientStep::Respond(response) = client.receive(b"<1.2@other>") else { panic!() };
    exchange.receive(response).await
}

#[tokio::test]
async fn killed_in_the_middle_it_is_an_error_and_then_well_again() {
    let mut dovecot = peers::Dovecot::account(ADA, PENCIL).await.unwrap();
    let source = at(&dovecot.authority());
    let begun = source.relay(start("CRAM-MD5", None)).await.unwrap();
    let Some(Relayed::Challenge(challenge, exchange)) = begun else { panic!() };
    dovecot.kill();
    let ClientStep::Respond(response) = client(Mechanism::CramMd5, PENCIL).receive(&challenge) else {
        panic!()
    };
    let cut = exchange.receive(response).await.unwrap_err();
    assert!(matches!(cut, DirectoryError::Source { .. }), "{cut}");
    for _again in 0..3 {
        let down = password(&source, ADA, PENCIL).await.unwrap_err();
        assert!(down.to_string().starts_with("the account source dovecot cannot be asked: "), "{down}");
        assert!(!down.to_string().contains(PENCIL));
    }
    assert!(source.relay(start("CRAM-MD5", None)).await.is_err());
    dovecot.revive().await.unwrap();
    well_again(&source).await;
    // Restarted between two logins, nobody notices.
    dovecot.revive().await.unwrap();
    assert_eq!(password(&source, ADA, PENCIL).await.unwrap(), Known::Here(PasswordCheck::Right));
}

/// Waits until Dovecot is asked again after it was down.
async fn well_again(source: &Dovecot) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while password(source, ADA, PENCIL).await.is_err() {
        assert!(tokio::time::Instant::now() < end, "it is never asked again");
        tokio::task::yield_now().await;
    }
    assert_eq!(password(source, ADA, PENCIL).await.unwrap(), Known::Here(PasswordCheck::Right));
}

#[tokio::test]
async fn accounts_are_known_to_the_userdb_socket() {
    let mut dovecot = peers::Dovecot::account(ADA, PENCIL).await.unwrap();
    let mailbox = |text: &str| Mailbox::parse(text).unwrap();
    let bob = "bob@gatepost.example";
    let asked = settled(DovecotSettings {
        userdb_socket: Some(dovecot.userdb()),
        ..DovecotSettings::clone(&at(&dovecot.authority()).settings)
    });
    let name = |account: Known<Account>| account.here().map(|account| account.name().to_owned());
    assert_eq!(name(asked.account("Ada@Gatepost.Example").await.unwrap()).as_deref(), Some(ADA));
    assert_eq!(name(asked.account(bob).await.unwrap()), None);
    assert!(asked.mailbox_exists(&mailbox(ADA)).await.unwrap());
    assert!(!asked.mailbox_exists(&mailbox(bob)).await.unwrap());
    assert_eq!(asked.owns(ADA, &mailbox(ADA)).await.unwrap(), Known::Here(true));
    assert_eq!(asked.owns(ADA, &mailbox(bob)).await.unwrap(), Known::Here(false));
    assert_eq!(asked.owns(bob, &mailbox(bob)).await.unwrap(), Known::Elsewhere);
    dovecot.kill();
    assert!(asked.account(ADA).await.is_err());
    // Without that socket, every name of the domains is one, and nobody is asked.
    let unasked = at(&dovecot.authority());
    assert_eq!(name(unasked.account(bob).await.unwrap()).as_deref(), Some(bob));
    assert_eq!(name(unasked.account("bob@elsewhere.example").await.unwrap()), None);
}

const GREETING: &str =
    "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tCRAM-MD5\tdictionary\nSPID\t1\nCUID\t1\nCOOKIE\tx\nDONE\n";

/// A Dovecot that says what a test wants: the greeting, then to each line whatever `answer` makes of it.
fn scripted(
    greeting: String,
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("auth");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = converse(stream, &greeting, &answer).await;
        }
    });
    (folder, socket)
}

async fn converse(
    stream: UnixStream,
    greeting: &str,
    answer: impl Fn(&str) -> String,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(greeting.as_bytes()).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if !line.starts_with("VERSION") && !line.starts_with("CPID") {
            stream.write_all(answer(line.trim_end()).as_bytes()).await?;
        }
        line.clear();
    }
    Ok(())
}

fn number(line: &str) -> &str {
    line.split('\t').nth(1).unwrap()
}

#[tokio::test]
async fn what_is_neither_yes_nor_no_is_an_error() {
    type Answer = fn(&str) -> String;
    let rows: [(&str, String, Answer); 7] = [
        ("a temporary failure", GREETING.into(), |line| format!("FAIL\t{}\ttemp\n", number(line))),
        ("another temporary failure", GREETING.into(), |line| {
            format!("FAIL\t{}\tcode=temp_fail\n", number(line))
        }),
        ("a success of nobody", GREETING.into(), |line| format!("OK\t{}\n", number(line))),
        ("a success of somebody without a domain that is ours", GREETING.into(), |line| {
            format!("OK\t{}\tuser=ada@elsewhere.example\n", number(line))
        }),
        ("a challenge", GREETING.into(), |line| format!("CONT\t{}\t\n", number(line))),
        ("another version", GREETING.replace("VERSION\t1", "VERSION\t2"), |_| String::new()),
        ("a line without end", "x".repeat(10_000), |_| String::new()),
    ];
    for (name, greeting, answer) in rows {
        let (_folder, socket) = scripted(greeting, answer);
        let answer = password(&at(&socket), ADA, PENCIL).await;
        assert!(matches!(answer, Err(DirectoryError::Source { .. })), "{name}: {answer:?}");
    }
    let nowhere = password(&at(Path::new("/nonexistent/auth")), ADA, PENCIL).await.unwrap_err();
    assert!(nowhere.to_string().contains("/nonexistent/auth"), "{nowhere}");
}

#[tokio::test]
async fn names_and_verdicts_that_the_real_one_gives_seldom() {
    let rows = [
        ("OK\t#\tuser=ada", Known::Here(PasswordCheck::Right)),
        (
            "OK\t#\tuser=office@gatepost.example",
            Known::Here(PasswordCheck::RightAs("office@gatepost.example".into())),
        ),
        ("FAIL\t#\tuser=ada\tuser_disabled", Known::Here(PasswordCheck::Wrong)),
        ("FAIL\t#\tuser=ada\tcode=pass_expired", Known::Here(PasswordCheck::Wrong)),
        ("NEWS\t1\nFAIL\t4000000000\nFAIL\t#", Known::Elsewhere),
    ];
    for (says, want) in rows {
        let (_folder, socket) = scripted(GREETING.into(), move |line| says.replace('#', number(line)) + "\n");
        assert_eq!(password(&at(&socket), ADA, PENCIL).await.unwrap(), want, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dovecot_that_falls_silent_holds_nobody_for_ever() {
    let (_folder, mute) = scripted(String::new(), |_| String::new());
    let error = password(&at(&mute), ADA, PENCIL).await.unwrap_err();
    assert!(error.to_string().contains("does not answer"), "{error}");
}

#[tokio::test]
async fn the_request_is_as_the_protocol_wants() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("auth");
    let listener = UnixListener::bind(&socket).unwrap();
    let seen = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(GREETING.as_bytes()).await.unwrap();
        let mut seen = String::new();
        stream.read_to_string(&mut seen).await.unwrap();
        seen
    });
    let source = at(&socket);
    let begun = source.relay(start("CRAM-MD5", Some(Secret::new(""))));
    let _ = tokio::time::timeout(Duration::from_millis(100), begun).await;
    drop(source);
    let seen = seen.await.unwrap();
    let mut lines = seen.lines();
    assert_eq!(lines.next(), Some("VERSION\t1\t2"));
    assert_eq!(lines.next(), Some(&*format!("CPID\t{}", std::process::id())));
    let request = "AUTH\t1\tCRAM-MD5\tservice=smtp\tsecured=tls\trip=192.0.2.1\trport=4711\tresp=";
    assert_eq!(lines.next(), Some(request));
}
