//! The three messages of NTLM ([MS-NLMP] section 2.2.1), read strictly and written.
//!
//! All numbers are little end first. A message is a header of fixed places, some of which say where in the rest of the
//! message a field of free length lies.

use super::target_info::{self, TargetInfo};
use crate::limits;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Octets of AUTHENTICATE's header up to its flags: the shortest that is read.
const HEADER_SHORT: usize = 64;
/// Where the MIC lies: after flags (64) and version (8).
const MIC_AT: usize = 72;
/// Octets of AUTHENTICATE's header with its MIC.
const HEADER_WITH_MIC: usize = MIC_AT + MIC_OCTETS;
const MIC_OCTETS: usize = 16;

/// Octets of an NTLMv1 response.
pub(super) const RESPONSE_ONE_OCTETS: usize = 24;
/// Octets of `NTProofStr`.
const PROOF_OCTETS: usize = 16;
/// Octets of an NTLMv2 blob before its target information.
const BLOB_HEADER: usize = 28;

/// `NegotiateFlags` ([MS-NLMP] section 2.2.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(pub(super) u32);

impl Flags {
    pub(super) const UNICODE: Self = Self(0x0000_0001);
    const OEM: Self = Self(0x0000_0002);
    const REQUEST_TARGET: Self = Self(0x0000_0004);
    const NTLM: Self = Self(0x0000_0200);
    const ALWAYS_SIGN: Self = Self(0x0000_8000);
    const TARGET_TYPE_SERVER: Self = Self(0x0002_0000);
    pub(super) const EXTENDED_SESSION_SECURITY: Self = Self(0x0008_0000);
    const TARGET_INFO: Self = Self(0x0080_0000);
    const VERSION: Self = Self(0x0200_0000);
    const BITS_128: Self = Self(0x2000_0000);
    const BITS_56: Self = Self(0x8000_0000);

    /// Granted when asked for. The lengths of keys that we never use are among them because Windows gives up without;
    /// `VERSION` is, because clients disagree about where the MIC lies without.
    const GRANTED: [Self; 5] =
        [Self::ALWAYS_SIGN, Self::EXTENDED_SESSION_SECURITY, Self::VERSION, Self::BITS_128, Self::BITS_56];

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What our client asks for.
    pub(super) const fn ours() -> Self {
        Self::UNICODE
            .with(Self::REQUEST_TARGET)
            .with(Self::NTLM)
            .with(Self::ALWAYS_SIGN)
            .with(Self::EXTENDED_SESSION_SECURITY)
            .with(Self::TARGET_INFO)
            .with(Self::BITS_128)
            .with(Self::BITS_56)
    }

    /// What our server grants; `None` if the client offers no alphabet that its names could be in.
    pub(super) fn granted(self) -> Option<Self> {
        let alphabet = [Self::UNICODE, Self::OEM].into_iter().find(|alphabet| self.has(*alphabet))?;
        let always = alphabet
            .with(Self::REQUEST_TARGET)
            .with(Self::NTLM)
            .with(Self::TARGET_TYPE_SERVER)
            .with(Self::TARGET_INFO);
        Some(Self::GRANTED.into_iter().filter(|flag| self.has(*flag)).fold(always, Self::with))
    }
}

/// The octets at a place.
fn take<const N: usize>(message: &[u8], at: usize) -> Option<[u8; N]> {
    message.get(at..)?.first_chunk().copied()
}

fn flags(message: &[u8], at: usize) -> Option<Flags> {
    take(message, at).map(|octets| Flags(u32::from_le_bytes(octets)))
}

/// Whether a message begins as the one with that number.
fn begins(message: &[u8], number: u32) -> bool {
    message.starts_with(SIGNATURE) && take(message, SIGNATURE.len()) == Some(number.to_le_bytes())
}

/// The field whose length and offset are at a place; it must lie within the message and outside the header.
fn field(message: &[u8], at: usize, header: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_le_bytes(take(message, at)?));
    let offset = usize::try_from(u32::from_le_bytes(take(message, at + 4)?)).ok()?;
    match length {
        // Clients let an empty field begin anywhere: at 0, or past the end.
        0 => Some(&[]),
        _ if offset < header => None,
        _ => message.get(offset..offset.checked_add(length)?),
    }
}

/// A message being written: header and fields apart, since the header says where the fields are.
struct Writer {
    header: Vec<u8>,
    fields: Vec<u8>,
    header_octets: usize,
}

impl Writer {
    fn new(number: u32, header_octets: usize) -> Self {
        let mut header = SIGNATURE.to_vec();
        header.extend_from_slice(&number.to_le_bytes());
        Self { header, fields: Vec::new(), header_octets }
    }

    fn put(&mut self, octets: &[u8]) {
        self.header.extend_from_slice(octets);
    }

    /// `None` if the field is too long for NTLM.
    fn field(&mut self, octets: &[u8]) -> Option<()> {
        let length = u16::try_from(octets.len()).ok()?.to_le_bytes();
        let offset = u32::try_from(self.header_octets.checked_add(self.fields.len())?).ok()?;
        self.put(&length);
        self.put(&length);
        self.put(&offset.to_le_bytes());
        self.fields.extend_from_slice(octets);
        Some(())
    }

    fn finish(mut self) -> Vec<u8> {
        self.header.resize(self.header_octets, 0);
        self.header.append(&mut self.fields);
        self.header
    }
}

/// Text in UTF-16.
pub(super) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// NEGOTIATE ([MS-NLMP] section 2.2.1.1) without names, which nobody needs.
pub(super) fn write_negotiate() -> Vec<u8> {
    let mut writer = Writer::new(1, 32);
    writer.put(&Flags::ours().0.to_le_bytes());
    writer.finish()
}

/// What a NEGOTIATE asks for. Its names are not read: the real ones come with AUTHENTICATE.
pub(super) fn read_negotiate(message: &[u8]) -> Option<Flags> {
    begins(message, 1).then(|| flags(message, 12)).flatten()
}

/// CHALLENGE ([MS-NLMP] section 2.2.1.2).
pub(super) struct Challenge<'a> {
    pub(super) flags: Flags,
    pub(super) challenge: [u8; 8],
    pub(super) target_info: &'a [u8],
}

impl<'a> Challenge<'a> {
    /// Octets of its header with a version.
    const HEADER: usize = 56;
    /// Octets of its header in the oldest form, without target information.
    const HEADER_SHORT: usize = 32;

    /// `None` if a name is too long for NTLM.
    pub(super) fn write(&self, target: &str) -> Option<Vec<u8>> {
        let target = if self.flags.has(Flags::UNICODE) { wide(target) } else { target.as_bytes().to_vec() };
        let mut writer = Writer::new(2, Self::HEADER);
        writer.field(&target)?;
        writer.put(&self.flags.0.to_le_bytes());
        writer.put(&self.challenge);
        writer.put(&[0; 8]);
        writer.field(self.target_info)?;
        if self.flags.has(Flags::VERSION) {
            // For debugging only, says section 2.2.2.10; the last octet is the revision of NTLM and must be 15.
            writer.put(&[10, 0, 0, 0, 0, 0, 0, 15]);
        }
        Some(writer.finish())
    }

    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        if !begins(message, 2) {
            return None;
        }
        let flags = flags(message, 20)?;
        let target_info =
            if flags.has(Flags::TARGET_INFO) { field(message, 40, Self::HEADER_SHORT)? } else { &[] };
        Some(Self { flags, challenge: take(message, 24)?, target_info })
    }
}

/// What AUTHENTICATE proves with.
pub(super) enum NtResponse {
    /// Nothing, or an LM response only.
    Absent,
    /// NTLMv1, and "NTLM2 session" if there is a challenge of the client's own.
    One { response: [u8; RESPONSE_ONE_OCTETS], client_challenge: Option<[u8; 8]> },
    /// NTLMv2.
    Two(Two),
}

/// An NTLMv2 response ([MS-NLMP] section 2.2.2.8).
pub(super) struct Two {
    pub(super) proof: [u8; PROOF_OCTETS],
    /// What is proved beside the challenge: `NTLMv2_CLIENT_CHALLENGE`.
    pub(super) blob: Vec<u8>,
    /// The hash of the channel binding, if there is one.
    pub(super) binding: Option<[u8; 16]>,
    pub(super) mic: Option<Mic>,
}

/// A message integrity code, and AUTHENTICATE as it was before the code was put in.
pub(super) struct Mic {
    pub(super) code: [u8; MIC_OCTETS],
    pub(super) message: Vec<u8>,
}

/// AUTHENTICATE ([MS-NLMP] section 2.2.1.3) as a server reads it.
pub(super) struct Authenticate {
    pub(super) response: NtResponse,
    /// As sent: it is part of what is hashed.
    pub(super) user: String,
    /// As sent; may be empty.
    pub(super) domain: String,
}

impl Authenticate {
    /// `None` if it has not the form. `granted` is what CHALLENGE said.
    pub(super) fn read(message: &[u8], granted: Flags) -> Option<Self> {
        if !begins(message, 3) {
            return None;
        }
        let flags = flags(message, 60)?;
        let [lm, nt, domain, user, _workstation, _session_key] =
            [12, 20, 28, 36, 44, 52].map(|at| field(message, at, HEADER_SHORT));
        // Not used, but in its place.
        let _ = (_workstation?, _session_key?);
        let response = match (nt?, lm?) {
            ([], _) => NtResponse::Absent,
            (nt, lm) if nt.len() == RESPONSE_ONE_OCTETS => {
                let session = flags.common(granted).has(Flags::EXTENDED_SESSION_SECURITY);
                NtResponse::One {
                    response: take(nt, 0)?,
                    client_challenge: if session { Some(take(lm, 0)?) } else { None },
                }
            }
            (nt, _) => NtResponse::Two(Two::read(nt, message)?),
        };
        let name = |octets| name(octets, flags);
        Some(Self { response, user: name(user?)?, domain: name(domain?)? })
    }
}

impl Two {
    fn read(response: &[u8], message: &[u8]) -> Option<Self> {
        let (proof, blob) = response.split_first_chunk()?;
        // Version 1 of the response, which understands version 1 at most.
        if !blob.starts_with(&[1, 1]) {
            return None;
        }
        let info = TargetInfo::read(blob.get(BLOB_HEADER..)?)?;
        let mic = if info.flags().is_some_and(|flags| flags & target_info::FLAG_MIC != 0) {
            Some(Mic::read(message)?)
        } else {
            None
        };
        Some(Self { proof: *proof, blob: blob.to_vec(), binding: info.binding(), mic })
    }
}

impl Mic {
    fn read(message: &[u8]) -> Option<Self> {
        let code = take(message, MIC_AT)?;
        let mut message = message.to_vec();
        message.get_mut(MIC_AT..HEADER_WITH_MIC)?.fill(0);
        Some(Self { code, message })
    }
}

/// A user's or a domain's name. The code page of "OEM" is not said: UTF-8, whose ASCII part all of them share.
fn name(octets: &[u8], flags: Flags) -> Option<String> {
    if octets.len() > 2 * limits::NAME_OCTETS_MOST {
        return None;
    }
    if !flags.has(Flags::UNICODE) {
        return String::from_utf8(octets.to_vec()).ok();
    }
    let (units, rest) = octets.as_chunks();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
}

/// AUTHENTICATE as a client writes it, its MIC still zero.
pub(super) struct Answer<'a> {
    pub(super) flags: Flags,
    pub(super) lm: &'a [u8],
    pub(super) nt: &'a [u8],
    pub(super) domain: &'a str,
    pub(super) user: &'a str,
}

impl Answer<'_> {
    /// `None` if a field is too long for NTLM.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        let mut writer = Writer::new(3, HEADER_WITH_MIC);
        writer.field(self.lm)?;
        writer.field(self.nt)?;
        writer.field(&wide(self.domain))?;
        writer.field(&wide(self.user))?;
        // Which machine this is, is nobody's business; and no session key is exchanged.
        writer.field(&[])?;
        writer.field(&[])?;
        writer.put(&self.flags.0.to_le_bytes());
        Some(writer.finish())
    }
}

/// Puts the MIC into a message that [`Answer::write`] made.
pub(super) fn put_mic(message: &mut [u8], code: &[u8]) {
    for (slot, octet) in message.iter_mut().skip(MIC_AT).take(MIC_OCTETS).zip(code) {
        *slot = *octet;
    }
}
