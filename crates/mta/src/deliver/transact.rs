//! One transaction over an open line, and what it means for each recipient.

use gatepost_mail::{Recipient, Reply};
use gatepost_policy::notice::Happened;
use gatepost_smtp::{
    Cause, Connection, Extension, RecipientOutcome, Stage, Transaction, TransactionOutcome, fits,
};
use gatepost_spool::Spool;

use super::job::{Addressee, Fate, Job, Lent, Result};
use super::line::{Line, Pause};
use super::source::{Source, Trouble};
use crate::office::Office;
use crate::outside::instant;

/// 421: the server closes the connection (RFC 5321 section 3.8).
const CLOSING: u16 = 421;

/// What is to be sent.
pub(super) struct Attempt<'a> {
    pub(super) job: &'a Job,
    pub(super) recipients: &'a [Addressee],
    pub(super) used: Use,
    /// What a delivery is to the sender, unless the host tells that itself.
    pub(super) arrives: Happened,
}

/// Whether a line has carried a transaction before: then it may have gone stale, which counts against nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    First,
    Again,
}

/// What a transaction means.
pub(super) struct Verdict {
    /// Those with a fate.
    pub(super) settled: Vec<Result>,
    /// Those that may be tried further.
    pub(super) left: Vec<Left>,
    /// The line, if it can be used again.
    pub(super) line: Option<Line>,
}

impl Verdict {
    /// Whether the host broke the line off that had been good: it may have too much to do.
    pub(super) fn is_trouble(&self) -> bool {
        let cut = |left: &Left| matches!(left.why, Why::PutOff | Why::Lost);
        let silent = |result: &Result| matches!(result.fate, Fate::InDoubt(..));
        self.line.is_none() && (self.left.iter().any(cut) || self.settled.iter().any(silent))
    }
}

/// A recipient that may be tried further.
pub(super) struct Left {
    pub(super) addressee: Addressee,
    /// Its fate if there is nothing left to try.
    pub(super) said: Result,
    pub(super) why: Why,
}

/// Why a recipient has no fate yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The host takes no more recipients at once.
    NoRoom,
    /// The host says 4yz.
    PutOff,
    /// The line broke before all was sent.
    Lost,
    /// The same, on a line that had been idle: the host may have closed it long ago.
    Stale,
}

/// Sends the message to these recipients over this line.
pub(super) async fn transact<S: Spool, D>(
    office: &Office<S, D>,
    mut line: Line,
    attempt: &Attempt<'_>,
) -> Verdict {
    if attempt.used == Use::Again && !line.still_stands().await {
        return gone(&line, attempt);
    }
    let lent = &attempt.job.lent;
    let transaction = transaction(lent, attempt.recipients);
    let conversion = match fits(line.session.offers(), &transaction) {
        Ok(conversion) => conversion,
        Err(reply) => return same_fate(line, attempt, &cannot_carry(reply)),
    };
    let mut source = match Source::open(office, lent, conversion).await {
        Ok(source) => source,
        Err(Trouble::CannotConvert(reply)) => return same_fate(line, attempt, &cannot_carry(reply)),
        Err(Trouble::Unreadable(cause)) => return same_fate(line, attempt, &Fate::Waits(None, cause)),
    };
    let transaction = source.fitting(transaction);
    let sent = line.session.send(transaction, instant());
    let carried = match sent {
        Ok(()) => carry(&mut line, &mut source).await,
        Err(out_of_turn) => Err(out_of_turn.to_string()),
    };
    match carried {
        Ok(outcome) => weigh(office, line, (attempt, outcome)),
        // Without its final dot the next hop has nothing; the line ends here.
        Err(cause) => {
            let mut verdict = same_fate(line, attempt, &Fate::Waits(None, cause));
            verdict.line = None;
            verdict
        }
    }
}

/// Carries a transaction through; the error says why we broke it off.
async fn carry(line: &mut Line, source: &mut Source) -> std::result::Result<TransactionOutcome, String> {
    loop {
        match line.run().await {
            Pause::NeedContent => source.give(line).await?,
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
fn weigh<S, D>(
    office: &Office<S, D>,
    line: Line,
    (attempt, outcome): (&Attempt<'_>, TransactionOutcome),
) -> Verdict {
    let mut verdict = Verdict { settled: Vec::new(), left: Vec::new(), line: None };
    let usable = outcome.connection == Connection::Usable;
    for (addressee, outcome) in attempt.recipients.iter().zip(outcome.recipients) {
        let (fate, why) = fate_of(&line, attempt, (outcome, usable));
        let result = result_of(&line, addressee, fate);
        match why {
            None => verdict.settled.push(result),
            Some(why) => verdict.left.push(Left { addressee: addressee.clone(), said: result, why }),
        }
    }
    if usable {
        verdict.line = Some(line);
    } else {
        farewell(office, line);
    }
    verdict
}

/// Ends a line while its worker goes on: what it has delivered is to be written down first.
pub(super) fn farewell<S, D>(office: &Office<S, D>, line: Line) {
    office.deliveries.spawn(office.life.clone(), line.quit());
}

/// The fate that an outcome means, and why it may not be the last word.
fn fate_of(
    line: &Line,
    attempt: &Attempt<'_>,
    (outcome, usable): (RecipientOutcome, bool),
) -> (Fate, Option<Why>) {
    let lost = match attempt.used {
        Use::First => Why::Lost,
        Use::Again => Why::Stale,
    };
    match outcome {
        RecipientOutcome::Delivered(reply) => {
            let tells = line.session.offers().has(Extension::Dsn);
            let happened = if tells { Happened::PassedOn } else { attempt.arrives };
            (Fate::Delivered(reply, happened), None)
        }
        RecipientOutcome::Failed(reply) => (Fate::Failed(reply, "delivery.refused"), None),
        RecipientOutcome::NotTried => {
            (Fate::Waits(None, "the server takes no more recipients now".into()), Some(Why::NoRoom))
        }
        RecipientOutcome::Deferred(reply) => {
            // A server that closes an idle line often says so, which we read only now.
            let closing = reply.code().get() == CLOSING && !usable;
            let why = if closing && lost == Why::Stale { Why::Stale } else { Why::PutOff };
            let cause = reply.to_string();
            (Fate::Waits(Some(reply), cause), Some(why))
        }
        RecipientOutcome::Interrupted(cause) => {
            (Fate::Waits(cause.reply().cloned(), cause.to_string()), Some(lost))
        }
        // Another host would be a second copy for sure if this one has taken it.
        RecipientOutcome::InDoubt(cause) => {
            // Hung up without an answer to anything: the host has closed a line that had been idle, by all likelihood.
            let unheard = matches!(cause, Cause::HungUp(Stage::Reset | Stage::Mail));
            let why = format!("all was sent and no answer came: {cause}");
            let again = (unheard && lost == Why::Stale).then_some(Why::Stale);
            (Fate::InDoubt(cause.reply().cloned(), why), again)
        }
    }
}

fn result_of(line: &Line, addressee: &Addressee, fate: Fate) -> Result {
    let (next_hop, host, tls) = (line.name.clone(), Some(line.host.clone()), line.security());
    Result { number: addressee.number, fate, next_hop, host, tls }
}

const fn cannot_carry(reply: Reply) -> Fate {
    Fate::Failed(reply, "delivery.cannot-carry")
}

/// The line had ended before anything was said over it.
fn gone(line: &Line, attempt: &Attempt<'_>) -> Verdict {
    let why = || Fate::Waits(None, "the host closed the line while it was idle".into());
    let left = |addressee: &Addressee| Left {
        addressee: addressee.clone(),
        said: result_of(line, addressee, why()),
        why: Why::Stale,
    };
    Verdict { settled: Vec::new(), left: attempt.recipients.iter().map(left).collect(), line: None }
}

/// All have this fate, and the line is as good as before.
fn same_fate(line: Line, attempt: &Attempt<'_>, fate: &Fate) -> Verdict {
    let result = |addressee: &Addressee| result_of(&line, addressee, fate.clone());
    let settled = attempt.recipients.iter().map(result).collect();
    Verdict { settled, left: Vec::new(), line: Some(line) }
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
