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

/// What all of them speak.
const PASSWORDS: [&str; 3] = ["PLAIN", "LOGIN", "CRAM-MD5"];

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
    /// What Debian's build of it speaks through this door with this TLS, of what we offer.
    pub(crate) fn mechanisms(self, door: Door, tls: Tls) -> Vec<&'static str> {
        let can = |mechanism: &&str| match self {
            // On TLS 1.2 it binds to tls-unique only: see the test of that.
            Self::Gsasl => tls == Tls::V13 || !mechanism.ends_with("-PLUS"),
            // With a certificate it insists on STARTTLS.
            Self::Smtptest => door == Door::StartTls || *mechanism != "EXTERNAL",
            Self::Swaks | Self::Curl | Self::Msmtp | Self::Smtplib | Self::Nodemailer | Self::NetSmtp => true,
        };
        let words = PASSWORDS.iter().chain(self.beside_passwords());
        words.copied().filter(can).collect()
    }

    /// What it speaks beside [`PASSWORDS`].
    const fn beside_passwords(self) -> &'static [&'static str] {
        match self {
            Self::Swaks => &["DIGEST-MD5", "NTLM"],
            Self::Curl => &["DIGEST-MD5", "NTLM", "OAUTHBEARER", "XOAUTH2", "EXTERNAL", "GSSAPI"],
            Self::Msmtp => &[
                "DIGEST-MD5",
                "NTLM",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "OAUTHBEARER",
                "XOAUTH2",
                "EXTERNAL",
                "GSSAPI",
            ],
            Self::Gsasl => &[
                "DIGEST-MD5",
                "NTLM",
                "SCRAM-SHA-1",
                "SCRAM-SHA-256",
                "SCRAM-SHA-1-PLUS",
                "SCRAM-SHA-256-PLUS",
                "EXTERNAL",
                "GSSAPI",
            ],
            Self::Smtplib => &[
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
            Self::Nodemailer => &["XOAUTH2"],
            Self::NetSmtp => &["DIGEST-MD5", "EXTERNAL", "GSSAPI"],
            Self::Smtptest => {
                &["DIGEST-MD5", "NTLM", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "EXTERNAL", "GSSAPI"]
            }
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
