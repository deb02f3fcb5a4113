//! Ranges of IP addresses, and what counts as one client.

use std::fmt;
use std::net::IpAddr;

/// An address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// Its first address.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

impl Network {
    /// Whether an address lies in it. An IPv4 address mapped into IPv6 is taken as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let drop = 32u32.saturating_sub(u32::from(self.prefix));
                let kept = |bits: u32| bits.checked_shr(drop).unwrap_or(0);
                kept(ours.to_bits()) == kept(theirs.to_bits())
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let drop = 128u32.saturating_sub(u32::from(self.prefix));
                let kept = |bits: u128| bits.checked_shr(drop).unwrap_or(0);
                kept(ours.to_bits()) == kept(theirs.to_bits())
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// The network that counts as one client: an IPv4 address, an IPv6 /64.
    #[must_use]
    pub fn of_client(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self { address: IpAddr::V4(v4), prefix: 32 },
            IpAddr::V6(v6) => {
                let top = v6.to_bits() & !(u128::from(u64::MAX));
                Self { address: IpAddr::V6(top.into()), prefix: 64 }
            }
        }
    }
}

/// As in `10.0.7.0/24`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, prefix: u8) -> Network {
        Network { address: address.parse().unwrap(), prefix }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let rows = [
            (network("10.0.7.20", 32), "10.0.7.20", true),
            (network("10.0.7.20", 32), "10.0.7.21", false),
            (network("10.0.0.0", 8), "10.255.0.1", true),
            (network("0.0.0.0", 0), "192.0.2.1", true),
            (network("0.0.0.0", 0), "::1", false),
            (network("2001:db8::", 64), "2001:db8::ffff", true),
            (network("2001:db8::", 64), "2001:db8:0:1::", false),
            (network("10.0.0.0", 8), "::ffff:10.1.2.3", true),
        ];
        for (network, address, inside) in rows {
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{network:?} {address}");
        }
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_64() {
        let client = |text: &str| Network::of_client(text.parse().unwrap());
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
    }
}
