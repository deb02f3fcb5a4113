//! The client session against scripted servers.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step that a test does not expect fails it, whichever it is"
)]

#[cfg(test)]
mod along;
#[cfg(test)]
mod content;
#[cfg(test)]
mod envelope;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod login;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod reuse;
#[cfg(test)]
mod stage;
