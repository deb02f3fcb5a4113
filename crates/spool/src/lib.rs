//! messages that survive a crash.
