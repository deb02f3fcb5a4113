//! The outside world of a mail server, faked where a script must rule it and real where only the real thing
//! proves anything.
//!
//! It knows no type of the server under test, so its mistakes are not ours, and it can be pointed at any
//! other server. Everything stays on the loopback addresses; no port is fixed; every wait has a deadline.
//!
//! | for | use |
//! | --- | --- |
//! | names, exchangers and their addresses in one expression | [`World`] |
//! | DNS that answers, lies, fails or stays silent | [`Zone`], [`NameServer`] |
//! | a host that takes mail by a script | [`Script`], [`Exchanger`] |
//! | a client typed by hand | [`Client`] |
//! | a dialogue as a file | [`dialogue`] |
//! | certificates, good and bad | [`Authority`] |
//! | an OAuth issuer that signs, rotates, stalls and dies | [`Issuer`] |
//! | Postfix, Exim, Dovecot, PostgreSQL, MariaDB, slapd, a Kerberos KDC, oidc-provider | [`peers`] |
//! | load, and a sink that counts it | [`load`] |
//! | messages as people send them, compared | [`corpus`], [`Maildir`] |
//! | a line that is cut, stalls or garbles | [`Fault`], [`FaultProxy`] |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use gatepost_testworld::{Client, Script, World};
//!
//! let world = World::new()
//!     .zone("there.example. MX 10 a.there.example.")
//!     .exchanger("a.there.example", Script::polite().reply("RCPT", "450 4.2.1 later").once())
//!     .start()
//!     .await?;
//! let exchanger = world.exchanger("a.there.example")?;
//! let mut client = Client::connect(exchanger.address()).await?;
//! client.say("EHLO client.example", "250").await?;
//! client.say("MAIL FROM:<ada@here.example>", "250").await?;
//! client.say("RCPT TO:<bob@there.example>", "450").await?;
//! # Ok(())
//! # }
//! ```

pub mod authority;
pub mod client;
pub mod corpus;
pub mod dialogue;
pub mod exchanger;
pub mod executable;
pub mod fault;
pub mod issuer;
pub mod load;
pub mod loopback;
pub mod maildir;
pub mod patience;
pub mod peers;
pub mod script;
pub mod wire;
pub mod world;
pub mod zone;

pub use authority::{Authority, Identity};
pub use client::Client;
pub use exchanger::{Exchanger, Message};
pub use executable::executable;
pub use fault::{Direction, Fault, FaultProxy};
pub use issuer::Issuer;
pub use maildir::Maildir;
pub use script::Script;
pub use world::World;
pub use zone::{NameServer, Zone};
