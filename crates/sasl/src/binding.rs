//! What ties an exchange to the TLS channel it runs in (RFC 5056).
//!
//! A man in the middle who ends TLS on both sides has two channels with different bindings, so a proof made for one
//! does not pass in the other. Computing the octets is the driver's: it has the TLS session.

use std::fmt;

/// How the octets of a [`ChannelBinding`] are made; better ones are greater.
///
/// `tls-unique` is left out: it does not exist in TLS 1.3 and is unsafe without the extended master secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BindingKind {
    /// `tls-server-end-point` (RFC 5929 section 4): the hash of the server's certificate.
    TlsServerEndPoint,
    /// `tls-exporter` (RFC 9266): 32 octets exported under the label `EXPORTER-Channel-Binding` with an empty context.
    /// TLS 1.3, or 1.2 with the extended master secret.
    TlsExporter,
}

impl BindingKind {
    /// Every kind, the weaker first.
    pub const ALL: [Self; 2] = [Self::TlsServerEndPoint, Self::TlsExporter];

    /// The name in IANA's registry, as it stands in a SCRAM message.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TlsServerEndPoint => "tls-server-end-point",
            Self::TlsExporter => "tls-exporter",
        }
    }

    /// The kind of that name, if we know it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One binding of the channel at hand. A TLS 1.3 channel can have both kinds.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBinding {
    kind: BindingKind,
    data: Vec<u8>,
}

impl ChannelBinding {
    /// The binding octets of a channel; both peers must come to the same ones.
    #[must_use]
    pub fn new(kind: BindingKind, data: impl Into<Vec<u8>>) -> Self {
        Self { kind, data: data.into() }
    }

    /// How the octets were made.
    #[must_use]
    pub fn kind(&self) -> BindingKind {
        self.kind
    }

    /// The octets.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// Shows the kind only: exported octets belong to the channel's keys.
impl fmt::Debug for ChannelBinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ChannelBinding({})", self.kind.name())
    }
}
