//! What came of the letters that were cut.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::cutter::Place;
use crate::letter::number;

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Count {
    who: String,
    cuts: usize,
    /// When it was counted.
    at: Instant,
    /// How long the reply to content was.
    reply: usize,
    /// Letters of which no copy came, by the place of their cut.
    pub(crate) lost: Vec<Place>,
    /// Letters of which more than one came.
    pub(crate) doubled: Vec<Place>,
    /// All copies beyond the first ones.
    pub(crate) duplicates: usize,
}

impl Count {
    /// Letter 1 was cut at the first place, and so on; letter 0 was not cut.
    pub(crate) fn of(who: &str, (places, reply): (&[Place], usize), messages: &[Vec<u8>]) -> Self {
        let mut copies: BTreeMap<usize, usize> = (0..=places.len()).map(|letter| (letter, 0)).collect();
        for message in messages {
            let letter = number(message).expect("a letter of ours");
            *copies.get_mut(&letter).expect("a letter that was handed in") += 1;
        }
        assert_eq!(copies.remove(&0), Some(1), "{who}: the letter that was not cut");
        let with = |wanted: fn(usize) -> bool| {
            let of_them = copies.iter().filter(move |(_, copies)| wanted(**copies));
            of_them.map(|(letter, _)| places[letter - 1]).collect()
        };
        Self {
            who: who.to_owned(),
            cuts: places.len(),
            at: Instant::now(),
            reply,
            lost: with(|copies| copies == 0),
            doubled: with(|copies| copies > 1),
            duplicates: copies.values().map(|copies| copies.saturating_sub(1)).sum(),
        }
    }

    /// Letters that came twice although their client had read the whole reply, or the server could not have taken them.
    pub(crate) fn needlessly(&self) -> Vec<Place> {
        self.doubled.iter().copied().filter(|place| !place.is_in_doubt(self.reply)).collect()
    }
}

/// Prints the table, with how long each row took.
pub(crate) fn tell((what, mut began): (&str, Instant), counts: &[Count]) {
    println!("{what:<44} {:>6} {:>6} {:>12} {:>5}  where twice", "cuts", "lost", "duplicates", "s");
    for Count { who, cuts, at, lost, duplicates, doubled, .. } in counts {
        let took = at.saturating_duration_since(began).as_secs_f64();
        println!("{who:<44} {cuts:>6} {:>6} {duplicates:>12} {took:>5.1}  {}", lost.len(), ranges(doubled));
        began = *at;
    }
}

/// As in `End(8) Reply(0)..Reply(36)`.
fn ranges(places: &[Place]) -> String {
    let mut told: Vec<(Place, Place)> = Vec::new();
    for &place in places {
        match told.last_mut() {
            Some((_, last)) if follows(*last, place) => *last = place,
            _ => told.push((place, place)),
        }
    }
    let shown =
        told.iter().map(
            |(first, last)| {
                if first == last { format!("{first:?}") } else { format!("{first:?}..{last:?}") }
            },
        );
    shown.collect::<Vec<_>>().join(" ")
}

fn follows(one: Place, other: Place) -> bool {
    match (one, other) {
        (Place::End(one), Place::End(other))
        | (Place::Reply(one), Place::Reply(other))
        | (Place::Next(one), Place::Next(other)) => other == one + 1,
        (Place::End(_) | Place::Reply(_) | Place::Next(_), _) => false,
    }
}

#[test]
fn what_is_lost_and_what_is_doubled_is_seen() {
    let places = [Place::End(0), Place::End(8), Place::Reply(3), Place::Next(1)];
    let messages: Vec<_> = [0, 2, 2, 2, 3, 4, 4].map(crate::letter::content).into();
    let count = Count::of("somebody", (&places, 5), &messages);
    assert_eq!(count.lost, [Place::End(0)]);
    assert_eq!((count.doubled.as_slice(), count.duplicates), (&[Place::End(8), Place::Next(1)][..], 3));
    assert_eq!(count.needlessly(), [Place::Next(1)]);
    assert_eq!(ranges(&places[1..]), "End(8) Reply(3) Next(1)");
    assert_eq!(ranges(&Place::all(2)), "End(0)..End(8) Reply(0)..Reply(2) Next(1)..Next(6)");
}
