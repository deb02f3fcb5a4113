//! Authoritative DNS on loopback from zone text; it can lie, stall and fail.
//!
//! # Zone text
//!
//! One record a line, all names absolute with or without the last dot, `;` begins a comment:
//!
//! ```text
//! there.example.     MX    10 a.there.example.
//! a.there.example.   60 IN A 127.0.3.1        ; the time to live and the class may be left out
//! there.example.     TXT   "v=spf1 -all"
//! 1.3.0.127.in-addr.arpa. PTR a.there.example.
//! ```
//!
//! A line may also name a trouble in place of a type. A type after it limits the trouble to queries of that
//! type, a number to the first so many queries:
//!
//! ```text
//! slow.example.      STALL                    ; no answer at all
//! broken.example.    SERVFAIL MX              ; only MX queries fail
//! once.example.      SERVFAIL 1               ; the first query fails
//! closed.example.    REFUSED
//! forged.example.    WRONGID                  ; an answer to another question's number
//! large.example.     TRUNCATE                 ; over UDP only: come again over TCP
//! ```
//!
//! A name without records is NXDOMAIN unless others lie below it; a name without this type is NODATA.
//! CNAMEs are followed inside the zone. The server says that it recurses, so a resolver takes its word.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::patience::{PATIENCE, within};

mod answer;
mod serve;

/// Time to live of records that name none: short, so that a change of the zone is soon seen.
const DEFAULT_TTL: u32 = 1;

/// Tries for a port that is free for UDP and TCP.
const MOST_TRIES: u32 = 50;

/// Records and troubles.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    /// By name: zones of thousands of names are answered from as quickly as small ones.
    records: HashMap<Name, Vec<Record>>,
    troubles: Vec<Trouble>,
}

/// What goes wrong at a name.
#[derive(Debug, Clone)]
struct Trouble {
    name: Name,
    kind: Kind,
    only: Option<RecordType>,
    left: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stall,
    ServFail,
    Refused,
    WrongId,
    Truncate,
}

impl Kind {
    fn read(word: &str) -> Option<Self> {
        match word {
            "STALL" => Some(Self::Stall),
            "SERVFAIL" => Some(Self::ServFail),
            "REFUSED" => Some(Self::Refused),
            "WRONGID" => Some(Self::WrongId),
            "TRUNCATE" => Some(Self::Truncate),
            _others => None,
        }
    }
}

impl Zone {
    /// Reads zone text.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, naming the line that is none.
    pub fn read(text: &str) -> io::Result<Self> {
        let mut zone = Self::default();
        zone.add(text)?;
        Ok(zone)
    }

    /// Adds zone text.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, naming the line that is none.
    pub fn add(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            let content = without_comment(line).trim();
            if !content.is_empty() {
                self.add_line(content).map_err(|why| {
                    io::Error::new(io::ErrorKind::InvalidInput, format!("zone line `{content}`: {why}"))
                })?;
            }
        }
        Ok(())
    }

    fn add_line(&mut self, line: &str) -> Result<(), String> {
        let (owner, rest) = split(line);
        let mut name = Name::from_str(owner).map_err(|cause| cause.to_string())?;
        name.set_fqdn(true);
        let (mut word, mut rest) = split(rest);
        let mut ttl = DEFAULT_TTL;
        if let Ok(number) = word.parse() {
            ttl = number;
            (word, rest) = split(rest);
        }
        if word == "IN" {
            (word, rest) = split(rest);
        }
        if let Some(kind) = Kind::read(word) {
            self.troubles.push(trouble(name, kind, rest)?);
            return Ok(());
        }
        let record_type = RecordType::from_str(word).map_err(|cause| cause.to_string())?;
        let data = RData::try_from_str(record_type, rest).map_err(|cause| cause.to_string())?;
        self.records.entry(name.clone()).or_default().push(Record::from_rdata(name, ttl, data));
        Ok(())
    }
}

fn trouble(name: Name, kind: Kind, limits: &str) -> Result<Trouble, String> {
    let mut trouble = Trouble { name, kind, only: None, left: None };
    for word in limits.split_whitespace() {
        match word.parse() {
            Ok(number) => trouble.left = Some(number),
            Err(_no_number) => {
                trouble.only = Some(RecordType::from_str(word).map_err(|cause| cause.to_string())?);
            }
        }
    }
    Ok(trouble)
}

fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ';' if !quoted => return line.get(..at).unwrap_or(line),
            _others => (),
        }
    }
    line
}

/// A running name server. Dropping it closes its ports.
pub struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

/// What both ports answer from.
struct Shared {
    zone: Mutex<Zone>,
    asked: watch::Sender<Vec<String>>,
}

impl NameServer {
    /// Serves the zone on a port of 127.0.0.1, the same for UDP and TCP.
    ///
    /// # Errors
    ///
    /// When the machine has no such port left.
    pub async fn start(zone: Zone) -> io::Result<Self> {
        let (udp, tcp) = ports().await?;
        let address = udp.local_addr()?;
        let shared = Arc::new(Shared { zone: Mutex::new(zone), asked: watch::Sender::default() });
        let tasks = [
            tokio::spawn(serve::datagrams(udp, Arc::clone(&shared))),
            tokio::spawn(serve::streams(tcp, Arc::clone(&shared))),
        ];
        Ok(Self { address, shared, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, answers from this zone.
    pub fn replace(&self, zone: Zone) {
        *self.shared.zone.lock().unwrap_or_else(PoisonError::into_inner) = zone;
    }

    /// What was asked so far, in order, as `there.example. MX`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.borrow().clone()
    }

    /// Waits until this was asked, as `there.example. MX`.
    ///
    /// # Errors
    ///
    /// `TimedOut`, naming what was asked instead.
    pub async fn await_question(&self, question: &str) -> io::Result<()> {
        let mut watched = self.shared.asked.subscribe();
        let wait = async {
            let found = watched.wait_for(|asked| asked.iter().any(|one| one == question)).await;
            found.map(|_asked| ()).map_err(io::Error::other)
        };
        within(question, PATIENCE, wait)
            .await
            .map_err(|cause| io::Error::new(cause.kind(), format!("{cause}; asked was {:?}", self.asked())))
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn ports() -> io::Result<(UdpSocket, TcpListener)> {
    let mut last_fault = io::Error::other("no port was tried");
    for _ in 0..MOST_TRIES {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(fault) => last_fault = fault,
        }
    }
    Err(last_fault)
}

#[cfg(test)]
mod tests;
