//! Accepts connections until our life ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatepost_directory::Directory;
use gatepost_policy::connect::{ConnectFacts, connect};
use gatepost_spool::Spool;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::places::Taken;
use super::{Bound, session};
use crate::event::What;
use crate::lifetime::Phase;
use crate::net::stream::Stream;
use crate::office::Office;
use crate::settings::ListenerSettings;

/// How long to wait when the system has no descriptor for another connection: one may be given back soon.
const BREATH: Duration = Duration::from_millis(50);
/// How long a client that is turned away may take to read why, where that cannot be written at once.
const PARTING: Duration = Duration::from_secs(5);
/// Clients that are told so at once; beyond that they are closed without a word.
const PARTINGS: usize = 64;

/// Accepts until the life of the office begins to drain; the socket is closed then.
pub(crate) async fn run<S: Spool, D: Directory>(office: Arc<Office<S, D>>, bound: Bound) {
    let life = office.life.clone();
    let listening = What::Listening { listener: bound.settings.name.clone(), address: bound.address };
    office.events.emit(None, None, listening);
    // Sessions must not share the socket: it would stay open, and take connections for nobody, until the last of
    // them has ended.
    let Bound { settings, mut socket, .. } = bound;
    let settings = Arc::new(settings);
    let partings = Arc::new(Semaphore::new(PARTINGS));
    loop {
        tokio::select! {
            biased;
            () = life.reached(Phase::Draining) => return,
            accepted = socket.accept() => match accepted {
                Ok((stream, client)) => welcome(&office, (&settings, &partings), stream, client),
                Err(cause) => {
                    let hint = "raise the limit of open files (ulimit -n) if it says so";
                    office.events.emit(None, None, What::Trouble { part: "accept", cause: cause.to_string(), hint });
                    sleep(BREATH).await;
                }
            }
        }
    }
}

/// Gives the client a place and a session of its own, or turns it away.
fn welcome<S: Spool, D: Directory>(
    office: &Arc<Office<S, D>>,
    (settings, partings): (&Arc<ListenerSettings>, &Arc<Semaphore>),
    stream: Stream,
    client: SocketAddr,
) {
    let (place, taken) = office.places.take(client.ip());
    let current = office.current.load_full();
    // Policy wants to know who was there before this client.
    let Taken { open, open_from_network } = taken;
    let facts = ConnectFacts { open: open - 1, open_from_network: open_from_network - 1 };
    let verdict = connect(&facts, current.rules());
    match verdict.reply {
        None => {
            let (settings, office_of_session) = (settings.clone(), office.clone());
            office.sessions.spawn(office.life.clone(), async move {
                session::serve(office_of_session, current, &settings, stream, client).await;
                drop(place);
            });
        }
        Some(reply) => {
            let rule = verdict.rule.as_str();
            office.events.emit(None, None, What::TurnedAway { client, rule, reply: reply.to_string() });
            // Whoever gets no place takes none, or a crowd at the door would keep everybody else out.
            drop(place);
            let mut octets = Vec::new();
            reply.write_to(&mut octets);
            turn_away(office, partings, stream, octets);
        }
    }
}

/// Tells a client why it has to go. Nothing waits for that on the way of the next one.
fn turn_away<S: Spool, D: Directory>(
    office: &Office<S, D>,
    partings: &Arc<Semaphore>,
    stream: Stream,
    octets: Vec<u8>,
) {
    let Err(mut stream) = stream.last_words(&octets) else { return };
    let Ok(parting) = Arc::clone(partings).try_acquire_owned() else { return };
    office.sessions.spawn(office.life.clone(), async move {
        let _ = timeout(PARTING, async {
            stream.write_all(&octets).await?;
            stream.shutdown().await
        })
        .await;
        drop(parting);
    });
}
