//! What is wrong with a configuration, and what weakens it.

use super::source::Place;

/// Most faults that are kept: whoever wrote more has another problem.
const MOST: usize = 100;

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing runs with it.
    Error,
    /// It runs, but weaker than it could, or otherwise than somebody may think.
    Warning,
}

/// One thing that is wrong: what, where, and the mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub what: String,
    /// Where; what comes from a default has no place.
    pub place: Option<Place>,
    /// What stands there, in a few words.
    pub label: String,
    /// The other place of a contradiction, and what stands there.
    pub other: Option<(Place, String)>,
    /// What to write instead.
    pub mend: String,
}

impl Fault {
    /// Nothing runs with this.
    #[must_use]
    pub fn error(what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            what: what.into(),
            place: None,
            label: String::new(),
            other: None,
            mend: String::new(),
        }
    }

    /// This weakens.
    #[must_use]
    pub fn warning(what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what) }
    }

    /// It stands here.
    #[must_use]
    pub fn at(self, place: Option<Place>, label: impl Into<String>) -> Self {
        Self { place, label: label.into(), ..self }
    }

    /// It contradicts what stands there.
    #[must_use]
    pub fn against(self, place: Option<Place>, label: impl Into<String>) -> Self {
        Self { other: place.map(|place| (place, label.into())), ..self }
    }

    /// Write this instead.
    #[must_use]
    pub fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: mend.into(), ..self }
    }
}

/// All faults of one file.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    /// Notes one more. What is beyond a hundred is dropped.
    pub fn push(&mut self, fault: Fault) {
        if self.list.len() < MOST && !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }

    /// Whether nothing runs with this file.
    #[must_use]
    pub fn have_errors(&self) -> bool {
        self.list.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// All of them in the order of the file; what has no place comes first.
    #[must_use]
    pub fn sorted(mut self) -> Vec<Fault> {
        self.list.sort_by_key(|fault| fault.place.as_ref().map(|place| (place.start, place.end)));
        self.list
    }
}
