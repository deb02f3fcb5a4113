//! One side's hold on a connection.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::link::{Link, ROOM, Shape};
use super::{Network, lock};
use crate::life::Life;

/// One side of a connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct End {
    network: Network,
    link: Arc<Mutex<Link>>,
    side: usize,
    life: Option<Arc<Life>>,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// Says when the other side has read up to a place, if it has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark(Arc<OnceLock<Duration>>);

impl Mark {
    /// Since the start of the run.
    pub(crate) fn read_at(&self) -> Option<Duration> {
        self.0.get().copied()
    }
}

impl End {
    pub(super) fn new(
        network: Network,
        link: Arc<Mutex<Link>>,
        (side, life): (usize, Option<Arc<Life>>),
    ) -> Self {
        if let Some(place) = lock(&link).lives.get_mut(side) {
            *place = life.as_ref().map(|life| life.number);
        }
        Self { network, link, side, life, alarm: None }
    }

    /// The number of the connection.
    pub(crate) fn number(&self) -> u64 {
        lock(&self.link).shape.number
    }

    /// Says later whether what was written so far has been read.
    pub(crate) fn mark(&self) -> Mark {
        let mark = Mark::default();
        let mut link = lock(&self.link);
        let silent = link.silent;
        let way = link.out(self.side);
        let place = way.sent;
        // What was written into a torn way will never be read.
        if way.read < place && !way.is_torn() && !silent {
            way.marks.push_back((place, mark.clone()));
        } else if !way.is_torn() && !silent {
            let _ = mark.0.set(self.network.trace().elapsed());
        }
        mark
    }

    /// How long ago the other side has written what was read last.
    pub(crate) fn age(&self) -> Duration {
        lock(&self.link).toward(self.side).written.map_or(Duration::ZERO, |written| written.elapsed())
    }

    fn step(&self) -> bool {
        self.life.as_ref().is_none_or(|life| life.step())
    }

    fn is_dead(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.is_dead())
    }

    /// How many octets one call moves: most often all, sometimes few.
    fn portion(&self, most: usize, shape: Shape) -> usize {
        if !shape.odd || self.network.draw(3) == 0 {
            return most;
        }
        let few = usize::try_from(1 + self.network.draw(24)).unwrap_or(1);
        most.min(few)
    }

    /// What can be read now, or nothing.
    fn take(&self, most: usize) -> Option<io::Result<Vec<u8>>> {
        let now = Instant::now();
        let mut link = lock(&self.link);
        let shape = link.shape;
        let way = link.toward(self.side);
        if way.pieces.front().is_some_and(|piece| piece.at <= now) {
            let octets = way.take(self.portion(most, shape), now)?;
            let about = shape.number * 2 + self.side as u64;
            self.network.trace().octets(about, &octets);
            let read = way.read;
            while let Some((_, mark)) = way.marks.pop_front_if(|(place, _)| *place <= read) {
                let _ = mark.0.set(self.network.trace().elapsed());
            }
            return Some(Ok(octets));
        }
        if way.reset.is_some_and(|at| at <= now) {
            return Some(Err(io::ErrorKind::ConnectionReset.into()));
        }
        way.ends.is_some_and(|at| at <= now && way.pieces.is_empty()).then(|| Ok(Vec::new()))
    }

    fn give(&self, octets: &[u8]) -> Option<io::Result<usize>> {
        let now = Instant::now();
        let mut link = lock(&self.link);
        let shape = link.shape;
        if link.toward(self.side).reset.is_some_and(|at| at <= now) {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let silent = link.silent;
        let way = link.out(self.side);
        let room = ROOM.saturating_sub(way.held);
        if room == 0 {
            return None;
        }
        let mut count = self.portion(octets.len().min(room), shape);
        if silent || way.is_torn() {
            way.held += count;
            return Some(Ok(count));
        }
        if way.deaf {
            // The answer to octets that nobody wants is a reset.
            link.happen(super::CutKind::Reset);
            return Some(Ok(count));
        }
        let cut = way.cut.map(|cut| (cut, cut.after.saturating_sub(way.sent)));
        let cut = cut.filter(|(_, left)| *left <= count as u64);
        if let Some((_, left)) = cut {
            count = usize::try_from(left).unwrap_or(count);
        }
        if count > 0 {
            let at = self.network.arrival(shape.far, shape.latency);
            way.put(octets.get(..count).unwrap_or_default(), at);
        }
        if let Some((cut, _)) = cut {
            way.cut = None;
            self.network.trace().tell(format_args!("connection {}: cut, {:?}", shape.number, cut.kind));
            link.happen(cut.kind);
            // One octet more than arrives: the writer cannot tell.
            count += 1;
        }
        Some(Ok(count.min(octets.len())))
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_dead() {
            return Poll::Pending;
        }
        loop {
            if let Some(taken) = self.take(buffer.remaining()) {
                if !self.step() {
                    return Poll::Pending;
                }
                buffer.put_slice(&taken?);
                return Poll::Ready(Ok(()));
            }
            let next = {
                let mut link = lock(&self.link);
                let side = self.side;
                let way = link.toward(side);
                way.reader = Some(cx.waker().clone());
                way.next()
            };
            let Some(next) = next else { return Poll::Pending };
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if alarm.deadline() != next {
                alarm.as_mut().reset(next);
            }
            ready!(alarm.as_mut().poll(cx));
            if Instant::now() < next {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_dead() || !self.step() {
            return Poll::Pending;
        }
        if let Some(given) = self.give(octets) {
            return Poll::Ready(given);
        }
        lock(&self.link).out(self.side).writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dead() {
            return Poll::Pending;
        }
        let mut link = lock(&self.link);
        if !link.silent {
            let least = Instant::now() + link.shape.latency;
            let way = link.out(self.side);
            if way.ends.is_none() {
                way.ends = Some(way.last.map_or(least, |last| last.max(least)));
            }
            way.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.is_dead() {
            lock(&self.link).close(self.side);
        }
    }
}
