//! What an input says beside the octets that a reader gets: which settings, which decisions, where to cut.

/// How many octets at the start of an input are no food but choices.
const HEAD: usize = 8;

/// Of those, how many name settings; the others seed the chance.
const SETTINGS: usize = 4;

/// The first octets of an input. `0` picks the first of any few, so that a seed can be written by hand.
pub(crate) struct Head([u8; HEAD]);

impl Head {
    /// Parts an input into its head and the food; a short input has zeros in its place.
    pub(crate) fn split(octets: &[u8]) -> (Self, &[u8]) {
        let (head, food) = octets.split_at(octets.len().min(HEAD));
        let mut padded = [b'0'; HEAD];
        padded.iter_mut().zip(head).for_each(|(place, octet)| *place = *octet);
        (Self(padded), food)
    }

    /// One of `several`, by the octet at this place; places that name no setting give the first.
    pub(crate) fn pick<T: Copy>(&self, place: usize, several: &[T]) -> T {
        let octet = self.0.get(..SETTINGS).and_then(|settings| settings.get(place)).copied();
        one(several, usize::from(octet.unwrap_or(b'0').wrapping_sub(b'0')))
    }

    /// The chance that goes with this input.
    pub(crate) fn chance(&self) -> Chance {
        let octets = self.0.iter().skip(SETTINGS);
        Chance::seeded(octets.fold(0, |seed, octet| seed << 8 | u64::from(*octet)))
    }
}

/// Marsaglia's xorshift: small, and the same on every machine.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The chance of this number; neighbours are unlike each other.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`, or 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The low bits of xorshift are its worst.
        let high = usize::try_from(self.0 >> 33).unwrap_or_default();
        high.checked_rem(end).unwrap_or_default()
    }

    /// One of several, of which there must be one.
    pub fn pick<T: Copy>(&mut self, several: &[T]) -> T {
        let chosen = self.below(several.len());
        one(several, chosen)
    }

    /// Whether something happens that happens once in `several` times.
    pub fn once_in(&mut self, several: usize) -> bool {
        self.below(several) == 0
    }

    /// An octet.
    pub fn octet(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }
}

/// The one with this number; numbers that are too large begin again.
#[expect(clippy::indexing_slicing, reason = "a remainder is below the length, and no list here is empty")]
fn one<T: Copy>(several: &[T], number: usize) -> T {
    several[number % several.len()]
}

/// How octets are cut into pieces.
pub(crate) struct Cuts {
    chance: Chance,
    longest: usize,
}

impl Cuts {
    /// Pieces of one size class: single octets, few, or many.
    pub(crate) fn new(mut chance: Chance) -> Self {
        let longest = chance.pick(&[1, 2, 3, 7, 16, 64, 1000, 5000]);
        Self { chance, longest }
    }

    /// Cuts the first piece off; it is empty only where nothing is left.
    pub(crate) fn next<'a>(&mut self, octets: &mut &'a [u8]) -> &'a [u8] {
        let length = octets.len().min(1 + self.chance.below(self.longest));
        let (piece, rest) = octets.split_at(length);
        *octets = rest;
        piece
    }
}
