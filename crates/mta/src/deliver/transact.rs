//! One transaction over an open line, and what it means for each recipient.

use std::time::Instant;

use gatepost_mail::downgrade::Downgrade;
use gatepost_mail::reply::table;
use gatepost_mail::{Body, Octets, Recipient, Reply};
use gatepost_policy::notice::Happened;
use gatepost_smtp::Extension;
use gatepost_smtp::{Connection, Conversion, More, RecipientOutcome, Transaction, TransactionOutcome, fits};
use gatepost_spool::{Content, Spool};

use super::job::{Addressee, Fate, Job, Lent, Result};
use super::line::{Line, Pause};
use crate::office::Office;

/// What is to be sent, and what may follow.
pub(super) struct Attempt<'a> {
    pub(super) job: &'a Job,
    pub(super) recipients: &'a [Addressee],
    /// Whether another host may be tried after this one.
    pub(super) hosts_left: bool,
    /// Whether the line served another job before: then it may have gone stale, which counts against nobody.
    pub(super) reused: bool,
}

/// What a transaction means.
pub(super) struct Verdict {
    /// Those with a fate.
    pub(super) settled: Vec<Result>,
    /// Those to try over another line, or this one.
    pub(super) again: Vec<Addressee>,
    /// The fate of the latter if nobody is left to try.
    pub(super) said: Vec<Result>,
    /// The line, if it can be used again.
    pub(super) line: Option<Line>,
}

/// Sends the message to these recipients over this line.
pub(super) async fn transact<S: Spool, D>(
    office: &Office<S, D>,
    mut line: Line,
    attempt: &Attempt<'_>,
) -> Verdict {
    let lent = &attempt.job.lent;
    let transaction = transaction(lent, attempt.recipients);
    let conversion = match fits(line.session.offers(), &transaction) {
        Ok(conversion) => conversion,
        Err(reply) => return refused(line, attempt, &reply),
    };
    let mut source = match Source::open(office, lent, conversion).await {
        Ok(source) => source,
        Err(Trouble::CannotConvert(reply)) => return refused(line, attempt, &reply),
        Err(Trouble::Unreadable(cause)) => return postponed(line, attempt, cause),
    };
    let transaction = source.fitting(transaction);
    if line.session.send(transaction, Instant::now()).is_err() {
        return postponed(line, attempt, "the session went out of turn".into());
    }
    match carry(&mut line, &mut source).await {
        Ok(outcome) => weigh(line, attempt, outcome),
        // Without its final dot the next hop has nothing; the line ends here.
        Err(cause) => {
            let mut verdict = postponed(line, attempt, cause);
            verdict.line = None;
            verdict
        }
    }
}

/// Carries a transaction through; the error says why we broke it off.
async fn carry(line: &mut Line, source: &mut Source) -> std::result::Result<TransactionOutcome, String> {
    loop {
        match line.run().await {
            Pause::NeedContent => {
                let (piece, more) = source.next().await?;
                let sent = line.session.content(&piece, more, Instant::now());
                sent.map_err(|error| error.to_string())?;
            }
            Pause::Outcome(outcome) => return Ok(outcome),
            Pause::Broken(cause) => return Err(cause.to_string()),
            Pause::Upgrade
            | Pause::Login
            | Pause::Challenge(_)
            | Pause::LoggedIn
            | Pause::LoginFailed(_)
            | Pause::Ready
            | Pause::Closed => return Err("the session went out of turn".into()),
        }
    }
}

/// Turns outcomes into fates.
fn weigh(line: Line, attempt: &Attempt<'_>, outcome: TransactionOutcome) -> Verdict {
    let happened =
        if line.session.offers().has(Extension::Dsn) { Happened::PassedOn } else { Happened::Relayed };
    let (mut settled, mut again, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for (addressee, outcome) in attempt.recipients.iter().zip(outcome.recipients) {
        let result = |fate| result_of(&line, addressee, fate);
        match outcome {
            RecipientOutcome::Delivered(reply) => settled.push(result(Fate::Delivered(reply, happened))),
            RecipientOutcome::Failed(reply) => settled.push(result(Fate::Failed(reply, "delivery.refused"))),
            RecipientOutcome::NotTried => {
                again.push(addressee.clone());
                said.push(result(Fate::Waits(None, "the server takes no more recipients now".into())));
            }
            RecipientOutcome::Deferred(reply) => {
                let fate = Fate::Waits(Some(reply.clone()), reply.to_string());
                if attempt.hosts_left {
                    again.push(addressee.clone());
                    said.push(result(fate));
                } else {
                    settled.push(result(fate));
                }
            }
            RecipientOutcome::Interrupted(cause) => {
                let fate = Fate::Waits(cause.reply().cloned(), cause.to_string());
                if attempt.hosts_left || attempt.reused {
                    again.push(addressee.clone());
                    said.push(result(fate));
                } else {
                    settled.push(result(fate));
                }
            }
            // Another host would be a second copy for sure if this one has taken it.
            RecipientOutcome::InDoubt(cause) => {
                let why = format!("in doubt, all was sent and no answer came: {cause}");
                settled.push(result(Fate::Waits(cause.reply().cloned(), why)));
            }
        }
    }
    // Whoever was put off by this host is to be sent to the next one, not over this line again.
    let put_off =
        attempt.hosts_left && said.iter().any(|result| matches!(result.fate, Fate::Waits(Some(_), _)));
    let line = (outcome.connection == Connection::Usable && !put_off).then_some(line);
    Verdict { settled, again, said, line }
}

fn result_of(line: &Line, addressee: &Addressee, fate: Fate) -> Result {
    let (next_hop, host, tls) = (line.name.clone(), Some(line.host.clone()), line.security());
    Result { number: addressee.number, fate, next_hop, host, tls }
}

/// All fail for good, and the line is as good as before.
fn refused(line: Line, attempt: &Attempt<'_>, reply: &Reply) -> Verdict {
    same_fate(line, attempt, &Fate::Failed(reply.clone(), "delivery.cannot-carry"))
}

/// All wait, and the line is as good as before.
fn postponed(line: Line, attempt: &Attempt<'_>, cause: String) -> Verdict {
    same_fate(line, attempt, &Fate::Waits(None, cause))
}

fn same_fate(line: Line, attempt: &Attempt<'_>, fate: &Fate) -> Verdict {
    let result = |addressee: &Addressee| result_of(&line, addressee, fate.clone());
    let settled = attempt.recipients.iter().map(result).collect();
    Verdict { settled, again: Vec::new(), said: Vec::new(), line: Some(line) }
}

fn transaction(lent: &Lent, recipients: &[Addressee]) -> Transaction {
    let envelope = &lent.claim.envelope;
    let recipient = |addressee: &Addressee| {
        let path = gatepost_mail::ForwardPath::Mailbox(addressee.mailbox.clone());
        match lent.recipient(addressee.number) {
            Some(named) => Recipient { path, ..named.clone() },
            None => Recipient::new(path),
        }
    };
    Transaction {
        reverse_path: envelope.reverse_path.clone(),
        recipients: recipients.iter().map(recipient).collect(),
        size: Some(lent.claim.size),
        body: envelope.body,
        ending: envelope.ending,
        international: envelope.international,
        returns: envelope.returns,
        envelope_id: envelope.envelope_id.clone(),
    }
}

/// Why content cannot be sent.
enum Trouble {
    CannotConvert(Reply),
    Unreadable(String),
}

/// The content on its way out of the spool, converted where the next hop needs that.
enum Source {
    AsStored(Content),
    Converted { whole: Vec<u8>, given: usize },
}

/// Largest message that is converted: the result is held whole, since a conversion that fails in the middle
/// must fail before MAIL.
const LARGEST_CONVERTED: Octets = Octets::mib(64);
/// Converted content is handed on in pieces of this size.
const PIECE: usize = 64 * 1024;

impl Source {
    async fn open<S: Spool, D>(
        office: &Office<S, D>,
        lent: &Lent,
        conversion: Conversion,
    ) -> std::result::Result<Self, Trouble> {
        let unreadable = |error: gatepost_spool::SpoolError| Trouble::Unreadable(error.to_string());
        let content = office.spool.content(lent.claim.id).await.map_err(unreadable)?;
        match conversion {
            Conversion::None => Ok(Self::AsStored(content)),
            Conversion::SevenBit => Self::seven_bit(content, lent).await,
            Conversion::AsciiHeader => {
                check_ascii_header(content).await?;
                let content = office.spool.content(lent.claim.id).await.map_err(unreadable)?;
                Ok(Self::AsStored(content))
            }
        }
    }

    async fn seven_bit(mut content: Content, lent: &Lent) -> std::result::Result<Self, Trouble> {
        if lent.claim.size > LARGEST_CONVERTED {
            return Err(Trouble::CannotConvert(table::CANNOT_CONVERT));
        }
        let (mut downgrade, mut whole) = (Downgrade::new(), Vec::new());
        let cannot = |_| Trouble::CannotConvert(table::CANNOT_CONVERT);
        while let Some(piece) = next_piece(&mut content).await? {
            downgrade.piece(&piece, &mut whole).map_err(cannot)?;
        }
        downgrade.finish(&mut whole).map_err(cannot)?;
        Ok(Self::Converted { whole, given: 0 })
    }

    /// The transaction as it is after the conversion.
    fn fitting(&self, transaction: Transaction) -> Transaction {
        match self {
            Self::AsStored(_) => transaction,
            Self::Converted { whole, .. } => {
                Transaction { body: Body::SevenBit, size: Some(Octets::of(whole)), ..transaction }
            }
        }
    }

    async fn next(&mut self) -> std::result::Result<(Vec<u8>, More), String> {
        match self {
            Self::AsStored(content) => match content.piece().await {
                Ok(Some(piece)) => Ok((piece.to_vec(), More::ThereIsMore)),
                Ok(None) => Ok((Vec::new(), More::Last)),
                Err(error) => Err(error.to_string()),
            },
            Self::Converted { whole, given } => {
                let end = whole.len().min(*given + PIECE);
                let piece = whole.get(*given..end).unwrap_or_default().to_vec();
                *given = end;
                Ok((piece, if end == whole.len() { More::Last } else { More::ThereIsMore }))
            }
        }
    }
}

async fn next_piece(content: &mut Content) -> std::result::Result<Option<gatepost_spool::Piece>, Trouble> {
    content.piece().await.map_err(|error| Trouble::Unreadable(error.to_string()))
}

/// RFC 6532 header fields cannot be carried without SMTPUTF8.
async fn check_ascii_header(mut content: Content) -> std::result::Result<(), Trouble> {
    use gatepost_mail::header::{HeaderLimits, HeaderScan, Progress};

    let mut scan = HeaderScan::new(HeaderLimits::default());
    while let Some(piece) = next_piece(&mut content).await? {
        match scan.piece(&piece) {
            Progress::More => {}
            Progress::Ended { .. } | Progress::TooLarge => break,
        }
    }
    if scan.finish().is_international {
        return Err(Trouble::CannotConvert(table::NEXT_HOP_NO_SMTPUTF8));
    }
    Ok(())
}
