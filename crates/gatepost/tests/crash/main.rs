//! gatepost is killed, loses its power, is told to end, is started twice, and runs out of disk: what got 250 is never lost.

// `cfg(test)` tells the lints that helpers beside the tests may panic like the tests themselves.
#[cfg(test)]
#[expect(dead_code, reason = "the rig serves other test programs too")]
#[path = "../rig/rig.rs"]
mod rig;

#[cfg(test)]
mod book;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod full;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod load;
#[cfg(test)]
mod power;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod restart;
