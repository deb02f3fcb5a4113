//! What sources of accounts are told.

use gatepost_directory::{Flavour, LdapTls, Placeholder, ProvedBy, Template, TemplateError};
use gatepost_mail::Domain;

use super::choices::choose;
use crate::config::nearest::nearest;
use crate::config::read::{TextValue, Wrong};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// PostgreSQL.
    Postgresql,
    /// MariaDB or MySQL.
    Mysql,
    /// A file of SQLite.
    Sqlite,
}

impl TextValue for Driver {
    const FORM: &'static str = "\"postgresql\", \"mysql\" (MariaDB too) or \"sqlite\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let words = [
            ("postgresql", Self::Postgresql),
            ("mysql", Self::Mysql),
            ("sqlite", Self::Sqlite),
            ("mariadb", Self::Mysql),
        ];
        choose(text, &words)
    }
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceTlsChoice {
    /// Encrypted, with a valid certificate.
    Required,
    /// In the clear.
    Off,
}

impl TextValue for SourceTlsChoice {
    const FORM: &'static str = "\"required\", or \"off\" (loopback only)";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("required", Self::Required), ("off", Self::Off)])
    }
}

/// How `ldap://` is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LdapTlsChoice(pub LdapTls);

impl TextValue for LdapTlsChoice {
    const FORM: &'static str = "\"starttls\", or \"off\" (loopback only)";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("starttls", LdapTls::StartTls), ("off", LdapTls::Off)]).map(Self)
    }
}

/// How a password is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofChoice(pub ProvedBy);

impl TextValue for ProofChoice {
    const FORM: &'static str = "\"bind\" or \"compare\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("bind", ProvedBy::Bind), ("compare", ProvedBy::Compare)]).map(Self)
    }
}

/// Whose LDAP server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlavourChoice(pub Flavour);

impl TextValue for FlavourChoice {
    const FORM: &'static str = "\"ldap\" or \"active-directory\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("ldap", Flavour::Ldap), ("active-directory", Flavour::ActiveDirectory)]).map(Self)
    }
}

/// A server and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name, or an address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl TextValue for HostPort {
    const FORM: &'static str = "\"HOST:PORT\", as in \"db.example.org:5432\" or \"[::1]:5432\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new("this is not a server with a port", format!("write {}", Self::FORM));
        if let Ok(address) = text.parse::<std::net::SocketAddr>() {
            return Ok(Self { host: address.ip().to_string(), port: address.port() });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = Domain::parse(host).map_err(|_| wrong())?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        Ok(Self { host: host.ascii().to_owned(), port })
    }
}

/// The URL of an LDAP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapUrl {
    /// As it was written.
    pub text: String,
    /// What is before the colon.
    pub scheme: LdapScheme,
    /// The host, without brackets.
    pub host: String,
}

/// How an LDAP server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LdapScheme {
    /// In the clear, before StartTLS.
    Ldap,
    /// Under TLS.
    Ldaps,
    /// On a unix socket.
    Ldapi,
}

impl TextValue for LdapUrl {
    const FORM: &'static str = "\"ldaps://HOST\", \"ldap://HOST\" (a port may follow) or \"ldapi://%2Fpath\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new("this is not the URL of an LDAP server", format!("write {}", Self::FORM));
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let scheme = match scheme {
            "ldap" => LdapScheme::Ldap,
            "ldaps" => LdapScheme::Ldaps,
            "ldapi" => LdapScheme::Ldapi,
            _ => return Err(wrong()),
        };
        let place = rest.strip_suffix('/').unwrap_or(rest);
        if scheme == LdapScheme::Ldapi {
            let fits = place.starts_with("%2F") || place.starts_with("%2f");
            let whole = Self { text: text.to_owned(), scheme, host: String::new() };
            return if fits && !place.contains('/') { Ok(whole) } else { Err(wrong()) };
        }
        let host = host(place).ok_or_else(wrong)?;
        Ok(Self { text: text.to_owned(), scheme, host })
    }
}

/// The host of `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`.
fn host(place: &str) -> Option<String> {
    if let Ok(address) = place.parse::<std::net::SocketAddr>() {
        return Some(address.ip().to_string());
    }
    let name = match place.rsplit_once(':') {
        Some((name, port)) => port.parse::<u16>().ok().filter(|port| *port != 0).map(|_| name)?,
        None => place,
    };
    let address = name.parse::<std::net::Ipv4Addr>().is_ok();
    (address || Domain::parse(name).is_ok()).then(|| name.to_owned())
}

/// An attribute's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute(pub String);

impl TextValue for Attribute {
    const FORM: &'static str = "the name of an attribute";

    /// RFC 4512 section 1.4, `keystring`.
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let fits = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        let wrong = || Wrong::new("this is not the name of an attribute", "write it as in \"mail\"");
        if fits { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

/// The query for a login name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery(pub Template);

/// The query for what an account may send as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendsAsQuery(pub Template);

/// The query for a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxQuery(pub Template);

/// The filter for a login name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapFilter(pub Template);

impl TextValue for UserQuery {
    const FORM: &'static str = "a query with {user}, {local}, {domain}";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let known = [Placeholder::User, Placeholder::Local, Placeholder::Domain];
        Template::sql(text, &known).map(Self).map_err(|cause| misread(&cause))
    }
}

impl TextValue for SendsAsQuery {
    const FORM: &'static str = "a query with {account}, {mailbox}, {local}, {domain}";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let known = [Placeholder::Account, Placeholder::Mailbox, Placeholder::Local, Placeholder::Domain];
        Template::sql(text, &known).map(Self).map_err(|cause| misread(&cause))
    }
}

impl TextValue for MailboxQuery {
    const FORM: &'static str = "a query with {mailbox}, {local}, {domain}";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let known = [Placeholder::Mailbox, Placeholder::Local, Placeholder::Domain];
        Template::sql(text, &known).map(Self).map_err(|cause| misread(&cause))
    }
}

impl TextValue for LdapFilter {
    const FORM: &'static str = "a filter with {user}, {local}, {domain}";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let known = [Placeholder::User, Placeholder::Local, Placeholder::Domain];
        Template::filter(text, &known).map(Self).map_err(|cause| misread(&cause))
    }
}

fn misread(cause: &TemplateError) -> Wrong {
    let mend = match cause {
        TemplateError::Unknown { found, known } => {
            match nearest(found, known.iter().map(|placeholder| placeholder.name())) {
                Some(name) => format!("write {{{name}}}"),
                None => {
                    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                    format!("what can be filled in is {}", known.join(", "))
                }
            }
        }
        TemplateError::Quoted(placeholder) => {
            format!("write {placeholder} without quotes: it becomes a bound parameter")
        }
        TemplateError::Brace => "write {{ for a brace, or name what is to be filled in".to_owned(),
        TemplateError::Filter => "write it as in \"(mail={user})\", every bracket closed".to_owned(),
        _ => "write it shorter".to_owned(),
    };
    Wrong::new(cause.to_string(), mend)
}
