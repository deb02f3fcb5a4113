//! A gatepost with a Maildir domain and a domain behind it, and its queue as an operator sees it.

use std::io;

use gatepost_testworld::corpus::LineEnds;
use gatepost_testworld::{Exchanger, Maildir, Script};
use serde_json::Value;

use crate::book::{Arrival, Place};
use crate::load::{MAILBOX, OURS, THERE};
use crate::rig::{Gatepost, Plan, await_that};

/// The server that the second domain is delivered to, and us, with these waits between attempts.
pub(crate) async fn start(script: Script, retry: &str) -> io::Result<(Exchanger, Gatepost)> {
    let sink = Exchanger::start(script).await?;
    let gatepost = Plan::default()
        .maildir(OURS)
        .account(&format!("{MAILBOX}@{OURS}"), "of no concern", &[])
        .domain(THERE, &format!("deliver = \"smtp:{}\"", sink.address()))
        .with(&format!("[delivery]\nretry = {retry}"))
        .start();
    Ok((sink, gatepost))
}

/// `gatepost --json queue list`.
pub(crate) fn list(gatepost: &Gatepost) -> Vec<Value> {
    let output = gatepost.run(&["--json", "queue", "list"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gatepost queue list: {told}");
    serde_json::from_slice(&output.stdout).expect("a list in JSON")
}

/// Waits until nothing is left to do.
pub(crate) fn await_empty(gatepost: &Gatepost) {
    await_that("an empty queue", || list(gatepost).is_empty().then_some(()));
}

/// Runs a command on the queue that must do something.
pub(crate) fn change(gatepost: &Gatepost, arguments: &[&str]) {
    let output = gatepost.run(&[&["queue"], arguments].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gatepost queue {arguments:?}: {told}");
}

/// Where mail of ours lies.
pub(crate) fn maildir(gatepost: &Gatepost) -> Maildir {
    Maildir::at(&gatepost.mailbox(OURS, MAILBOX))
}

/// Everything that arrived anywhere.
pub(crate) fn arrivals(gatepost: &Gatepost, sink: &Exchanger) -> io::Result<Vec<Arrival>> {
    let local = maildir(gatepost).messages()?.into_iter();
    let local = local.map(|message| Arrival { place: Place::Maildir, line_ends: LineEnds::Lf, message });
    let elsewhere = sink.messages().into_iter().map(|message| message.content.clone());
    let elsewhere =
        elsewhere.map(|message| Arrival { place: Place::Sink, line_ends: LineEnds::Crlf, message });
    Ok(local.chain(elsewhere).collect())
}
