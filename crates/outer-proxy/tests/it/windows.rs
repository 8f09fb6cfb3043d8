//! What senders may have the proxy hold, and what those who take no answers cost the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schleuse_transport::net::Connection;

use crate::peers::{deliver, soon, stream};
use crate::support::{Network, connect};

const MIB: u64 = 1024 * 1024;

/// Bytes that a sender can write on so many streams whose office reads nothing.
async fn fill(network: &Network, streams: usize) -> u64 {
    network.link.connection.set_max_streams(128);
    let written = Arc::new(AtomicU64::new(0));
    let (mut ends, mut open) = (Vec::new(), Vec::new());
    for _ in 0..streams {
        ends.push((stream(&network.sender, &network.open(), b"").await, network.link.stream().await));
    }
    for ((mut send, recv), (_, reply, carried)) in ends {
        let written = written.clone();
        let writing = tokio::spawn(async move {
            let chunk = vec![0x5a; 16 * 1024];
            while let Ok(bytes) = send.write(&chunk).await {
                written.fetch_add(bytes as u64, Ordering::Relaxed);
            }
        });
        open.push((writing, recv, reply, carried));
    }
    let mut last = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        match written.load(Ordering::Relaxed) {
            now if now == last => return now,
            now => last = now,
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_used_again_and_again_takes_no_more_than_one_window() {
    let network = Network::new().await;
    for _ in 0..64 {
        let near = stream(&network.sender, &network.open(), b"").await;
        let (_, reply, carried) = network.link.stream().await;
        deliver(near, (reply, carried), b"").await;
    }
    let taken = fill(&network, 60).await;
    // The inner proxy of this test takes 16 MiB and reads nothing. What is beyond stays in the proxy: its largest window,
    // and a few packets between the two halves of each stream.
    assert!(taken < 26 * MIB, "{taken} bytes");
}

#[tokio::test]
async fn answers_that_nobody_takes_hold_up_no_other_answer() {
    let network = Network::new().await;
    network.link.connection.set_max_streams(256);
    let mut stubborn: Vec<Connection> = Vec::new();
    let mut open = Vec::new();
    for _ in 0..6 {
        let sender = soon(connect(&network.pki, network.outer.addresses()[0])).await;
        for _ in 0..30 {
            let near = stream(&sender, &network.open(), b"").await;
            let (_, mut reply, carried) = network.link.stream().await;
            open.push((near, carried));
            tokio::spawn(async move { reply.write_all(&vec![0x5a; 340 * 1024]).await });
        }
        stubborn.push(sender);
    }
    for _ in 0..5 {
        let near = stream(&network.sender, &network.open(), b"").await;
        let (_, reply, carried) = network.link.stream().await;
        deliver(near, (reply, carried), b"").await;
    }
}
