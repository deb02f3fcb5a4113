//! What a long queue costs: `queue [MESSAGES [OCTETS [FOLDER]]]`.
//!
//! Commits messages that are due tomorrow, opens the spool again, and says what memory, disk and the start
//! took.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatepost_mail::{
    Body, Ending, Envelope, ForwardPath, International, Octets, Principal, Recipient, ReversePath, SessionId,
    Timestamp,
};
use gatepost_spool::{Draft, Embedded, EmbeddedSettings, Outcome, Settled, Spool, SpoolError, Warned};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const WRITERS: usize = 256;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (messages, octets) = (number(100_000)?, number(4096)?);
    let dir = arguments.next().map_or_else(|| std::env::temp_dir().join("gatepost-queue"), PathBuf::from);
    let settings = EmbeddedSettings { hot_memory: Octets(0), ..EmbeddedSettings::default() };
    let spool = Arc::new(Embedded::open(&dir, settings.clone(), now())?.0);
    let began = Instant::now();
    let writers = (0..WRITERS).map(|_| tokio::spawn(fill(Arc::clone(&spool), messages / WRITERS, octets)));
    for writer in writers.collect::<Vec<_>>() {
        writer.await??;
    }
    let filled = began.elapsed();
    let began = Instant::now();
    defer(&spool).await?;
    let deferred = began.elapsed();
    let stats = spool.stats().await;
    let disk = (stats.segments + stats.spare_segments) * settings.segment.0;
    drop(spool);
    let before = resident();
    let began = Instant::now();
    let (spool, recovery) = Embedded::open(&dir, settings, now())?;
    let opened = began.elapsed();
    let memory = resident().saturating_sub(before);
    writeln!(
        std::io::stdout(),
        "{} messages of {octets} octets: committed in {filled:.1?}, deferred in {deferred:.1?}, opened in \
         {opened:.1?}\n{} octets of memory and {} octets of disk each",
        recovery.messages,
        memory / recovery.messages.max(1),
        disk / recovery.messages.max(1),
    )?;
    drop(spool);
    Ok(())
}

async fn fill(spool: Arc<Embedded>, messages: usize, octets: usize) -> Result<(), SpoolError> {
    let content = vec![b'x'; octets];
    for _ in 0..messages {
        let mut draft = spool.draft().await?;
        draft.write(&content).await?;
        draft.commit(envelope(), now()).await?;
    }
    Ok(())
}

/// Tries all of them once, without success.
async fn defer(spool: &Embedded) -> Result<(), SpoolError> {
    loop {
        let claims = spool.claim(now(), Duration::from_secs(60), 256).await?;
        if claims.is_empty() {
            return Ok(());
        }
        for claim in claims {
            let due = now().after(Duration::from_secs(86_400));
            let why = "451 4.4.1 connect to mx.example.net: timed out".into();
            let outcome = Outcome::Again { due, why, warned: Warned::NotYet };
            spool.settle(claim, vec![Settled { recipient: 0, outcome }]).await?;
        }
    }
}

fn envelope() -> Envelope {
    let recipient = ForwardPath::parse("<somebody@example.net>").unwrap_or(ForwardPath::Postmaster);
    Envelope {
        reverse_path: ReversePath::parse("<ada@example.org>").unwrap_or(ReversePath::Null),
        recipients: vec![Recipient::new(recipient)],
        body: Body::SevenBit,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Account("ada".into()),
        session: SessionId::from_number(1),
        received: now(),
    }
}

fn now() -> Timestamp {
    Timestamp::since_epoch(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

/// Octets of this process in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
