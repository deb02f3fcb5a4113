//! What people type by hand, after every tutorial.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;

use crate::rig::{Gatepost, HOSTNAME, PATIENCE, Plan};

const OURS: &str = "ours.example";
const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

fn plan() -> Plan {
    Plan::default().maildir(OURS).account(ADA, PASSWORD, &[])
}

/// A terminal: a socket and nothing that knows SMTP.
struct Terminal {
    socket: TcpStream,
}

impl Terminal {
    fn dial(gatepost: &Gatepost) -> Self {
        let socket = TcpStream::connect(gatepost.submission()).expect("a connection");
        socket.set_nodelay(true).expect("a socket option");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        Self { socket }
    }

    /// Types a line: each letter leaves by itself, in a segment of its own.
    fn types(&mut self, line: &str) {
        for letter in line.as_bytes().iter().chain(b"\r\n") {
            self.socket.write_all(&[*letter]).expect("typing");
        }
    }

    /// Reads exactly this.
    fn reads(&mut self, wanted: &str) {
        let mut read = vec![0; wanted.len()];
        let mut filled = 0;
        while filled < read.len() {
            match self.socket.read(&mut read[filled..]).expect("reading") {
                0 => break,
                some => filled += some,
            }
        }
        assert_eq!(String::from_utf8_lossy(&read[..filled]), wanted);
    }

    /// Reads the rest of a line.
    fn skips_line(&mut self) {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n") {
            let mut one = [0];
            assert_eq!(self.socket.read(&mut one).expect("reading"), 1, "{}", String::from_utf8_lossy(&read));
            read.push(one[0]);
        }
    }

    /// Reads up to the end of an EHLO reply.
    fn reads_hello(&mut self) -> String {
        let mut read = Vec::new();
        while !(read.ends_with(b"\r\n") && last_line_ends_it(&read)) {
            let mut one = [0];
            assert_eq!(self.socket.read(&mut one).expect("reading"), 1, "{}", String::from_utf8_lossy(&read));
            read.push(one[0]);
        }
        String::from_utf8(read).expect("text")
    }
}

fn last_line_ends_it(read: &[u8]) -> bool {
    String::from_utf8_lossy(read).lines().last().is_some_and(|line| line.as_bytes().get(3) == Some(&b' '))
}

#[test]
fn the_login_dialogue_of_every_tutorial_works_letter_by_letter() {
    let gatepost = plan().auth("allow-plaintext-without-tls = true").start();
    let mut terminal = Terminal::dial(&gatepost);
    terminal.reads(&format!("220 {HOSTNAME} ESMTP gatepost\r\n"));
    terminal.types("EHLO client.example");
    assert!(terminal.reads_hello().contains("AUTH "));
    terminal.types("AUTH LOGIN");
    terminal.reads("334 VXNlcm5hbWU6\r\n");
    terminal.types(&STANDARD.encode(ADA));
    terminal.reads("334 UGFzc3dvcmQ6\r\n");
    terminal.types(&STANDARD.encode(PASSWORD));
    terminal.reads("235 2.7.0 ");
    terminal.skips_line();
    terminal.types("MAIL FROM:<ada@ours.example>");
    terminal.reads("250 2.1.0 Sender OK\r\n");
    terminal.types("RCPT TO:<ada@ours.example>");
    terminal.reads("250 2.1.5 Recipient OK\r\n");
    terminal.types("DATA");
    terminal.reads("354 ");
    terminal.skips_line();
    for line in ["From: ada@ours.example", "Subject: by hand", "", "Hello.", "."] {
        terminal.types(line);
    }
    terminal.reads("250 2.0.0 Queued as ");
    terminal.skips_line();
    terminal.types("QUIT");
    terminal.reads("221 2.0.0 Bye\r\n");
    let mail = gatepost.await_mail(OURS, "ada", 1);
    assert!(String::from_utf8_lossy(&mail[0]).contains("Subject: by hand"));
}

#[tokio::test]
async fn passwords_are_not_asked_for_in_the_clear() -> std::io::Result<()> {
    let gatepost = plan().start();
    let mut client = Client::connect(gatepost.submission()).await?;
    let hello = client.say("EHLO client.example", "250").await?;
    let offered = auth_line(&hello.lines);
    assert!(
        !offered.iter().any(|name| *name == "PLAIN" || *name == "LOGIN" || name.ends_with("-PLUS")),
        "{offered:?}"
    );
    assert!(offered.contains(&"SCRAM-SHA-256"), "{offered:?}");
    let plain = STANDARD.encode(format!("\0{ADA}\0{PASSWORD}"));
    for line in [
        "AUTH PLAIN".to_owned(),
        format!("AUTH PLAIN {plain}"),
        "AUTH LOGIN".to_owned(),
        "auth login".to_owned(),
    ] {
        client.say(&line, "538 5.7.11").await?;
    }
    client.say("MAIL FROM:<ada@ours.example>", "530 5.7.0").await?;
    client.starttls(HOSTNAME).await?;
    let hello = client.say("EHLO client.example", "250").await?;
    let offered = auth_line(&hello.lines);
    assert!(offered.contains(&"PLAIN") && offered.contains(&"LOGIN"), "{offered:?}");
    client.say(&format!("AUTH PLAIN {plain}"), "235 2.7.0").await?;
    client.quit().await
}

fn auth_line(lines: &[String]) -> Vec<&str> {
    let line = lines.iter().find(|line| line[4..].starts_with("AUTH ")).expect("an AUTH line");
    line[4..].split(' ').skip(1).collect()
}

/// The text of a failure must not tell whether there is such an account.
#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_get_the_same_words() -> std::io::Result<()> {
    let auth = r#"mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]
failures-before-lockout = 1000
tarpit = "0s""#;
    let plan = plan().auth(auth).account("cram@ours.example", PASSWORD, &["--allow", "cram-md5"]);
    let gatepost = plan.start();
    let mut heard = Vec::new();
    for user in [ADA, "nobody@ours.example", "nobody@elsewhere.example", "nobody", "cram@ours.example"] {
        let mut client = Client::connect_tls(gatepost.submissions(), HOSTNAME).await?;
        client.say("EHLO client.example", "250").await?;
        heard.push((user, failures(&mut client, user).await?));
        client.quit().await?;
    }
    let (_, first) = &heard[0];
    assert_eq!(first.len(), 4);
    for (user, words) in &heard {
        assert_eq!(words, first, "{user}");
    }
    Ok(())
}

/// What each mechanism's failure says.
async fn failures(client: &mut Client, user: &str) -> std::io::Result<Vec<String>> {
    let mut heard = Vec::new();
    let plain = STANDARD.encode(format!("\0{user}\0wrong"));
    heard.push(client.say(&format!("AUTH PLAIN {plain}"), "535").await?.text());
    client.say("AUTH LOGIN", "334 VXNlcm5hbWU6").await?;
    client.say(&STANDARD.encode(user), "334 UGFzc3dvcmQ6").await?;
    heard.push(client.say(&STANDARD.encode("wrong"), "535").await?.text());
    client.say("AUTH CRAM-MD5", "334 ").await?;
    let response = STANDARD.encode(format!("{user} 00112233445566778899aabbccddeeff"));
    heard.push(client.say(&response, "535").await?.text());
    let first = STANDARD.encode(format!("n,,n={user},r=abcdefghijkl"));
    let challenge = client.say(&format!("AUTH SCRAM-SHA-256 {first}"), "334 ").await?.text();
    let challenge = String::from_utf8(STANDARD.decode(&challenge[4..]).expect("base64")).expect("text");
    assert!(challenge.contains(",s=") && challenge.contains(",i="), "{challenge}");
    let nonce = challenge.split(',').next().expect("a nonce");
    let proof = STANDARD.encode([0; 32]);
    let last = STANDARD.encode(format!("c=biws,{nonce},p={proof}"));
    heard.push(client.say(&last, "535").await?.text());
    Ok(heard)
}

/// A client that asks twice for the same unknown name must see the same salt, as it would of a known one.
#[tokio::test]
async fn an_unknown_user_has_a_salt_that_stays() -> std::io::Result<()> {
    let gatepost = plan().start();
    let mut client = Client::connect_tls(gatepost.submissions(), HOSTNAME).await?;
    client.say("EHLO client.example", "250").await?;
    let mut salts = Vec::new();
    for user in ["nobody@ours.example", "nobody@ours.example", "other@ours.example", ADA] {
        let first = STANDARD.encode(format!("n,,n={user},r=abcdefghijkl"));
        let challenge = client.say(&format!("AUTH SCRAM-SHA-256 {first}"), "334 ").await?.text();
        let challenge = String::from_utf8(STANDARD.decode(&challenge[4..]).expect("base64")).expect("text");
        salts.push(challenge.split_once(',').expect("more than a nonce").1.to_owned());
        client.say("*", "501").await?;
    }
    assert_eq!(salts[0], salts[1]);
    assert_ne!(salts[0], salts[2]);
    assert_eq!(salts[0].len(), salts[3].len());
    client.quit().await
}

/// Clients that go wrong show their password in odd places: it is written down from none of them.
#[tokio::test]
async fn a_password_in_the_wrong_place_is_not_written_down() -> std::io::Result<()> {
    let gatepost = plan().auth("failures-before-lockout = 1000\ntarpit = \"0s\"").start();
    let secret = "Xq9-planted-Zk4";
    let word = STANDARD.encode(secret);
    let plain = |text: &str| STANDARD.encode(text.replace("PASSWORD", secret).replace('|', "\0"));
    let responses = [
        plain("|ada@ours.example|PASSWORD"),
        plain("ada@ours.example|PASSWORD"),
        plain("|ada@ours.example|PASSWORD|"),
        plain("||PASSWORD"),
        plain("|ada@ours.example|PASSWORD\r\n"),
        plain("PASSWORD"),
        format!("{}=", plain("|ada@ours.example|PASSWORD")),
        format!("!{word}"),
    ];
    for response in &responses {
        let lines = [
            format!("AUTH PLAIN {response}"),
            format!("AUTH  PLAIN {response}"),
            format!("AUTH PLAIN{response}"),
            format!("AUTH PLAIN {response} again"),
            format!("AUTH XOAUTH2 {response}"),
            format!("AUTH CRAM-MD5 {response}"),
            response.clone(),
            secret.to_owned(),
        ];
        for door in [gatepost.submission(), gatepost.mx()] {
            let mut client = Client::connect(door).await?;
            client.say("EHLO client.example", "250").await?;
            for line in &lines {
                let reply = say_anything(&mut client, line).await?;
                assert!(!reply.contains(secret) && !reply.contains(&word), "{reply}");
            }
        }
        let mut client = Client::connect_tls(gatepost.submissions(), HOSTNAME).await?;
        client.say("EHLO client.example", "250").await?;
        for line in lines.iter().chain(["AUTH PLAIN".to_owned(), response.clone()].iter()) {
            say_anything(&mut client, line).await?;
        }
        client.say("AUTH LOGIN", "334").await?;
        client.say(&STANDARD.encode(ADA), "334").await?;
        client.send_line(response).await?;
        client.reply().await?;
    }
    gatepost.await_events("login-failed", responses.len());
    let written = String::from_utf8_lossy(&gatepost.everything_written()).into_owned();
    for form in responses.iter().map(String::as_str).chain([secret, &word]) {
        assert!(!written.contains(form), "{form}");
    }
    assert!(written.contains(ADA));
    Ok(())
}

/// Says a line; where a challenge comes, breaks off.
async fn say_anything(client: &mut Client, line: &str) -> std::io::Result<String> {
    client.send_line(line).await?;
    let reply = client.reply().await?;
    if reply.code() == 334 {
        client.say("*", "501").await?;
    }
    Ok(reply.text())
}
