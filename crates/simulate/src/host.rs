//! Hosts that take mail, and do to the server what hosts do.

mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::session::Session;
use crate::chance::Chance;
use crate::names::Host;
use crate::network::Arrivals;
use crate::stage::Stage;
use crate::wire::Wire;

/// How long a host waits for the server.
const PATIENCE: Duration = Duration::from_secs(400);
/// Most connections of a host that is careful, at once.
const FEW: u64 = 2;

/// What a host is like in a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// What it lists.
    pub(crate) lists: [Option<&'static str>; 2],
    /// Most recipients of a transaction.
    pub(crate) recipients: usize,
    /// Most connections.
    connections: u64,
}

/// Takes connections for ever.
pub(crate) async fn run(stage: Arc<Stage>, host: Host, mut arrivals: Arrivals, mut chance: Chance) {
    let habits = Habits {
        lists: [chance.percent(70).then_some("PIPELINING"), chance.percent(60).then_some("CHUNKING")],
        recipients: if chance.percent(25) { 2 } else { 100 },
        connections: if chance.percent(20) { FEW } else { u64::MAX },
    };
    let open = Arc::new(AtomicU64::new(0));
    while let Some((end, _)) = arrivals.next().await {
        let (stage, open, chance) = (stage.clone(), open.clone(), chance.fork());
        let before = open.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let mut wire = Wire::new(end, PATIENCE);
            // One that is lost needs no more.
            let _ = if before >= habits.connections {
                wire.say(b"421 4.7.0 too many connections\r\n").await
            } else {
                Session::new(&stage, host, (habits, chance)).serve(&mut wire).await
            };
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
