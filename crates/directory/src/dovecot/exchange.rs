//! One exchange: its beginning, what goes to and fro, and its end.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_sasl::Secret;
use zeroize::Zeroizing;

use super::line::{Gone, Line};
pub(super) use super::reply::Refusal;
use super::reply::Verdict;
use super::{DirectoryError, DovecotSettings, Relayed, RelayedExchange, limits};

/// What Dovecot must know to begin.
pub(super) struct Start<'a> {
    pub(super) mechanism: &'static str,
    pub(super) initial: Option<&'a Secret>,
    pub(super) client: Option<SocketAddr>,
    pub(super) encrypted: bool,
}

/// How far an exchange is.
pub(super) enum Outcome {
    Challenge { octets: Zeroizing<Vec<u8>>, number: Number },
    Right { user: String },
    Refused(Refusal),
}

/// The exchange's number on its connection. Dropping it gives the exchange up.
pub(super) struct Number {
    line: Arc<Line>,
    id: u32,
}

/// An exchange that waits for the client.
pub(crate) struct Exchange {
    settings: Arc<DovecotSettings>,
    number: Number,
}

/// Begins an exchange.
pub(super) async fn begin(line: &Arc<Line>, start: &Start<'_>) -> Result<Outcome, Gone> {
    let number = Number { line: Arc::clone(line), id: line.number() };
    let mut fields = format!("AUTH\t{}\t{}\tservice=smtp", number.id, start.mechanism);
    if start.encrypted {
        fields.push_str("\tsecured=tls");
    }
    if let Some(client) = start.client {
        // What a client of IPv4 is called on a socket of both families would be another client to Dovecot.
        fields.push_str(&format!("\trip={}\trport={}", client.ip().to_canonical(), client.port()));
    }
    // `resp` is the last one by the protocol; an empty one is not the same as none.
    let request = match start.initial {
        Some(initial) => with_base64(&(fields + "\tresp="), initial),
        None => Zeroizing::new(fields),
    };
    number.ask(&request).await
}

fn with_base64(fields: &str, secret: &Secret) -> Zeroizing<String> {
    let octets = secret.expose();
    // Never grows, and so leaves no unwiped copy behind.
    let mut line = Zeroizing::new(String::with_capacity(fields.len() + octets.len().div_ceil(3) * 4));
    line.push_str(fields);
    STANDARD.encode_string(octets, &mut line);
    line
}

impl Number {
    async fn ask(self, request: &str) -> Result<Outcome, Gone> {
        if request.len() >= limits::DOVECOT_LINE_MOST {
            // Dovecot would hang up. Nothing that long is a response that it could find right.
            return Ok(Outcome::Refused(Refusal::Rejected { user: None }));
        }
        Ok(match self.line.ask(self.id, request.as_bytes()).await? {
            Verdict::Continue(octets) => Outcome::Challenge { octets, number: self },
            Verdict::Right { user } => {
                self.ended();
                Outcome::Right { user }
            }
            Verdict::Refused(refusal) => {
                self.ended();
                Outcome::Refused(refusal)
            }
        })
    }

    /// Dovecot has forgotten it already.
    fn ended(mut self) {
        self.id = 0;
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // Numbers begin with 1.
        if self.id != 0 {
            self.line.give_up(self.id);
        }
    }
}

impl Exchange {
    /// Passes the client's response on.
    pub(crate) async fn go_on(self, response: &Secret) -> Result<Relayed, DirectoryError> {
        let Self { settings, number } = self;
        let request = with_base64(&format!("CONT\t{}\t", number.id), response);
        let outcome = number.ask(&request).await.map_err(|gone| settings.fault(gone.to_string()))?;
        relayed(&settings, outcome)
    }
}

/// What the one who passes the exchange through is told.
pub(super) fn relayed(settings: &Arc<DovecotSettings>, outcome: Outcome) -> Result<Relayed, DirectoryError> {
    match outcome {
        Outcome::Challenge { mut octets, number } => {
            let exchange = Exchange { settings: Arc::clone(settings), number };
            Ok(Relayed::Challenge(std::mem::take(&mut *octets), RelayedExchange(exchange)))
        }
        Outcome::Right { user } => Ok(Relayed::Right { user: settings.login_name(&user)? }),
        Outcome::Refused(Refusal::Rejected { user } | Refusal::NotAllowed { user }) => {
            Ok(Relayed::Wrong { user })
        }
        Outcome::Refused(Refusal::Temporary) => Err(settings.fault("Dovecot cannot tell now".to_owned())),
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Exchange").field("id", &self.number.id).finish_non_exhaustive()
    }
}
