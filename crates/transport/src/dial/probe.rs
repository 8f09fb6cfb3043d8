//! Hearing at once that nobody listens at an address.
//!
//! A machine answers a datagram to a closed port with an ICMP message. The kernel hands it to the socket that sent the datagram
//! if that socket is *connected* to the address, and drops it otherwise. QUIC's socket is not connected, because it serves many
//! peers and must be able to move between networks. So beside each handshake one datagram goes to the same address from a
//! connected socket of its own. It has one byte, which no QUIC endpoint answers.
//!
//! Connecting alone tells already whether this machine has a way there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::error::AddressProblem;

/// A packet with a short header (RFC 9000, 17.3) and nothing in it.
const NOTHING: [u8; 1] = [0x40];
/// One probe may be lost, and routers limit how much ICMP they send.
const AGAIN: Duration = Duration::from_secs(1);

/// A probe on its way. None if this machine has no socket for it: then the handshake has to find out by itself.
pub(super) struct Probe(Option<UdpSocket>);

impl Probe {
    /// Sends the probe.
    ///
    /// # Errors
    /// This machine knows that the address cannot be reached.
    pub(super) fn send(address: SocketAddr) -> Result<Self, AddressProblem> {
        match sent(address) {
            Ok(socket) => Ok(Self(Some(socket))),
            Err(error) => problem(&error).map_or(Ok(Self(None)), Err),
        }
    }

    /// Completes if the address is rejected.
    pub(super) async fn rejected(&self) -> AddressProblem {
        let Some(socket) = &self.0 else { return std::future::pending().await };
        let mut nothing = NOTHING;
        loop {
            let heard = tokio::select! {
                heard = socket.recv(&mut nothing) => heard,
                () = sleep(AGAIN) => socket.send(&NOTHING).await,
            };
            match heard.map_err(|error| problem(&error)) {
                Err(Some(problem)) => return problem,
                // Sent again; or an answer that is no ICMP message, or an error that says nothing of the address.
                Ok(_) | Err(None) => sleep(AGAIN).await,
            }
        }
    }
}

fn sent(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    socket.send(&NOTHING)?;
    UdpSocket::from_std(socket)
}

/// What an error says of the address; nothing if it may be this machine's own trouble.
fn problem(error: &io::Error) -> Option<AddressProblem> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(AddressProblem::Rejected),
        // Forbidden: a packet filter of this machine.
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::PermissionDenied => Some(AddressProblem::Unreachable(error.to_string().into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{LOOPBACK, soon};

    #[tokio::test]
    async fn a_closed_port_is_heard_and_an_open_one_is_not() {
        let open = std::net::UdpSocket::bind(LOOPBACK).unwrap();
        let address = open.local_addr().unwrap();
        let probe = Probe::send(address).unwrap();
        assert!(tokio::time::timeout(2 * AGAIN, probe.rejected()).await.is_err());
        drop(open);
        let probe = Probe::send(address).unwrap();
        assert_eq!(soon(probe.rejected()).await, AddressProblem::Rejected);
    }

    #[test]
    fn only_what_says_something_of_the_address_counts() {
        assert_eq!(problem(&io::ErrorKind::ConnectionRefused.into()), Some(AddressProblem::Rejected));
        assert!(matches!(problem(&io::ErrorKind::NetworkUnreachable.into()), Some(AddressProblem::Unreachable(_))));
        assert_eq!(problem(&io::ErrorKind::OutOfMemory.into()), None);
    }
}
