//! Long and fast paths: a sender gets out of them what QUIC alone gets, and many at a time share them.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use schleuse_client::{Client, Content, Ticket};
use schleuse_tests::background::Background;
use schleuse_tests::netns::Conditions;
use schleuse_tests::network::{Network, SENDER};
use schleuse_transport::endpoint::{EndpointKeys, Limits, client_config, listen, server_config};
use schleuse_transport::net::Endpoint;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::tls::{self, Peers};

use crate::start;

/// 30 ms there and back, 200 Mbit/s, and a line that holds what is sent in 50 ms.
const PATH: Conditions = Conditions {
    delay: Duration::from_millis(15),
    loss_percent: 0.0,
    late_percent: 0.0,
    late_by: Duration::ZERO,
    rate: 200_000_000,
    buffer: Duration::from_millis(50),
};
const SIZE: usize = 100_000_000;
/// No upload here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Resident memory of a proxy at any time.
const BOUND_KIB: u64 = 128 * 1024;

/// Windows that hold nobody up, as QUIC libraries have them when they trust each other.
const TRUSTING: Limits = Limits {
    stream_window: 16 * 1024 * 1024,
    connection_window: 64 * 1024 * 1024,
    send_window: 64 * 1024 * 1024,
    ..Limits::PUBLIC
};

/// The best of three tries of each, as the machine stands still now and then.
#[test]
fn one_upload_gets_what_quic_alone_gets() {
    let Some(network) = start(Network::of(1, 1, 1, 1).log("info")) else { return };
    let _path = network.lab().path(SENDER, PATH);
    let (mut alone, mut through) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        alone = alone.min(quic_alone(&network));
        through = through.min(upload(&network));
    }
    let rate = |took: Duration| SIZE as f64 / took.as_secs_f64() / 1e6;
    let ratio = alone.as_secs_f64() / through.as_secs_f64();
    println!("QUIC alone {:.1} MB/s, through the network {:.1} MB/s: {ratio:.2}", rate(alone), rate(through));
    assert!(ratio >= 0.85, "{ratio:.2}");
}

#[test]
fn forty_uploads_share_the_path_and_the_memory() {
    const EACH: usize = 2_500_000;
    let Some(network) = start(Network::of(1, 1, 1, 1).log("info")) else { return };
    let _path = network.lab().path(SENDER, PATH);
    // Connections of their own: 40 senders, not one.
    let senders: Vec<(Client, Ticket)> =
        (0..40).map(|_| (network.new_client(Some(network.vendor(0))), network.office(0).mint(&[]))).collect();
    let since = Instant::now();
    let uploads: Vec<_> = senders
        .into_iter()
        .map(|(client, ticket)| {
            network.background().begin(async move {
                client.send(&ticket, content(EACH)).kind("guest-list").patience(PATIENCE).await.unwrap();
                since.elapsed()
            })
        })
        .collect();
    let mut took: Vec<Duration> = uploads.into_iter().map(|upload| upload.wait()).collect();
    took.sort();
    let (first, last) = (took[0], took[took.len() - 1]);
    println!("40 uploads: the first took {first:?}, the last {last:?}");
    // They began together and are alike: nobody is done when others have hardly begun.
    assert!(first * 4 > last, "{took:?}");
    for proxy in [network.outer(0), network.inner(0)] {
        let peak = proxy.daemon.peak_resident();
        println!("{}: at most {peak} KiB", proxy.daemon.name());
        assert!(peak < BOUND_KIB, "{} took {peak} KiB", proxy.daemon.name());
    }
}

fn content(length: usize) -> Content {
    Content::from((0..length).map(|n| (n % 251) as u8).collect::<Vec<u8>>())
}

/// From the beginning to the receipt.
fn upload(network: &Network) -> Duration {
    let (ticket, client) = (network.office(0).mint(&[]), network.client(0));
    let content = content(SIZE);
    let since = Instant::now();
    let sending = client.send(&ticket, content).kind("guest-list").patience(PATIENCE);
    network.background().run(async move { sending.await }).unwrap();
    since.elapsed()
}

/// The same bytes on one stream of one connection between the same hosts, with nothing behind it, until all are there.
fn quic_alone(network: &Network) -> Duration {
    let outer = network.outer(0);
    let address = SocketAddr::new(outer.address.ip(), 4500);
    let host = Background::within(&network.lab().host("outer-1").namespace);
    let tls = tls::server(&outer.member.identity(), &Peers::Anonymous).unwrap();
    let listener = host.run(async move {
        let keys = EndpointKeys::derive(&SecretKey::new([1; 32]), "alone", 0);
        listen(UdpSocket::bind(address).unwrap(), &keys, server_config(tls, &TRUSTING)).unwrap()
    });
    let receiving = host.begin(receive(listener));
    let config = client_config(tls::sender(&network.roots()).unwrap(), &TRUSTING);
    let since = Instant::now();
    network.background().run(async move {
        let endpoint = schleuse_transport::endpoint::dial_only("0.0.0.0:0".parse().unwrap(), config).unwrap();
        let connection = endpoint.connect(address, &tls::server_name("outer-1")).unwrap().await.unwrap();
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        let piece = vec![0x5a; SIZE / 100];
        for _ in 0..100 {
            send.write_all(&piece).await.unwrap();
        }
        send.finish().unwrap();
        assert_eq!(recv.read_to_end(1).await.unwrap(), b"!");
    });
    let took = since.elapsed();
    assert_eq!(receiving.wait(), SIZE);
    took
}

/// Takes one stream of one connection, and answers with one byte.
async fn receive(listener: Endpoint) -> usize {
    let connection = listener.accept().await.unwrap().await.unwrap();
    let (mut send, mut recv) = connection.accept_bi().await.unwrap();
    let mut taken = 0;
    while let Some(chunk) = recv.read_chunk(usize::MAX).await.unwrap() {
        taken += chunk.len();
    }
    send.write_all(b"!").await.unwrap();
    send.finish().unwrap();
    let _ = send.stopped().await;
    taken
}
