//! Connection attempts that are never completed: real Initial packets from senders that do not exist.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use schleuse_transport::endpoint;
use schleuse_transport::net::ClientConfig;
use schleuse_transport::tls::server_name;

/// A hybrid ClientHello takes two datagrams.
const DATAGRAMS: usize = 2;
/// Longer than any flood takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Sockets that are open at a time.
const SOCKETS: usize = 512;
/// How many connections may be on their way to where they are forwarded.
const AHEAD: usize = 32;

/// Begins `count` connections with `listener`, each from another network (IPv4 /24), and completes none. Returns how
/// many were begun: fewer only if it takes two minutes. The datagrams are a real client's, caught on their way.
pub async fn half_open(listener: SocketAddr, member: &str, config: ClientConfig, count: usize) -> usize {
    let sink = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    sink.set_read_timeout(Some(Duration::from_millis(500))).expect("it can have a timeout");
    let address = sink.local_addr().expect("a bound socket");
    let begun = Arc::new(AtomicUsize::new(0));
    let counter = begun.clone();
    let forwarding = tokio::task::spawn_blocking(move || forward(&sink, listener, count, &counter));
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let endpoint = endpoint::dial_only(any, config).expect("a free port");
    let mut attempts = Vec::new();
    let (mut seen, mut ahead) = (0, 0_usize);
    while !forwarding.is_finished() {
        attempts.push(endpoint.connect(address, &server_name(member)).expect("a valid name"));
        ahead += 1;
        // Hardly faster than they are forwarded: what overflows a socket's buffer is lost.
        for _ in 0..10 {
            let now = begun.load(Ordering::Relaxed);
            ahead = ahead.saturating_sub(now - seen);
            seen = now;
            if ahead < AHEAD {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // One that has not been forwarded by now may be lost: there is another one for it.
        ahead = ahead.min(AHEAD - 1);
        attempts.drain(..attempts.len().saturating_sub(128));
    }
    forwarding.await.expect("forwarding does not panic");
    begun.load(Ordering::Relaxed)
}

/// Passes the first flight of every connection on, from an address of its own, until there are enough of them.
fn forward(sink: &UdpSocket, listener: SocketAddr, count: usize, begun: &AtomicUsize) {
    let since = Instant::now();
    let mut flights: HashMap<Vec<u8>, (UdpSocket, usize)> = HashMap::new();
    let mut buffer = [0; 2048];
    while begun.load(Ordering::Relaxed) < count && since.elapsed() < PATIENCE {
        // Nothing comes for a moment: whoever sends is not faster, or the machine stands still.
        let Ok(length) = sink.recv(&mut buffer) else { continue };
        let Some(connection) = destination(&buffer[..length]) else { continue };
        let number = begun.load(Ordering::Relaxed);
        let (socket, sent) = flights.entry(connection).or_insert_with(|| (stranger(number), 0));
        if *sent < DATAGRAMS {
            *sent += 1;
            let _ = socket.send_to(&buffer[..length], listener);
            if *sent == DATAGRAMS {
                begun.fetch_add(1, Ordering::Relaxed);
            }
        }
        // What a closed one began is still half open at the listener.
        if flights.len() > SOCKETS {
            flights.retain(|_, (_, sent)| *sent < DATAGRAMS);
            // The other halves of so many are lost.
            if flights.len() > SOCKETS / 2 {
                flights.clear();
            }
        }
    }
}

/// The destination connection id of a long header (RFC 9000, 17.2).
fn destination(datagram: &[u8]) -> Option<Vec<u8>> {
    let is_long = datagram.first()? & 0x80 != 0;
    let length = usize::from(*datagram.get(5)?);
    is_long.then(|| datagram.get(6..6 + length).map(<[u8]>::to_vec)).flatten()
}

/// A socket in a network of its own: all of 127.0.0.0/8 is this machine.
fn stranger(number: usize) -> UdpSocket {
    let [high, low] = u16::try_from(number % 65_000).expect("below 65,000").to_be_bytes();
    UdpSocket::bind((Ipv4Addr::new(127, 128 + high % 100, low, 1), 0)).expect("a loopback address")
}
