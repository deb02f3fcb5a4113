//! Strangers try to send mail through us.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;

use gatepost_testworld::{Client, Exchanger, Script};

use crate::clients::Success;
use crate::rig::{Gatepost, HOSTNAME, Plan, await_that};

/// One way to try, of `tricks.txt`.
struct Trick {
    name: String,
    verdict: Verdict,
    mail: Vec<u8>,
    rcpt: Vec<u8>,
}

impl Trick {
    /// What stands between the brackets of RCPT.
    fn recipient(&self) -> String {
        let line = String::from_utf8_lossy(&self.rcpt);
        let path = line.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
        path.map_or_else(String::new, |(path, _)| path.to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing is taken.
    Refused,
    /// It may be taken, and stays with us.
    Ours,
}

/// Where a stranger may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Mx,
    MxEncrypted,
    Submission,
    SubmissionEncrypted,
    Submissions,
}

impl Stand {
    const ALL: [Self; 5] =
        [Self::Mx, Self::MxEncrypted, Self::Submission, Self::SubmissionEncrypted, Self::Submissions];

    /// Connects, encrypts, and says EHLO with our own name: it proves nothing.
    async fn client(self, gatepost: &Gatepost) -> std::io::Result<Client> {
        let mut client = match self {
            Self::Mx | Self::MxEncrypted => Client::connect(gatepost.mx()).await?,
            Self::Submission | Self::SubmissionEncrypted => Client::connect(gatepost.submission()).await?,
            Self::Submissions => Client::connect_tls(gatepost.submissions(), HOSTNAME).await?,
        };
        client.say(&format!("EHLO {HOSTNAME}"), "250").await?;
        if matches!(self, Self::MxEncrypted | Self::SubmissionEncrypted) {
            client.starttls(HOSTNAME).await?;
            client.say(&format!("EHLO {HOSTNAME}"), "250").await?;
        }
        Ok(client)
    }

    const fn verdict(self, trick: &Trick) -> Verdict {
        match self {
            Self::Mx | Self::MxEncrypted => trick.verdict,
            Self::Submission | Self::SubmissionEncrypted | Self::Submissions => Verdict::Refused,
        }
    }
}

fn tricks() -> Vec<Trick> {
    let text = include_str!("tricks.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| read(line).unwrap_or_else(|| panic!("a trick with four parts: {line}"))).collect()
}

fn read(line: &str) -> Option<Trick> {
    let mut parts = line.split(" | ");
    let name = parts.next()?.to_owned();
    let verdict = match parts.next()? {
        "refused" => Verdict::Refused,
        "ours" => Verdict::Ours,
        _ => return None,
    };
    let [mail, rcpt] = [octets("MAIL ", parts.next()?), octets("RCPT ", parts.next()?)];
    parts.next().is_none().then_some(Trick { name, verdict, mail, rcpt })
}

/// A command line with its CRLF, and octets for the names in braces.
fn octets(verb: &str, argument: &str) -> Vec<u8> {
    let mut line = [verb, argument, "\r\n"].concat();
    for (name, letter) in [("{LF}", "\n"), ("{CR}", "\r"), ("{NUL}", "\0"), ("{TAB}", "\t")] {
        line = line.replace(name, letter);
    }
    let mut octets = Vec::new();
    for (number, part) in line.split("{FF}").enumerate() {
        if number > 0 {
            octets.push(0xff);
        }
        octets.extend_from_slice(part.as_bytes());
    }
    octets
}

/// What leaves us would end in `away`, the smart host for all the rest; `behind` is the server of relayed.example.
struct World {
    gatepost: Gatepost,
    away: Exchanger,
    behind: Exchanger,
}

async fn world() -> std::io::Result<World> {
    let away = Exchanger::start(Script::polite()).await?;
    let behind = Exchanger::start(Script::polite()).await?;
    let plan = Plan::default().maildir("ours.example").account("ada@ours.example", "correct horse", &[]);
    let deliver = format!("deliver = \"smtp:{}\"\nrecipients = \"any\"", behind.address());
    let route = format!("[route.\"*\"]\nvia = \"smtp:{}\"", away.address());
    let gatepost = plan.domain("relayed.example", &deliver).with(&route).start();
    Ok(World { gatepost, away, behind })
}

impl World {
    /// Waits until the queue is empty, then looks at what came where: behind us, only what is in `kept`.
    fn assert_nothing_left(&self, kept: &BTreeSet<String>) {
        await_that("an empty queue", || {
            let queued = self.gatepost.events("queued").len() + self.gatepost.events("reported").len();
            (self.gatepost.events("finished").len() == queued).then_some(())
        });
        let left = self.away.memory();
        assert!(left.connections.is_empty(), "mail has left: {:#?}", left.received);
        for message in self.behind.messages() {
            assert!(
                message.recipients.iter().all(|recipient| kept.contains(recipient)),
                "{:?}",
                message.rcpts
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_trick_makes_us_relay() -> std::io::Result<()> {
    let world = world().await?;
    let tricks = tricks();
    assert!(tricks.len() >= 40, "{} tricks", tricks.len());
    let mut wrong = Vec::new();
    let mut taken = BTreeMap::new();
    for stand in Stand::ALL {
        for trick in &tricks {
            let (verdict, said) = attempt(&world.gatepost, stand, trick).await?;
            if verdict == Verdict::Ours {
                *taken.entry(trick.name.clone()).or_insert(0) += 1;
            }
            if verdict != stand.verdict(trick) {
                wrong.push(format!("{stand:?}, {}: {verdict:?}\n{said}", trick.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let kept = tricks.iter().filter(|trick| trick.verdict == Verdict::Ours).map(Trick::recipient).collect();
    world.assert_nothing_left(&kept);
    let (messages, behind) = (taken.values().sum::<usize>(), world.behind.messages().len());
    let ours = ["ada", "postmaster"].map(|name| world.gatepost.await_mail("ours.example", name, 1).len());
    assert_eq!(ours.iter().sum::<usize>() + behind, messages, "what was taken has stayed: {taken:?}");
    eprintln!("{} tricks at {} places; taken and kept: {taken:?}", tricks.len(), Stand::ALL.len());
    Ok(())
}

/// Tries a trick in a session of its own. Says whether anything was taken, and what both sides said.
async fn attempt(gatepost: &Gatepost, stand: Stand, trick: &Trick) -> std::io::Result<(Verdict, String)> {
    let mut client = stand.client(gatepost).await?;
    client.send(&trick.mail).await?;
    client.send(&trick.rcpt).await?;
    // One line may be answered by several replies: VRFY, which alone gets 252, says that all have come.
    client.send_line("VRFY fence").await?;
    while client.reply().await?.code() != 252 {}
    client.send_line("DATA").await?;
    let verdict = match client.reply().await?.code() {
        354 => {
            client.send(format!("Subject: {}\r\n\r\nHello.\r\n.\r\n", trick.name).as_bytes()).await?;
            if client.reply().await?.code() == 250 { Verdict::Ours } else { Verdict::Refused }
        }
        _ => Verdict::Refused,
    };
    let said = client.transcript().to_owned();
    client.quit().await?;
    Ok((verdict, said))
}

/// nmap's script knows sixteen tricks. Where nobody has logged in it stops at our 530.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nmap_finds_no_open_relay() -> std::io::Result<()> {
    let world = world().await?;
    let gatepost = &world.gatepost;
    // The last one takes everything from everyone: it shows that the scan can find something.
    let servers = [gatepost.mx(), gatepost.submission(), gatepost.submissions(), world.behind.address()];
    let scans = servers.map(|server| tokio::task::spawn_blocking(move || (server, scan(server))));
    let mut said = Vec::new();
    for scan in scans {
        let (server, (succeeded, output)) = scan.await.map_err(std::io::Error::other)?;
        assert_eq!(succeeded, Success::Yes, "{output}");
        said.push((server, output));
    }
    let (_, open) = said.pop().expect("four scans");
    assert!(open.contains("Server is an open relay (16/16 tests)"), "{open}");
    let expected = [
        "Server doesn't seem to be an open relay, all tests failed",
        "authentication needed",
        "authentication needed",
    ];
    for ((server, output), expected) in said.iter().zip(expected) {
        assert!(output.contains(expected), "{server}: {output}");
        assert!(!output.contains("is an open relay"), "{server}: {output}");
    }
    assert!(gatepost.events("recipient-refused").len() >= 10, "nmap has tried");
    assert!(gatepost.events("queued").is_empty());
    assert!(world.away.memory().connections.is_empty());
    Ok(())
}

fn scan(server: SocketAddr) -> (Success, String) {
    let mut command = Command::new("timeout");
    command.args(["60", "nmap", "-Pn", "-n", "-sT", "-p", &server.port().to_string()]);
    command.args(["--script", "+smtp-open-relay"]);
    command.args(["--script-args", "smtp-open-relay.domain=elsewhere.example", &server.ip().to_string()]);
    let output = command.output().expect("running nmap");
    let succeeded = if output.status.success() { Success::Yes } else { Success::No };
    (succeeded, String::from_utf8_lossy(&output.stdout).into_owned())
}
