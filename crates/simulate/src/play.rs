//! A run from its beginning to its end: lives of the server, one behind the other, in a world that goes on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepost_mta::outside::Outside as Given;
use gatepost_mta::{Event, Events, Parts, Server};
use gatepost_spool::{Embedded, Loss, Spool};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::accounts::NoAccounts;
use crate::books::{Ending, LifeSpan};
use crate::chance::Chance;
use crate::life::Life;
use crate::network::{Network, Parting};
use crate::outside::Outside;
use crate::plan::Plan;
use crate::queue::{Bug, Queue};
use crate::stage::Stage;
use crate::trace::Trace;
use crate::{client, host, mishaps, names, settings};

/// Where the spool is on its disk.
const FOLDER: &str = "/spool";
/// Most lives of a run.
const MOST_LIVES: u64 = 60;
/// How often is looked whether all is done.
const LOOK: Duration = Duration::from_secs(30);
/// How long the server may take to end in peace.
const DRAIN: Duration = Duration::from_secs(30);
/// How long a session of ours lives whose client is gone without a word: it waits for content or a command, and no longer.
const LONGEST_SESSION: Duration = Duration::from_secs(300);
/// How long what is left may wait once nothing goes wrong any more, beside what the clock has jumped back.
const REST: Duration = Duration::from_secs(4 * 3600);

/// Plays a plan to its end. What was seen is in the stage.
pub(crate) async fn play(plan: Plan, bug: Bug, trace: Trace) -> Arc<Stage> {
    let mut chance = Chance::new(plan.seed ^ 0x5eed);
    let network = Network::new(trace.clone(), chance.fork(), plan.weather);
    let stage = Stage::new(plan, trace, network);
    if bug == Bug::NoSync {
        stage.disk.lie();
    }
    let mut world = people(&stage, &mut chance);
    let mut lives = Lives { stage: stage.clone(), bug, chance: chance.fork() };
    lives.all().await;
    while let Some(task) = world.pop() {
        task.abort();
        // Whether it ended by itself or by that, it is over.
        let _ = task.await;
    }
    stage
}

/// Starts all who are not the server.
fn people(stage: &Arc<Stage>, chance: &mut Chance) -> Vec<JoinHandle<()>> {
    let mut world = Vec::new();
    for host in names::HOSTS {
        let arrivals = stage.network.listen(host.address, None);
        world.push(tokio::spawn(host::run(stage.clone(), host, arrivals, chance.fork())));
    }
    stage.books().busy_clients = stage.plan.clients.len() as u64;
    for client in stage.plan.clients.clone() {
        world.push(tokio::spawn(client::run(stage.clone(), client, chance.fork())));
    }
    world.push(tokio::spawn(mishaps::run(stage.clone())));
    world
}

struct Lives {
    stage: Arc<Stage>,
    bug: Bug,
    chance: Chance,
}

/// A life that is under way.
struct Running {
    life: Arc<Life>,
    queue: Arc<Queue>,
    server: Server<Queue, NoAccounts>,
    syncs: JoinHandle<()>,
    events: JoinHandle<()>,
}

/// Why a life is over.
enum Over {
    Dead,
    SpoolStopped,
    Done,
}

impl Lives {
    async fn all(&mut self) {
        for number in 0..MOST_LIVES {
            let Some(running) = self.begin(number).await else {
                sleep(self.chance.seconds(1, 60)).await;
                continue;
            };
            match self.until_over(&running).await {
                Over::Done => return self.end(running).await,
                Over::Dead => self.bury(running).await,
                Over::SpoolStopped => self.stop(running).await,
            }
            sleep(self.chance.seconds(0, 60)).await;
        }
        self.stage.books().wrong(None, format!("{MOST_LIVES} lives were not enough"));
    }

    /// Opens the spool and starts the server; nothing if the disk does not let it.
    async fn begin(&mut self, number: u64) -> Option<Running> {
        let stage = self.stage.clone();
        let life = Life::begin(number, &stage.disk);
        mishaps::arm(&stage, &life);
        let began = stage.trace.elapsed();
        stage.books().lives.push(LifeSpan { began, ended: None, end: None });
        let settings = settings::spool(&stage.disk, stage.plan.seed);
        let opened = Embedded::open(FOLDER.as_ref(), settings, stage.clock.now());
        let queue = match opened {
            Ok((spool, recovery)) if !life.is_dead() => {
                stage.trace.tell(format_args!("life {number} begins: {recovery:?}"));
                Arc::new(Queue::new(spool, self.bug, stage.clock.now()))
            }
            Ok(_) => return self.still_born("died while it opened its spool").await,
            Err(error) => return self.still_born(&error.to_string()).await,
        };
        let syncs = tokio::spawn(queue.keep_synced());
        let outside = Given::given(Arc::new(Outside {
            network: stage.network.clone(),
            clock: stage.clock.clone(),
            names: stage.names.clone(),
            life: life.clone(),
            chance: Mutex::new(self.chance.fork()),
        }));
        let (events, heard) = Events::channel_in(outside.clone());
        let parts = Parts { spool: queue.clone(), directory: Arc::new(NoAccounts), events, outside };
        let events = tokio::spawn(listen(stage.trace.clone(), life.clone(), heard));
        let server = settings::server(&stage.plan).and_then(|settings| Server::start(settings, parts).ok());
        let Some(server) = server else {
            stage.books().wrong(None, "the server does not start".to_owned());
            return None;
        };
        *stage.life() = Some(life.clone());
        Some(Running { life, queue, server, syncs, events })
    }

    /// The process ended before it could serve.
    async fn still_born(&mut self, why: &str) -> Option<Running> {
        self.stage.trace.tell(format_args!("no life: {why}"));
        let loss = mishaps::loss(&self.stage, &mut self.chance);
        self.restart(loss);
        None
    }

    fn restart(&mut self, loss: Loss) {
        self.stage.disk.restart(loss, self.chance.next());
        let ending = match loss {
            Loss::Process => Ending::Killed,
            Loss::Power => Ending::PowerCut,
        };
        self.stage.trace.tell(format_args!("the process has ended: {ending:?}"));
        self.over(ending);
    }

    /// Writes down how a life has ended, unless that is written already.
    fn over(&self, ending: Ending) {
        let at = self.stage.trace.elapsed();
        let mut books = self.stage.books();
        if let Some(span) = books.lives.last_mut().filter(|span| span.end.is_none()) {
            (span.ended, span.end) = (Some(span.ended.unwrap_or(at)), Some(ending));
        }
    }

    /// From now on it can do nothing lasting.
    fn ends_now(&self) {
        let at = self.stage.trace.elapsed();
        if let Some(span) = self.stage.books().lives.last_mut() {
            span.ended = Some(at);
        }
    }

    async fn until_over(&self, running: &Running) -> Over {
        tokio::select! {
            biased;
            () = running.life.death() => Over::Dead,
            _ = running.queue.failed() => if running.life.is_dead() { Over::Dead } else { Over::SpoolStopped },
            () = self.all_done(&running.queue) => Over::Done,
        }
    }

    /// Waits until nothing is left to do, or what is left has waited for longer than it may.
    async fn all_done(&self, queue: &Queue) {
        loop {
            sleep(LOOK).await;
            if queue.is_spent() {
                return self.stage.books().wrong(None, "the same is tried again and again".to_owned());
            }
            if !self.stage.is_calm() || self.stage.books().busy_clients > 0 {
                continue;
            }
            let calm = self.stage.plan.calm;
            let most = calm + self.stage.clock.far_back() + REST;
            let (elapsed, waits) = (self.stage.trace.elapsed(), queue.stats().await.messages > 0);
            if (!waits && elapsed > calm + LONGEST_SESSION) || elapsed > most {
                return;
            }
        }
    }

    /// A dead process: all that it had goes, and nothing that it still does counts.
    async fn bury(&mut self, running: Running) {
        running.life.kill();
        self.ends_now();
        let loss = mishaps::loss(&self.stage, &mut self.chance);
        let silent = loss == Loss::Power && self.chance.one_in(2);
        let parting = if silent { Parting::Silent } else { Parting::Spoken };
        self.stage.network.bury(&running.life, parting);
        self.clear(running, (Duration::ZERO, Ending::Killed)).await;
        self.restart(loss);
    }

    /// The spool has stopped: the program ends by itself.
    async fn stop(&mut self, running: Running) {
        self.stage.trace.tell(format_args!("the spool has stopped"));
        self.ends_now();
        self.clear(running, (DRAIN, Ending::SpoolStopped)).await;
        let loss = if self.chance.one_in(3) { Loss::Power } else { Loss::Process };
        self.over(Ending::SpoolStopped);
        self.restart(loss);
    }

    async fn end(&mut self, running: Running) {
        crate::judge::look_into(&self.stage, &running.queue).await;
        self.clear(running, (DRAIN, Ending::Drained)).await;
        self.over(Ending::Drained);
    }

    /// Ends all tasks of a life; none may be left.
    async fn clear(&self, running: Running, (patience, ending): (Duration, Ending)) {
        let Running { life, queue, server, syncs, events } = running;
        *self.stage.life() = None;
        let by_itself = server.drain(patience).await;
        drop(server);
        syncs.abort();
        let _ = syncs.await;
        let left = Arc::downgrade(&queue);
        drop(queue);
        let heard = timeout(Duration::from_secs(1), events).await;
        if self.bug != Bug::None {
            return;
        }
        let mut books = self.stage.books();
        if left.strong_count() > 0 || heard.is_err() {
            books.wrong(None, "a task is left over".to_owned());
        }
        if !by_itself && !life.is_dead() && ending == Ending::Drained {
            books.wrong(None, "the server did not end by itself".to_owned());
        }
        drop(books);
        self.stage.network.bury(&life, Parting::Spoken);
    }
}

/// Takes what the server tells into the trace.
async fn listen(trace: Trace, life: Arc<Life>, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        if life.is_dead() {
            continue;
        }
        let Event { session, message, what, .. } = event;
        match (session, message) {
            (Some(session), Some(message)) => trace.tell(format_args!("  {session} {message} {what:?}")),
            (Some(only), None) => trace.tell(format_args!("  {only} {what:?}")),
            (None, Some(only)) => trace.tell(format_args!("  {only} {what:?}")),
            (None, None) => trace.tell(format_args!("  {what:?}")),
        }
    }
}
