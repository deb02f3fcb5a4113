//! Every limit of this crate, with its unit and the reason for its size.

/// The longest message of an exchange, in octets: what the 12,288 base64 octets of RFC 4954 section 4 can carry.
pub const MESSAGE_OCTETS_MOST: usize = 9_216;

/// The longest user name or authorization identity, in octets. RFC 4616 section 2 asks for at least 255; a mailbox of
/// RFC 5321 with local part (64) and domain (255) fits too.
pub const NAME_OCTETS_MOST: usize = 512;

/// The longest password, in octets. RFC 4616 section 2 asks for at least 255.
pub const PASSWORD_OCTETS_MOST: usize = 1_024;

/// Random octets in a [`Nonce`](crate::Nonce) of ours: 144 bits, which are 24 characters without padding.
pub const NONCE_OCTETS: usize = 18;

/// The longest nonce that a peer may bring, in octets.
pub const PEER_NONCE_OCTETS_MOST: usize = 1_024;

/// The most tokens that are taken from a peer before a Kerberos context stands. Kerberos 5 needs one from each side;
/// RFC 4752 names no number.
pub const GSS_TOKENS_MOST: usize = 8;

/// Octets of salt in a verifier made by us.
pub const SALT_OCTETS: usize = 16;

/// The longest salt that is taken from a peer or a stored verifier, in octets.
pub const SALT_OCTETS_MOST: usize = 256;

/// The fewest PBKDF2 rounds that are accepted: RFC 5802 section 5.1 and RFC 7677 section 4.
pub const ITERATIONS_LEAST: u32 = 4_096;

/// PBKDF2 rounds of a verifier made by us: RFC 7677 section 4 names 15,000 as a fair figure.
pub const ITERATIONS_DEFAULT: u32 = 15_000;

/// The most PBKDF2 rounds that are computed. A client does the work that the server names, so a hostile server
/// could name four thousand million; a million is below a second of one core.
pub const ITERATIONS_MOST: u32 = 1_000_000;

/// The longest word compared by [`nearest_all`](crate::nearest_all), in octets. RFC 4422 section 3.1 gives names 20.
pub const MECHANISM_NAME_OCTETS_MOST: usize = 32;

/// The longest challenge of DIGEST-MD5, in octets: RFC 2831 section 2.1.1 wants less than 2048.
pub const DIGEST_CHALLENGE_OCTETS_MOST: usize = 2_047;

/// The longest response of DIGEST-MD5, in octets: RFC 2831 section 2.1.2 wants less than 4096.
pub const DIGEST_RESPONSE_OCTETS_MOST: usize = 4_095;

/// The longest bearer token, in octets: what a message can carry beside the names.
pub const TOKEN_OCTETS_MOST: usize = 8_192;

/// How deep the JSON of an OAuth server's refusal may be nested: it is flat (RFC 7628 section 3.2.2), so this is room enough.
pub const JSON_DEPTH_MOST: usize = 4;

/// How far the time of an OAUTH10A login may be from ours, in seconds either way. Nonces are remembered for as long.
pub const OAUTH_ONE_WINDOW_SECONDS: u64 = 300;

/// The most names that [`nearest_all`](crate::nearest_all) gives: what fits into one line of a reply.
pub const NEAREST_MOST: usize = 3;
