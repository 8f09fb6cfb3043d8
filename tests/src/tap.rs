//! A tap on a hop: stands at an address, passes every datagram on, and keeps a copy.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;

use crate::background::Background;

/// One datagram.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Whether it went towards the party that listens.
    pub towards_listener: bool,
    /// Who dialled.
    pub dialler: SocketAddr,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Give its address to whoever dials, instead of the listener's.
pub struct Tap {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Datagram>>>,
}

impl Tap {
    /// Passes everything on to `listener`, which need not be there yet.
    pub fn on(listener: SocketAddr, background: &Background) -> Self {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.set_nonblocking(true).expect("a socket can be non-blocking");
        let address = socket.local_addr().expect("a bound socket");
        let seen = Arc::<Mutex<Vec<Datagram>>>::default();
        background.handle().spawn(pass_on(socket, listener, seen.clone()));
        Self { address, seen }
    }

    /// Where to dial.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything so far.
    pub fn seen(&self) -> Vec<Datagram> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Seen = Arc<Mutex<Vec<Datagram>>>;

async fn pass_on(front: std::net::UdpSocket, listener: SocketAddr, seen: Seen) {
    let front = Arc::new(UdpSocket::from_std(front).expect("inside a runtime"));
    let mut back: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    loop {
        // An error is an ICMP message about an earlier datagram: UDP loses things.
        let Ok((length, dialler)) = front.recv_from(&mut buffer).await else { continue };
        let socket = match back.get(&dialler) {
            Some(socket) => socket.clone(),
            None => {
                let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port"));
                tokio::spawn(pass_back(front.clone(), socket.clone(), dialler, seen.clone()));
                back.insert(dialler, socket.clone());
                socket
            }
        };
        note(&seen, true, dialler, &buffer[..length]);
        let _ = socket.send_to(&buffer[..length], listener).await;
    }
}

async fn pass_back(front: Arc<UdpSocket>, back: Arc<UdpSocket>, dialler: SocketAddr, seen: Seen) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, _)) = back.recv_from(&mut buffer).await else { continue };
        note(&seen, false, dialler, &buffer[..length]);
        let _ = front.send_to(&buffer[..length], dialler).await;
    }
}

fn note(seen: &Seen, towards_listener: bool, dialler: SocketAddr, bytes: &[u8]) {
    let datagram = Datagram { towards_listener, dialler, bytes: bytes.to_vec() };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(datagram);
}
