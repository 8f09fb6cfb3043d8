//! UDP sockets, one per core on the same port.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;

use socket2::{Domain, Protocol, Socket, Type};

use crate::exit::{self, AppError};

/// Room for a burst while the core is busy. The kernel may cap it (`net.core.rmem_max`), which is fine.
const BUFFER: usize = 2 * 1024 * 1024;

/// Binds `count` sockets to one address; the kernel spreads peers over them by address and port (SO_REUSEPORT). With
/// port 0 the kernel chooses one port for all.
///
/// # Errors
/// The port is in use, by another process or by this one, or the address is not ours.
pub fn bind(address: SocketAddr, count: NonZeroUsize) -> Result<Vec<UdpSocket>, BindError> {
    // Sockets with SO_REUSEPORT would silently share a port with another daemon's, so the port is tried alone first.
    let alone = open(address, false).map_err(|error| BindError::io(address, error))?;
    if count == NonZeroUsize::MIN {
        return Ok(vec![alone.into()]);
    }
    let bound = alone.local_addr().ok().and_then(|bound| bound.as_socket()).unwrap_or(address);
    drop(alone);
    let open_shared = |_| open(bound, true).map(UdpSocket::from).map_err(|error| BindError::io(bound, error));
    (0..count.get()).map(open_shared).collect()
}

/// Why a daemon cannot have its port.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error("UDP port {} at {} is in use: stop the other process or configure another port", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// A port below 1024 without the right to it.
    #[error("no permission to listen on UDP {0}: use a port above 1023 or grant CAP_NET_BIND_SERVICE")]
    Forbidden(SocketAddr),
    /// The address is of IPv6, and the machine has none.
    #[error("cannot listen on UDP {0}: this machine has no IPv6; write {instead} instead", instead = ipv4_instead(.0))]
    NoIpv6(SocketAddr),
    /// Anything else, such as an address that this machine does not have.
    #[error("cannot listen on UDP {address}: {source}")]
    Io {
        /// What was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
}

impl BindError {
    pub(super) fn io(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::Forbidden(address),
            _ if address.is_ipv6() && !has_ipv6() => Self::NoIpv6(address),
            _ => Self::Io { address, source },
        }
    }
}

impl From<BindError> for AppError {
    fn from(error: BindError) -> Self {
        let code = match error {
            BindError::InUse(_) => exit::UNAVAILABLE,
            BindError::Forbidden(_) => exit::NO_PERMISSION,
            BindError::NoIpv6(_) | BindError::Io { .. } => exit::CONFIG,
        };
        Self::new(code, error)
    }
}

fn has_ipv6() -> bool {
    Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP)).is_ok()
}

/// What means the same on a machine without IPv6.
fn ipv4_instead(address: &SocketAddr) -> String {
    let port = address.port();
    match address.ip() {
        ip if ip.is_unspecified() => format!("0.0.0.0:{port}"),
        ip if ip.is_loopback() => format!("127.0.0.1:{port}"),
        _ => format!("an IPv4 address and port {port}"),
    }
}

fn open(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // One socket for both families where the system allows it.
        let _ = socket.set_only_v6(false);
    }
    #[cfg(unix)]
    socket.set_reuse_port(shared)?;
    #[cfg(not(unix))]
    let _ = shared;
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_port_in_use_is_told_whether_its_sockets_are_shared_or_not() {
        for holders in [1, 3] {
            let held = bind(loopback(0), NonZeroUsize::new(holders).unwrap()).unwrap();
            assert_eq!(held.len(), holders);
            let address = held[0].local_addr().unwrap();
            assert!(held.iter().all(|socket| socket.local_addr().unwrap() == address));
            for wanted in [1, 2] {
                let error = bind(address, NonZeroUsize::new(wanted).unwrap()).unwrap_err();
                assert!(matches!(error, BindError::InUse(found) if found == address), "{error}");
                assert!(error.to_string().contains(&address.port().to_string()));
            }
            drop(held);
            bind(address, NonZeroUsize::MIN).unwrap();
        }
    }

    #[test]
    fn without_ipv6_it_is_said_what_to_write_instead() {
        let said = |address: &str| BindError::NoIpv6(address.parse().unwrap()).to_string();
        assert!(said("[::]:4433").contains("no IPv6; write 0.0.0.0:4433 instead"), "{}", said("[::]:4433"));
        assert!(said("[::1]:4433").contains("write 127.0.0.1:4433 instead"));
        assert!(said("[2001:db8::1]:4433").contains("an IPv4 address and port 4433"));
    }

    #[test]
    fn an_address_that_is_not_ours_is_told() {
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
        let error = bind(elsewhere, NonZeroUsize::MIN).unwrap_err();
        assert!(matches!(error, BindError::Io { .. }), "{error}");
        assert!(error.to_string().contains("192.0.2.1"));
    }
}
