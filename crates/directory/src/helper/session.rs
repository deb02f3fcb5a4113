//! A Kerberos context in a helper.

use std::fmt;
use std::mem;
use std::path::PathBuf;

use gatepost_sasl::{GssAnswer, GssProgress, GssQuestion, Secret};

use super::frame::Frame;
use super::line::Line;
use super::process::{Fault, HelperBounds, HelperPlace, Helpers, Task};

/// A context of the Kerberos library, in a helper process of its own. Dropping it ends the process.
///
/// The process is started with the first question, and ends as soon as the library has said no: without a good ticket
/// nobody can hold one of the bounded number.
pub struct GssSession {
    state: State,
    fault: Option<String>,
}

enum State {
    Unasked(Helpers),
    // The helpers say which role and which times.
    Asked(Helpers, Line),
    Over,
}

impl GssSession {
    pub(super) fn new(helpers: Helpers) -> Self {
        Self { state: State::Unasked(helpers), fault: None }
    }

    /// Asks the library. A helper that is gone, or takes too long, is [`GssAnswer::Unavailable`], and [`GssSession::fault`]
    /// then says why. Nothing more can be asked after that, after [`GssAnswer::Refused`], or after a call that was dropped.
    pub async fn ask(&mut self, question: GssQuestion) -> GssAnswer {
        let state = mem::replace(&mut self.state, State::Over);
        match converse(state, &question).await {
            Ok((answer, state)) => {
                self.state = state;
                answer
            }
            Err(fault) => {
                self.fault = Some(fault.to_string());
                GssAnswer::Unavailable
            }
        }
    }

    /// Why the last answer was [`GssAnswer::Unavailable`]; for the operator. Holds no secret.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

async fn converse(state: State, question: &GssQuestion) -> Result<(GssAnswer, State), Fault> {
    let (helpers, mut line) = match state {
        State::Unasked(helpers) => {
            let line = helpers.open().await?;
            (helpers, line)
        }
        State::Asked(helpers, line) => (helpers, line),
        State::Over => return Err(Fault::Gone),
    };
    let fields = fields(question, helpers.task()).ok_or(Fault::Nonsense)?;
    let frame = line.ask(&fields, helpers.bounds().answer_time).await?;
    let answer = answer(question, &frame)?;
    let state = match answer {
        GssAnswer::Token { .. } | GssAnswer::Octets(_) => State::Asked(helpers, line),
        GssAnswer::Refused(_) | GssAnswer::Unavailable => State::Over,
    };
    Ok((answer, state))
}

/// The question as a frame; `None` for a client's question to a server's context, and the other way round.
fn fields<'a>(question: &'a GssQuestion, task: &Task) -> Option<Vec<&'a [u8]>> {
    match question {
        GssQuestion::Accept { token } if task.accepts() => Some(vec![b"token", token]),
        GssQuestion::Init { target, token } if !task.accepts() => {
            let token = token.iter().map(Vec::as_slice);
            Some([b"token".as_slice(), target.as_bytes()].into_iter().chain(token).collect())
        }
        GssQuestion::Accept { .. } | GssQuestion::Init { .. } => None,
        GssQuestion::Wrap { octets } => Some(vec![b"wrap", octets]),
        GssQuestion::Unwrap { message } => Some(vec![b"unwrap", message]),
    }
}

/// What the helper said, if it is an answer to this question.
fn answer(question: &GssQuestion, frame: &Frame) -> Result<GssAnswer, Fault> {
    let fields = frame.fields();
    match (question, fields.as_slice()) {
        (_, [b"unavailable", reason]) => Err(Fault::told(reason)),
        (_, [b"refused", reason]) => Ok(GssAnswer::Refused(Fault::told(reason).to_string())),
        (GssQuestion::Wrap { .. } | GssQuestion::Unwrap { .. }, [b"octets", octets]) => {
            Ok(GssAnswer::Octets(Secret::new(*octets)))
        }
        (GssQuestion::Accept { .. } | GssQuestion::Init { .. }, [b"going", token]) => {
            Ok(GssAnswer::Token { token: token.to_vec(), progress: GssProgress::Going })
        }
        (GssQuestion::Init { .. }, [b"complete", token]) => Ok(complete(token, None)),
        (GssQuestion::Accept { .. }, [b"complete", token, principal]) => {
            let principal = std::str::from_utf8(principal).map_err(|_octets| Fault::Nonsense)?;
            Ok(complete(token, Some(principal.to_owned())))
        }
        _ => Err(Fault::Nonsense),
    }
}

fn complete(token: &[u8], principal: Option<String>) -> GssAnswer {
    GssAnswer::Token { token: token.to_vec(), progress: GssProgress::Complete { principal } }
}

impl fmt::Debug for GssSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GssSession").field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// What a route logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GssCredential {
    /// A key of ours, with which the helper gets tickets.
    Keytab {
        /// The file.
        path: PathBuf,
        /// Whose key, as `gatepost@EXAMPLE.ORG`.
        principal: String,
    },
    /// Tickets that somebody else keeps fresh (`FILE:/run/…`).
    Cache(String),
    /// The same, where the Kerberos library looks by itself.
    DefaultCache,
}

/// Kerberos as a client: for deliveries through a host that wants GSSAPI.
#[derive(Debug, Clone)]
pub struct GssClient {
    helpers: Helpers,
}

impl GssClient {
    /// Clones share the bounds. Nothing is started yet. On a socket, the unit that starts the helper says the credential, and this
    /// one is not used.
    #[must_use]
    pub fn new(place: HelperPlace, bounds: HelperBounds, credential: GssCredential) -> Self {
        let task = match credential {
            GssCredential::Keytab { path, principal } => Task::InitByKeytab { keytab: path, principal },
            GssCredential::Cache(cache) => Task::InitByCache { cache: Some(cache) },
            GssCredential::DefaultCache => Task::InitByCache { cache: None },
        };
        Self { helpers: Helpers::new(place, bounds, task) }
    }

    /// A context for one exchange.
    #[must_use]
    pub fn session(&self) -> GssSession {
        GssSession::new(self.helpers.clone())
    }
}
