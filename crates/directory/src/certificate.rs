//! What of a TLS client certificate says whose it is.

/// A client certificate whose private key the client has proved to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 over the whole certificate (DER).
    pub fingerprint: [u8; 32],
    /// Its subjectAltName entries of the kind rfc822Name, as they stand there.
    pub emails: Vec<String>,
    /// Whether one of the authorities that the operator named vouches for it. The addresses of a certificate that nobody
    /// vouches for mean nothing: anybody can write them.
    pub vouched: Vouched,
}

/// Whether an authority that the operator named vouches for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// One does, and the certificate is valid now.
    ByAuthority,
    /// None does: only its fingerprint counts.
    Not,
}
