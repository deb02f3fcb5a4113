//! Octets that make no sense, clients that make no haste, and clients that vanish: afterwards everything is as
//! before.

use std::fs;
use std::io;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_testworld::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Gatepost, HOSTNAME, Plan, await_that};

const ADA: &str = "ada@ours.example";
const PASSWORD: &str = "correct horse";

/// How much more memory may be in use after one more round, in KiB. What leaks per connection shows with 1,000 of
/// them, and a line of 10 MiB that is kept shows at once.
const MEMORY_SLACK: u64 = 2 * 1024;

/// How often noise is made before we give up: checking passwords takes 19 MiB at a time, and how many are checked
/// at once is chance.
const MOST_ROUNDS: usize = 5;

/// Octets of an over-long line.
const LONG: usize = 10 * 1024 * 1024;

/// How many connections in sequence.
const CONNECTIONS: usize = 1000;

fn start() -> Gatepost {
    let plan = Plan::default().maildir("ours.example").account(ADA, PASSWORD, &[]);
    plan.auth("failures-before-lockout = 1000000\ntarpit = \"0s\"\nallow-plaintext-without-tls = true")
        .start()
}

/// What the server holds.
#[derive(Clone, Copy, Debug)]
struct Holdings {
    /// VmRSS, in KiB.
    memory: u64,
    descriptors: usize,
}

fn holdings(gatepost: &Gatepost) -> Holdings {
    let pid = gatepost.pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its state");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let memory = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count();
    Holdings { memory, descriptors }
}

/// Waits until every session has ended.
fn await_silence(gatepost: &Gatepost) {
    await_that("all sessions to end", || {
        let log = gatepost.log();
        let count = |kind: &str| log.iter().filter(|line| line.contains(kind)).count();
        (count("\"event\":\"connected\"") == count("\"event\":\"disconnected\"")).then_some(())
    });
}

/// Makes noise until that costs nothing more: the first time everything is made that is made once. What leaks per
/// connection or per octet costs the same every time.
async fn same_afterwards<F: Future<Output = io::Result<()>>>(noise: impl Fn(Doors) -> F) -> io::Result<()> {
    let gatepost = start();
    let mut held = vec![after(&gatepost, &noise, usize::MAX).await?];
    while held.len() < MOST_ROUNDS {
        let before = held[held.len() - 1];
        let now = after(&gatepost, &noise, before.descriptors).await?;
        held.push(now);
        if now.memory <= before.memory + MEMORY_SLACK {
            let trouble = gatepost.events("trouble");
            assert!(trouble.is_empty(), "{trouble:#?}");
            return Ok(());
        }
    }
    panic!("more memory after each round: {held:#?}");
}

/// What the server holds after a round, once it is down to so many descriptors.
async fn after<F: Future<Output = io::Result<()>>>(
    gatepost: &Gatepost,
    noise: impl Fn(Doors) -> F,
    descriptors: usize,
) -> io::Result<Holdings> {
    noise(Doors::of(gatepost)).await?;
    still_works(gatepost).await?;
    await_silence(gatepost);
    // Descriptors are closed a moment after their session is told of.
    Ok(await_that(&format!("{descriptors} descriptors at most"), || {
        let now = holdings(gatepost);
        (now.descriptors <= descriptors).then_some(now)
    }))
}

/// A message goes in over each door and comes out.
async fn still_works(gatepost: &Gatepost) -> io::Result<()> {
    let folder = gatepost.mailbox("ours.example", "ada").join("new");
    let before = fs::read_dir(folder).map_or(0, Iterator::count);
    let message = b"From: ada@ours.example\r\n\r\nHello.\r\n";
    let mut client = Client::connect_tls(gatepost.submissions(), HOSTNAME).await?;
    client.say("EHLO client.example", "250").await?;
    client.login(ADA, PASSWORD).await?;
    client.submit(ADA, &[ADA], message).await?;
    client.quit().await?;
    let mut client = Client::connect(gatepost.mx()).await?;
    client.say("EHLO client.example", "250").await?;
    client.submit("bob@elsewhere.example", &[ADA], message).await?;
    client.quit().await?;
    gatepost.await_mail("ours.example", "ada", before + 2);
    Ok(())
}

/// Where the listeners are.
#[derive(Clone, Copy)]
struct Doors {
    mx: SocketAddr,
    submission: SocketAddr,
    submissions: SocketAddr,
}

impl Doors {
    fn of(gatepost: &Gatepost) -> Self {
        Self { mx: gatepost.mx(), submission: gatepost.submission(), submissions: gatepost.submissions() }
    }

    const fn all(self) -> [SocketAddr; 3] {
        [self.mx, self.submission, self.submissions]
    }
}

/// Sends octets and reads to the end. That the server hangs up in the middle is its right.
async fn throw(door: SocketAddr, octets: &[u8]) -> io::Result<()> {
    let mut socket = TcpStream::connect(door).await?;
    let (mut reader, mut writer) = socket.split();
    let throwing = async {
        let _ = writer.write_all(octets).await;
        let _ = writer.shutdown().await;
    };
    let reading = async {
        let mut room = [0; 4096];
        while matches!(reader.read(&mut room).await, Ok(1..)) {}
    };
    tokio::join!(throwing, reading);
    Ok(())
}

/// Numbers that look random and are the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.roll().to_le_bytes()).flatten().take(count).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_octets() -> io::Result<()> {
    same_afterwards(|doors| async move {
        let mut dice = Dice(7);
        for length in [1, 2, 10, 100, 1000, 10_000, 100_000, 1_000_000] {
            for door in doors.all() {
                let noise = dice.octets(length);
                throw(door, &noise).await?;
                throw(door, &[b"EHLO client.example\r\n", noise.as_slice()].concat()).await?;
                throw(door, &[noise.as_slice(), b"\r\nQUIT\r\n"].concat()).await?;
            }
            // A real session first, so that the noise comes where content and logins are read.
            for opening in [
                &b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@ours.example>\r\nDATA\r\n"[..],
                b"EHLO c\r\nSTARTTLS\r\n",
            ] {
                let noise = dice.octets(length);
                throw(doors.mx, &[opening, &noise].concat()).await?;
            }
            throw(doors.submission, &[&b"EHLO c\r\nAUTH PLAIN\r\n"[..], &dice.octets(length)].concat())
                .await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_are_none() -> io::Result<()> {
    same_afterwards(|doors| async move {
        let mut dice = Dice(11);
        for round in 0..50 {
            // A record header of TLS, then noise: so that it is not the first octet already that is wrong.
            let mut record = vec![0x16, 0x03, 0x01, 0x02, 0x00];
            record.extend(dice.octets(16 * round));
            throw(doors.submissions, &record).await?;
            let mut client = Client::connect(doors.submission).await?;
            client.say("EHLO client.example", "250").await?;
            client.say("STARTTLS", "220").await?;
            client.send(&record).await?;
            drop(client);
        }
        Ok(())
    })
    .await
}

/// Lines of 10 MiB wherever a line may come. The reply is not looked at: a server may hang up on these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_ten_mebibytes() -> io::Result<()> {
    same_afterwards(|doors| async move {
        let line = vec![b'a'; LONG];
        let content = "EHLO c\r\nMAIL FROM:<bob@elsewhere.example>\r\nRCPT TO:<ada@ours.example>\r\nDATA\r\n";
        for opening in ["", "EHLO ", "EHLO c\r\nMAIL FROM:<", "EHLO c\r\nMAIL FROM:<> ", content] {
            throw(doors.mx, &[opening.as_bytes(), &line, b"\r\n.\r\nQUIT\r\n"].concat()).await?;
        }
        for opening in ["Subject: ", "Subject: a\r\n ", "From: ", "Subject: a\r\n\r\n"] {
            let octets = [content.as_bytes(), opening.as_bytes(), &line, b"\r\n.\r\nQUIT\r\n"].concat();
            throw(doors.mx, &octets).await?;
        }
        for opening in ["EHLO c\r\nAUTH PLAIN ", "EHLO c\r\nAUTH PLAIN\r\n", "EHLO c\r\nAUTH LOGIN\r\n"] {
            throw(doors.submission, &[opening.as_bytes(), &line, b"\r\nQUIT\r\n"].concat()).await?;
        }
        Ok(())
    })
    .await
}

/// A header section that has no end: many lines instead of a long one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_section_of_ten_mebibytes() -> io::Result<()> {
    same_afterwards(|doors| async move {
        let mut octets = b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@ours.example>\r\nDATA\r\n".to_vec();
        while octets.len() < LONG {
            octets.extend_from_slice(
                b"From: bob@elsewhere.example\r\nReceived: from a by b; never\r\n folded\r\n",
            );
        }
        octets.extend_from_slice(b"\r\n.\r\nQUIT\r\n");
        throw(doors.mx, &octets).await
    })
    .await
}

/// One octet at a time, a packet each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_octet_at_a_time() -> io::Result<()> {
    same_afterwards(|doors| async move {
        for _ in 0..3 {
            let mut client = Client::connect(doors.submission).await?;
            let plain = STANDARD.encode(format!("\0{ADA}\0{PASSWORD}"));
            for (line, wanted) in [
                ("EHLO client.example", "250"),
                (&format!("AUTH PLAIN {plain}"), "235"),
                ("MAIL FROM:<ada@ours.example>", "250"),
                ("RCPT TO:<ada@ours.example>", "250"),
                ("DATA", "354"),
                ("From: ada@ours.example\r\n\r\n..a\r\n.", "250"),
                ("QUIT", "221"),
            ] {
                for octet in [line.as_bytes(), b"\r\n"].concat() {
                    client.send(&[octet]).await?;
                }
                client.expect(wanted).await?;
            }
            client.closed().await?;
        }
        Ok(())
    })
    .await
}

/// A whole session, in steps after which a client may vanish.
fn steps() -> Vec<(String, &'static str)> {
    let plain = STANDARD.encode(format!("\0{ADA}\0{PASSWORD}"));
    let steps = [
        ("EHLO client.example", "250"),
        ("AUTH LOGIN", "334"),
        ("*", "501"),
        ("AUTH SCRAM-SHA-256 biwsbj1hZGFAb3Vycy5leGFtcGxlLHI9YWJjZGVmZ2g=", "334"),
        ("*", "501"),
        ("AUTH PLAIN", "334"),
        (&plain, "235"),
        ("MAIL FROM:<ada@ours.example>", "250"),
        ("RCPT TO:<ada@ours.example>", "250"),
        ("RSET", "250"),
        ("MAIL FROM:<ada@ours.example> BODY=BINARYMIME", "250"),
        ("RCPT TO:<ada@ours.example>", "250"),
        ("BDAT 24\r\nFrom: ada@ours.example", "250"),
        ("BDAT 0", "250"),
        ("RSET", "250"),
        ("MAIL FROM:<ada@ours.example>", "250"),
        ("RCPT TO:<ada@ours.example>", "250"),
        ("DATA", "354"),
    ];
    steps.map(|(line, wanted)| (line.to_owned(), wanted)).into()
}

/// How a client vanishes.
#[derive(Clone, Copy)]
enum Exit {
    /// It closes.
    Close,
    /// In the middle of the next line.
    MidLine,
    /// It resets the connection, as a machine that was switched off would.
    Reset,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_vanish_in_every_state() -> io::Result<()> {
    same_afterwards(|doors| async move {
        let steps = steps();
        for count in 0..=steps.len() {
            for exit in [Exit::Close, Exit::MidLine, Exit::Reset] {
                vanish_in_the_clear(doors.submission, (&steps[..count], exit)).await?;
            }
            let mut client = Client::connect_tls(doors.submissions, HOSTNAME).await?;
            for (line, wanted) in &steps[..count] {
                client.say(line, wanted).await?;
            }
            drop(client);
        }
        Ok(())
    })
    .await
}

async fn vanish_in_the_clear(door: SocketAddr, (steps, exit): (&[(String, &str)], Exit)) -> io::Result<()> {
    let mut socket = TcpStream::connect(door).await?;
    read_reply(&mut socket, "220").await?;
    for (line, wanted) in steps {
        socket.write_all(format!("{line}\r\n").as_bytes()).await?;
        read_reply(&mut socket, wanted).await?;
    }
    match exit {
        Exit::Close => {}
        Exit::MidLine => socket.write_all(b"From: ada@ours.exam").await?,
        Exit::Reset => socket.set_zero_linger()?,
    }
    drop(socket);
    Ok(())
}

async fn read_reply(socket: &mut TcpStream, wanted: &str) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        if socket.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&read);
        let last = text.strip_suffix("\r\n").and_then(|text| text.lines().last());
        if let Some(last) = last.filter(|last| last.as_bytes().get(3) == Some(&b' ')) {
            assert!(last.starts_with(wanted), "wanted {wanted}, got {text}");
            return Ok(());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_in_sequence() -> io::Result<()> {
    same_afterwards(|doors| async move {
        for number in 0..CONNECTIONS {
            match number % 5 {
                0 => drop(TcpStream::connect(doors.mx).await?),
                1 => Client::connect(doors.mx).await?.quit().await?,
                2 => drop(Client::connect(doors.submission).await?),
                3 => throw(doors.submission, b"EHLO c\r\nNOOP\r\nHELP\r\n").await?,
                _ => Client::connect_tls(doors.submissions, HOSTNAME).await?.quit().await?,
            }
        }
        Ok(())
    })
    .await
}
