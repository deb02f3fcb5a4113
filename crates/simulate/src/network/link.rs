//! Both directions of a connection, and what becomes of it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::{Mark, Parting};

/// Octets on their way in one direction.
pub(super) const ROOM: usize = 64 * 1024;

/// What a connection is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) number: u64,
    /// The address that is not the server's.
    pub(super) far: IpAddr,
    pub(super) latency: Duration,
    /// Whether octets come in odd pieces.
    pub(super) odd: bool,
}

/// Where a direction is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// After so many octets.
    pub(super) after: u64,
    pub(super) kind: CutKind,
}

/// What a cut looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutKind {
    /// Both sides hear of it.
    Reset,
    /// Neither does.
    Silent,
}

/// A connection. Side 0 has connected.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) shape: Shape,
    /// By the side that writes into it.
    pub(super) ways: [Way; 2],
    /// Nothing passes any more, and nobody is told.
    pub(super) silent: bool,
    /// Which process each side belongs to.
    pub(super) lives: [Option<u64>; 2],
}

/// Where what is written from now on arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Far {
    #[default]
    Reader,
    Nowhere,
}

/// Octets on their way.
#[derive(Debug)]
pub(super) struct Piece {
    written: Instant,
    /// When they are there.
    pub(super) at: Instant,
    octets: Vec<u8>,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) pieces: VecDeque<Piece>,
    /// When the octets were written that were read last.
    pub(super) written: Option<Instant>,
    pub(super) held: usize,
    pub(super) sent: u64,
    pub(super) read: u64,
    pub(super) last: Option<Instant>,
    /// When the reader sees the end.
    pub(super) ends: Option<Instant>,
    /// When the reader sees a reset.
    pub(super) reset: Option<Instant>,
    /// Whether the reader is gone.
    pub(super) deaf: bool,
    far: Far,
    pub(super) cut: Option<Cut>,
    pub(super) marks: VecDeque<(u64, Mark)>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

impl Link {
    pub(super) fn new(shape: Shape, cut: Option<(usize, Cut)>) -> Self {
        let mut ways = [Way::default(), Way::default()];
        if let Some((side, cut)) = cut
            && let Some(way) = ways.get_mut(side)
        {
            way.cut = Some(cut);
        }
        Self { shape, ways, silent: false, lives: [None, None] }
    }

    /// The direction that a side writes into.
    pub(super) fn out(&mut self, side: usize) -> &mut Way {
        let [first, second] = &mut self.ways;
        if side == 0 { first } else { second }
    }

    /// The direction that a side reads from.
    pub(super) fn toward(&mut self, side: usize) -> &mut Way {
        self.out(1 - side)
    }

    /// A cut that has not happened will not.
    pub(super) fn spare(&mut self) {
        for way in &mut self.ways {
            way.cut = None;
        }
    }

    pub(super) fn happen(&mut self, kind: CutKind) {
        match kind {
            CutKind::Silent => self.silence(),
            CutKind::Reset => self.reset(),
        }
    }

    /// Both sides see a reset, behind what is on its way.
    fn reset(&mut self) {
        let least = Instant::now() + self.shape.latency;
        for way in &mut self.ways {
            let at = way.last.map_or(least, |last| last.max(least));
            way.reset = Some(way.reset.map_or(at, |before| before.min(at)));
            way.far = Far::Nowhere;
            way.wake();
        }
    }

    /// What is on its way is lost, and nothing passes any more.
    fn silence(&mut self) {
        self.silent = true;
        for way in &mut self.ways {
            way.pieces.clear();
            way.held = 0;
            way.wake();
        }
    }

    /// A side has closed its end.
    pub(super) fn close(&mut self, side: usize) {
        let least = Instant::now() + self.shape.latency;
        let silent = self.silent;
        self.toward(side).deaf = true;
        let way = self.out(side);
        if way.ends.is_none() && !silent {
            way.ends = Some(way.last.map_or(least, |last| last.max(least)));
        }
        way.wake();
        self.toward(side).wake();
    }

    /// A process has ended.
    pub(super) fn bury(&mut self, life: u64, parting: Parting) {
        for side in [0, 1] {
            if self.lives.get(side).copied().flatten() == Some(life) {
                match parting {
                    Parting::Spoken => self.reset(),
                    Parting::Silent => self.silence(),
                }
            }
        }
    }
}

impl Way {
    /// Whether what is written arrives nowhere.
    pub(super) fn is_torn(&self) -> bool {
        self.far == Far::Nowhere
    }

    pub(super) fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    /// Puts octets on their way.
    pub(super) fn put(&mut self, octets: &[u8], at: Instant) {
        let at = self.last.map_or(at, |last| last.max(at));
        self.last = Some(at);
        self.sent += octets.len() as u64;
        self.held += octets.len();
        self.pieces.push_back(Piece { written: Instant::now(), at, octets: octets.to_vec() });
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    /// Takes octets that are there by now; nothing if there are none.
    pub(super) fn take(&mut self, most: usize, now: Instant) -> Option<Vec<u8>> {
        let piece = self.pieces.front_mut().filter(|piece| piece.at <= now)?;
        let octets: Vec<u8> = piece.octets.drain(..most.min(piece.octets.len())).collect();
        self.written = Some(piece.written);
        if piece.octets.is_empty() {
            self.pieces.pop_front();
        }
        self.held -= octets.len();
        self.read += octets.len() as u64;
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
        Some(octets)
    }

    /// The next moment at which the reader sees something.
    pub(super) fn next(&self) -> Option<Instant> {
        let piece = self.pieces.front().map(|piece| piece.at);
        [piece, self.ends, self.reset].into_iter().flatten().min()
    }
}
