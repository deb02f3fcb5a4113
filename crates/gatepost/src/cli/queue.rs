//! `gatepost queue`: through the running server, or on the spool itself without one.

mod change;
mod parcels;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use gatepost_mail::{Octets, SpoolId, Timestamp};
use gatepost_mta::Events;
use gatepost_spool::{Embedded, EmbeddedSettings, SpoolError};
use serde_json::{Value, json};

use super::console::{Console, Format, counted};
use super::failure::{Failure, Outcome, Status};
use super::place;
use crate::config::read::TextValue as _;
use crate::config::values::Wait;
use crate::control::{
    Action, ControlError, Local, Message, MessageState, PAGE, Queue, RecipientState, Remote,
};
use crate::log::Log;
use crate::log::files::{EventFiles, Keep};

/// Messages that are not done: not delivered to each recipient, nor given up, nor removed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatepost queue list --state deferred --to example.net
  gatepost queue show 01k8x3m5q2w7c
  gatepost queue retry --to example.net
  gatepost queue remove --account shop@example.org --older 2d
  gatepost queue export --all /var/backups/queue
  gatepost queue import /var/backups/queue
  gatepost --json queue list | jq -r '.[].id'

A change needs ids, or filters, or --all. Exit status: 0 done, 1 none was found or it could not be done.")]
pub struct QueueArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: QueueCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// List messages, oldest first.
    List(Filters),
    /// Show one message and each of its recipients.
    Show {
        /// Its id.
        id: String,
    },
    /// Try messages now.
    Retry(Selection),
    /// Keep messages from being tried until they are released.
    Hold(Selection),
    /// Let held messages go on.
    Release(Selection),
    /// End messages, undelivered and without a report. Your name goes into the event log.
    Remove(Selection),
    /// Read everything in the spool and name what is damaged. Changes nothing; a server may run meanwhile.
    Verify,
    /// Write messages into a folder, one file each, as they are. They stay in the queue.
    Export(parcels::ExportArguments),
    /// Take messages back from such files, or folders of them. One that is there already is not taken twice.
    Import(parcels::ImportArguments),
}

/// Which messages are meant.
#[derive(Debug, Args)]
pub struct Filters {
    /// With a recipient that is not done in this domain, or this one recipient.
    #[arg(long, value_name = "DOMAIN")]
    pub to: Option<String>,
    /// From this sender, or from this domain; "<>" is the null sender.
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// Of this account.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Taken longer ago than this: 90s, 15m, 4h, 5d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub older: Option<Duration>,
    /// In this state.
    #[arg(long, value_enum, value_name = "STATE")]
    pub state: Option<MessageState>,
}

/// Which messages are to be changed.
#[derive(Debug, Args)]
pub struct Selection {
    /// Their ids.
    pub ids: Vec<String>,
    /// Every message.
    #[arg(long)]
    pub all: bool,
    /// Or by what they are.
    #[command(flatten)]
    pub filters: Filters,
}

fn age(text: &str) -> Result<Duration, String> {
    Wait::from_text(text).map(|wait| wait.0).map_err(|wrong| format!("{}: {}", wrong.what, wrong.mend))
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::no(error)
    }
}

pub(super) fn run(arguments: &QueueArguments, config: Option<&Path>, console: &mut Console<'_>) -> Outcome {
    let data_dir = place::load(config)?.configuration.data_dir;
    if matches!(arguments.command, QueueCommand::Verify) {
        return parcels::verify(&data_dir, console);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let connected = Remote::connect(&data_dir).await;
        let connected = connected
            .map_err(|cause| Failure::no(format!("the control socket in {}: {cause}", data_dir.display())))?;
        match connected {
            Some(remote) => execute(&arguments.command, &remote, console).await,
            None => offline(&arguments.command, &data_dir, console).await,
        }
    })
}

/// Without a server the spool is ours for the moment; its lock keeps a starting server away.
async fn offline(command: &QueueCommand, data_dir: &Path, console: &mut Console<'_>) -> Outcome {
    let folder = data_dir.join("spool");
    if !folder.exists() {
        return Err(Failure::no(format!("there is no spool in {}", data_dir.display())));
    }
    let opened = Embedded::open(&folder, EmbeddedSettings::default(), gatepost_mta::event::now());
    let (spool, recovery) = opened.map_err(|cause| {
        let locked = matches!(cause, SpoolError::Locked { .. });
        let more = if locked { ", and does not answer on its control socket" } else { "" };
        Failure::no(format!("{cause}{more}"))
    })?;
    for damage in &recovery.damages {
        console.complain(format!("gatepost: damaged: {damage}"))?;
    }
    let (events, reader) = Events::channel();
    let log = Log::start(reader, events.clone(), EventFiles::new(data_dir, Keep::default()), None)?;
    let local = Local::new(Arc::new(spool), events);
    let outcome = execute(command, &local, console).await;
    drop(local);
    log.finish();
    outcome
}

async fn execute(command: &QueueCommand, queue: &impl Queue, console: &mut Console<'_>) -> Outcome {
    match command {
        QueueCommand::List(filters) => list(filters, queue, console).await,
        QueueCommand::Show { id } => show(&queue.show(read_id(id)?).await?, console),
        QueueCommand::Retry(selection) => change::run(Action::Retry, selection, queue, console).await,
        QueueCommand::Hold(selection) => change::run(Action::Hold, selection, queue, console).await,
        QueueCommand::Release(selection) => change::run(Action::Release, selection, queue, console).await,
        QueueCommand::Remove(selection) => change::run(Action::Remove, selection, queue, console).await,
        QueueCommand::Verify => Ok(Status::Done),
        QueueCommand::Export(arguments) => parcels::export(arguments, queue, console).await,
        QueueCommand::Import(arguments) => parcels::import(arguments, queue, console).await,
    }
}

fn read_id(text: &str) -> Result<SpoolId, Failure> {
    text.parse().map_err(|cause| Failure::usage(format!("\"{text}\": {cause}")))
}

fn ids_of(messages: &[Message]) -> Result<Vec<SpoolId>, Failure> {
    messages.iter().map(|message| read_id(&message.id)).collect()
}

/// The messages that fit, page by page, each as it is then.
struct Pages<'a, Q> {
    queue: &'a Q,
    filters: &'a Filters,
    began: Timestamp,
    after: Option<SpoolId>,
    ended: bool,
}

impl<'a, Q: Queue> Pages<'a, Q> {
    fn new(filters: &'a Filters, queue: &'a Q) -> Self {
        Self { queue, filters, began: gatepost_mta::event::now(), after: None, ended: false }
    }

    /// Those of the next page, which may be none; nothing behind the last page.
    async fn next(&mut self) -> Result<Option<Vec<Message>>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let mut page = self.queue.list(self.after).await?;
        match page.last() {
            Some(last) => self.after = Some(read_id(&last.id)?),
            None => return Ok(None),
        }
        self.ended = page.len() < PAGE;
        page.retain(|message| self.filters.fit(message, self.began));
        Ok(Some(page))
    }
}

/// All messages that fit.
async fn matching(filters: &Filters, queue: &impl Queue) -> Result<Vec<Message>, Failure> {
    let mut pages = Pages::new(filters, queue);
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        found.extend(page);
    }
    Ok(found)
}

impl Filters {
    const fn are_empty(&self) -> bool {
        self.to.is_none()
            && self.from.is_none()
            && self.account.is_none()
            && self.older.is_none()
            && self.state.is_none()
    }

    fn fit(&self, message: &Message, now: Timestamp) -> bool {
        let to = self.to.as_deref().is_none_or(|wanted| {
            let mut waiting = message.recipients.iter().filter(|recipient| match recipient.state {
                RecipientState::Waiting { .. } => true,
                RecipientState::Delivered | RecipientState::Failed => false,
            });
            waiting.any(|recipient| address_fits(&recipient.address, wanted))
        });
        let account = self.account.as_deref().is_none_or(|wanted| {
            message.principal.strip_prefix("account ").is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        });
        to && account
            && self.from.as_deref().is_none_or(|wanted| address_fits(&message.sender, wanted))
            && self.older.is_none_or(|age| now.elapsed_since(message.received()) >= age)
            && self.state.is_none_or(|state| message.state == state)
    }
}

/// Whether a path is this address, or of this domain.
fn address_fits(path: &str, wanted: &str) -> bool {
    let path = path.trim_start_matches('<').trim_end_matches('>').to_lowercase();
    let wanted = wanted.trim_start_matches('<').trim_end_matches('>').to_lowercase();
    match wanted.strip_prefix('@') {
        Some(domain) => path.ends_with(&format!("@{domain}")),
        None if wanted.is_empty() || wanted.contains('@') => path == wanted,
        None => path.ends_with(&format!("@{wanted}")),
    }
}

async fn list(filters: &Filters, queue: &impl Queue, console: &mut Console<'_>) -> Outcome {
    let messages = matching(filters, queue).await?;
    if console.format == Format::Machines {
        console.json(&messages.iter().map(as_json).collect::<Value>())?;
        return Ok(Status::Done);
    }
    if messages.is_empty() {
        console.line(if filters.are_empty() { "the queue is empty" } else { "no message fits" })?;
        return Ok(Status::Done);
    }
    let now = gatepost_mta::event::now();
    let title = ["ID", "STATE", "AGE", "SIZE", "FROM", "TO", "WHY"].map(str::to_owned).to_vec();
    let mut rows = vec![title];
    rows.extend(messages.iter().map(|message| row(message, now)));
    console.table(&rows)?;
    let octets = messages.iter().fold(Octets(0), |sum, message| sum + Octets(message.size));
    console.line(format!("{}, {octets}", counted(messages.len(), "message")))?;
    Ok(Status::Done)
}

/// Longest reason in a table, in characters; `show` has all of it.
const WIDEST: usize = 60;

fn row(message: &Message, now: Timestamp) -> Vec<String> {
    let waiting = message.recipients.iter().filter_map(|recipient| match &recipient.state {
        RecipientState::Waiting { cause, .. } => Some((recipient, cause)),
        RecipientState::Delivered | RecipientState::Failed => None,
    });
    let count = waiting.clone().count();
    let (to, why) = waiting.clone().next().map_or_else(Default::default, |(recipient, cause)| {
        (recipient.address.clone(), cause.clone().unwrap_or_default())
    });
    vec![
        message.id.clone(),
        message.state.as_str().to_owned(),
        shown_age(now.elapsed_since(message.received())),
        Octets(message.size).to_string(),
        message.sender.clone(),
        if count > 1 { format!("{to} and {} more", count - 1) } else { to },
        why.chars().take(WIDEST).collect(),
    ]
}

/// The largest whole unit: `3d`, `4h`, `15m`, `9s`.
fn shown_age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        86_400.. => format!("{}d", seconds / 86_400),
        3600.. => format!("{}h", seconds / 3600),
        60.. => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

fn show(message: &Message, console: &mut Console<'_>) -> Outcome {
    if console.format == Format::Machines {
        console.json(&as_json(message))?;
        return Ok(Status::Done);
    }
    for (name, value) in [
        ("message", message.id.clone()),
        ("state", message.state.as_str().to_owned()),
        ("from", message.sender.clone()),
        ("answers for it", message.principal.clone()),
        ("taken", message.received().to_string()),
        ("size", Octets(message.size).to_string()),
        ("session", message.session.clone()),
    ] {
        console.line(format!("{name:14}  {value}"))?;
    }
    for recipient in &message.recipients {
        let state = match &recipient.state {
            RecipientState::Delivered => "delivered".to_owned(),
            RecipientState::Failed => "failed".to_owned(),
            RecipientState::Waiting { due, attempts, cause } => {
                let cause = cause.as_deref().map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("due {} after {attempts} attempts{cause}", Timestamp::from_micros(*due))
            }
        };
        console.line(format!("{:14}  {} {state}", "to", recipient.address))?;
    }
    console.line(format!("its story: gatepost trace {}", message.id))?;
    Ok(Status::Done)
}

/// Which messages a selection means.
enum Meant<'a> {
    Ids(Vec<SpoolId>),
    Fitting(&'a Filters),
}

fn meant(selection: &Selection) -> Result<Meant<'_>, Failure> {
    let Selection { ids, all, filters } = selection;
    match (ids.is_empty(), *all || !filters.are_empty()) {
        (false, false) => {
            // Named twice is meant once.
            let ids = ids.iter().map(|id| read_id(id)).collect::<Result<BTreeSet<_>, _>>()?;
            Ok(Meant::Ids(ids.into_iter().collect()))
        }
        (true, true) => Ok(Meant::Fitting(filters)),
        (false, true) => Err(Failure::usage("give ids, or filters, not both")),
        (true, false) => Err(Failure::usage("which messages? Give ids, or filters such as --to, or --all")),
    }
}

async fn selected(selection: &Selection, queue: &impl Queue) -> Result<Vec<SpoolId>, Failure> {
    match meant(selection)? {
        Meant::Ids(ids) => Ok(ids),
        Meant::Fitting(filters) => ids_of(&matching(filters, queue).await?),
    }
}

/// The operator's name, for the event log. The kernel vouches for the user id; this is for reading.
fn who() -> String {
    let named = ["SUDO_USER", "LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_else(|| "an operator".to_owned())
}

fn as_json(message: &Message) -> Value {
    let recipients: Vec<Value> = message
        .recipients
        .iter()
        .map(|recipient| match &recipient.state {
            RecipientState::Delivered => json!({ "address": recipient.address, "state": "delivered" }),
            RecipientState::Failed => json!({ "address": recipient.address, "state": "failed" }),
            RecipientState::Waiting { due, attempts, cause } => json!({
                "address": recipient.address,
                "state": "waiting",
                "due": Timestamp::from_micros(*due).to_string(),
                "attempts": attempts,
                "cause": cause,
            }),
        })
        .collect();
    json!({
        "id": message.id,
        "state": message.state.as_str(),
        "from": message.sender,
        "principal": message.principal,
        "session": message.session,
        "received": message.received().to_string(),
        "size": message.size,
        "recipients": recipients,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Recipient;

    fn message() -> Message {
        let waiting = RecipientState::Waiting { due: 0, attempts: 1, cause: None };
        Message {
            id: "0000000000001".into(),
            sender: "<Ada@Example.ORG>".into(),
            principal: "account ada@example.org".into(),
            session: "0000000000002".into(),
            received: 0,
            size: 9,
            state: MessageState::Deferred,
            recipients: vec![
                Recipient { address: "<bob@example.net>".into(), state: waiting },
                Recipient { address: "<eve@example.com>".into(), state: RecipientState::Delivered },
            ],
        }
    }

    #[test]
    fn filters_choose() {
        let none = || Filters { to: None, from: None, account: None, older: None, state: None };
        let text = |text: &str| Some(text.to_owned());
        let rows = [
            ("nothing asked", none(), true),
            ("a domain", Filters { to: text("example.net"), ..none() }, true),
            ("not a suffix of one", Filters { to: text("ample.net"), ..none() }, false),
            ("one recipient", Filters { to: text("BOB@example.net"), ..none() }, true),
            ("a recipient that is done", Filters { to: text("example.com"), ..none() }, false),
            ("a sender", Filters { from: text("ada@example.org"), ..none() }, true),
            ("another sender", Filters { from: text("bob@example.org"), ..none() }, false),
            ("the null sender", Filters { from: text("<>"), ..none() }, false),
            ("an account", Filters { account: text("ADA@example.org"), ..none() }, true),
            ("part of an account", Filters { account: text("example.org"), ..none() }, false),
            ("older", Filters { older: Some(Duration::from_secs(60)), ..none() }, true),
            ("not so old", Filters { older: Some(Duration::from_secs(61)), ..none() }, false),
            ("a state", Filters { state: Some(MessageState::Deferred), ..none() }, true),
            ("another state", Filters { state: Some(MessageState::Held), ..none() }, false),
        ];
        let now = Timestamp::from_micros(60_000_000);
        for (name, filters, fits) in rows {
            assert_eq!(filters.fit(&message(), now), fits, "{name}");
        }
    }

    #[test]
    fn ages_are_short() {
        let rows = [(9, "9s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (86_400, "1d"), (604_800, "7d")];
        for (seconds, want) in rows {
            assert_eq!(shown_age(Duration::from_secs(seconds)), want);
        }
    }
}
