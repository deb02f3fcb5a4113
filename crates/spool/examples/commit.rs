//! How many messages a second this machine's disk takes: `commit [WRITERS [MESSAGES [OCTETS]]]`.
//!
//! Each writer commits one message behind the other; one worker claims and settles them, so that the log is
//! recycled as it would be in use.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatepost_mail::{
    Body, Ending, Envelope, ForwardPath, International, Principal, Recipient, ReversePath, SessionId,
    Timestamp,
};
use gatepost_spool::{Draft, Embedded, EmbeddedSettings, Outcome, Settled, Spool, SpoolError};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (writers, messages, octets) = (number(32)?, number(100_000)?, number(4096)?);
    let dir = arguments.next().map_or_else(|| std::env::temp_dir().join("gatepost-commit"), PathBuf::from);
    let (spool, recovery) = Embedded::open(&dir, EmbeddedSettings::default(), now())?;
    let spool = Arc::new(spool);
    let (began, used) = (Instant::now(), cpu());
    let worker = tokio::spawn(settle(Arc::clone(&spool), writers * (messages / writers)));
    let content: Arc<[u8]> = vec![b'x'; octets].into();
    let tasks: Vec<_> = (0..writers)
        .map(|_| tokio::spawn(write(Arc::clone(&spool), Arc::clone(&content), messages / writers)))
        .collect();
    let mut slowest = Duration::ZERO;
    for task in tasks {
        slowest = slowest.max(task.await??);
    }
    let committed = began.elapsed();
    worker.await??;
    let (all, used) = (began.elapsed(), cpu() - used);
    let done = (writers * (messages / writers)) as f64;
    let stats = spool.stats().await;
    writeln!(
        std::io::stdout(),
        "{writers} writers, {done} messages of {octets} octets; {} were there\n\
         committed {:.0}/s, settled {:.0}/s; slowest commit {:.1} ms\n\
         {:.4} CPU s per 1,000; {:.3} syncs per message; {} segments, {} spare",
        recovery.messages,
        done / committed.as_secs_f64(),
        done / all.as_secs_f64(),
        slowest.as_secs_f64() * 1000.0,
        used * 1000.0 / done,
        stats.syncs as f64 / done,
        stats.segments,
        stats.spare_segments,
    )?;
    Ok(())
}

async fn write(spool: Arc<Embedded>, content: Arc<[u8]>, messages: usize) -> Result<Duration, SpoolError> {
    let mut slowest = Duration::ZERO;
    for _ in 0..messages {
        let began = Instant::now();
        let mut draft = spool.draft().await?;
        for piece in content.chunks(65_536) {
            draft.write(piece).await?;
        }
        draft.commit(envelope(), now()).await?;
        slowest = slowest.max(began.elapsed());
    }
    Ok(slowest)
}

async fn settle(spool: Arc<Embedded>, messages: usize) -> Result<(), SpoolError> {
    let mut left = messages;
    while left > 0 {
        let claims = spool.claim(now(), Duration::from_secs(60), 64).await?;
        if claims.is_empty() {
            spool.wait().await;
        }
        for claim in claims {
            left -= 1;
            spool.settle(claim, vec![Settled { recipient: 0, outcome: Outcome::Delivered }]).await?;
        }
    }
    Ok(())
}

fn envelope() -> Envelope {
    Envelope {
        reverse_path: ReversePath::parse("<ada@example.org>").unwrap_or(ReversePath::Null),
        recipients: vec![Recipient::new(ForwardPath::Postmaster)],
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

/// Seconds of CPU that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or_default().split(' ').skip(12).take(2);
    ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}
