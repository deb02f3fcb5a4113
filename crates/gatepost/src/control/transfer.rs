//! Messages on their way out of a spool and into one.
//!
//! A file holds a line of JSON ([`Parcel`]), the content, and a line with the checksum of both.

use std::sync::Arc;

use gatepost_mail::SpoolId;
use gatepost_spool::{Draft as _, Restore, Restored, Spool, SpoolError};

use super::parcel::Parcel;
use super::{ControlError, Sink, Was};

/// Longest first line, in octets.
const LONGEST_HEAD: usize = 32 << 20;
/// Length of the last line, with the line end that parts it from the content.
const SEAL: usize = "\ncrc32c 00000000\n".len();

fn seal(crc: u32) -> String {
    format!("\ncrc32c {crc:08x}\n")
}

/// Gives out a message.
pub(super) async fn pack(spool: &impl Spool, id: SpoolId, to: &mut impl Sink) -> Result<(), ControlError> {
    let failed = |cause: std::io::Error| ControlError(format!("message {id}: {cause}"));
    let entry = spool.entry(id).await?.ok_or(SpoolError::NotFound { id })?;
    let mut head = serde_json::to_vec(&Parcel::of(&entry)).map_err(|cause| failed(cause.into()))?;
    head.push(b'\n');
    let mut crc = crc32c::crc32c(&head);
    to.take(&head).await.map_err(failed)?;
    let mut content = spool.content(id).await?;
    while let Some(piece) = content.piece().await? {
        crc = crc32c::crc32c_append(crc, &piece);
        to.take(&piece).await.map_err(failed)?;
    }
    to.take(seal(crc).as_bytes()).await.map_err(failed)
}

/// A message that comes in.
pub(super) struct Intake<S: Restore> {
    spool: Arc<S>,
    head: Vec<u8>,
    open: Option<Open<S>>,
}

struct Open<S: Restore> {
    id: SpoolId,
    size: u64,
    message: Restored,
    draft: S::Draft,
    /// Octets of content that are still to come.
    left: u64,
    content_crc: u32,
    crc: u32,
    seal: Vec<u8>,
}

impl<S: Restore> Intake<S> {
    pub(super) const fn new(spool: Arc<S>) -> Self {
        Self { spool, head: Vec::new(), open: None }
    }

    /// Takes the next octets of the file.
    pub(super) async fn take(&mut self, octets: &[u8]) -> Result<(), ControlError> {
        if let Some(open) = &mut self.open {
            return open.take(octets).await;
        }
        let end = octets.iter().position(|octet| *octet == b'\n').map(|at| at + 1);
        let (head, rest) = octets.split_at_checked(end.unwrap_or(octets.len())).unwrap_or_default();
        self.head.extend_from_slice(head);
        if self.head.len() > LONGEST_HEAD {
            return Err(ControlError("its first line is too long".to_owned()));
        }
        if end.is_some() {
            self.open = Some(Open::begin(&*self.spool, &self.head).await?);
        }
        match &mut self.open {
            Some(open) => open.take(rest).await,
            None => Ok(()),
        }
    }

    /// All of it has come: puts it on stable storage unless it is there.
    pub(super) async fn finish(self, same: &[SpoolId]) -> Result<(SpoolId, Was), ControlError> {
        let open = self.open.filter(|open| open.left == 0 && open.seal.len() == SEAL);
        let open = open.ok_or_else(|| ControlError("it is cut short".to_owned()))?;
        if open.seal != seal(open.crc).as_bytes() {
            return Err(ControlError("its checksum is wrong: the file is damaged".to_owned()));
        }
        for id in std::iter::once(&open.id).chain(same) {
            if open.is(&*self.spool, *id).await? {
                return Ok((*id, Was::There));
            }
        }
        let receipt = S::restore(open.draft, open.message).await?;
        Ok((receipt.id(), Was::New))
    }
}

impl<S: Restore> Open<S> {
    async fn begin(spool: &S, head: &[u8]) -> Result<Self, ControlError> {
        let parcel: Parcel = serde_json::from_slice(head)
            .map_err(|cause| ControlError(format!("it is no message that gatepost gave out: {cause}")))?;
        let (id, message) = (parcel.id()?, parcel.open()?);
        let draft = spool.draft_as(id).await?;
        let (size, crc) = (parcel.size, crc32c::crc32c(head));
        Ok(Self { id, size, message, draft, left: size, content_crc: 0, crc, seal: Vec::new() })
    }

    async fn take(&mut self, octets: &[u8]) -> Result<(), ControlError> {
        let content = usize::try_from(self.left).unwrap_or(usize::MAX).min(octets.len());
        let (content, rest) = octets.split_at_checked(content).unwrap_or_default();
        self.left -= content.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, content);
        self.content_crc = crc32c::crc32c_append(self.content_crc, content);
        if !content.is_empty() {
            self.draft.write(content).await?;
        }
        if self.seal.len() + rest.len() > SEAL {
            return Err(ControlError("there is something behind its end".to_owned()));
        }
        self.seal.extend_from_slice(rest);
        Ok(())
    }

    /// Whether a message of the spool is this one.
    async fn is(&self, spool: &S, id: SpoolId) -> Result<bool, ControlError> {
        // One that cannot be read is no second copy of this.
        let Ok(Some(entry)) = spool.entry(id).await else { return Ok(false) };
        if *entry.envelope != self.message.envelope || entry.size.0 != self.size {
            return Ok(false);
        }
        let mut content = match spool.content(id).await {
            Ok(content) => content,
            Err(SpoolError::NotFound { .. }) => return Ok(false),
            Err(cause) => return Err(cause.into()),
        };
        let mut crc = 0;
        while let Ok(Some(piece)) = content.piece().await {
            crc = crc32c::crc32c_append(crc, &piece);
        }
        Ok(crc == self.content_crc)
    }
}
