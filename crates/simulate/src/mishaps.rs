//! What goes wrong, at its time.

use std::sync::Arc;
use std::time::Duration;

use gatepost_spool::Loss;
use tokio::time::sleep;

use crate::chance::Chance;
use crate::life::{Life, Until};
use crate::names::HOSTS;
use crate::network::Mood;
use crate::plan::Mishap;
use crate::stage::Stage;

/// Octets that are free on a disk that is full but for its floor.
const LITTLE: u64 = 20_000;

/// Makes all mishaps happen, then calms the world.
pub(crate) async fn run(stage: Arc<Stage>) {
    for (at, mishap) in stage.plan.mishaps.clone() {
        sleep(at.saturating_sub(stage.trace.elapsed())).await;
        stage.trace.tell(format_args!("mishap: {mishap:?}"));
        happen(&stage, mishap);
    }
    sleep(stage.plan.calm.saturating_sub(stage.trace.elapsed())).await;
    stage.calm();
}

fn happen(stage: &Arc<Stage>, mishap: Mishap) {
    match mishap {
        Mishap::Crash(until, loss) => crash(stage, until, loss),
        Mishap::Fault(fault, calls) => stage.disk.fail_after(fault, calls),
        Mishap::Full(time) => {
            let used: usize = stage.disk.files().iter().map(|(_, size)| size).sum();
            stage.disk.limit(Some(used as u64 + LITTLE));
            let from = stage.trace.elapsed();
            stage.books().full.push((from, from + time));
            later(stage, time, |stage| stage.disk.limit(None));
        }
        Mishap::Partition(host, time) => {
            if let Some(host) = HOSTS.get(host) {
                stage.network.part(host.address.ip(), time);
            }
        }
        Mishap::Mood(host, mood, time) => {
            if let Some(host) = HOSTS.get(host).copied() {
                stage.network.mood(host.address, mood);
                later(stage, time, move |stage| stage.network.mood(host.address, Mood::Welcoming));
            }
        }
        Mishap::Names(time) => stage.names.fail(time),
        Mishap::Jump(seconds) => stage.clock.jump(seconds),
    }
}

/// Does something after a while. It does no harm after the run: it only mends.
fn later(stage: &Arc<Stage>, time: Duration, mend: impl FnOnce(&Stage) + Send + 'static) {
    let stage = stage.clone();
    tokio::spawn(async move {
        sleep(time).await;
        mend(&stage);
    });
}

fn crash(stage: &Stage, until: Until, loss: Loss) {
    *stage.loss() = Some(loss);
    let life = stage.life().clone();
    match (life, until) {
        (Some(life), Until::Told) => life.kill(),
        (Some(life), until) => life.ends(until),
        // The next life will be short.
        (None, until) => *stage.next() = Some(until),
    }
}

/// Lets a new life end as it was planned while there was none.
pub(crate) fn arm(stage: &Stage, life: &Life) {
    if let Some(until) = stage.next().take() {
        life.ends(until);
    }
}

/// What the end of a process costs: as planned, else nothing that was written.
pub(crate) fn loss(stage: &Stage, chance: &mut Chance) -> Loss {
    let planned = stage.loss().take();
    planned.unwrap_or(if chance.one_in(2) { Loss::Process } else { Loss::Power })
}
