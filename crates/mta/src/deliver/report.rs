//! Puts delivery reports into the queue.

use gatepost_mail::header::{HeaderLimits, HeaderScan, Progress};
use gatepost_mail::notice::{Action, LARGEST_RETURNED_SECTION, Notice, Report, Reported, Returned};
use gatepost_mail::{
    Ending, Envelope, ForwardPath, Notify, Principal, Recipient, Reply, ReversePath, SessionId, Timestamp,
};
use gatepost_policy::notice;
use gatepost_spool::{Content, Draft, Spool, SpoolError};

use super::doubt::Doubt;
use super::job::Lent;
use crate::event::What;
use crate::office::{Current, Office};

/// One recipient to report on.
pub(super) struct Entry {
    pub(super) number: u32,
    pub(super) notice: notice::Notice,
    /// The words that caused it.
    pub(super) reply: Reply,
    /// The host that spoke them; ours without one.
    pub(super) host: Option<String>,
    /// Which host may have the message all the same, if one may.
    pub(super) doubt: Option<Doubt>,
}

/// Writes and commits one report for each kind of thing that happened.
///
/// # Errors
///
/// [`SpoolError`]: some of the reports may be committed; asking again sends those twice.
pub(super) async fn report<S: Spool, D>(
    office: &Office<S, D>,
    current: &Current,
    lent: &Lent,
    entries: &[Entry],
) -> Result<(), SpoolError> {
    for action in [Action::Failed, Action::Delayed, Action::Relayed, Action::Delivered] {
        let of_action: Vec<&Entry> =
            entries.iter().filter(|entry| action_of(entry.notice) == Some(action)).collect();
        if !of_action.is_empty() {
            one(office, current, lent, (action, &of_action)).await?;
        }
    }
    Ok(())
}

const fn action_of(notice: notice::Notice) -> Option<Action> {
    match notice {
        notice::Notice::Nothing => None,
        notice::Notice::Failure => Some(Action::Failed),
        notice::Notice::Delay => Some(Action::Delayed),
        notice::Notice::Delivery => Some(Action::Delivered),
        notice::Notice::Relay => Some(Action::Relayed),
    }
}

async fn one<S: Spool, D>(
    office: &Office<S, D>,
    current: &Current,
    lent: &Lent,
    (action, entries): (Action, &[&Entry]),
) -> Result<(), SpoolError> {
    let mut draft = office.spool.draft().await?;
    let at = office.now();
    let original = &lent.claim.envelope;
    let expires = original.received.after(current.rules().delivery.expire);
    let reported: Vec<Reported<'_>> =
        entries.iter().filter_map(|entry| reported(lent, entry, (action, at, expires))).collect();
    let written = Notice::write(&Report {
        hostname: &current.rules().hostname,
        id: draft.id(),
        at,
        original,
        original_id: lent.claim.id,
        original_size: lent.claim.size,
        recipients: &reported,
    });
    let Some(notice) = written else { return Ok(()) };
    draft.write(&notice.prefix).await?;
    let content = office.spool.content(lent.claim.id).await?;
    copy(content, notice.returned, &mut draft).await?;
    draft.write(&notice.suffix).await?;
    let to = notice.recipient.to_string();
    let id = draft.id();
    draft.commit(envelope(notice, at), at).await?;
    let what = What::Reported { about: lent.claim.id.to_string(), to, action: name_of(action) };
    office.events.emit(None, Some(id), what);
    Ok(())
}

fn reported<'a>(
    lent: &'a Lent,
    entry: &'a Entry,
    (action, at, expires): (Action, Timestamp, Timestamp),
) -> Option<Reported<'a>> {
    Some(Reported {
        recipient: lent.recipient(entry.number)?,
        action,
        reply: Some(&entry.reply),
        remote: entry.host.as_deref(),
        last_attempt: Some(at),
        retry_until: (action == Action::Delayed).then_some(expires),
        in_doubt: entry.doubt.as_ref().filter(|_| !arrived(action)).map(Doubt::line),
    })
}

const fn arrived(action: Action) -> bool {
    match action {
        Action::Delivered | Action::Relayed => true,
        Action::Delayed | Action::Failed => false,
    }
}

/// The report's own envelope: from nobody, and with no wish to be told about it (RFC 3461 section 6.1).
fn envelope(notice: Notice, at: Timestamp) -> Envelope {
    let path = ForwardPath::Mailbox(notice.recipient);
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: vec![Recipient { notify: Notify::Never, ..Recipient::new(path) }],
        body: notice.body,
        ending: Ending::Line,
        international: notice.international,
        returns: None,
        envelope_id: None,
        principal: Principal::Ourselves,
        session: SessionId::from_number(0),
        received: at,
    }
}

/// Copies the message, or its header section, into the report.
async fn copy<D: Draft>(mut content: Content, returned: Returned, draft: &mut D) -> Result<(), SpoolError> {
    let mut scan = HeaderScan::new(HeaderLimits::default());
    let mut room = LARGEST_RETURNED_SECTION.as_usize();
    while let Some(piece) = content.piece().await? {
        if returned == Returned::Message {
            draft.write(&piece).await?;
            continue;
        }
        let (end, last) = match scan.piece(&piece) {
            Progress::More => (piece.len(), false),
            Progress::Ended { at } => (at, true),
            Progress::TooLarge => (0, true),
        };
        let section = piece.get(..end).unwrap_or_default();
        let whole = if section.len() <= room {
            section
        } else {
            whole_lines(section.get(..room).unwrap_or_default())
        };
        draft.write(whole).await?;
        if last || whole.len() < section.len() {
            break;
        }
        room -= whole.len();
    }
    Ok(())
}

/// Up to the last line end.
fn whole_lines(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|&octet| octet == b'\n').map_or(0, |at| at + 1);
    octets.get(..end).unwrap_or_default()
}

const fn name_of(action: Action) -> &'static str {
    match action {
        Action::Failed => "failed",
        Action::Delayed => "delayed",
        Action::Delivered => "delivered",
        Action::Relayed => "relayed",
    }
}
