//! What a server session is told before it begins.

use std::sync::Arc;

use gatepost_mail::Domain;

use crate::{Limits, Protocol};

/// What a server session is told before it begins.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// What we call ourselves in the greeting and behind EHLO.
    pub hostname: Domain,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// Whether TLS is on, or may be had.
    pub channel: Channel,
    /// The mechanisms that AUTH takes as the channel is now, in upper case, strongest first. Where this is empty,
    /// EHLO does not list AUTH.
    pub mechanisms: Vec<String>,
    /// The mechanisms that AUTH would take under TLS only: who asks for one of them in the clear gets 538
    /// (RFC 4954 section 4) instead of 504.
    pub mechanisms_after_tls: Vec<String>,
    /// How much of everything the session may use.
    pub limits: Arc<Limits>,
}

/// Whether TLS is on, or may be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// In the clear.
    Clear(StartTls),
    /// Under TLS, whether from the start or since STARTTLS.
    Encrypted,
}

/// Whether STARTTLS works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// It does.
    Offered,
    /// It does not.
    NotOffered,
}
