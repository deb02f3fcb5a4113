//! Kerberos, with a KDC of the test's own realm.
// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]
#![cfg(feature = "kerberos")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gatepost_directory::{
    Directories, Directory as _, Embedded, EmbeddedSettings, Engine, GssClient, GssCredential, GssSession,
    Helper, HelperBounds, HelperKind, HelperPlace, HelperSettings, Place,
};
use gatepost_mail::Domain;
use gatepost_sasl::{
    Answer, ClientContext, ClientExchange, ClientFailure, ClientStep, GssAnswer, GssProgress, GssQuestion,
    Login, Lookup, Mechanism, Nonce, ServerContext, ServerExchange, ServerQuestion, ServerStep,
};
use gatepost_testworld::peers::Kdc;
use tempfile::TempDir;

const HELPER: &str = env!("CARGO_BIN_EXE_gatepost-helper");
const REALM: &str = "GATEPOST.EXAMPLE";
const HOST: &str = "smtp/mail.gatepost.example";
const TARGET: &str = "smtp@mail.gatepost.example";

/// A realm with ada, a mail server and its keys.
struct Site {
    kdc: Kdc,
    folder: TempDir,
    keytab: PathBuf,
}

impl Site {
    async fn new() -> Self {
        let kdc = Kdc::start(REALM).await.unwrap();
        kdc.principal("ada", "pencil").unwrap();
        let keytab = kdc.keytab(HOST).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<String> =
            kdc.environment().iter().map(|(name, value)| format!("export {name}='{value}'")).collect();
        let text = format!("#!/bin/sh\n{}\nexec {HELPER} \"$@\"\n", lines.join("\n"));
        gatepost_testworld::executable(&folder.path().join("helper"), &text).unwrap();
        Self { kdc, folder, keytab }
    }

    fn place(&self) -> HelperPlace {
        HelperPlace::Program(self.folder.path().join("helper"))
    }

    /// The accounts of the realm, as the mail server asks for them.
    fn directories(&self, keytab: &Path) -> Directories {
        let helper = Helper::new(HelperSettings {
            name: "realm".to_owned(),
            place: self.place(),
            bounds: HelperBounds::default(),
            kind: HelperKind::Kerberos {
                keytab: keytab.to_owned(),
                service: "smtp".to_owned(),
                realms: vec![(REALM.to_owned(), Domain::parse("gatepost.example").unwrap())],
            },
        });
        let memory = Embedded::open(self.folder.path(), EmbeddedSettings::default()).unwrap();
        let place = Place { engine: Engine::Helper(Box::new(helper)), domains: Vec::new(), recent: None };
        Directories::new(Arc::new(memory), vec![place])
    }

    /// A context of the server with these keys.
    async fn acceptor_with(&self, keytab: &Path) -> GssSession {
        self.directories(keytab).gss().await.unwrap().unwrap()
    }

    async fn acceptor(&self) -> GssSession {
        self.acceptor_with(&self.keytab).await
    }

    fn client(&self, credential: GssCredential) -> GssSession {
        GssClient::new(self.place(), HelperBounds::default(), credential).session()
    }

    fn ada(&self) -> GssCredential {
        GssCredential::Cache(self.kdc.ticket("ada", "pencil").unwrap())
    }

    /// What ada's client sends first.
    async fn token(&self) -> Vec<u8> {
        token_of(init(&mut self.client(self.ada()), TARGET, None).await)
    }
}

async fn init(client: &mut GssSession, target: &str, token: Option<Vec<u8>>) -> GssAnswer {
    client.ask(GssQuestion::Init { target: target.to_owned(), token }).await
}

async fn accept(server: &mut GssSession, token: &[u8]) -> GssAnswer {
    server.ask(GssQuestion::Accept { token: token.to_vec() }).await
}

fn token_of(answer: GssAnswer) -> Vec<u8> {
    let GssAnswer::Token { token, .. } = answer else { panic!("{answer:?}") };
    token
}

fn octets_of(answer: GssAnswer) -> Vec<u8> {
    let GssAnswer::Octets(octets) = answer else { panic!("{answer:?}") };
    octets.expose().to_vec()
}

fn refusal(answer: GssAnswer) -> String {
    let GssAnswer::Refused(reason) = answer else { panic!("{answer:?}") };
    reason
}

/// Both sides to the end; gives the principal that the server saw.
async fn establish(client: &mut GssSession, server: &mut GssSession) -> String {
    let hello = token_of(init(client, TARGET, None).await);
    let GssAnswer::Token { token, progress: GssProgress::Complete { principal } } =
        accept(server, &hello).await
    else {
        panic!("the server does not stand")
    };
    let done = init(client, TARGET, Some(token)).await;
    let GssAnswer::Token { token, progress: GssProgress::Complete { principal: None } } = done else {
        panic!("the client does not stand: {done:?}")
    };
    assert_eq!(token, b"");
    principal.unwrap()
}

#[tokio::test]
async fn both_sides_come_to_terms_and_seal_messages() {
    let site = Site::new().await;
    let mut client = site.client(site.ada());
    let mut server = site.acceptor().await;
    let principal = establish(&mut client, &mut server).await;
    assert_eq!(principal, "ada@GATEPOST.EXAMPLE");
    let directories = site.directories(&site.keytab);
    let user = directories.principal_user(&principal).await.unwrap();
    assert_eq!(user.as_deref(), Some("ada@gatepost.example"));
    let account = directories.account("ada@gatepost.example").await.unwrap().unwrap();
    assert_eq!(account.name(), "ada@gatepost.example");

    // The layers that RFC 4752 section 3 offers and chooses, each way.
    let offered = octets_of(server.ask(GssQuestion::Wrap { octets: vec![1, 0, 0, 0] }).await);
    assert_ne!(offered, [1, 0, 0, 0]);
    assert_eq!(octets_of(client.ask(GssQuestion::Unwrap { message: offered }).await), [1, 0, 0, 0]);
    let chosen = octets_of(client.ask(GssQuestion::Wrap { octets: b"\x01\0\0\0ada".to_vec() }).await);
    let mut forged = chosen.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(octets_of(server.ask(GssQuestion::Unwrap { message: chosen }).await), b"\x01\0\0\0ada");
    refusal(server.ask(GssQuestion::Unwrap { message: forged }).await);
}

#[tokio::test]
async fn a_sealed_message_does_not_come_twice() {
    let site = Site::new().await;
    let mut client = site.client(site.ada());
    let mut server = site.acceptor().await;
    establish(&mut client, &mut server).await;
    let message = octets_of(client.ask(GssQuestion::Wrap { octets: vec![7] }).await);
    assert_eq!(octets_of(server.ask(GssQuestion::Unwrap { message: message.clone() }).await), [7]);
    refusal(server.ask(GssQuestion::Unwrap { message }).await);
}

#[tokio::test]
async fn a_key_of_ours_gets_its_own_tickets() {
    let site = Site::new().await;
    let path = site.kdc.keytab("relay").unwrap();
    let mut client = site.client(GssCredential::Keytab { path, principal: format!("relay@{REALM}") });
    let principal = establish(&mut client, &mut site.acceptor().await).await;
    assert_eq!(principal, "relay@GATEPOST.EXAMPLE");
}

#[tokio::test]
async fn another_instance_is_nobody() {
    let site = Site::new().await;
    site.kdc.principal("ada/admin", "pencil").unwrap();
    let cache = site.kdc.ticket("ada/admin", "pencil").unwrap();
    let mut client = site.client(GssCredential::Cache(cache));
    let principal = establish(&mut client, &mut site.acceptor().await).await;
    assert_eq!(principal, "ada/admin@GATEPOST.EXAMPLE");
    assert_eq!(site.directories(&site.keytab).principal_user(&principal).await.unwrap(), None);
}

#[tokio::test]
async fn without_a_ticket_nothing_begins() {
    let site = Site::new().await;
    assert!(site.kdc.ticket("ada", "pen").is_err());
    let nowhere = GssCredential::Cache("FILE:/nowhere/tickets".to_owned());
    refusal(init(&mut site.client(nowhere), TARGET, None).await);
    refusal(init(&mut site.client(GssCredential::DefaultCache), TARGET, None).await);
    // The KDC knows no such service.
    refusal(init(&mut site.client(site.ada()), "smtp@elsewhere.example", None).await);
}

#[tokio::test]
async fn a_ticket_for_something_else_is_refused() {
    let site = Site::new().await;
    let token = site.token().await;

    // Another key of the same service: the keytab is of before or after.
    let newer = site.kdc.rekey(HOST).unwrap();
    refusal(accept(&mut site.acceptor_with(&newer).await, &token).await);
    assert!(matches!(accept(&mut site.acceptor().await, &token).await, GssAnswer::Token { .. }));

    // Another service of the same host, whose key is in the same keytab.
    site.kdc.administer("addprinc -randkey host/mail.gatepost.example").unwrap();
    let both = site.keytab.display();
    site.kdc.administer(&format!("ktadd -k {both} host/mail.gatepost.example")).unwrap();
    let mut client = site.client(site.ada());
    let token = token_of(init(&mut client, "host@mail.gatepost.example", None).await);
    refusal(accept(&mut site.acceptor().await, &token).await);
}

#[tokio::test]
async fn a_token_that_came_before_is_refused() {
    let site = Site::new().await;
    let token = site.token().await;
    assert!(matches!(accept(&mut site.acceptor().await, &token).await, GssAnswer::Token { .. }));
    let reason = refusal(accept(&mut site.acceptor().await, &token).await);
    assert!(reason.contains("replay"), "{reason}");
}

#[tokio::test]
async fn a_garbled_token_is_refused() {
    let site = Site::new().await;
    let token = site.token().await;
    let end = token.len();
    // In the ticket, in the authenticator, in the checksum of each.
    for place in [end - 1, end - 20, end - 60, end / 2, end / 3] {
        let mut garbled = token.clone();
        garbled[place] ^= 1;
        refusal(accept(&mut site.acceptor().await, &garbled).await);
    }
    for cut in [0, 1, 20, end - 1] {
        refusal(accept(&mut site.acceptor().await, &token[..cut]).await);
    }
}

#[tokio::test]
async fn without_a_keytab_nobody_is_refused_nor_let_in() {
    let site = Site::new().await;
    let token = site.token().await;
    let empty = site.folder.path().join("nothing.keytab");
    for keytab in [Path::new("/nowhere/keytab"), &empty, &site.kdc.keytab("relay").unwrap()] {
        let mut server = site.acceptor_with(keytab).await;
        let told = accept(&mut server, &token).await;
        assert!(matches!(told, GssAnswer::Unavailable), "{told:?}");
        assert!(server.fault().is_some());
    }
}

#[tokio::test]
async fn while_the_kdc_is_down_nothing_is_known() {
    let mut site = Site::new().await;
    let ada = site.ada();
    let path = site.kdc.keytab("relay").unwrap();
    let relay = GssCredential::Keytab { path, principal: format!("relay@{REALM}") };
    site.kdc.stop();
    for credential in [&ada, &relay] {
        let mut client = site.client(credential.clone());
        let told = init(&mut client, TARGET, None).await;
        assert!(matches!(told, GssAnswer::Unavailable), "{credential:?}: {told:?}");
        assert!(client.fault().unwrap().contains("KDC"), "{:?}", client.fault());
    }
    site.kdc.begin().await.unwrap();
    for credential in [ada, relay] {
        establish(&mut site.client(credential), &mut site.acceptor().await).await;
    }
}

#[tokio::test]
async fn who_holds_a_ticket_needs_no_kdc() {
    let mut site = Site::new().await;
    let ada = site.ada();
    site.client(ada.clone()).ask(GssQuestion::Init { target: TARGET.to_owned(), token: None }).await;
    site.kdc.stop();
    establish(&mut site.client(ada), &mut site.acceptor().await).await;
}

/// A SASL client of others, line by line over standard input and output.
struct Foreign {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What begins its lines, and ours.
    marks: (&'static str, &'static str),
}

impl Foreign {
    fn start(site: &Site, cache: &str, marks: (&'static str, &'static str), line: &str) -> Self {
        // Reading from it waits for it, so it ends in any case.
        let mut command = Command::new("timeout");
        command.arg("60").args(line.split(' ')).envs(site.kdc.environment()).env("KRB5CCNAME", cache);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output), marks }
    }

    fn gsasl(site: &Site, cache: &str) -> (Self, Vec<u8>) {
        let line = "gsasl --client --quiet --mechanism GSSAPI --service smtp --hostname mail.gatepost.example -z ada";
        let mut client = Self::start(site, cache, ("", ""), line);
        let mut name = String::new();
        client.output.read_line(&mut name).unwrap();
        assert_eq!(name, "GSSAPI\n");
        let first = client.hear();
        (client, first)
    }

    fn cyrus(site: &Site, cache: &str) -> (Self, Vec<u8>) {
        // It keeps its lines back when it writes to a pipe.
        let line = "stdbuf -oL sasl-sample-client -m GSSAPI -s smtp -n mail.gatepost.example -u ada";
        let mut client = Self::start(site, cache, ("C: ", "S: "), line);
        client.say(b"GSSAPI");
        let first = client.hear();
        (client, first.strip_prefix(b"GSSAPI\0").unwrap().to_vec())
    }

    fn hear(&mut self) -> Vec<u8> {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it ended");
            // Cyrus talks in between.
            if let Some(octets) = line.strip_prefix(self.marks.0) {
                return BASE64.decode(octets.trim_end()).unwrap();
            }
        }
    }

    fn say(&mut self, octets: &[u8]) {
        writeln!(self.input, "{}{}", self.marks.1, BASE64.encode(octets)).unwrap();
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's side of one exchange of SASL, with the directory behind it.
struct Server {
    exchange: ServerExchange,
    directories: Directories,
    session: GssSession,
}

impl Server {
    async fn new(site: &Site) -> Self {
        let directories = site.directories(&site.keytab);
        let context =
            ServerContext::new(Nonce::from_random(&[1; 18]), "mail.gatepost.example", 1_700_000_000);
        let exchange = ServerExchange::begin(Mechanism::Gssapi, context);
        let session = directories.gss().await.unwrap().unwrap();
        Self { exchange, directories, session }
    }

    /// What it says to the client's next octets.
    async fn receive(&mut self, octets: &[u8]) -> ServerStep {
        let mut step = self.exchange.receive(Some(octets));
        while let ServerStep::Ask(question) = step {
            let answer = if let ServerQuestion::Principal { principal } = question {
                let user = self.directories.principal_user(&principal).await.unwrap();
                Answer::User(user.map_or(Lookup::Missing, Lookup::Found))
            } else {
                let ServerQuestion::Gss(question) = question else { panic!("{question:?}") };
                Answer::Gss(self.session.ask(question).await)
            };
            step = self.exchange.answer(answer);
        }
        step
    }
}

#[tokio::test]
async fn clients_of_others_log_in() {
    let site = Site::new().await;
    for client in [Foreign::gsasl, Foreign::cyrus] {
        let cache = site.kdc.ticket("ada", "pencil").unwrap();
        let (mut client, mut octets) = client(&site, &cache);
        let mut server = Server::new(&site).await;
        let identity = loop {
            match server.receive(&octets).await {
                ServerStep::Challenge(challenge) => client.say(&challenge),
                ServerStep::Succeeded(identity) => break identity,
                refused @ (ServerStep::Ask(_) | ServerStep::Failed(_)) => panic!("{refused:?}"),
            }
            octets = client.hear();
        };
        assert_eq!(identity.authentication_id(), "ada@gatepost.example");
    }
}

/// What the client's side says, or why it gives up.
async fn respond(
    client: &mut ClientExchange,
    session: &mut GssSession,
    mut step: ClientStep,
) -> Result<Vec<u8>, ClientFailure> {
    loop {
        match step {
            ClientStep::Respond(octets) => return Ok(octets.expose().to_vec()),
            ClientStep::Failed(failure) => return Err(failure),
            ClientStep::Ask(question) => step = client.answer(session.ask(question).await),
        }
    }
}

fn our_client() -> ClientExchange {
    let login = Login::with_ticket("ada@gatepost.example").unwrap();
    let context =
        ClientContext::new(login, Nonce::from_random(&[2; 18]), "mail.gatepost.example", 1_700_000_000);
    ClientExchange::begin(Mechanism::Gssapi, context).unwrap()
}

#[tokio::test]
async fn our_client_logs_in_at_our_server() {
    let site = Site::new().await;
    let mut session = site.client(site.ada());
    let (mut client, mut server) = (our_client(), Server::new(&site).await);
    // The client asks for its ticket only when it is asked in turn.
    let mut challenge = Vec::new();
    let identity = loop {
        let step = client.receive(&challenge);
        let octets = respond(&mut client, &mut session, step).await.unwrap();
        match server.receive(&octets).await {
            ServerStep::Challenge(next) => challenge = next,
            ServerStep::Succeeded(identity) => break identity,
            refused @ (ServerStep::Ask(_) | ServerStep::Failed(_)) => panic!("{refused:?}"),
        }
    };
    client.succeeded().unwrap();
    assert_eq!(identity.authentication_id(), "ada@gatepost.example");
}

#[tokio::test]
async fn without_ticket_or_kdc_our_client_gives_up() {
    let mut site = Site::new().await;
    let ada = site.ada();
    site.kdc.stop();
    let nowhere = GssCredential::Cache("FILE:/nowhere/tickets".to_owned());
    for (credential, known) in [(nowhere, true), (ada, false)] {
        let (mut client, mut session) = (our_client(), site.client(credential));
        let step = client.receive(b"");
        let failure = respond(&mut client, &mut session, step).await.unwrap_err();
        assert_eq!(failure, ClientFailure::NoTicket);
        // Nobody could be asked, or somebody said no.
        assert_eq!(session.fault().is_none(), known, "{session:?}");
    }
}
