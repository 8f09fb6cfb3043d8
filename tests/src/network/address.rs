//! Addresses that nobody else uses: every network has a loopback address of its own.
//!
//! All of 127.0.0.0/8 is this machine (on Linux), so a network that has its own address there can have fixed ports, give
//! them up, and come back on the same ones after a restart. The ports lie below those that the system hands out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST_PORT: u16 = 4400;

/// Where a proxy is.
pub(super) struct Listener {
    /// An address at which it can be reached.
    pub(super) address: SocketAddr,
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// How others know it: name or address, and port.
    pub(super) found: String,
}

/// One network's addresses.
pub(super) struct Addresses {
    ip: Ipv4Addr,
    next: u16,
}

impl Addresses {
    /// Different for every process and, within one, for every call.
    pub(super) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let third = u8::try_from(number % 250).expect("below 250");
        Self { ip: Ipv4Addr::new(127, high % 250 + 1, low, third + 1), next: FIRST_PORT }
    }

    /// The next one.
    pub(super) fn next_listener(&mut self) -> Listener {
        let address = SocketAddr::new(IpAddr::V4(self.ip), self.next);
        self.next += 1;
        Listener { address, listen: address, found: address.to_string() }
    }
}

impl Default for Addresses {
    fn default() -> Self {
        Self::new()
    }
}
