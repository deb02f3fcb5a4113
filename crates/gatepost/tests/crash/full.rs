//! The disk fills up: nothing more is taken, what was taken goes on its way, and room mends it by itself.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatepost_testworld::client::stuffed;
use gatepost_testworld::corpus::{LineEnds, same_apart_from_trace};
use gatepost_testworld::{Client, Exchanger, Script};

use crate::load::{MAILBOX, OURS, SENDER, THERE};
use crate::queue::{await_empty, change, list, maildir, start};
use crate::rig::{Gatepost, await_that};

/// Some segments of the spool, and more than the room below which nothing is taken.
const SPOOL_DISK: u64 = 640 << 20;
const MAIL_DISK: u64 = 4 << 20;
/// Messages that wait when the disk is full.
const WAITING: usize = 50;
/// Lines of a message that does not fit into memory alone.
const LARGE: usize = 200_000;
/// Octets that are written at once to fill it.
const BLOCK: usize = 1 << 20;

/// A small disk in memory; dropping it takes it away.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// At this folder, which must be there. The error says why this machine does not let us.
    fn mount(at: &Path, size: u64) -> Result<Self, String> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "gatepost-test"]).arg(at);
        let output = command.output().map_err(|cause| cause.to_string())?;
        let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(Self(at.to_owned())) } else { Err(told) }
    }

    /// Writes until so many octets are free; 0 for none at all.
    fn fill(&self, free: u64) -> io::Result<Filler> {
        let path = self.0.join("filler");
        let file = File::create(&path)?;
        let block = vec![b'x'; BLOCK];
        let mut written = 0;
        while self.free()? > free {
            match file.write_at(&block, written) {
                Ok(octets) => written += octets as u64,
                Err(cause) if cause.kind() == io::ErrorKind::StorageFull => break,
                Err(cause) => return Err(cause),
            }
        }
        Ok(Filler(path))
    }

    fn free(&self) -> io::Result<u64> {
        let output = Command::new("df").args(["--output=avail", "--block-size=1"]).arg(&self.0).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().nth(1).and_then(|line| line.trim().parse().ok()).ok_or_else(|| io::Error::other(text))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that still runs after a failure must not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What takes the room away.
struct Filler(PathBuf);

impl Filler {
    fn remove(self) -> io::Result<()> {
        // Somebody may have it open for writing; what counts is that its octets are gone.
        OpenOptions::new().write(true).truncate(true).open(&self.0)?;
        fs::remove_file(self.0)
    }
}

/// Says why there is nothing to see on this machine.
fn mounted(at: &Path, size: u64) -> Option<SmallDisk> {
    SmallDisk::mount(at, size).inspect_err(|why| println!("skipped: no small disk here: {why}")).ok()
}

async fn session(gatepost: &Gatepost) -> io::Result<Client> {
    let mut client = Client::connect(gatepost.mx()).await?;
    client.say("EHLO elsewhere.example", "250").await?;
    Ok(client)
}

async fn until_data(client: &mut Client, data: &str) -> io::Result<()> {
    client.say(&format!("MAIL FROM:<{SENDER}>"), "250").await?;
    client.say(&format!("RCPT TO:<{MAILBOX}@{THERE}>"), "250").await?;
    client.say("DATA", data).await.map(|_reply| ())
}

async fn is_refused(client: &mut Client) -> io::Result<()> {
    until_data(client, "452 4.3.1").await?;
    client.say("RSET", "250").await.map(|_reply| ())
}

/// The spool has an empty disk to itself, and the server behind us says "later" for now.
async fn spool_on_a_small_disk() -> io::Result<Option<(Exchanger, Gatepost, SmallDisk)>> {
    let (sink, mut gatepost) = start(later(), r#"["1h"]"#).await?;
    gatepost.kill();
    let data = gatepost.dir().join("data");
    fs::remove_dir_all(&data)?;
    fs::create_dir(&data)?;
    let Some(disk) = mounted(&data, SPOOL_DISK) else { return Ok(None) };
    gatepost.serve();
    Ok(Some((sink, gatepost, disk)))
}

fn later() -> Script {
    Script::polite().reply("RCPT", "450 4.2.1 not today")
}

/// First so that gatepost keeps what is left, then to the last octet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_for_now_delivers_on_and_recovers() -> io::Result<()> {
    let Some((sink, mut gatepost, disk)) = spool_on_a_small_disk().await? else { return Ok(()) };
    let mut client = session(&gatepost).await?;
    let to = format!("{MAILBOX}@{THERE}");
    for free in [128 << 20, 0] {
        sink.follow(later());
        let before = sink.messages().len();
        for number in 0..WAITING {
            let content = format!("Subject: before {number}\r\n\r\nLine.\r\n");
            client.submit(SENDER, &[&to], content.as_bytes()).await?;
        }
        let deferred = || list(&gatepost).iter().filter(|message| message["state"] == "deferred").count();
        await_that("deferred messages", || (deferred() == WAITING).then_some(()));
        let mut begun = session(&gatepost).await?;
        until_data(&mut begun, "354").await?;

        let filler = disk.fill(free)?;
        is_refused(&mut client).await?;
        is_refused(&mut session(&gatepost).await?).await?;
        if free == 0 {
            begun.send(&stuffed(&b"Subject: too much\r\n\r\n".repeat(LARGE))).await?;
            begun.expect("452 4.3.1").await?;
        }
        sink.follow(Script::polite());
        change(&gatepost, &["retry", "--all"]);
        await_empty(&gatepost);
        assert_eq!(sink.messages().len(), before + WAITING, "delivered while the disk was full");
        is_refused(&mut client).await?;
        println!("{} octets free: {WAITING} messages delivered, new ones refused", disk.free()?);

        filler.remove()?;
        client.submit(SENDER, &[&to], b"Subject: after\r\n\r\nLine.\r\n").await?;
        await_empty(&gatepost);
        assert_eq!(sink.messages().len(), before + WAITING + 1, "something was repeated or lost");
    }
    gatepost.kill();
    drop(disk);
    Ok(())
}

/// Mail waits while there is no room for it in its Maildir, and comes without anybody's help once there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_waits_for_room_in_its_maildir() -> io::Result<()> {
    let (_sink, mut gatepost) = start(Script::polite(), r#"["1s"]"#).await?;
    let mail = gatepost.dir().join("mail");
    fs::create_dir_all(&mail)?;
    let Some(disk) = mounted(&mail, MAIL_DISK) else { return Ok(()) };
    let mut client = session(&gatepost).await?;
    let to = format!("{MAILBOX}@{OURS}");
    client.submit(SENDER, &[&to], b"Subject: first\r\n\r\nLine.\r\n").await?;
    gatepost.await_mail(OURS, MAILBOX, 1);
    let filler = disk.fill(0)?;
    let content = [b"Subject: second\r\n\r\n".as_slice(), &b"Line.\r\n".repeat(10_000)].concat();
    client.submit(SENDER, &[&to], &content).await?;
    let deferred = gatepost.await_events("deferred", 2);
    assert!(deferred[0].to_string().contains("No space left on device"), "{}", deferred[0]);
    assert_eq!(maildir(&gatepost).files()?.len(), 1);
    assert_eq!(
        fs::read_dir(maildir(&gatepost).path().join("tmp"))?.count(),
        0,
        "what was begun is cleared away"
    );
    filler.remove()?;
    await_empty(&gatepost);
    let arrived = maildir(&gatepost).messages()?;
    assert_eq!(arrived.len(), 2);
    let whole = arrived.iter().any(|message| same_apart_from_trace(&content, message, LineEnds::Lf).is_ok());
    assert!(whole, "the second message is not as it was sent");
    gatepost.kill();
    drop(disk);
    Ok(())
}
