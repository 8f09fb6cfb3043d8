//! A path with a known round-trip time: passes packets on, each after the same while, so that time counts round trips.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::net::UdpSocket;

use super::{Said, say};

pub(super) async fn run(to: SocketAddr, delay: Duration) -> Result<()> {
    let near = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    say(&Said::Ready { address: Some(near.local_addr()?) })?;
    let mut far_sides: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut packet = vec![0; 65_536];
    loop {
        let (length, from) = near.recv_from(&mut packet).await?;
        let far = match far_sides.entry(from) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(far_side(to, near.clone(), from, delay).await?).clone(),
        };
        let bytes = packet[..length].to_vec();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            far.send(&bytes).await
        });
    }
}

/// The socket that stands for one sender, and the way back to it.
async fn far_side(to: SocketAddr, near: Arc<UdpSocket>, from: SocketAddr, delay: Duration) -> Result<Arc<UdpSocket>> {
    let far = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    far.connect(to).await?;
    tokio::spawn(back(far.clone(), near, from, delay));
    Ok(far)
}

async fn back(far: Arc<UdpSocket>, near: Arc<UdpSocket>, to: SocketAddr, delay: Duration) {
    let mut packet = vec![0; 65_536];
    while let Ok(length) = far.recv(&mut packet).await {
        let (near, bytes) = (near.clone(), packet[..length].to_vec());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            near.send_to(&bytes, to).await
        });
    }
}
