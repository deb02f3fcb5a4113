//! The world as one life of the server meets it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatepost_mail::{Domain, Timestamp};
use gatepost_mta::net::resolve::ResolveError;
use gatepost_mta::outside::{Arrivals as GivenArrivals, Channel, Promise, World};
use gatepost_policy::exchanger::MxAnswer;
use hickory_proto::rr::RecordType;
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::life::Life;
use crate::names;
use crate::network::{Arrivals, Network};

/// How long a question about a name waits for an answer that does not come.
const SILENCE: Duration = Duration::from_secs(10);

/// Since when and until when names cannot be looked up. Cheap to copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Arc<Mutex<Option<Instant>>>);

impl Names {
    /// Nobody answers for a while.
    pub(crate) fn fail(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    /// Somebody answers again.
    pub(crate) fn heal(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn are_known(&self) -> bool {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_none_or(|until| until <= Instant::now())
    }
}

/// The world of one life.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    pub(crate) names: Names,
    pub(crate) life: Arc<Life>,
    pub(crate) chance: Mutex<Chance>,
}

impl Outside {
    async fn ask<T>(&self, name: &Domain, kind: RecordType, answer: T) -> Result<T, ResolveError> {
        let wait = Duration::from_millis(self.random() % 20);
        sleep(wait).await;
        if self.life.is_dead() {
            return std::future::pending().await;
        }
        if self.names.are_known() {
            return Ok(answer);
        }
        sleep(SILENCE).await;
        Err(ResolveError { name: name.ascii().to_owned(), kind, cause: "nobody answers".to_owned() })
    }
}

impl World for Outside {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn random(&self) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn GivenArrivals>> {
        let arrivals = self.network.listen(address, Some(self.life.clone()));
        Ok(Box::new(Door { arrivals, life: self.life.clone() }))
    }

    fn connect(&self, address: SocketAddr) -> Promise<'_, io::Result<Box<dyn Channel>>> {
        Box::pin(async move {
            if !self.life.step() {
                return std::future::pending().await;
            }
            let end = self.network.connect(names::SERVER, address, Some(self.life.clone())).await;
            if self.life.is_dead() {
                return std::future::pending().await;
            }
            end.map(|end| Box::new(end) as Box<dyn Channel>)
        })
    }

    fn exchangers<'a>(&'a self, domain: &'a Domain) -> Promise<'a, Result<MxAnswer, ResolveError>> {
        Box::pin(self.ask(domain, RecordType::MX, names::exchangers(domain)))
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> Promise<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(self.ask(host, RecordType::A, names::addresses(host)))
    }
}

/// A listener of the server's.
#[derive(Debug)]
struct Door {
    arrivals: Arrivals,
    life: Arc<Life>,
}

impl GivenArrivals for Door {
    fn next(&mut self) -> Promise<'_, io::Result<(Box<dyn Channel>, SocketAddr)>> {
        Box::pin(async move {
            let arrived = self.arrivals.next().await;
            match arrived.filter(|_| self.life.step()) {
                Some((end, client)) => Ok((Box::new(end) as Box<dyn Channel>, client)),
                None => std::future::pending().await,
            }
        })
    }
}
