//! Each fuzz target for two seconds: seeds, seeds that are spoilt a little, and noise.
//!
//! The same inputs come in the same order each time; how many of them depends on the machine. What fails is printed as
//! it would be written in a byte string.

#[cfg(test)]
mod run;
#[cfg(test)]
mod spoil;
