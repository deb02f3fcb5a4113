//! What the embedded engine promises beyond the trait.

#[cfg(test)]
#[path = "embedded/damage.rs"]
mod damage;
#[cfg(test)]
#[path = "embedded/limits.rs"]
mod limits;
#[cfg(test)]
#[path = "embedded/long.rs"]
mod long;
#[cfg(test)]
#[path = "embedded/space.rs"]
mod space;
#[cfg(test)]
#[path = "embedded/stress.rs"]
mod stress;
#[cfg(test)]
#[path = "embedded/tools.rs"]
mod tools;
