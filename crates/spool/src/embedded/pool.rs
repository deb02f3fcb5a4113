//! Large buffers that are used again: fresh memory costs a page fault for every 4 KiB, which for a large message is
//! more than all copying of it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many buffers are kept for later.
const KEPT: usize = 8;

/// Buffers of one size, as many as are in use and at most [`KEPT`] more.
#[derive(Debug)]
pub(crate) struct Pool {
    octets: usize,
    free: Mutex<Vec<Vec<u8>>>,
}

/// The octets of a record, given back to a pool once nobody reads them any more.
#[derive(Debug)]
pub(crate) struct Record {
    octets: Vec<u8>,
    pool: Option<Arc<Pool>>,
}

impl Pool {
    /// Buffers of so many octets.
    pub(crate) const fn of(octets: usize) -> Self {
        Self { octets, free: Mutex::new(Vec::new()) }
    }

    /// The size of its buffers.
    pub(crate) const fn octets(&self) -> usize {
        self.octets
    }

    /// An empty buffer.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.free().pop().unwrap_or_else(|| Vec::with_capacity(self.octets))
    }

    /// Takes a buffer back, if it is one of ours and not too many are here.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        let mut free = self.free();
        if buffer.capacity() == self.octets && free.len() < KEPT {
            buffer.clear();
            free.push(buffer);
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    pub(crate) const fn pooled(octets: Vec<u8>, pool: Arc<Pool>) -> Self {
        Self { octets, pool: Some(pool) }
    }

    /// How much memory it takes.
    pub(crate) const fn capacity(&self) -> usize {
        self.octets.capacity()
    }
}

impl From<Vec<u8>> for Record {
    fn from(octets: Vec<u8>) -> Self {
        Self { octets, pool: None }
    }
}

impl Deref for Record {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.give(std::mem::take(&mut self.octets));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_record_is_dropped() {
        let pool = Arc::new(Pool::of(1000));
        let mut buffer = pool.take();
        buffer.extend_from_slice(b"content");
        let place = buffer.as_ptr();
        let record = Record::pooled(buffer, Arc::clone(&pool));
        assert_eq!(&*record, b"content");
        let other = pool.take();
        assert_ne!(other.as_ptr(), place);
        drop(record);
        let again = pool.take();
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }

    #[test]
    fn few_are_kept_and_none_of_another_size() {
        let pool = Pool::of(1000);
        pool.give(Vec::with_capacity(999));
        assert_eq!(pool.free().len(), 0);
        (0..2 * KEPT).for_each(|_| pool.give(Vec::with_capacity(1000)));
        assert_eq!(pool.free().len(), KEPT);
    }
}
