//! Who is connected: one place per session, counted per client network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_policy::rules::Network;

/// The places of all listeners together. Cheap to copy.
#[derive(Debug, Clone, Default)]
pub struct Places {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    open: u32,
    by_network: HashMap<Network, u32>,
}

/// One session's place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    network: Network,
}

/// How many places are taken, this session's own included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// In all.
    pub open: u32,
    /// By the client's network.
    pub open_from_network: u32,
}

impl Places {
    /// Takes a place for a client. Whether it may keep it is for policy to say.
    pub fn take(&self, client: IpAddr) -> (Place, Taken) {
        let network = Network::of_client(client);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.open += 1;
        let open_from_network = counts.by_network.entry(network).or_default();
        *open_from_network += 1;
        let taken = Taken { open_from_network: *open_from_network, open: counts.open };
        drop(counts);
        (Place { places: self.clone(), network }, taken)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.open = counts.open.saturating_sub(1);
        if let Some(count) = counts.by_network.get_mut(&self.network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_network.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_place_is_free_again_and_leaves_nothing() {
        let places = Places::default();
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let (first, taken) = places.take(one);
        assert_eq!(taken, Taken { open: 1, open_from_network: 1 });
        let (second, taken) = places.take(other);
        assert_eq!(taken, Taken { open: 2, open_from_network: 1 });
        let (third, taken) = places.take(one);
        assert_eq!(taken, Taken { open: 3, open_from_network: 2 });
        drop((first, second, third));
        let counts = places.counts.lock().unwrap();
        assert_eq!(counts.open, 0);
        assert!(counts.by_network.is_empty());
    }
}
