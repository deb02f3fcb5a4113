//! decisions, with their reasons.
