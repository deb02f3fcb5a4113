//! The content on its way out of the spool, converted where the next hop needs that.

use gatepost_mail::downgrade::{CannotConvert, Downgrade, HeaderCheck};
use gatepost_mail::reply::table;
use gatepost_mail::{Body, Octets, Reply};
use gatepost_smtp::{Conversion, More, Transaction};
use gatepost_spool::{Content, Spool};

use super::job::Lent;
use super::line::Line;
use crate::office::Office;
use crate::outside::instant;

/// Why content cannot be sent.
pub(super) enum Trouble {
    CannotConvert(Reply),
    Unreadable(String),
}

/// The content on its way out of the spool, converted where the next hop needs that.
pub(super) enum Source {
    AsStored { content: Content, left: u64 },
    SevenBit { content: Content, downgrade: Downgrade, size: Octets },
}

impl Source {
    pub(super) async fn open<S: Spool, D>(
        office: &Office<S, D>,
        lent: &Lent,
        conversion: Conversion,
    ) -> std::result::Result<Self, Trouble> {
        let size = match conversion {
            Conversion::None => Octets(0),
            Conversion::SevenBit => seven_bit_size(stored(office, lent).await?).await?,
            Conversion::AsciiHeader => {
                check_ascii_header(stored(office, lent).await?).await?;
                Octets(0)
            }
        };
        let content = stored(office, lent).await?;
        Ok(match conversion {
            Conversion::None | Conversion::AsciiHeader => Self::AsStored { left: content.size().0, content },
            Conversion::SevenBit => Self::SevenBit { content, downgrade: Downgrade::new(), size },
        })
    }

    /// The transaction as it is after the conversion.
    pub(super) fn fitting(&self, transaction: Transaction) -> Transaction {
        match self {
            Self::AsStored { .. } => transaction,
            Self::SevenBit { size, .. } => {
                Transaction { body: Body::SevenBit, size: Some(*size), ..transaction }
            }
        }
    }

    /// Gives the next piece to the session. The last one is told as such, so that the end of the content goes
    /// out in the same packet.
    pub(super) async fn give(&mut self, line: &mut Line) -> std::result::Result<(), String> {
        let now = instant();
        let given = match self {
            Self::AsStored { content, left } => {
                let piece = content.piece().await.map_err(|error| error.to_string())?;
                let octets = piece.as_deref().unwrap_or_default();
                if octets.is_empty() && *left > 0 {
                    return Err("the spool gives less than it holds".into());
                }
                *left = left.saturating_sub(Octets::of(octets).0);
                let more = if *left == 0 { More::Last } else { More::ThereIsMore };
                line.session.content(octets, more, now)
            }
            Self::SevenBit { content, downgrade, .. } => {
                let mut out = Vec::new();
                let cannot = |error: CannotConvert| error.to_string();
                let more = match content.piece().await.map_err(|error| error.to_string())? {
                    Some(piece) => {
                        downgrade.piece(&piece, &mut out).map_err(cannot)?;
                        More::ThereIsMore
                    }
                    None => {
                        std::mem::take(downgrade).finish(&mut out).map_err(cannot)?;
                        More::Last
                    }
                };
                line.session.content(&out, more, now)
            }
        };
        given.map_err(|error| error.to_string())
    }
}

async fn stored<S: Spool, D>(office: &Office<S, D>, lent: &Lent) -> std::result::Result<Content, Trouble> {
    let content = office.spool.content(lent.claim.id).await;
    content.map_err(|error| Trouble::Unreadable(error.to_string()))
}

async fn next_piece(content: &mut Content) -> std::result::Result<Option<gatepost_spool::Piece>, Trouble> {
    content.piece().await.map_err(|error| Trouble::Unreadable(error.to_string()))
}

/// Converts into nothing: what cannot be converted must fail before MAIL, which also wants the size.
async fn seven_bit_size(mut content: Content) -> std::result::Result<Octets, Trouble> {
    let (mut downgrade, mut out, mut size) = (Downgrade::new(), Vec::new(), 0);
    let cannot = |_| Trouble::CannotConvert(table::CANNOT_CONVERT);
    while let Some(piece) = next_piece(&mut content).await? {
        downgrade.piece(&piece, &mut out).map_err(cannot)?;
        size += Octets::of(&out).0;
        out.clear();
    }
    downgrade.finish(&mut out).map_err(cannot)?;
    Ok(Octets(size + Octets::of(&out).0))
}

/// RFC 6532 header fields cannot be carried without SMTPUTF8.
async fn check_ascii_header(mut content: Content) -> std::result::Result<(), Trouble> {
    let mut check = HeaderCheck::default();
    let cannot = |_| Trouble::CannotConvert(table::NEXT_HOP_NO_SMTPUTF8);
    while let Some(piece) = next_piece(&mut content).await? {
        check.piece(&piece).map_err(cannot)?;
    }
    check.finish().map_err(cannot)
}
