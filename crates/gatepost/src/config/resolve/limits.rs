//! Limits and timeouts.

use std::num::NonZeroU32;
use std::time::Duration;

use gatepost_mail::Octets;
use gatepost_mta::settings::Timeouts;
use gatepost_policy::rules::LimitRules;

use super::Resolving;
use crate::config::fault::Fault;
use crate::config::read::Setting;
use crate::config::values::Wait;

/// RFC 5321 section 4.5.3.1.7.
const SMALLEST_MESSAGE: Octets = Octets::kib(64);
/// RFC 5321 section 4.5.3.1.8.
const FEWEST_RECIPIENTS: u32 = 100;
/// RFC 5321 section 6.3 asks for at least 100; less than this refuses ordinary mail.
const FEWEST_RECEIVED: u32 = 30;
/// RFC 5321 section 4.5.3.2.7 asks for 5 minutes; less than this cuts off ordinary clients.
const SHORTEST_USUAL: Duration = Duration::from_secs(60);

/// What one session counts for: under TLS it takes less while it waits, and more while it talks.
const SESSION: Octets = Octets::kib(32);
/// What is there without any session: the program, its runtime, caches of SQLite, a thousand deliveries.
const PROGRAM: Octets = Octets::mib(96);
/// Less than this is no server.
const FEWEST_SESSIONS: u64 = 16;

/// What sessions may not use: each of these has a bound of its own.
fn taken_already() -> Octets {
    let spool = gatepost_spool::EmbeddedSettings::default();
    let threads = gatepost_directory::EmbeddedSettings::default().password_threads.get() as u64;
    let passwords = Octets::kib(threads * u64::from(gatepost_directory::limits::ARGON2_MEMORY_KIB));
    spool.draft_memory + spool.hot_memory + passwords + PROGRAM
}

/// How many sessions there may be: as many as are written, and as fit.
fn connections(resolving: &mut Resolving<'_>) -> NonZeroU32 {
    let limits = &resolving.options.limits;
    let (written, memory) = (limits.connections.value, limits.memory.value.0);
    let fit = memory.0.saturating_sub(taken_already().0) / SESSION.0;
    if fit < FEWEST_SESSIONS {
        resolving.note(
            Fault::error("there is no memory for any session")
                .at(limits.memory.place.clone(), "less than the rest needs")
                .mend("write \"1GiB\"; \"512MiB\" is enough for a small server with a few cores"),
        );
    } else if fit < u64::from(written.get()) {
        resolving.note(
            Fault::warning("so many sessions do not fit into `limits.memory`: the rest is turned away")
                .at(limits.memory.place.clone(), "32 KiB for each of them, and some for the rest")
                .against(limits.connections.place.clone(), "more than there is room for")
                .mend("raise `memory`, or write fewer `connections`"),
        );
    }
    u32::try_from(fit).ok().and_then(NonZeroU32::new).map_or(written, |fit| fit.min(written))
}

pub(super) fn limits(resolving: &mut Resolving<'_>) -> LimitRules {
    let connections = connections(resolving);
    let limits = &resolving.options.limits;
    if limits.message_size.value.0 < SMALLEST_MESSAGE {
        resolving.note(
            Fault::error("messages of 64 KiB must be taken (RFC 5321 section 4.5.3.1.7)")
                .at(limits.message_size.place.clone(), "less than that")
                .mend("write \"50MiB\""),
        );
    }
    let counts = [
        (
            &limits.recipients_per_message,
            FEWEST_RECIPIENTS,
            "100 recipients must be taken (RFC 5321 section 4.5.3.1.8)",
        ),
        (
            &limits.received_fields,
            FEWEST_RECEIVED,
            "so few Received fields are no sign of a circle (RFC 5321 section 6.3)",
        ),
    ];
    for (count, fewest, what) in counts {
        if count.value.get() < fewest {
            resolving.note(
                Fault::error(what)
                    .at(count.place.clone(), "less than that")
                    .mend("remove the line: the default is safe"),
            );
        }
    }
    if limits.connections_per_network.value > limits.connections.value {
        resolving.note(
            Fault::warning("one client network can take all connections")
                .at(limits.connections_per_network.place.clone(), "more than there are")
                .against(limits.connections.place.clone(), "for all together")
                .mend("write a smaller number"),
        );
    }
    LimitRules {
        message_size: limits.message_size.value.0,
        recipients_per_message: limits.recipients_per_message.value,
        connections,
        connections_per_network: limits.connections_per_network.value,
        account_messages_per_hour: limits.account.messages_per_hour.value,
        account_recipients_per_day: limits.account.recipients_per_day.value,
        received_fields: NonZeroU32::get(limits.received_fields.value),
        repeated_hand_in: limits.repeated_hand_in.value,
    }
}

pub(super) fn timeouts(resolving: &mut Resolving<'_>) -> Timeouts {
    let timeouts = &resolving.options.timeouts;
    let all: [(&str, &Setting<Wait>); 6] = [
        ("command", &timeouts.command),
        ("content", &timeouts.content),
        ("connect", &timeouts.connect),
        ("greeting", &timeouts.greeting),
        ("reply", &timeouts.reply),
        ("final-reply", &timeouts.final_reply),
    ];
    for (name, wait) in all {
        if wait.value.0.is_zero() {
            resolving.note(
                Fault::error(format!("`timeouts.{name}` leaves no time"))
                    .at(wait.place.clone(), "no time")
                    .mend("remove the line: the default is that of RFC 5321 section 4.5.3.2"),
            );
        } else if wait.value.0 < SHORTEST_USUAL && name != "connect" {
            resolving.note(
                Fault::warning(format!("`timeouts.{name}` cuts off slow but honest peers"))
                    .at(wait.place.clone(), "less than a minute")
                    .mend("remove the line: the default is that of RFC 5321 section 4.5.3.2"),
            );
        }
    }
    Timeouts {
        command: timeouts.command.value.0,
        content: timeouts.content.value.0,
        connect: timeouts.connect.value.0,
        greeting: timeouts.greeting.value.0,
        reply: timeouts.reply.value.0,
        final_reply: timeouts.final_reply.value.0,
    }
}
