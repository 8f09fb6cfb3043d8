//! A line between a client and a proxy that can be cut without either of them being told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::UdpSocket;

pub(crate) struct Wire {
    near: SocketAddr,
    cut: AtomicBool,
}

impl Wire {
    /// Carries the packets of one client to `far` and back.
    pub(crate) async fn to(far: SocketAddr) -> Arc<Self> {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let out = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        out.connect(far).await.expect("a UDP address");
        let address = near.local_addr().expect("it is bound");
        let wire = Arc::new(Self { near: address, cut: AtomicBool::new(false) });
        tokio::spawn(wire.clone().run(near, out));
        wire
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.near
    }

    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    async fn run(self: Arc<Self>, near: UdpSocket, out: UdpSocket) {
        let (mut up, mut down) = ([0; 65_536], [0; 65_536]);
        let mut client = None;
        loop {
            tokio::select! {
                Ok((length, from)) = near.recv_from(&mut up) => {
                    client = Some(from);
                    if !self.is_cut() {
                        let _ = out.send(&up[..length]).await;
                    }
                }
                Ok(length) = out.recv(&mut down) => {
                    if let Some(client) = client.filter(|_| !self.is_cut()) {
                        let _ = near.send_to(&down[..length], client).await;
                    }
                }
                else => return,
            }
        }
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}
