//! Lines and octets over a connection, for clients and hosts of the simulation's own.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::network::{End, Mark};

/// Longest line.
const LONGEST: usize = 4096;
/// Most octets of a message.
const LARGEST: usize = 4 << 20;

/// A connection, and what came over it and is not used yet.
#[derive(Debug)]
pub(crate) struct Wire {
    end: End,
    held: Vec<u8>,
    patience: Duration,
}

/// The connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

impl Wire {
    pub(crate) const fn new(end: End, patience: Duration) -> Self {
        Self { end, held: Vec::new(), patience }
    }

    pub(crate) fn number(&self) -> u64 {
        self.end.number()
    }

    /// Writes all.
    pub(crate) async fn say(&mut self, octets: &[u8]) -> Result<(), Lost> {
        match timeout(self.patience, self.end.write_all(octets)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Lost),
        }
    }

    /// How long ago the other side has written what was read last.
    pub(crate) fn age(&self) -> Duration {
        self.end.age()
    }

    /// Says later whether all that was written has been read.
    pub(crate) fn mark(&self) -> Mark {
        self.end.mark()
    }

    /// Closes our direction.
    pub(crate) async fn close(&mut self) {
        let _ = self.end.shutdown().await;
    }

    async fn more(&mut self) -> Result<(), Lost> {
        match timeout(self.patience, self.end.read_buf(&mut self.held)).await {
            Ok(Ok(1..)) => Ok(()),
            Ok(Ok(0) | Err(_)) | Err(_) => Err(Lost),
        }
    }

    /// The next line, without its CRLF.
    pub(crate) async fn line(&mut self) -> Result<String, Lost> {
        loop {
            if let Some(at) = self.held.windows(2).position(|pair| pair == b"\r\n") {
                let rest = self.held.split_off(at + 2);
                let mut line = std::mem::replace(&mut self.held, rest);
                line.truncate(at);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.held.len() > LONGEST {
                return Err(Lost);
            }
            self.more().await?;
        }
    }

    /// A reply: its code and its last line's text.
    pub(crate) async fn reply(&mut self) -> Result<(u16, String), Lost> {
        loop {
            let line = self.line().await?;
            let code = line.get(..3).and_then(|code| code.parse().ok()).ok_or(Lost)?;
            match line.as_bytes().get(3) {
                Some(b'-') => {}
                Some(_) | None => return Ok((code, line.get(4..).unwrap_or_default().to_owned())),
            }
        }
    }

    /// A reply of many lines, with all of them.
    pub(crate) async fn lines(&mut self) -> Result<(u16, Vec<String>), Lost> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let code = line.get(..3).and_then(|code| code.parse().ok()).ok_or(Lost)?;
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if is_last {
                return Ok((code, lines));
            }
        }
    }

    /// Content up to its final dot, unstuffed.
    pub(crate) async fn content(&mut self) -> Result<Vec<u8>, Lost> {
        let mut content = Vec::new();
        let mut from = 0;
        loop {
            while let Some(length) = self.held.get(from..).and_then(line_end) {
                let line = self.held.get(from..from + length).unwrap_or_default();
                from += length;
                if line == b".\r\n" {
                    self.held.drain(..from);
                    return Ok(content);
                }
                content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            }
            self.held.drain(..from);
            from = 0;
            if content.len() + self.held.len() > LARGEST {
                return Err(Lost);
            }
            self.more().await?;
        }
    }

    /// So many octets.
    pub(crate) async fn octets(&mut self, count: usize) -> Result<Vec<u8>, Lost> {
        while self.held.len() < count {
            self.more().await?;
        }
        let rest = self.held.split_off(count);
        Ok(std::mem::replace(&mut self.held, rest))
    }
}

fn line_end(octets: &[u8]) -> Option<usize> {
    octets.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2)
}

/// Content with dots stuffed and the final dot.
pub(crate) fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(content.len() + 64);
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
    }
    octets.extend_from_slice(b".\r\n");
    octets
}
