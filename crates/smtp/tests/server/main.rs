//! The server session as a whole: dialogues, noise, time.

// `cfg(test)` tells the lints that helpers beside the tests may panic like the tests themselves.
#[cfg(test)]
mod bench;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod dialogues;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod order;
#[cfg(test)]
mod time;
