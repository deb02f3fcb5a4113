//! What has become of a message's recipients, kept small: a million deferred messages live in memory.

use gatepost_mail::Timestamp;

use crate::Warned;

/// One recipient: 16 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) due: Timestamp,
    pub(crate) attempts: u16,
    pub(crate) phase: Phase,
    pub(crate) warned: Warned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Delivered,
    Failed,
}

impl State {
    pub(crate) const fn fresh(due: Timestamp) -> Self {
        Self { due, attempts: 0, phase: Phase::Waiting, warned: Warned::NotYet }
    }

    pub(crate) const fn waits(&self) -> bool {
        matches!(self.phase, Phase::Waiting)
    }
}

/// All recipients of one message: 16 octets. Most have one, which then costs no allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum States {
    One(State),
    Many(Box<Several>),
}

/// The recipients of a message that has not just one; a slice's own pointer would be twice as wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Several(Box<[State]>);

impl States {
    pub(crate) fn fresh(recipients: usize, due: Timestamp) -> Self {
        match recipients {
            1 => Self::One(State::fresh(due)),
            _several => Self::from(vec![State::fresh(due); recipients]),
        }
    }

    pub(crate) fn as_slice(&self) -> &[State] {
        match self {
            Self::One(state) => std::slice::from_ref(state),
            Self::Many(several) => &several.0,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [State] {
        match self {
            Self::One(state) => std::slice::from_mut(state),
            Self::Many(several) => &mut several.0,
        }
    }

    /// When the first of them is due; nothing if all are done.
    pub(crate) fn earliest(&self) -> Option<Timestamp> {
        self.as_slice().iter().filter(|state| state.waits()).map(|state| state.due).min()
    }
}

impl From<Vec<State>> for States {
    fn from(states: Vec<State>) -> Self {
        match states.as_slice() {
            [one] => Self::One(*one),
            _several => Self::Many(Box::new(Several(states.into_boxed_slice()))),
        }
    }
}
