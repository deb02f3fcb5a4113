//! Every limit of this crate, with its unit and the reason for its size.
//!
//! Lengths of names and passwords are those of [`gatepost_sasl::limits`].

use std::time::Duration;

/// Memory of one argon2id run, in KiB: with [`ARGON2_PASSES`] and [`ARGON2_LANES`] the second set of parameters that OWASP's
/// password storage guide names; the first asks for more memory than a small machine has for a dozen logins.
pub const ARGON2_MEMORY_KIB: u32 = 19 * 1024;

/// Passes of one argon2id run over its memory.
pub const ARGON2_PASSES: u32 = 2;

/// Lanes of one argon2id run: one, since a flood of logins keeps all cores busy anyway.
pub const ARGON2_LANES: u32 = 1;

/// Octets of salt in a hash made by us (RFC 9106 section 3.1).
pub const ARGON2_SALT_OCTETS: usize = 16;

/// Octets of a hash made by us (RFC 9106 section 4).
pub const ARGON2_OUTPUT_OCTETS: usize = 32;

/// The most memory that a stored hash may ask for, in KiB: what one password thread may hold.
pub const ARGON2_MEMORY_KIB_MOST: u32 = 64 * 1024;

/// The most passes that a stored hash may ask for.
pub const ARGON2_PASSES_MOST: u32 = 8;

/// The most threads for password work, unless the settings say otherwise: sixteen of them hold 304 MiB at work and
/// check some hundreds of passwords a second.
pub const PASSWORD_THREADS_MOST: usize = 16;

/// Logins that wait per password thread, unless the settings say otherwise: under a second of work, so that who got into the
/// queue is answered soon, and who did not can come back.
pub const PASSWORD_QUEUE_PER_THREAD: usize = 32;

/// How long an idle password thread keeps its memory.
pub const PASSWORD_MEMORY_KEPT: Duration = Duration::from_secs(10);

/// How long a look-up waits for the database. In WAL mode readers wait for nobody but a recovery after a crash.
pub const DATABASE_WAIT_READING: Duration = Duration::from_millis(250);

/// How long a change waits for another one, and opening for another opening.
pub const DATABASE_WAIT_WRITING: Duration = Duration::from_secs(5);

/// Addresses and domains that one account may send as besides its own.
pub const SENDS_AS_MOST: usize = 1_000;

/// How long a set of keys is used before it is fetched again, unless the issuer says otherwise within the next two limits. A key that
/// the issuer has taken back is trusted no longer than that.
pub const KEYS_KEPT: Duration = Duration::from_secs(3600);

/// The shortest time that a set of keys is used, whatever the issuer says.
pub const KEYS_KEPT_LEAST: Duration = Duration::from_secs(300);

/// The longest time that a set of keys is used, whatever the issuer says, and though it cannot be fetched again.
pub const KEYS_KEPT_MOST: Duration = Duration::from_secs(24 * 3600);

/// The time between two requests for a set of keys: a token with a name of a key that is not in it may be forged, and must not make
/// us ask more often than that. Such a login waits for as long.
pub const KEYS_PAUSE: Duration = Duration::from_secs(5);

/// Keys of one issuer that are looked at.
pub const KEYS_MOST: usize = 100;

/// How far the issuer's clock may be from ours.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(30);

/// How long it is remembered that an issuer called a token good, unless the token ends before: a token that is taken back works on
/// for as long.
pub const INTROSPECTION_KEPT: Duration = Duration::from_secs(60);

/// Tokens that are remembered so: 10,000 hold some 2 MB.
pub const INTROSPECTION_REMEMBERED_MOST: usize = 10_000;

/// Questions about tokens that are at one issuer at once; more wait.
pub const INTROSPECTIONS_AT_ONCE: usize = 16;

/// How long a login waits to ask.
pub const INTROSPECTION_QUEUE: Duration = Duration::from_secs(10);

/// Helper processes of one source at a time, unless the settings say otherwise: each is a process of a few MiB, most of it
/// shared.
pub const HELPERS_MOST: usize = 32;

/// How long a helper may take for one password, unless the settings say otherwise. PAM may ask a slow directory.
pub const HELPER_PASSWORD_TIME: Duration = Duration::from_secs(30);

/// How long a helper may take for one answer about Kerberos, unless the settings say otherwise: the library itself gives up on
/// a silent KDC after some ten seconds.
pub const HELPER_ANSWER_TIME: Duration = Duration::from_secs(20);

/// The longest frame to or from a helper, in octets: a token with a large ticket in it.
pub const HELPER_FRAME_OCTETS_MOST: usize = 32 * 1024;

/// How long connecting to Dovecot may take, its greeting included.
pub const DOVECOT_CONNECT: Duration = Duration::from_secs(5);

/// How long Dovecot's answer may take. It delays refusals on purpose, by up to 17 seconds.
pub const DOVECOT_ANSWER: Duration = Duration::from_secs(30);

/// How long Dovecot is left alone after it could not be reached.
pub const DOVECOT_PAUSE: Duration = Duration::from_secs(1);

/// Octets of a line to or from Dovecot: it hangs up on longer ones itself.
pub const DOVECOT_LINE_MOST: usize = 8 * 1024;

/// Lines of Dovecot's greeting.
pub const DOVECOT_GREETING_MOST: usize = 100;

/// Exchanges with Dovecot that are under way at once.
pub const DOVECOT_EXCHANGES_MOST: usize = 10_000;

/// Connections to one source on the network, at most. Look-ups take a millisecond; more connections would only move the queue
/// into the server.
pub const SOURCE_CONNECTIONS: usize = 8;

/// Questions that wait for one source, at most; further ones are told to come back.
pub const SOURCE_WAITING_MOST: usize = 256;

/// How long a question to a source waits for its answer, everything included: well under the time that clients give a login.
pub const SOURCE_ANSWER_WAIT: Duration = Duration::from_secs(5);

/// How long one server of a source has for taking a connection and a login, so that there is time for asking the next one.
pub const SOURCE_CONNECT_WAIT: Duration = Duration::from_secs(2);

/// How long an unused connection is kept; many servers and firewalls close theirs after minutes.
pub const SOURCE_CONNECTION_KEPT: Duration = Duration::from_secs(60);

/// How long a source is left alone after a connection could not be made.
pub const SOURCE_BACK_OFF_FIRST: Duration = Duration::from_millis(250);

/// The longest that this time, which doubles, becomes.
pub const SOURCE_BACK_OFF_MOST: Duration = Duration::from_secs(4);

/// Rows or entries that are read of one answer, at most: that many addresses and domains one account may send as.
pub const SOURCE_ROWS_MOST: usize = SENDS_AS_MOST;

/// Longest query or filter of the configuration, in octets.
pub const SOURCE_QUERY_OCTETS_MOST: usize = 16 * 1024;

/// Logins of one source that are remembered as right, at most: some MiB.
pub const RECENT_MOST: usize = 10_000;

/// Memory of the hash under which a right password is remembered, in KiB: some milliseconds of work, and no use to a machine that
/// guesses by the million.
pub const RECENT_MEMORY_KIB: u32 = 8 * 1024;

/// Accounts of ours whose password is remembered as right, at most: some MiB. Others are checked in full each time.
pub const VERIFIED_MOST: usize = 10_000;

/// Memory of the hash under which that is, in KiB: a tenth of a millisecond of work, and for who guesses no less than the SCRAM-SHA-1
/// verifier that is stored for the same account.
pub const VERIFIED_MEMORY_KIB: u32 = 256;

/// Memories of such runs that are kept for the next ones: 4 MiB.
pub const VERIFIED_SCRATCHES: usize = 16;

/// How often what is over is wiped out of memory, as long as somebody logs in.
pub const VERIFIED_SWEPT_EVERY: Duration = Duration::from_secs(60);

/// Devices of one account: each is looked at when its account's name comes with a password.
pub const DEVICES_MOST: u32 = 100;

/// Octets of a device's label: with the account's local part it must stay a local part (RFC 5321 section 4.5.3.1.1).
pub const DEVICE_LABEL_OCTETS_MOST: usize = 32;

/// Networks, senders and mechanisms that one device is bound to, each.
pub const DEVICE_BOUNDS_MOST: usize = 100;

/// Letters in a generated password, of an alphabet of 32: 125 bits.
pub const GENERATED_LETTERS: usize = 25;

/// Letters in a group of a generated password: what people read off and type at once.
pub const GENERATED_GROUP: usize = 5;

/// Client certificates of one account.
pub const CERTIFICATES_MOST: u32 = 20;

/// OAuth 1 credentials of one account.
pub const OAUTH_ONE_MOST: u32 = 20;

/// Nonces of one OAuth 1 credential that are remembered at once: thirty logins a second for as long as its time may be off.
pub const OAUTH_ONE_NONCES_MOST: u32 = 20_000;

/// Networks that are remembered for one account.
pub const NETWORKS_MOST: u32 = 32;

/// How long a network is remembered that an account has not logged in from again.
pub const NETWORK_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A login within this time of the one that is remembered, from the same network, writes nothing.
pub const LOGIN_NOTED_EVERY: Duration = Duration::from_secs(60);

/// The most that a stored bcrypt hash may cost, as a power of two: under a second of one core.
pub const BCRYPT_COST_MOST: u32 = 14;

/// The most rounds that a stored SHA-crypt hash may ask for: what passlib took as its default (656,000) is half a second of one core.
pub const SHA_CRYPT_ROUNDS_MOST: u32 = 1_000_000;

/// The most memory that a stored yescrypt hash may ask for, in octets: as for argon2.
pub const YESCRYPT_MEMORY_MOST: u64 = 64 * 1024 * 1024;

/// The most PBKDF2 rounds that a stored hash may ask for: Django's of 2025, and below a second of one core.
pub const PBKDF2_ROUNDS_MOST: u32 = 1_200_000;

/// The longest text of an imported hash, in octets.
pub const IMPORTED_OCTETS_MOST: usize = 1_024;

/// The longest password that is held against an imported hash, in octets: SHA-crypt works the longer the longer it is.
pub const IMPORTED_PASSWORD_OCTETS_MOST: usize = 256;
