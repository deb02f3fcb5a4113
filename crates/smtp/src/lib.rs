//! the SMTP and LMTP protocols, without a network.
