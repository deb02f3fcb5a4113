//! The part for programs: `message/delivery-status` (RFC 3464), international by RFC 6533.

use std::fmt::Write as _;

use super::{Action, Form, Report, Reported, fold};
use crate::{ForwardPath, OriginalRecipient, xtext};

/// Longest address that stands on a line of its own, in octets.
const LONGEST_ADDRESS: usize = 900;

pub(super) fn write(text: &mut String, report: &Report<'_>, form: Form) {
    let _ = write!(text, "Reporting-MTA: dns; {}\r\n", report.hostname.ascii());
    if let Some(id) = &report.original.envelope_id {
        let _ = write!(text, "Original-Envelope-Id: {}\r\n", form.line(&id.0));
    }
    let _ = write!(text, "X-Gatepost-Id: {}\r\n", report.original_id);
    let _ = write!(text, "Arrival-Date: {}\r\n", report.original.received.rfc5322());
    for reported in report.recipients {
        text.push_str("\r\n");
        recipient(text, reported, form, report.hostname.ascii());
    }
}

fn recipient(text: &mut String, reported: &Reported<'_>, form: Form, hostname: &str) {
    if let Some(original) = &reported.recipient.original {
        let address = original_recipient(original, form);
        // One that is spelt out can be longer than a line may be.
        if address.len() > LONGEST_ADDRESS {
            text.push_str("Original-Recipient:");
            fold(text, &address, "\t");
        } else {
            let _ = write!(text, "Original-Recipient: {address}\r\n");
        }
    }
    let _ =
        write!(text, "Final-Recipient: {}\r\n", final_recipient(&reported.recipient.path, form, hostname));
    let _ = write!(text, "Action: {}\r\nStatus: {}\r\n", action(reported.action), reported.status());
    if let Some(remote) = reported.remote {
        let _ = write!(text, "Remote-MTA: dns; {}\r\n", form.line(remote));
    }
    if let Some(reply) = reported.reply {
        // "smtp" says that another server spoke these words (RFC 3464 section 2.3.6).
        let kind = if reported.remote.is_some() { "smtp" } else { "x-gatepost" };
        let _ = write!(text, "Diagnostic-Code: {kind};");
        fold(text, &form.line(&reply.to_string()), "\t");
    }
    if let Some(at) = reported.last_attempt {
        let _ = write!(text, "Last-Attempt-Date: {}\r\n", at.rfc5322());
    }
    if let Some(until) = reported.retry_until {
        let _ = write!(text, "Will-Retry-Until: {}\r\n", until.rfc5322());
    }
}

const fn action(action: Action) -> &'static str {
    match action {
        Action::Delivered => "delivered",
        Action::Relayed => "relayed",
        Action::Delayed => "delayed",
        Action::Failed => "failed",
    }
}

/// The kind as the sender gave it; an address beyond ASCII is spelt out where it cannot stand.
fn original_recipient(original: &OriginalRecipient, form: Form) -> String {
    let kind = form.line(&original.kind);
    if original.address.is_ascii() || form == Form::International {
        format!("{kind}; {}", form.line(&original.address))
    } else {
        format!("{kind}; {}", xtext::encode_utf8_address(&original.address))
    }
}

fn final_recipient(path: &ForwardPath, form: Form, hostname: &str) -> String {
    let ForwardPath::Mailbox(mailbox) = path else { return format!("rfc822; postmaster@{hostname}") };
    let address = form.address(mailbox);
    match form {
        Form::International if !address.is_ascii() => format!("utf-8; {address}"),
        Form::International | Form::Ascii | Form::EightBit => format!("rfc822; {}", form.line(&address)),
    }
}
