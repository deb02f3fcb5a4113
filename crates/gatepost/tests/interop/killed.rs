//! Every server that knows accounts, killed in the middle of logins: clients are told to come back, never that a right password is
//! wrong, and are let in again without anybody touching gatepost.

mod kerberos;
mod server;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gatepost_directory::limits::{SOURCE_ANSWER_WAIT, SOURCE_BACK_OFF_MOST};
use gatepost_testworld::Client;
use gatepost_testworld::patience::{PATIENCE, until};

use crate::rig::{HOSTNAME, Plan};
use server::{Blow, Password, Proofs, Site};

/// Clients that log in again and again.
const CLIENTS: usize = 4;

/// How much longer than a named time-out a reply may take, on a machine that does much else.
const SLACK: Duration = Duration::from_secs(3);

/// No failure counts here: what is seen is the source's answer.
const AUTH: &str = "failures-before-lockout = 1000000\ntarpit = \"0s\"";

/// What came of one login.
#[derive(Debug, Clone)]
struct Outcome {
    began: Instant,
    ended: Instant,
    password: Password,
    reply: String,
}

impl Outcome {
    fn said(&self, code: &str) -> bool {
        self.reply.starts_with(code)
    }
}

/// What all clients together have seen.
#[derive(Default)]
struct Seen {
    outcomes: Mutex<Vec<Outcome>>,
    is_over: AtomicBool,
}

impl Seen {
    /// Waits until there are so many replies to logins that began since then.
    async fn await_replies(&self, since: Instant, counts: &[(&str, usize)]) -> io::Result<()> {
        let enough = || {
            let outcomes = self.outcomes.lock().expect("the outcomes");
            let new: Vec<_> = outcomes.iter().filter(|outcome| outcome.began >= since).collect();
            let reached =
                |(code, count): &(&str, usize)| new.iter().filter(|it| it.said(code)).count() >= *count;
            Ok(counts.iter().all(reached).then_some(()))
        };
        until(&format!("replies {counts:?}"), PATIENCE, enough).await
    }
}

/// Logs in once, over a connection of its own.
async fn log_in(gatepost: SocketAddr, line: &str) -> io::Result<(Instant, String)> {
    let mut client = Client::dial(gatepost).await?.patience(PATIENCE);
    client.shake_hands(HOSTNAME).await?;
    client.expect("220").await?;
    client.say("EHLO client.example", "250").await?;
    let began = Instant::now();
    client.send_line(line).await?;
    let mut reply = client.reply().await?;
    if reply.code() == 334 {
        // What is wrong with a token is told before the refusal; the client has nothing to say to that (RFC 7628 section 3.2.3).
        client.send_line("").await?;
        reply = client.reply().await?;
    }
    let _ = client.quit().await;
    Ok((began, reply.text()))
}

/// One client: a wrong password after every two right ones.
async fn keep_logging_in(gatepost: SocketAddr, proofs: Arc<Proofs>, seen: Arc<Seen>) -> io::Result<()> {
    for password in [Password::Right, Password::Wrong, Password::Right].into_iter().cycle() {
        if seen.is_over.load(Ordering::Relaxed) {
            break;
        }
        let Some(line) = proofs.line(password).await else {
            // Nothing is left to be shown while the issuer is down.
            tokio::task::yield_now().await;
            continue;
        };
        let (began, reply) = log_in(gatepost, &line).await?;
        let outcome = Outcome { began, ended: Instant::now(), password, reply };
        seen.outcomes.lock().expect("the outcomes").push(outcome);
    }
    Ok(())
}

/// When what happened.
struct Times {
    begun: Instant,
    striking: Instant,
    down: Instant,
    reviving: Instant,
    back: Instant,
}

async fn drive(site: &mut Site, seen: &Seen) -> io::Result<Times> {
    let begun = Instant::now();
    seen.await_replies(begun, &[("235 2.7.0", 20), ("535 5.7.8", 5)]).await?;
    let striking = Instant::now();
    site.server.strike(site.blow)?;
    let down = Instant::now();
    let replies = match site.blow {
        Blow::Kill => 20,
        // Each of them takes its time.
        Blow::Freeze => 2 * CLIENTS,
    };
    seen.await_replies(down, &[("454 4.7.0", replies)]).await?;
    let reviving = Instant::now();
    site.server.revive(site.blow).await?;
    let back = Instant::now();
    seen.await_replies(back, &[("235 2.7.0", 20), ("535 5.7.8", 5)]).await?;
    seen.is_over.store(true, Ordering::Relaxed);
    Ok(Times { begun, striking, down, reviving, back })
}

/// What must be true of each reply, whenever it came.
fn judge(site: &Site, times: &Times, outcome: &Outcome) {
    let who = format!("{}: {outcome:?}", site.name);
    let fitting = match outcome.password {
        Password::Right => "235 2.7.0",
        Password::Wrong => "535 5.7.8",
    };
    let is_over_a_revival = outcome.began < times.back && outcome.ended > times.reviving;
    if site.forgets && is_over_a_revival && outcome.password == Password::Right {
        // A token of before, which nobody remembers.
        return;
    }
    assert!(outcome.said(fitting) || outcome.said("454 4.7.0"), "{who}");
    if outcome.ended < times.striking {
        assert!(outcome.said(fitting), "before: {who}");
    }
    if outcome.began > times.down && outcome.ended < times.reviving {
        assert!(outcome.said("454 4.7.0"), "while it is down: {who}");
        assert!(outcome.ended - outcome.began < site.longest + SLACK, "too late: {who}");
    }
}

async fn strike(mut site: Site) -> io::Result<()> {
    let gatepost = Plan::default().auth(AUTH).with(&site.tables).start();
    let seen = Arc::new(Seen::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            tokio::spawn(keep_logging_in(gatepost.submissions(), Arc::clone(&site.proofs), Arc::clone(&seen)))
        })
        .collect();
    let times = drive(&mut site, &seen).await.map_err(|cause| {
        let outcomes = seen.outcomes.lock().expect("the outcomes");
        let last: Vec<_> = outcomes.iter().rev().take(2 * CLIENTS).collect();
        io::Error::other(format!("{}: {cause}; last {last:#?}", site.name))
    })?;
    for client in clients {
        client.await.expect("a client")?;
    }
    let outcomes = seen.outcomes.lock().expect("the outcomes").clone();
    outcomes.iter().for_each(|outcome| judge(&site, &times, outcome));
    show(&site, &times, &outcomes);
    Ok(())
}

fn show(site: &Site, times: &Times, outcomes: &[Outcome]) {
    let before = outcomes.iter().filter(|it| it.ended < times.striking).count();
    let put_off = outcomes.iter().filter(|it| it.said("454")).collect::<Vec<_>>();
    let slowest = put_off.iter().map(|it| it.ended - it.began).max().unwrap_or_default();
    let good = outcomes.iter().filter(|it| it.said("235") && it.ended > times.reviving);
    let recovered = good.map(|it| it.ended).min().expect("somebody logged in again");
    let recovery = recovered.saturating_duration_since(times.back);
    let longest = SOURCE_BACK_OFF_MOST + SOURCE_ANSWER_WAIT + SLACK;
    assert!(recovery < longest, "{}: recovered after {recovery:?}", site.name);
    let _ = writeln!(
        io::stderr().lock(),
        "{:32} {before:4} logins in {:4} ms before; {:4} times 454, the slowest after {:4} ms; recovered {:4} ms after its restart",
        site.name,
        (times.striking - times.begun).as_millis(),
        put_off.len(),
        slowest.as_millis(),
        recovery.as_millis(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle() -> io::Result<()> {
    strike(server::slapd(Blow::Kill).await?).await?;
    strike(server::postgresql(Blow::Kill).await?).await?;
    strike(server::mariadb(Blow::Kill).await?).await?;
    strike(server::dovecot().await?).await?;
    strike(server::issuer().await?).await?;
    strike(server::helper()?).await
}

/// Who says nothing, with open connections, is given up after the named time.
#[tokio::test(flavor = "multi_thread")]
async fn frozen_in_the_middle() -> io::Result<()> {
    strike(server::slapd(Blow::Freeze).await?).await?;
    strike(server::postgresql(Blow::Freeze).await?).await?;
    strike(server::mariadb(Blow::Freeze).await?).await
}
