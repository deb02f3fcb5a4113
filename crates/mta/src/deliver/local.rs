//! Final delivery into Maildirs.

use std::path::Path;

use gatepost_mail::header::{HeaderLimits, HeaderScan, Progress};
use gatepost_mail::reply::table;
use gatepost_mail::trace;
use gatepost_policy::notice::Happened;
use gatepost_spool::Spool;
use tokio::task::spawn_blocking;

use super::job::{Addressee, Fate, Job, Result};
use super::maildir::{Letter, folder};
use crate::office::Office;

/// Delivers a job's recipients one after the other: each has a file of its own.
pub(super) async fn deliver<S: Spool, D>(office: &Office<S, D>, template: &Path, job: &Job) -> Vec<Result> {
    let mut results = Vec::with_capacity(job.recipients.len());
    for addressee in &job.recipients {
        let (fate, next_hop) = match folder(template, &addressee.mailbox) {
            Ok(path) => (one(office, &path, (job, addressee)).await, format!("maildir:{}", path.display())),
            Err(_unsafe) => (Fate::Failed(table::NO_SUCH_USER, "maildir.no-folder"), "maildir".to_owned()),
        };
        results.push(Result::of(addressee.number, fate, &next_hop));
    }
    results
}

async fn one<S: Spool, D>(office: &Office<S, D>, path: &Path, (job, addressee): (&Job, &Addressee)) -> Fate {
    match comes_back(office, job, addressee).await {
        Ok(false) => {}
        Ok(true) => return Fate::Failed(table::MAIL_LOOP, "delivery.loop"),
        Err(cause) => return Fate::Waits(None, cause),
    }
    match write(office, path, (job, addressee)).await {
        Ok(()) => Fate::Delivered(table::MAILBOX_HAS_IT, Happened::Delivered),
        Err(cause) => Fate::Waits(None, cause),
    }
}

/// Whether the message has been delivered to this mailbox before: a forwarder has sent it back.
async fn comes_back<S: Spool, D>(
    office: &Office<S, D>,
    job: &Job,
    addressee: &Addressee,
) -> std::result::Result<bool, String> {
    let content = office.spool.content(job.lent.claim.id).await;
    let mut content = content.map_err(|error| error.to_string())?;
    let mut scan = HeaderScan::new(HeaderLimits::default());
    while let Some(piece) = content.piece().await.map_err(|error| error.to_string())? {
        match scan.piece(&piece) {
            Progress::More => {}
            Progress::Ended { .. } | Progress::TooLarge => break,
        }
    }
    Ok(scan.finish().delivered_to.contains(&addressee.mailbox.folded()))
}

async fn write<S: Spool, D>(
    office: &Office<S, D>,
    path: &Path,
    (job, addressee): (&Job, &Addressee),
) -> std::result::Result<(), String> {
    let claim = &job.lent.claim;
    let mut head = trace::return_path(&claim.envelope.reverse_path);
    head.extend_from_slice(&trace::delivered_to(&addressee.mailbox));
    let (path, id, number) = (path.to_owned(), claim.id, addressee.number);
    let hostname = office.current.load().rules().hostname.ascii().to_owned();
    let mut letter = blocking(move || {
        let mut letter = Letter::create(&path, id, number, &hostname)?;
        letter.write(&head)?;
        Ok(letter)
    })
    .await?;
    let content = office.spool.content(claim.id).await;
    let mut content = content.map_err(|error| error.to_string())?;
    while let Some(piece) = content.piece().await.map_err(|error| error.to_string())? {
        letter = blocking(move || {
            letter.write(&piece)?;
            Ok(letter)
        })
        .await?;
    }
    blocking(move || letter.deliver()).await
}

/// Disks make threads wait; those are not the threads that sessions run on.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::result::Result<T, String> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(cause) => Err(cause.to_string()),
    }
}
