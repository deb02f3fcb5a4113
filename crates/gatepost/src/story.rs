//! Events as sentences: the same for a terminal, where they happen, and for `gatepost trace`, long after.
//!
//! A sentence is made from the event's JSON, since that is what is kept; field names are those of
//! [`gatepost_mta::event::What`].

use serde_json::{Map, Value};

/// One event as JSON.
pub type Fields = Map<String, Value>;

/// What an event was, for the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// The course of things.
    Plain,
    /// It went well: taken, delivered.
    Good,
    /// It went wrong: refused, failed, trouble.
    Bad,
}

/// A field as text; empty where there is none.
#[must_use]
pub fn text(fields: &Fields, name: &str) -> String {
    match fields.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", ")
        }
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
    }
}

/// What an event was.
#[must_use]
pub fn mood(fields: &Fields) -> Mood {
    match text(fields, "event").as_str() {
        "queued" | "delivered" | "finished" | "logged-in" | "listening" | "reloaded" => Mood::Good,
        "alarm" | "turned-away" | "handshake-failed" | "login-failed" | "sender-refused"
        | "recipient-refused" | "content-refused" | "failed" | "reload-refused" | "trouble"
        | "events-lost" => Mood::Bad,
        _ => Mood::Plain,
    }
}

/// The event as one sentence. An event that this version does not know is told with all its fields.
#[must_use]
pub fn sentence(fields: &Fields) -> String {
    let get = |name: &str| text(fields, name);
    match get("event").as_str() {
        "listening" => format!("listener {} is ready on {}", get("listener"), get("address")),
        "connected" => format!("{} connected to listener {}", get("client"), get("listener")),
        "turned-away" => {
            format!("{} was turned away: {}{}", get("client"), get("reply"), ruled(fields))
        }
        "encrypted" => {
            let again = if get("resumed") == "true" { ", an earlier session resumed" } else { "" };
            format!("the channel is encrypted: {} with {}{again}", get("version"), get("cipher"))
        }
        "handshake-failed" => format!("the TLS handshake failed: {}", get("cause")),
        "logged-in" => format!("logged in as {}{} with {}", get("account"), device(fields), get("mechanism")),
        "login-failed" => login_failed(fields),
        "alarm" => alarm(fields),
        "sender-refused" => format!("sender {} was refused{}", path(&get("sender")), refused(fields)),
        "recipient-refused" => format!(
            "recipient {} (from {}) was refused{}",
            path(&get("recipient")),
            path(&get("sender")),
            refused(fields)
        ),
        "recipient-taken" => format!("recipient {} was taken{}", path(&get("recipient")), ruled(fields)),
        "content-refused" => {
            format!("the message from {} was refused{}", path(&get("sender")), refused(fields))
        }
        "queued" => queued(fields),
        "repeated" => format!(
            "{} handed the message of session {} in again, and was told that it is queued already{}; {}",
            get("client"),
            get("first-session"),
            ruled(fields),
            get("because")
        ),
        "disconnected" => format!("the session ended: {}", get("cause")),
        other => after_the_session(other, fields),
    }
}

fn after_the_session(event: &str, fields: &Fields) -> String {
    let get = |name: &str| text(fields, name);
    match event {
        "delivered" => delivered(fields),
        "deferred" => format!(
            "{} waits until {}, after attempt {}{}: {}",
            path(&get("recipient")),
            get("due"),
            get("attempts"),
            towards(fields),
            get("cause")
        ),
        "failed" => format!(
            "{} can never be delivered{}: {}{}",
            path(&get("recipient")),
            towards(fields),
            get("cause"),
            ruled(fields)
        ),
        "reported" => {
            format!("a report was sent to {}: message {} {}", path(&get("to")), get("about"), get("action"))
        }
        "report-omitted" => format!("no report about {}{}", path(&get("recipient")), ruled(fields)),
        "site-rests" => format!(
            "nobody was reached at {}: {}; it rests for {} s, and what comes due for it waits on without a try{}",
            get("next-hop"),
            get("cause"),
            get("seconds"),
            ruled(fields)
        ),
        "finished" => format!("the message left the queue after {}", seconds(fields)),
        "operated" => format!("the message was {} by {}", get("action"), get("by")),
        "reloaded" => "a new configuration is in force".to_owned(),
        "reload-refused" => {
            format!("the new configuration was refused, the old one stays in force:\n{}", get("cause"))
        }
        "draining" => format!("no new sessions; {} may end", get("sessions")),
        "trouble" => format!("trouble with the {}: {}; {}", get("part"), get("cause"), get("hint")),
        "events-lost" => {
            format!("{} events were lost: they came faster than they could be written", get("count"))
        }
        unknown => everything(unknown, fields),
    }
}

fn login_failed(fields: &Fields) -> String {
    let get = |name: &str| text(fields, name);
    let from = match get("client") {
        client if client.is_empty() => String::new(),
        client => format!(" from {client}"),
    };
    format!("{} could not log in{from} with {}{}", who(fields), get("mechanism"), refused(fields))
}

/// Capitals, since it must not drown in what strangers do all day.
fn alarm(fields: &Fields) -> String {
    let get = |name: &str| text(fields, name);
    format!(
        "ALARM: the login of {} from {} with {}: {}{}; {}",
        who(fields),
        get("client"),
        get("mechanism"),
        get("cause"),
        ruled(fields),
        get("hint")
    )
}

fn who(fields: &Fields) -> String {
    match text(fields, "user") {
        user if user.is_empty() => "somebody".to_owned(),
        user => format!("\"{user}\""),
    }
}

/// By which device of an account.
fn device(fields: &Fields) -> String {
    match text(fields, "device") {
        device if device.is_empty() => String::new(),
        device => format!(" (device {device})"),
    }
}

fn queued(fields: &Fields) -> String {
    let get = |name: &str| text(fields, name);
    let count = fields.get("count").and_then(Value::as_u64).unwrap_or(0);
    let named = fields.get("recipients").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let more = match count.saturating_sub(named) {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    let size = fields.get("size").and_then(Value::as_u64).unwrap_or(0);
    format!(
        "queued on stable storage: from {} to {}{more}, {}, {}{} answers for it",
        path(&get("sender")),
        get("recipients"),
        gatepost_mail::Octets(size),
        get("principal"),
        device(fields)
    )
}

fn delivered(fields: &Fields) -> String {
    let get = |name: &str| text(fields, name);
    let tls = match get("tls") {
        tls if tls.is_empty() => String::new(),
        tls => format!(", {tls}"),
    };
    format!(
        "delivered to {}{}{tls}, after {}: {}",
        path(&get("recipient")),
        towards(fields),
        seconds(fields),
        get("reply")
    )
}

fn towards(fields: &Fields) -> String {
    match text(fields, "next-hop") {
        hop if hop.is_empty() => String::new(),
        hop => format!(" through {hop}"),
    }
}

fn seconds(fields: &Fields) -> String {
    let delay = fields.get("delay").and_then(Value::as_f64).unwrap_or(0.0);
    format!("{delay:.1} s")
}

/// What the client was told, by which rule, and for which facts.
fn refused(fields: &Fields) -> String {
    let because = match text(fields, "because") {
        because if because.is_empty() => String::new(),
        because => format!("; {because}"),
    };
    format!(": {}{}{because}", text(fields, "reply"), ruled(fields))
}

fn ruled(fields: &Fields) -> String {
    match text(fields, "rule") {
        rule if rule.is_empty() => String::new(),
        rule => format!(" [{rule}]"),
    }
}

/// Paths come with or without brackets; people read them with.
fn path(address: &str) -> String {
    if address.starts_with('<') { address.to_owned() } else { format!("<{address}>") }
}

fn everything(event: &str, fields: &Fields) -> String {
    let known = ["event", "at", "session", "message"];
    let rest = fields.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    let rest: Vec<String> = rest.map(|(name, _)| format!("{name}={}", text(fields, name))).collect();
    format!("{event}: {}", rest.join(" "))
}

#[cfg(test)]
mod tests;
