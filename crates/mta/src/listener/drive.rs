//! Carries octets between a server session and its stream. It has no opinion.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use gatepost_directory::Directory;
use gatepost_smtp::{ServerSession, Step};
use gatepost_spool::{Receipt, Spool};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::{sleep, timeout_at};

use super::desk::Desk;
use super::guard::Hold;
use crate::lifetime::{Life, Phase};
use crate::net::stream::Stream;
use crate::outside::instant;

/// Octets read at once.
const READ: usize = 16 * 1024;
/// Silence after which a session gives back what its buffers still hold. Sooner, and a busy one would ask for them again.
const RESTING: Duration = Duration::from_secs(1);

/// Why driving ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client wants TLS and has read our 220.
    Upgrade,
    /// The session is over.
    Closed(Close),
}

/// Why a session is over.
#[derive(Debug)]
pub(super) enum Close {
    /// We closed: after QUIT, a refusal, or silence.
    Ours,
    /// The client did, in the middle.
    HangUp,
    /// The channel broke.
    Broken(io::Error),
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.write_str("closed"),
            Self::HangUp => f.write_str("hang-up"),
            Self::Broken(cause) => write!(f, "broken: {cause}"),
        }
    }
}

/// Whether the session knows that our life ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Untold,
    Told,
}

/// Whether what was written is on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    InPart,
    All,
}

/// Drives a session until it ends or wants TLS.
pub(super) async fn drive<S: Spool, D: Directory>(
    session: &mut ServerSession<Receipt>,
    stream: &mut Stream,
    desk: &mut Desk<S, D>,
    life: &mut Life,
) -> Ended {
    match run(session, stream, desk, life).await {
        Ok(ended) => ended,
        Err(cause) => Ended::Closed(Close::Broken(cause)),
    }
}

async fn run<S: Spool, D: Directory>(
    session: &mut ServerSession<Receipt>,
    stream: &mut Stream,
    desk: &mut Desk<S, D>,
    life: &mut Life,
) -> io::Result<Ended> {
    let mut hung_up = false;
    let mut ending = Ending::Untold;
    let mut said = Said::All;
    loop {
        let step = session.step();
        let more = matches!(step, Step::Write(_)) || (matches!(step, Step::Close) && !hung_up);
        if said == Said::InPart && !more {
            stream.flush().await?;
            desk.written();
            said = Said::All;
        }
        match step {
            Step::Write(reply) => {
                stream.write_all(reply).await?;
                said = Said::InPart;
            }
            Step::Content(piece) => desk.content(piece).await,
            Step::Ask(question) => {
                desk.decide(question, session).await;
                if let Some(hold) = desk.take_hold() {
                    hold_back(hold, life).await;
                }
            }
            Step::Upgrade => return Ok(Ended::Upgrade),
            Step::Close if hung_up => return Ok(Ended::Closed(Close::HangUp)),
            Step::Close => {
                // The last reply and the end of the channel are one piece under TLS.
                stream.shutdown().await?;
                return Ok(Ended::Closed(Close::Ours));
            }
            // Our life may have ended while the desk decided, or while a reply was held back.
            Step::Idle if ending == Ending::Untold && life.phase() != Phase::Running => {
                ending = Ending::Told;
                session.shut_down();
            }
            Step::Idle => hung_up = wait((session, stream), desk, life).await?,
        }
    }
}

/// Lets time pass before a reply, unless our life ends meanwhile.
async fn hold_back(hold: Hold, life: &mut Life) {
    tokio::select! {
        biased;
        () = sleep(hold.delay) => {}
        () = life.reached(Phase::Draining) => {}
    }
}

/// Waits for octets, the deadline, or the end of our life; says whether the client hung up.
async fn wait<S: Spool, D: Directory>(
    (session, stream): (&mut ServerSession<Receipt>, &mut Stream),
    desk: &mut Desk<S, D>,
    life: &mut Life,
) -> io::Result<bool> {
    let running = life.phase() == Phase::Running;
    tokio::select! {
        biased;
        read = in_time(session, stream) => match read? {
            Some(0) => {
                session.hang_up();
                return Ok(true);
            }
            Some(_octets) => desk.heard(),
            None => session.expire(instant()),
        },
        () = life.reached(Phase::Draining), if running => {}
    }
    Ok(false)
}

/// Reads until the deadline; none when that came first.
async fn in_time<R: fmt::Display>(
    session: &mut ServerSession<R>,
    stream: &mut Stream,
) -> io::Result<Option<usize>> {
    let deadline = session.deadline();
    let mut until = deadline.min(instant() + RESTING);
    loop {
        match timeout_at(until.into(), poll_fn(|cx| read(session, stream, cx))).await {
            Ok(read) => return read.map(Some),
            Err(_elapsed) if until < deadline => {
                session.shrink();
                until = deadline;
            }
            Err(_elapsed) => return Ok(None),
        }
    }
}

/// Hands on what has come; gives how much that was, 0 when the client has closed its side.
///
/// The octets pass through this thread's stack: ten thousand sessions that wait hold no buffer for them.
fn read<R: fmt::Display>(
    session: &mut ServerSession<R>,
    stream: &mut Stream,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut room = [MaybeUninit::uninit(); READ];
    let mut octets = ReadBuf::uninit(&mut room);
    ready!(Pin::new(stream).poll_read(cx, &mut octets))?;
    let octets = octets.filled();
    if !octets.is_empty() {
        session.receive(octets, instant());
    }
    Poll::Ready(Ok(octets.len()))
}
