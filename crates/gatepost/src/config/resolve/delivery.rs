//! Outgoing mail.

use gatepost_mta::settings::ChunkingUse;
use gatepost_policy::rules::DeliveryRules;

use super::Resolving;
use crate::config::fault::Fault;

/// What is told about outgoing mail.
pub(super) struct Delivery {
    pub(super) rules: DeliveryRules,
    pub(super) exchanger_port: u16,
    pub(super) chunking: ChunkingUse,
}

/// The port of all mail exchangers.
const SMTP_PORT: u16 = 25;

pub(super) fn resolve(resolving: &mut Resolving<'_>) -> Delivery {
    check_retry(resolving);
    check_ages(resolving);
    let delivery = &resolving.options.delivery;
    let exchanger_port = delivery.exchanger_port.value.get();
    if exchanger_port != SMTP_PORT {
        resolving.note(
            Fault::warning(format!("mail exchangers are looked for at port {exchanger_port}"))
                .at(delivery.exchanger_port.place.clone(), "none on the internet listens there")
                .mend("remove the line, unless this is a test"),
        );
    }
    let rules = DeliveryRules {
        retry: delivery.retry.items.iter().map(|wait| wait.value.0).collect(),
        expire: delivery.expire.value.0,
        warn_after: delivery.warn_after.value.0,
        tls: delivery.tls.value.0,
    };
    Delivery { rules, exchanger_port, chunking: delivery.chunking.value }
}

fn check_retry(resolving: &mut Resolving<'_>) {
    let retry = &resolving.options.delivery.retry;
    if retry.items.is_empty() {
        resolving.note(
            Fault::error("without any wait, nothing is ever tried again")
                .at(retry.place.clone(), "empty")
                .mend("remove the line: the default is [\"5m\", \"15m\", \"30m\", \"1h\", \"2h\", \"4h\"]"),
        );
    }
    let none: Vec<_> = retry.items.iter().filter(|wait| wait.value.0.is_zero()).cloned().collect();
    for wait in none {
        resolving.note(
            Fault::error("a wait of no time would try again without end")
                .at(wait.place, "no time")
                .mend("write \"5m\""),
        );
    }
}

fn check_ages(resolving: &mut Resolving<'_>) {
    let delivery = &resolving.options.delivery;
    if delivery.warn_after.value >= delivery.expire.value {
        resolving.note(
            Fault::error("nobody is told of a delay before the message is given up")
                .at(delivery.warn_after.place.clone(), "told after this time")
                .against(delivery.expire.place.clone(), "given up after this time")
                .mend("make `warn-after` shorter than `expire`"),
        );
    }
    let first = delivery.retry.items.first();
    if let Some(first) = first.filter(|first| first.value >= delivery.expire.value) {
        resolving.note(
            Fault::error("a message is given up before it is tried a second time")
                .at(delivery.expire.place.clone(), "given up after this time")
                .against(first.place.clone(), "tried again after this time")
                .mend("make `expire` longer: RFC 5321 section 4.5.4.1 asks for 4 or 5 days"),
        );
    }
}
