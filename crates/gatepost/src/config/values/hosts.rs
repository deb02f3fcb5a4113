//! Addresses, networks, and where mail goes.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use gatepost_mail::Domain;
use gatepost_policy::rules::{Destination, Endpoint, Network};

use crate::config::nearest::nearest;
use crate::config::read::{TextValue, Wrong};

/// An address and port to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind(pub SocketAddr);

impl TextValue for Bind {
    const FORM: &'static str =
        "\"ADDRESS:PORT\", as in \"0.0.0.0:25\" or \"[::]:25\"; port 0 takes a free one";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let mend = match text.strip_prefix('*').or_else(|| text.strip_prefix("localhost")) {
            Some(port) if text.starts_with('*') => format!("write \"0.0.0.0{port}\", \"[::]{port}\""),
            Some(port) => format!("write \"127.0.0.1{port}\", \"[::1]{port}\""),
            None => match text.parse() {
                Ok(address) => format!("write \"{}\"", SocketAddr::new(address, 587)),
                Err(_) => "write an IP address and a port: \"192.0.2.1:25\", \"[2001:db8::1]:25\"".to_owned(),
            },
        };
        Err(Wrong::new("this is not an address with a port", mend))
    }
}

impl TextValue for SocketAddr {
    const FORM: &'static str = "\"ADDRESS:PORT\", as in \"127.0.0.1:53\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Ok(address) = text.parse::<Self>()
            && address.port() != 0
        {
            return Ok(address);
        }
        let mend = match text.parse::<IpAddr>() {
            Ok(address) => format!("write \"{}\"", Self::new(address, 53)),
            Err(_) => "write an IP address and a port: \"127.0.0.1:53\"".to_owned(),
        };
        Err(Wrong::new("this is not an address with a port", mend))
    }
}

impl TextValue for Network {
    const FORM: &'static str = "an address or a network, as in \"10.0.7.20/32\" or \"2001:db8::/64\"";
    const PLACEHOLDER: &'static str = "\"NETWORK\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new("this is not a network", format!("write {}", Self::FORM));
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = if prefix.is_empty() && !text.ends_with('/') {
            longest
        } else {
            prefix.parse().ok().filter(|prefix| *prefix <= longest).ok_or_else(wrong)?
        };
        let network = Self { address: first_of(address, prefix), prefix };
        if network.address != address {
            let mend = format!("write \"{}/{prefix}\", or \"{address}/{longest}\"", network.address);
            return Err(Wrong::new("this address is not the first of its network", mend));
        }
        Ok(network)
    }
}

/// The first address of the network that holds this one.
fn first_of(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(u32::from(prefix))).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(u32::from(prefix))).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// Where the mail of a domain of ours goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver(pub Destination);

/// The placeholders of a Maildir's path.
const PLACEHOLDERS: [&str; 2] = ["domain", "local-part"];

impl TextValue for Deliver {
    const FORM: &'static str =
        "\"maildir:PATH\", \"lmtp:unix:PATH\", \"lmtp:HOST:PORT\" or \"smtp:HOST:PORT\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let destination = match text.split_once(':') {
            Some(("maildir", path)) => Destination::Maildir(maildir(path)?),
            Some(("lmtp", rest)) => Destination::Lmtp(endpoint(rest, "lmtp:")?),
            Some(("smtp", rest)) => Destination::Smtp(endpoint(rest, "smtp:")?),
            Some(_) | None => return Err(unknown_way(text)),
        };
        Ok(Self(destination))
    }
}

fn unknown_way(text: &str) -> Wrong {
    let way = text.split(':').next().unwrap_or_default();
    let mend = match nearest(way, ["maildir", "lmtp", "smtp"]) {
        Some(name) if text.contains(':') => format!("write \"{name}:...\""),
        Some(_) | None => format!("write {}", Deliver::FORM),
    };
    Wrong::new("this is not a way to deliver", mend)
}

fn maildir(path: &str) -> Result<PathBuf, Wrong> {
    if path.is_empty() || path.contains('\0') {
        let mend = "write \"maildir:/var/mail/{domain}/{local-part}\"";
        return Err(Wrong::new("this has no path", mend));
    }
    for piece in path.split('{').skip(1) {
        let name = piece.split('}').next().unwrap_or_default();
        if !piece.contains('}') || !PLACEHOLDERS.contains(&name) {
            let mend = match nearest(name, PLACEHOLDERS) {
                Some(known) => format!("write {{{known}}}"),
                None => "what can be filled in is {domain} and {local-part}".to_owned(),
            };
            return Err(Wrong::new(format!("{{{name}}} means nothing in a path"), mend));
        }
    }
    Ok(PathBuf::from(path))
}

/// A fixed next hop that speaks SMTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp(pub Endpoint);

impl TextValue for Smtp {
    const FORM: &'static str = "\"smtp:HOST:PORT\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let Some(rest) = text.strip_prefix("smtp:") else {
            return Err(Wrong::new("this is not an SMTP next hop", format!("write {}", Self::FORM)));
        };
        endpoint(rest, "smtp:").map(Self)
    }
}

/// `unix:PATH`, `ADDRESS:PORT` or `NAME:PORT`.
fn endpoint(text: &str, scheme: &str) -> Result<Endpoint, Wrong> {
    if let Some(path) = text.strip_prefix("unix:") {
        let fits = path.starts_with('/') && !path.contains('\0');
        let wrong = || {
            let mend = format!("write \"{scheme}unix:/run/dovecot/lmtp\"");
            Wrong::new("this is not the whole path of a socket", mend)
        };
        return if fits { Ok(Endpoint::Unix(PathBuf::from(path))) } else { Err(wrong()) };
    }
    let port = match scheme {
        "lmtp:" => 24,
        _ => 25,
    };
    let mend = |host: &str| format!("write \"{scheme}{host}:{port}\"");
    if text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4()) || Domain::parse(text).is_ok() {
        return Err(Wrong::new("this has no port", mend(text)));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        let fits = address.port() != 0;
        let there = Endpoint::Address(address.ip(), address.port());
        return if fits { Ok(there) } else { Err(Wrong::new("port 0 is none", mend("HOST"))) };
    }
    let (name, port) = text
        .rsplit_once(':')
        .ok_or_else(|| Wrong::new("this is not a host with a port", mend("mail.example.net")))?;
    let domain = Domain::parse(name)
        .map_err(|_| Wrong::new("this is not a host name or address", mend("mail.example.net")))?;
    match port.parse() {
        Ok(port) if port != 0 => Ok(Endpoint::Name(domain, port)),
        Ok(_) | Err(_) => Err(Wrong::new("this is not a port", mend(name))),
    }
}

#[cfg(test)]
mod tests;
