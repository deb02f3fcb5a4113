//! The frames that gatepost and its helper exchange.
//!
//! A frame is its length (four octets, the greatest first) and so many octets: fields, each with its length (two octets,
//! the greatest first) before it. The first field is a word; the others are octets of any kind.
//!
//! | who | frame | meaning |
//! | --- | --- | --- |
//! | helper | `gatepost-helper` `1` KIND SERVICE | first of all; KIND is `pam`, `accept` or `init` |
//! | gatepost | `check` USER PASSWORD | to `pam`, once |
//! | helper | `right`, `wrong`, `expired` | what PAM says; `expired` is a right password that may not be used |
//! | gatepost | `token` OCTETS | to `accept`: what the client sent |
//! | gatepost | `token` TARGET \[OCTETS\] | to `init`: the service (`smtp@host`), and what it sent |
//! | helper | `going` OCTETS | a token for the peer, whose next one is needed |
//! | helper | `complete` OCTETS \[PRINCIPAL\] | the same, and the context stands; to `accept` with the client's name |
//! | gatepost | `wrap` OCTETS, `unwrap` OCTETS | integrity only |
//! | helper | `octets` OCTETS | what came of it |
//! | helper | `refused` REASON | Kerberos says no; the context is gone |
//! | helper | `unavailable` REASON | it cannot be asked: never to be taken for a no |
//!
//! The other side of this is in `gatepost-directory`. Neither uses the other's code: the helper is to stay small enough to be
//! read in one sitting by who lets it run as root.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

/// The longest frame, in octets: a password, or a token with a large ticket in it.
pub(crate) const FRAME_OCTETS_MOST: usize = 32 * 1024;

/// The most fields in a frame that comes here.
const FIELDS_MOST: usize = 3;

/// What is wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The other side is gone, or the line broke.
    #[error("{0}")]
    Line(#[from] io::Error),
    /// Longer than [`FRAME_OCTETS_MOST`].
    #[error("a frame of {octets} octets")]
    TooLong { octets: usize },
    /// The fields do not fill the frame, or there are too many, or none.
    #[error("a frame whose fields do not fit it")]
    Fields,
}

/// A frame that was read; wiped when dropped.
pub(crate) struct Frame(Zeroizing<Vec<u8>>);

impl Frame {
    /// Reads one; `None` where the other side has closed the line between two.
    ///
    /// # Errors
    ///
    /// [`FrameError::Line`] and [`FrameError::TooLong`].
    pub(crate) fn read(from: &mut impl Read) -> Result<Option<Self>, FrameError> {
        let mut length = [0; 4];
        if from.read(&mut length[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut length[1..])?;
        let octets = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if octets > FRAME_OCTETS_MOST {
            return Err(FrameError::TooLong { octets });
        }
        // Never grows, so that no copy of a password stays behind.
        let mut body = Zeroizing::new(vec![0; octets]);
        from.read_exact(&mut body)?;
        Ok(Some(Self(body)))
    }

    /// The fields; at least one.
    ///
    /// # Errors
    ///
    /// [`FrameError::Fields`].
    pub(crate) fn fields(&self) -> Result<Vec<&[u8]>, FrameError> {
        let mut rest = self.0.as_slice();
        let mut fields = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let (field, after) = after.split_at_checked(length).ok_or(FrameError::Fields)?;
            fields.push(field);
            rest = after;
        }
        let fits = rest.is_empty() && !fields.is_empty() && fields.len() <= FIELDS_MOST;
        if fits { Ok(fields) } else { Err(FrameError::Fields) }
    }
}

/// Writes one frame.
///
/// # Errors
///
/// [`FrameError::TooLong`], [`FrameError::Fields`] for a field that is too long by itself, [`FrameError::Line`].
pub(crate) fn write(to: &mut impl Write, fields: &[&[u8]]) -> Result<(), FrameError> {
    let octets = fields.iter().map(|field| field.len() + 2).sum();
    if octets > FRAME_OCTETS_MOST {
        return Err(FrameError::TooLong { octets });
    }
    let mut frame = Zeroizing::new(Vec::with_capacity(octets + 4));
    let length = u32::try_from(octets).map_err(|_too_long| FrameError::TooLong { octets })?;
    frame.extend_from_slice(&length.to_be_bytes());
    for field in fields {
        let length = u16::try_from(field.len()).map_err(|_too_long| FrameError::Fields)?;
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(field);
    }
    to.write_all(&frame)?;
    Ok(to.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fields: &[&[u8]]) -> Vec<u8> {
        let mut octets = Vec::new();
        write(&mut octets, fields).unwrap();
        octets
    }

    #[test]
    fn what_was_written_is_read() {
        for fields in [&[b"check".as_slice(), b"ada", b""][..], &[b""], &[b"token", &[0xff; 20_000]]] {
            let frame = Frame::read(&mut written(fields).as_slice()).unwrap().unwrap();
            assert_eq!(frame.fields().unwrap(), fields);
        }
        assert!(Frame::read(&mut [].as_slice()).unwrap().is_none());
    }

    #[test]
    fn a_frame_cut_anywhere_is_none() {
        let whole = written(&[b"check", b"ada", b"pencil"]);
        for end in 1..whole.len() {
            let cut = Frame::read(&mut &whole[..end]);
            assert!(matches!(cut, Err(FrameError::Line(_))), "cut at {end}");
        }
    }

    #[test]
    fn fields_fill_the_frame() {
        let rows: [&[u8]; 5] = [
            &[0, 0, 0, 0],
            &[0, 0, 0, 1, 0],
            &[0, 0, 0, 3, 0, 2, 7],
            &[0, 0, 0, 3, 0, 0, 7],
            &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0],
        ];
        for row in rows {
            let frame = Frame::read(&mut &row[..]).unwrap().unwrap();
            assert!(matches!(frame.fields(), Err(FrameError::Fields)), "{row:?}");
        }
    }

    #[test]
    fn no_memory_is_given_to_a_long_one() {
        let read = Frame::read(&mut [0xff; 8].as_slice());
        assert!(matches!(read, Err(FrameError::TooLong { .. })));
        assert!(matches!(write(&mut Vec::new(), &[&[0; 0x1_0000]]), Err(FrameError::TooLong { .. })));
    }
}
