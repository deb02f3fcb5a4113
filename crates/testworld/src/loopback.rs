//! Loopback addresses that no other test uses, and ports free on all of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::TcpListener;

/// Counts neighbourhoods, so that two worlds of one program differ. Holds nothing that a test could notice.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Tries for a port that is free on every address asked for.
const MOST_TRIES: u32 = 50;

/// 253 addresses `127.x.y.1` to `127.x.y.253` for one world.
///
/// Two programs may draw the same ones; ports still keep them apart, as nobody binds a fixed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbourhood {
    middle: (u8, u8),
}

impl Neighbourhood {
    /// Addresses that nothing else in this program was given.
    #[must_use]
    pub fn new() -> Self {
        let drawn = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(61));
        let [low, high, _, _] = drawn.to_le_bytes();
        // 127.0.y.z is where everything else on the machine lives.
        Self { middle: (high.clamp(1, 254), low) }
    }

    /// The address of house `number`, which is at least 1 and at most 253.
    #[must_use]
    pub fn address(&self, number: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, self.middle.0, self.middle.1, number.clamp(1, 253)))
    }

    /// An address of this neighbourhood with a port that was free a moment ago, for a program that must be
    /// told its port.
    ///
    /// # Errors
    ///
    /// When the machine has no port left.
    pub fn free_port(&self, number: u8) -> io::Result<SocketAddr> {
        std::net::TcpListener::bind((self.address(number), 0))?.local_addr()
    }
}

impl Default for Neighbourhood {
    fn default() -> Self {
        Self::new()
    }
}

/// Listeners on all the addresses, each on the same port.
///
/// # Errors
///
/// When no such port was found, or an address is not there.
pub async fn listen_on_all(addresses: &[IpAddr]) -> io::Result<(u16, Vec<TcpListener>)> {
    let first = addresses.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut last_fault = io::Error::other("no port was tried");
    for _ in 0..MOST_TRIES {
        let port = TcpListener::bind((first, 0)).await?.local_addr()?.port();
        match listen(addresses, port).await {
            Ok(listeners) => return Ok((port, listeners)),
            Err(fault) => last_fault = fault,
        }
    }
    Err(last_fault)
}

async fn listen(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(TcpListener::bind((*address, port)).await?);
    }
    Ok(listeners)
}
