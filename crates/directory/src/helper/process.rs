//! Starting helpers, or connecting to them; a bounded number at a time.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::line::{Line, Stream};
use crate::{DirectoryError, limits};

/// What of our environment a helper sees. Not the rest: a password of ours may be in it, and PAM's modules start programs.
const ENVIRONMENT: [&str; 6] = ["PATH", "TZ", "TMPDIR", "KRB5_CONFIG", "KRB5CCNAME", "KRB5RCACHENAME"];

/// The longest reason of a helper's that is told, in octets.
const REASON_OCTETS_MOST: usize = 400;

/// Where the helper is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelperPlace {
    /// A program, started for each question as our own user.
    Program(PathBuf),
    /// A unix socket; who listens there starts the helper for each connection.
    Socket(PathBuf),
}

/// How many helpers at once, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelperBounds {
    /// Helpers of one source at a time; what comes beyond is [`DirectoryError::Busy`] at once.
    pub at_once: usize,
    /// For one password, from the start of the helper.
    pub password_time: Duration,
    /// For one answer about Kerberos, and for a helper's start.
    pub answer_time: Duration,
}

/// Those of [`limits`].
impl Default for HelperBounds {
    fn default() -> Self {
        Self {
            at_once: limits::HELPERS_MOST,
            password_time: limits::HELPER_PASSWORD_TIME,
            answer_time: limits::HELPER_ANSWER_TIME,
        }
    }
}

/// What a helper is started for.
#[derive(Debug, Clone)]
pub(super) enum Task {
    Pam { service: String },
    Accept { service: String, keytab: PathBuf },
    InitByKeytab { keytab: PathBuf, principal: String },
    InitByCache { cache: Option<String> },
}

impl Task {
    /// The command line after the program.
    fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Pam { service } => vec!["pam".into(), service.into()],
            Self::Accept { service, keytab } => vec!["accept".into(), service.into(), keytab.into()],
            Self::InitByKeytab { keytab, principal } => {
                vec!["init".into(), "keytab".into(), keytab.into(), principal.into()]
            }
            Self::InitByCache { cache } => {
                let cache = cache.iter().map(OsString::from);
                [OsString::from("init"), "cache".into()].into_iter().chain(cache).collect()
            }
        }
    }

    /// The last two fields of the greeting of a helper for this.
    pub(super) fn greeting(&self) -> (&'static [u8], &[u8]) {
        match self {
            Self::Pam { service } => (b"pam", service.as_bytes()),
            Self::Accept { service, .. } => (b"accept", service.as_bytes()),
            Self::InitByKeytab { .. } | Self::InitByCache { .. } => (b"init", b""),
        }
    }

    /// Whether it is for our side as a server.
    pub(super) fn accepts(&self) -> bool {
        matches!(self, Self::Accept { .. })
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// As many are at work as may be.
    Busy,
    /// The helper is not there, or the line to it broke.
    Line(io::Error),
    /// It ended before its answer.
    Gone,
    /// It took too long.
    Late(Duration),
    /// It is another program, speaks another version, or is for something else.
    Stranger(String),
    /// It says that it cannot find out.
    Told(String),
    /// What it says is in no table.
    Nonsense,
    /// More than a frame can hold was to be asked.
    TooLong,
}

impl Fault {
    /// What a helper gives as its reason: quoted, and cut.
    pub(super) fn told(reason: &[u8]) -> Self {
        let reason = String::from_utf8_lossy(reason);
        let mut reason: String = reason.chars().filter(|letter| !letter.is_control()).collect();
        reason.truncate(reason.floor_char_boundary(REASON_OCTETS_MOST));
        Self::Told(reason)
    }

    pub(super) fn of_source(self, source_name: &str) -> DirectoryError {
        match self {
            Self::Busy => DirectoryError::Busy,
            fault => DirectoryError::Source { source_name: source_name.to_owned(), cause: fault.to_string() },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => formatter.write_str("too many helpers are at work"),
            Self::Line(cause) => write!(formatter, "the helper cannot be reached: {cause}"),
            Self::Gone => formatter.write_str("the helper ended before its answer"),
            Self::Late(time) => write!(formatter, "the helper did not answer within {time:?}"),
            Self::Stranger(what) => write!(formatter, "another helper than the one meant: {what}"),
            Self::Told(reason) => formatter.write_str(reason),
            Self::Nonsense => formatter.write_str("the helper's answer makes no sense"),
            Self::TooLong => formatter.write_str("the question is longer than the helper takes"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                Self::Gone
            }
            _ => Self::Line(cause),
        }
    }
}

/// The helpers of one source or route.
#[derive(Debug, Clone)]
pub(super) struct Helpers {
    place: Arc<HelperPlace>,
    task: Arc<Task>,
    bounds: HelperBounds,
    permits: Arc<Semaphore>,
}

impl Helpers {
    pub(super) fn new(place: HelperPlace, bounds: HelperBounds, task: Task) -> Self {
        let permits = Arc::new(Semaphore::new(bounds.at_once.min(Semaphore::MAX_PERMITS)));
        Self { place: Arc::new(place), task: Arc::new(task), bounds, permits }
    }

    pub(super) fn bounds(&self) -> HelperBounds {
        self.bounds
    }

    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    /// A helper that has greeted. Dropping the line ends a process that we started.
    pub(super) async fn open(&self) -> Result<Line, Fault> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_taken| Fault::Busy)?;
        let time = self.bounds.answer_time;
        let opened = tokio::time::timeout(time, async {
            let mut line = Line::new(self.stream().await?, permit);
            line.greeted(&self.task).await?;
            Ok(line)
        });
        opened.await.unwrap_or(Err(Fault::Late(time)))
    }

    async fn stream(&self) -> Result<Stream, Fault> {
        match &*self.place {
            HelperPlace::Program(program) => self.start(program),
            HelperPlace::Socket(socket) => Ok(Stream::Socket(UnixStream::connect(socket).await?)),
        }
    }

    fn start(&self, program: &PathBuf) -> Result<Stream, Fault> {
        let mut command = Command::new(program);
        command.args(self.task.arguments()).current_dir("/").env_clear().kill_on_drop(true);
        for name in ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // What a module prints could be a password.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Fault::Gone);
        };
        Ok(Stream::Process { _child: child, pipes: tokio::io::join(output, input) })
    }
}
