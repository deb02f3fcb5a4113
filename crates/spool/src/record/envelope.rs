//! Envelopes as octets.

use gatepost_mail::{
    Body, Domain, Ending, Envelope, EnvelopeId, ForwardPath, International, Mailbox, Notify, NotifyOn,
    OriginalRecipient, Principal, Recipient, Return, ReversePath, SessionId, Timestamp,
};

use super::{Reader, Writer};

/// Appends an envelope.
pub(super) fn write(envelope: &Envelope, write: &mut Writer<'_>) {
    write.u64(envelope.session.number());
    write.u64(envelope.received.as_micros());
    write.u8(match envelope.body {
        Body::SevenBit => 0,
        Body::EightBitMime => 1,
        Body::BinaryMime => 2,
    });
    write.u8(match envelope.ending {
        Ending::Line => 0,
        Ending::Open => 1,
    });
    write.u8(match envelope.international {
        International::No => 0,
        International::Yes => 1,
    });
    write.u8(match envelope.returns {
        None => 0,
        Some(Return::Full) => 1,
        Some(Return::Headers) => 2,
    });
    write_principal(&envelope.principal, write);
    match &envelope.envelope_id {
        None => write.u8(0),
        Some(id) => {
            write.u8(1);
            write.text(&id.0);
        }
    }
    match envelope.reverse_path.mailbox() {
        None => write.text(""),
        Some(mailbox) => write.text(mailbox),
    }
    write.u32(u32::try_from(envelope.recipients.len()).unwrap_or(u32::MAX));
    for recipient in &envelope.recipients {
        write_recipient(recipient, write);
    }
}

fn write_principal(principal: &Principal, write: &mut Writer<'_>) {
    let (tag, name) = match principal {
        Principal::Account(name) => (0, name.as_str()),
        Principal::Machine(name) => (1, name.as_str()),
        Principal::Hosted(domain) => (2, domain.as_written()),
        Principal::Ourselves => (3, ""),
    };
    write.u8(tag);
    write.text(name);
}

fn write_recipient(recipient: &Recipient, write: &mut Writer<'_>) {
    write.u8(match recipient.notify {
        Notify::Unsaid => 0,
        Notify::On(set) => set.bits(),
        Notify::Never => 0xff,
    });
    match recipient.path.mailbox() {
        None => write.text(""),
        Some(mailbox) => write.text(mailbox),
    }
    match &recipient.original {
        None => write.u8(0),
        Some(original) => {
            write.u8(1);
            write.text(&original.kind);
            write.text(&original.address);
        }
    }
}

/// Takes an envelope; nothing if it is none.
pub(super) fn read(read: &mut Reader<'_>) -> Option<Envelope> {
    let session = SessionId::from_number(read.u64()?);
    let received = Timestamp::from_micros(read.u64()?);
    let body = match read.u8()? {
        0 => Body::SevenBit,
        1 => Body::EightBitMime,
        2 => Body::BinaryMime,
        _other => return None,
    };
    let ending = match read.u8()? {
        0 => Ending::Line,
        1 => Ending::Open,
        _other => return None,
    };
    let international = match read.u8()? {
        0 => International::No,
        1 => International::Yes,
        _other => return None,
    };
    let returns = match read.u8()? {
        0 => None,
        1 => Some(Return::Full),
        2 => Some(Return::Headers),
        _other => return None,
    };
    let principal = read_principal(read)?;
    let envelope_id = match read.u8()? {
        0 => None,
        1 => Some(EnvelopeId(read.text()?.into())),
        _other => return None,
    };
    let reverse_path = match read.text()? {
        "" => ReversePath::Null,
        text => ReversePath::Mailbox(Mailbox::parse(text).ok()?),
    };
    let count = read.u32()?;
    let recipients = (0..count).map(|_| read_recipient(read)).collect::<Option<Vec<_>>>()?;
    Some(Envelope {
        reverse_path,
        recipients,
        body,
        ending,
        international,
        returns,
        envelope_id,
        principal,
        session,
        received,
    })
}

fn read_principal(read: &mut Reader<'_>) -> Option<Principal> {
    let tag = read.u8()?;
    let name = read.text()?;
    match tag {
        0 => Some(Principal::Account(name.to_owned())),
        1 => Some(Principal::Machine(name.to_owned())),
        2 => Domain::parse(name).ok().map(Principal::Hosted),
        3 => Some(Principal::Ourselves),
        _other => None,
    }
}

fn read_recipient(read: &mut Reader<'_>) -> Option<Recipient> {
    let notify = match read.u8()? {
        0 => Notify::Unsaid,
        0xff => Notify::Never,
        bits => Notify::On(NotifyOn::from_bits(bits)?),
    };
    let path = match read.text()? {
        "" => ForwardPath::Postmaster,
        text => ForwardPath::Mailbox(Mailbox::parse(text).ok()?),
    };
    let original = match read.u8()? {
        0 => None,
        1 => Some(OriginalRecipient { kind: read.text()?.into(), address: read.text()?.into() }),
        _other => return None,
    };
    Some(Recipient { path, notify, original })
}
