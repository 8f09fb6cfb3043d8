//! A line between a client and a proxy that can be slow, and cut without either of them being told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;

pub(crate) struct Wire {
    near: SocketAddr,
    cut: AtomicBool,
    /// Bytes that it carries up in a second.
    rate: Option<u32>,
}

impl Wire {
    /// Carries the packets of one client to `far` and back.
    pub(crate) async fn to(far: SocketAddr) -> Arc<Self> {
        Self::with(far, None).await
    }

    /// The same, so slow.
    pub(crate) async fn slow(far: SocketAddr, bytes_per_second: u32) -> Arc<Self> {
        Self::with(far, Some(bytes_per_second)).await
    }

    async fn with(far: SocketAddr, rate: Option<u32>) -> Arc<Self> {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let out = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        out.connect(far).await.expect("a UDP address");
        let address = near.local_addr().expect("it is bound");
        let wire = Arc::new(Self { near: address, cut: AtomicBool::new(false), rate });
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
        let mut free = tokio::time::Instant::now();
        loop {
            tokio::select! {
                // While the line is busy, what comes waits in the socket, and is lost when that is full.
                Ok((length, from)) = async { tokio::time::sleep_until(free).await; near.recv_from(&mut up).await } => {
                    client = Some(from);
                    if let Some(rate) = self.rate {
                        free = free.max(tokio::time::Instant::now()) + Duration::from_secs(1) * length as u32 / rate;
                    }
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
