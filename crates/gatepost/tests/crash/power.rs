//! Power cuts under load, with spool and Maildirs on a disk that loses what was not synced.
//!
//! Five by default; `GATEPOST_POWER_CUTS` says how many instead. The control is the same with every sync of gatepost's turned
//! into nothing: it must lose mail, or the cuts prove nothing.

use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use gatepost_testworld::{Exchanger, Script};

use crate::book::{Audit, Book};
use crate::chance::{Chance, wish};
use crate::disk::{Disk, mounted};
use crate::load::{Load, Server};
use crate::queue::{arrivals, await_empty, start};
use crate::rig::Gatepost;

const CUTS: u64 = 5;
const WRITERS: u32 = 8;
/// Between two cuts so many letters get their 250, and less than so many more.
const PROMISES: usize = 20;
const MORE_PROMISES: u64 = 60;
/// The cut comes at most so many microseconds after the last of them.
const LONGEST_AIM: u64 = 20_000;
/// The server lives on at most so many microseconds after its disk is dead.
const LONGEST_AGONY: u64 = 5_000;
/// Octets of a disk: for what is written between two cuts, and the room that the server keeps free.
const SIZE_FOR_ALL: u64 = 1 << 30;
const SIZE_FOR_EACH: u64 = 40 << 20;

/// Whether the server's syncs reach the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syncs {
    Real,
    /// The kernel is never asked, and the server is told that all is well.
    Nothing,
}

/// A server whose spool and Maildirs are on a disk of its own.
struct Site {
    sink: Exchanger,
    gatepost: Gatepost,
    disk: Disk,
    syncs: Syncs,
}

impl Site {
    async fn start(cuts: u64, syncs: Syncs) -> io::Result<Option<Self>> {
        let (sink, mut gatepost) = start(Script::polite(), r#"["1s"]"#).await?;
        gatepost.kill();
        let Some(disk) = mounted(gatepost.dir(), SIZE_FOR_ALL + cuts * SIZE_FOR_EACH) else {
            return Ok(None);
        };
        for name in ["data", "mail"] {
            move_to_disk(gatepost.dir(), name)?;
        }
        disk.sync()?;
        let mut site = Self { sink, gatepost, disk, syncs };
        site.serve();
        Ok(Some(site))
    }

    fn serve(&mut self) {
        let serve = self.gatepost.command(&["serve"]);
        match self.syncs {
            Syncs::Real => self.gatepost.serve_by(serve),
            Syncs::Nothing => self.gatepost.serve_by(without_syncs(&serve)),
        }
    }

    /// The power goes at a moment by chance and comes back.
    fn lose_power(&mut self, chance: &mut Chance) -> io::Result<()> {
        thread::park_timeout(chance.micros(LONGEST_AIM));
        self.disk.cut()?;
        thread::park_timeout(chance.micros(LONGEST_AGONY));
        self.gatepost.kill();
        self.disk.restore()
    }

    fn audit(&self, book: &Book) -> io::Result<(Audit, usize)> {
        let arrived = arrivals(&self.gatepost, &self.sink)?;
        Ok((book.audit(&arrived), arrived.len()))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.gatepost.kill();
    }
}

fn move_to_disk(folder: &Path, name: &str) -> io::Result<()> {
    let (old, new) = (folder.join(name), folder.join("disk").join(name));
    if old.exists() {
        let status = Command::new("cp").arg("-a").arg(&old).arg(&new).status()?;
        assert!(status.success(), "copying {name}");
        std::fs::remove_dir_all(&old)?;
    } else {
        std::fs::create_dir(&new)?;
    }
    symlink(new, old)
}

/// The command under strace, as a process that traces its parent: the parent is the server still.
fn without_syncs(command: &Command) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-D", "-f", "--seccomp-bpf", "--quiet=all", "--output=/dev/null"]);
    traced.arg("--trace=fsync,fdatasync,sync_file_range,syncfs,msync");
    traced.arg("--inject=fsync,fdatasync,sync_file_range,syncfs,msync:retval=0");
    traced.arg(command.get_program()).args(command.get_args());
    traced
}

/// Letters are handed in, the power is cut so many times, and all that is left arrives.
async fn cut_under_load(site: &mut Site, cuts: u64) -> io::Result<Book> {
    let mut chance = Chance::from_seed();
    let mut load = Load::start(WRITERS, u32::MAX);
    for _ in 0..cuts {
        load.server_is(Server::At(site.gatepost.mx()));
        let promises = load.promises();
        load.await_promises(promises + PROMISES + chance.below(MORE_PROMISES) as usize).await;
        site.lose_power(&mut chance)?;
        load.server_is(Server::Down);
        site.serve();
    }
    load.server_is(Server::At(site.gatepost.mx()));
    let promises = load.promises();
    load.await_promises(promises + 1).await;
    let book = load.finish().await;
    await_empty(&site.gatepost);
    Ok(book)
}

fn tell(what: &str, began: Instant, book: &Book, (audit, arrived): &(Audit, usize)) {
    println!(
        "{what} in {:?}: {} letters sent, {} got 250 ({} copies due), {arrived} arrived: {} lost, {} duplicates, \
         {} without their 250, {} wrong",
        began.elapsed(),
        book.sendings(),
        book.promises(),
        book.copies(),
        audit.lost.len(),
        audit.duplicates,
        audit.unpromised,
        audit.wrong.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_got_250_is_lost_in_power_cuts() -> io::Result<()> {
    let (began, cuts) = (Instant::now(), wish("GATEPOST_POWER_CUTS", CUTS));
    let Some(mut site) = Site::start(cuts, Syncs::Real).await? else { return Ok(()) };
    let book = cut_under_load(&mut site, cuts).await?;
    let found = site.audit(&book)?;
    tell(&format!("{cuts} power cuts"), began, &book, &found);
    assert_eq!((found.0.lost, found.0.wrong), (Vec::new(), Vec::new()));
    assert_eq!(site.sink.complaints(), Vec::<String>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_syncs_a_power_cut_loses_mail_and_the_audit_says_so() -> io::Result<()> {
    let (began, cuts) = (Instant::now(), 1);
    let Some(mut site) = Site::start(cuts, Syncs::Nothing).await? else { return Ok(()) };
    let book = cut_under_load(&mut site, cuts).await?;
    let found = site.audit(&book)?;
    tell("the control: a power cut without syncs", began, &book, &found);
    assert_ne!(found.0.lost, Vec::new(), "a cut that takes nothing proves nothing");
    Ok(())
}
