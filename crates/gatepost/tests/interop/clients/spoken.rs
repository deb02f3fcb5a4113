//! What each client speaks, and what it does not.

use super::{Door, Program, Success, Tls};

/// All that we speak, strongest first, as the matrix shows them.
pub(crate) const MECHANISMS: [&str; 17] = [
    "EXTERNAL",
    "SCRAM-SHA-512-PLUS",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "GSSAPI",
    "SCRAM-SHA-512",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "OAUTHBEARER",
    "OAUTH10A",
    "XOAUTH2",
    "DIGEST-MD5",
    "CRAM-MD5",
    "MD5",
    "NTLM",
    "PLAIN",
    "LOGIN",
];

/// Why cells of the matrix are empty or not full, beside those where the client lacks the mechanism.
pub(crate) const NOT_RUN: &[&str] = &[
    "gsasl knows STARTTLS only: 2 ways in the place of 4",
    "gsasl binds to tls-unique on TLS 1.2, which we do not have (RFC 9266 section 4.2): -PLUS there is a test of its own",
    "smtptest has no -PLUS: asked for it, it sends p=tls-unique under the name without, which RFC 5802 does not have",
    "curl takes OAUTHBEARER where it is offered: its XOAUTH2 is run from a network where that is the only offer",
    "curl hangs up when a 334 says that its XOAUTH2 token is refused: the 535 after that is not heard",
    "smtptest with a certificate insists on STARTTLS: EXTERNAL on 587 only",
    "gsasl, smtptest: they log in and send nothing",
    "NTLM of swaks, msmtp, gsasl and smtptest is version 1: taken here by `ntlm-v1 = true`; without, a test of its own",
    "swaks, nodemailer: no SCRAM, EXTERNAL or GSSAPI; msmtp as Debian builds it: no -PLUS; curl: no SCRAM",
    "OAUTH10A, MD5 and SCRAM-SHA-512-PLUS: nobody's client has them, so only the script over smtplib",
];

impl Program {
    /// What Debian's build of it speaks, of what we offer.
    pub(crate) const fn mechanisms(self, door: Door, tls: Tls) -> &'static [&'static str] {
        match (self, door, tls) {
            (Self::Swaks, ..) => &["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM"],
            (Self::Curl, ..) => &[
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "DIGEST-MD5",
                "NTLM",
                "OAUTHBEARER",
                "XOAUTH2",
                "EXTERNAL",
                "GSSAPI",
            ],
            (Self::Msmtp, ..) => &[
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "DIGEST-MD5",
                "NTLM",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "OAUTHBEARER",
                "XOAUTH2",
                "EXTERNAL",
                "GSSAPI",
            ],
            // On TLS 1.2 it binds to tls-unique only: see the test of that.
            (Self::Gsasl, _, Tls::V12) => &[
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "DIGEST-MD5",
                "NTLM",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "EXTERNAL",
                "GSSAPI",
            ],
            (Self::Gsasl, _, Tls::V13) => &[
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "DIGEST-MD5",
                "NTLM",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "SCRAM-SHA-1-PLUS",
                "SCRAM-SHA-256-PLUS",
                "EXTERNAL",
                "GSSAPI",
            ],
            (Self::Smtplib, ..) => &[
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "MD5",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "SCRAM-SHA-512",
                "SCRAM-SHA-1-PLUS",
                "SCRAM-SHA-256-PLUS",
                "SCRAM-SHA-512-PLUS",
                "OAUTHBEARER",
                "XOAUTH2",
                "OAUTH10A",
                "EXTERNAL",
            ],
            (Self::Nodemailer, ..) => &["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"],
            (Self::NetSmtp, ..) => &["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL", "GSSAPI"],
            (Self::Smtptest, Door::StartTls, _) => &[
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "DIGEST-MD5",
                "NTLM",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "SCRAM-SHA-512",
                "EXTERNAL",
                "GSSAPI",
            ],
            // With a certificate it insists on STARTTLS.
            (Self::Smtptest, Door::Implicit, _) => &[
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "DIGEST-MD5",
                "NTLM",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "SCRAM-SHA-512",
                "GSSAPI",
            ],
        }
    }

    pub(crate) const fn doors(self) -> &'static [Door] {
        match self {
            Self::Gsasl => &[Door::StartTls],
            Self::Swaks
            | Self::Curl
            | Self::Msmtp
            | Self::Smtplib
            | Self::Nodemailer
            | Self::NetSmtp
            | Self::Smtptest => &[Door::StartTls, Door::Implicit],
        }
    }

    /// Whether it sends a message once it is logged in; gsasl and smtptest only log in.
    pub(crate) const fn sends(self) -> Success {
        match self {
            Self::Gsasl | Self::Smtptest => Success::No,
            Self::Swaks | Self::Curl | Self::Msmtp | Self::Smtplib | Self::Nodemailer | Self::NetSmtp => {
                Success::Yes
            }
        }
    }
}
