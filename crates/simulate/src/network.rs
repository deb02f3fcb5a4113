//! A network in memory: latency, odd pieces, cuts, partitions, hosts that refuse or hang.

mod end;
mod link;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::end::{End, Mark};
use self::link::{Cut, CutKind, Link, Shape};
use crate::chance::Chance;
use crate::life::Life;
use crate::trace::Trace;

/// The network. Cheap to copy.
#[derive(Debug, Clone)]
pub(crate) struct Network(Arc<Hub>);

#[derive(Debug)]
struct Hub {
    trace: Trace,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    weather: Weather,
    hosts: BTreeMap<SocketAddr, Host>,
    /// Until when nothing passes between the server and this address.
    partitions: BTreeMap<IpAddr, Instant>,
    links: Vec<Weak<Mutex<Link>>>,
    count: u64,
}

#[derive(Debug)]
struct Host {
    arrivals: mpsc::UnboundedSender<(End, SocketAddr)>,
    /// Those who arrive belong to this life.
    life: Option<Arc<Life>>,
    mood: Mood,
}

/// What becomes of new connections to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Welcoming,
    Refusing,
    Hanging,
}

/// How bad the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Weather {
    /// Connections of a hundred that are cut somewhere.
    pub(crate) cuts: u64,
    /// Connections of a hundred that carry their octets in odd pieces.
    pub(crate) odd: u64,
    /// The longest way, in milliseconds.
    pub(crate) latency: u64,
}

/// How the end of a process looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// The system says goodbye for it.
    Spoken,
    /// Nobody says anything.
    Silent,
}

/// Where connections arrive.
#[derive(Debug)]
pub(crate) struct Arrivals {
    queue: mpsc::UnboundedReceiver<(End, SocketAddr)>,
}

impl Arrivals {
    /// The next one; nothing once the address is somebody else's.
    pub(crate) async fn next(&mut self) -> Option<(End, SocketAddr)> {
        self.queue.recv().await
    }
}

impl Network {
    pub(crate) fn new(trace: Trace, chance: Chance, weather: Weather) -> Self {
        Self(Arc::new(Hub {
            trace,
            state: Mutex::new(State {
                chance,
                weather,
                hosts: BTreeMap::new(),
                partitions: BTreeMap::new(),
                links: Vec::new(),
                count: 0,
            }),
        }))
    }

    /// Changes the weather for connections to come.
    pub(crate) fn weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Opens an address.
    pub(crate) fn listen(&self, address: SocketAddr, life: Option<Arc<Life>>) -> Arrivals {
        let (arrivals, queue) = mpsc::unbounded_channel();
        self.state().hosts.insert(address, Host { arrivals, life, mood: Mood::Welcoming });
        Arrivals { queue }
    }

    /// Changes what becomes of new connections.
    pub(crate) fn mood(&self, address: SocketAddr, mood: Mood) {
        if let Some(host) = self.state().hosts.get_mut(&address) {
            host.mood = mood;
        }
    }

    /// Lets nothing pass to and from an address for a while. What is sent meanwhile arrives afterwards.
    pub(crate) fn part(&self, from: IpAddr, time: Duration) {
        self.state().partitions.insert(from, Instant::now() + time);
    }

    /// Ends all partitions, cuts to come, and moods.
    pub(crate) fn heal(&self, weather: Weather) {
        let mut state = self.state();
        state.weather = weather;
        state.partitions.clear();
        state.hosts.values_mut().for_each(|host| host.mood = Mood::Welcoming);
        let links: Vec<_> = state.links.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        for link in links {
            lock(&link).spare();
        }
    }

    /// Ends all that a dead process had.
    pub(crate) fn bury(&self, life: &Arc<Life>, parting: Parting) {
        let mut state = self.state();
        state.hosts.retain(|_, host| host.life.as_ref().is_none_or(|owner| owner.number != life.number));
        state.links.retain(|link| link.strong_count() > 0);
        let links: Vec<_> = state.links.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        for link in links {
            lock(&link).bury(life.number, parting);
        }
    }

    /// Connects. It may take for ever; whoever asks has a limit.
    pub(crate) async fn connect(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        life: Option<Arc<Life>>,
    ) -> io::Result<End> {
        let arrives = {
            let mut state = self.state();
            let latency = state.latency();
            let far = if life.is_some() { to.ip() } else { from.ip() };
            state.open_from(far) + latency
        };
        sleep_until(arrives).await;
        let shape = {
            let state = &mut *self.state();
            match state.hosts.get(&to) {
                Some(host) if host.mood == Mood::Hanging => None,
                Some(host) if host.mood == Mood::Welcoming && !host.arrivals.is_closed() => {
                    let host_life = host.life.clone();
                    let far = if life.is_some() { to.ip() } else { from.ip() };
                    state.count += 1;
                    let link = state.link(state.count, far);
                    Some((link, host_life))
                }
                Some(_) | None => return Err(io::ErrorKind::ConnectionRefused.into()),
            }
        };
        let Some((link, host_life)) = shape else { return std::future::pending().await };
        let number = lock(&link).shape.number;
        self.0.trace.tell(format_args!("connection {number}: {from} to {to}"));
        let near = End::new(self.clone(), link.clone(), (0, life));
        let far = End::new(self.clone(), link, (1, host_life));
        let sent = self.state().hosts.get(&to).map(|host| host.arrivals.send((far, from)).is_ok());
        if sent == Some(true) { Ok(near) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trace(&self) -> &Trace {
        &self.0.trace
    }

    /// When something that is sent now gets there.
    fn arrival(&self, far: IpAddr, least: Duration) -> Instant {
        self.state().open_from(far) + least
    }

    fn draw(&self, end: u64) -> u64 {
        self.state().chance.below(end)
    }
}

impl State {
    fn latency(&mut self) -> Duration {
        let most = self.weather.latency;
        self.chance.millis(0, most)
    }

    /// From when on anything passes to and from an address.
    fn open_from(&self, far: IpAddr) -> Instant {
        let now = Instant::now();
        self.partitions.get(&far).map_or(now, |until| now.max(*until))
    }

    fn link(&mut self, number: u64, far: IpAddr) -> Arc<Mutex<Link>> {
        let latency = self.latency();
        let odd = self.chance.percent(self.weather.odd);
        let cut = self.chance.percent(self.weather.cuts).then(|| {
            let side = usize::from(self.chance.one_in(2));
            let scale = 1 << self.chance.between(3, 14);
            let kind = if self.chance.percent(30) { CutKind::Silent } else { CutKind::Reset };
            (side, Cut { after: self.chance.below(scale), kind })
        });
        let link = Arc::new(Mutex::new(Link::new(Shape { number, far, latency, odd }, cut)));
        if self.links.len() == self.links.capacity() {
            self.links.retain(|link| link.strong_count() > 0);
        }
        self.links.push(Arc::downgrade(&link));
        link
    }
}

fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock().unwrap_or_else(PoisonError::into_inner)
}
