//! The part for people: what happened, in which words, and what to do now.

use std::fmt::Write as _;

use super::{Action, Form, Report, Reported, fold};
use crate::{EnhancedStatus, ForwardPath};

pub(super) const fn subject(worst: Action) -> &'static str {
    match worst {
        Action::Delivered => "Your message has been delivered",
        Action::Relayed => "Your message has been passed on",
        Action::Delayed => "Your message is delayed",
        Action::Failed => "Your message could not be delivered",
    }
}

pub(super) fn write(text: &mut String, report: &Report<'_>, form: Form) {
    let _ = write!(text, "This is the mail system of {}.\r\n", report.hostname.ascii());
    for action in [Action::Failed, Action::Delayed, Action::Relayed, Action::Delivered] {
        let concerned = || report.recipients.iter().filter(|reported| reported.action == action);
        if concerned().next().is_some() {
            text.push_str("\r\n");
            fold(text, introduction(action), "");
            for reported in concerned() {
                text.push_str("\r\n");
                recipient(text, reported, form);
            }
        }
    }
    text.push_str("\r\n");
    fold(text, "If you ask your postmaster about this, name it:", "");
    let _ = write!(text, "{}\r\n", report.original_id);
}

const fn introduction(action: Action) -> &'static str {
    match action {
        Action::Delivered => "Your message has arrived in the mailbox of:",
        Action::Relayed => {
            "Your message has been handed to another mail server for the people below. That server \
             does not report, so no further word will come unless it fails."
        }
        Action::Delayed => {
            "Your message has not been delivered yet to the people below. You need not do anything: we keep \
             trying, and will tell you if we give up."
        }
        Action::Failed => {
            "Your message could not be delivered to the people below, and we have stopped trying. Nobody else \
             will tell you, so please read why:"
        }
    }
}

fn recipient(text: &mut String, reported: &Reported<'_>, form: Form) {
    let address = match &reported.recipient.path {
        ForwardPath::Mailbox(mailbox) => form.address(mailbox),
        ForwardPath::Postmaster => "postmaster".to_owned(),
    };
    let _ = write!(text, "  <{}>\r\n", form.line(&address));
    if let Some(reply) = reported.reply {
        text.push_str("    ");
        let words = form.line(&reply.to_string());
        let said = match reported.remote {
            Some(remote) => format!("{} said: {words}", form.line(remote)),
            None => words,
        };
        fold(text, &said, "    ");
    }
    if let Some(host) = reported.in_doubt {
        let said = format!(
            "It may have arrived all the same: once all of it was sent to {}, and no answer came. Ask the person \
             before you send it again.",
            form.line(host)
        );
        text.push_str("    ");
        fold(text, &said, "    ");
    }
    if let Some(until) = reported.retry_until {
        let _ = write!(text, "    We try until {}.\r\n", until.rfc5322());
    }
    if reported.action == Action::Failed {
        text.push_str("    ");
        fold(text, advice(reported.status()), "    ");
    }
}

/// What the sender can do, by the status (RFC 3463 section 3).
const fn advice(status: EnhancedStatus) -> &'static str {
    match (status.subject, status.detail) {
        (1, 1 | 3 | 6) => {
            "This address does not exist. Check its spelling, and ask the person for the right one."
        }
        (1, 2) | (4, 4) => "This domain is not there. Check the spelling of the part behind the @.",
        (1, 10) => "This domain takes no mail at all. Ask the person for another address.",
        (2, 1) => "This mailbox is closed. Reach the person another way.",
        (2, 2) => "This mailbox is full. Reach the person another way, or try again later.",
        (2, 3) | (3, 4) => {
            "The message is too large for them. Leave out attachments, or share them another way."
        }
        (4, 6) => "Their mail goes in circles. Only their postmaster can mend that.",
        (4, 7) => {
            "Their servers could not be reached in all that time, or kept putting us off. Try again later."
        }
        (6, _) => "They cannot take this kind of message. Plain text without attachments may pass.",
        (7, _) => "They refuse this message by a rule of theirs. Their words above may say which.",
        _ => "If the words above do not help, ask your postmaster.",
    }
}
