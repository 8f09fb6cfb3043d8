//! Who comes in numbers: half-open connections, and connections that nobody uses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use schleuse_outer_proxy::{Config, Handle, start};
use schleuse_protocol::wire::frame::{FrameType, encode_frame};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::{Limits, client_config, dial_only};
use schleuse_transport::net::{Connection, Endpoint};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::tls::{self, server_name};
use tokio::net::UdpSocket;

use crate::peers::{refusal, soon, stream};
use crate::pki::Pki;
use crate::support::{FakeInner, FakeLink, configure, connect, try_connect};
use crate::whole::{MIB, whole};

/// Enough to see that memory follows what is open at a time, and not what has come.
const ATTEMPTS: usize = 2000;
const BATCH: usize = 100;

/// Carries datagrams to a proxy, and none back.
struct OneWay {
    address: SocketAddr,
    open: Arc<AtomicBool>,
    carried: Arc<AtomicUsize>,
}

impl OneWay {
    async fn to(proxy: SocketAddr) -> Self {
        let (near, far) = (loopback().await, loopback().await);
        let way =
            Self { address: near.local_addr().expect("an address"), open: Arc::default(), carried: Arc::default() };
        let (open, carried) = (way.open.clone(), way.carried.clone());
        tokio::spawn(async move {
            let mut datagram = [0; 2048];
            while let Ok((length, _)) = near.recv_from(&mut datagram).await {
                if open.load(Ordering::Relaxed) && far.send_to(&datagram[..length], proxy).await.is_ok() {
                    carried.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        way
    }

    /// Begins a batch of connections and forgets them once their first packets are on the way.
    async fn begin(&self, dialler: &Endpoint) {
        let before = self.carried.load(Ordering::Relaxed);
        self.open.store(true, Ordering::Relaxed);
        let begun: Vec<_> =
            (0..BATCH).map(|_| dialler.connect(self.address, &server_name("outer-1")).expect("a name")).collect();
        // A hybrid hello is two packets; some may be lost on the way.
        let arrived = async {
            while self.carried.load(Ordering::Relaxed) < before + BATCH {
                tokio::task::yield_now().await;
            }
        };
        soon(arrived).await;
        self.open.store(false, Ordering::Relaxed);
        drop(begun);
    }
}

async fn loopback() -> UdpSocket {
    UdpSocket::bind(("127.0.0.1", 0)).await.expect("a socket")
}

#[tokio::test]
async fn half_open_connections_take_little_and_keep_nobody_out() {
    let whole = whole().await;
    let before = whole.daemon.memory().1;
    let way = OneWay::to(whole.address).await;
    let config = client_config(tls::sender(&whole.pki.roots()).unwrap(), &Limits::SENDER);
    let dialler = dial_only(([127, 0, 0, 1], 0).into(), config).unwrap();
    for _ in 0..ATTEMPTS / BATCH {
        way.begin(&dialler).await;
    }
    let most = whole.daemon.memory().1;
    eprintln!("{ATTEMPTS} half-open connections: from {before} to {most} KiB");
    assert!(most < before + 32 * MIB, "from {before} to {most} KiB");
    let sender = soon(try_connect(&whole.pki, whole.address)).await;
    assert!(sender.is_ok(), "a real sender proves its address and is let in: {sender:?}");
}

/// Seats of the proxy below. All peers here come from one network, which has half of them.
const SEATS: usize = 8;

/// An outer proxy with few seats, with its link to an inner proxy.
struct FewSeats {
    pki: Pki,
    inner: FakeInner,
    link: FakeLink,
    address: SocketAddr,
    outer: Handle,
}

impl FewSeats {
    async fn start() -> Self {
        let pki = Pki::new();
        let inner = FakeInner::listen(&pki, "inner-1");
        let config = configure(&pki, &[("inner-1", inner.address)]);
        let text = std::fs::read_to_string(&config).expect("it was just written");
        let limits = format!("threads = 1\nlimits = {{ connections = {SEATS} }}");
        pki.file("outer.toml", &text.replace("threads = 1", &limits));
        let config = Config::load(&config).expect("a valid configuration");
        let outer = start(config, None).expect("a proxy that starts");
        let address = outer.addresses()[0];
        let link = soon(inner.accept()).await;
        soon(outer.until_linked()).await;
        Self { pki, inner, link, address, outer }
    }
}

#[tokio::test]
async fn who_comes_when_all_seats_are_taken_gets_that_of_the_oldest_idle_one_at_once() {
    let FewSeats { pki, inner, link, address, outer: _outer } = FewSeats::start().await;
    let busy = soon(connect(&pki, address)).await;
    let (_send, mut recv) = stream(&busy, &inner.open(), b"").await;
    let (_, mut reply, _carried) = link.stream().await;
    let mut idle = Vec::new();
    for _ in 1..SEATS / 2 {
        idle.push(soon(connect(&pki, address)).await);
    }
    let mut newest = Vec::new();
    for oldest in &idle {
        newest.push(soon(try_connect(&pki, address)).await.expect("there is a seat"));
        soon(oldest.closed()).await;
    }
    assert!(newest.iter().all(|sender| sender.close_reason().is_none()));
    assert!(busy.close_reason().is_none(), "who has a stream stays");
    reply.reset(refusal_code(StreamRefusal::Refused)).unwrap();
    refusal(&mut recv).await;
}

#[tokio::test]
async fn seats_that_are_all_in_use_are_not_given_away() {
    let FewSeats { pki, inner, link, address, outer: _outer } = FewSeats::start().await;
    let mut busy = Vec::new();
    for _ in 0..SEATS / 2 {
        let sender = soon(connect(&pki, address)).await;
        let streams = stream(&sender, &inner.open(), b"").await;
        busy.push((link.stream().await, streams, sender));
    }
    assert!(soon(try_connect(&pki, address)).await.is_err(), "the network has its share");
    assert!(busy.iter().all(|(.., sender)| sender.close_reason().is_none()));
    busy.pop();
    let again = async {
        while try_connect(&pki, address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon(again).await;
}

/// A refused stream is no use of a seat: otherwise whoever has no token could hold them all.
#[tokio::test]
async fn streams_without_a_valid_token_hold_no_seat() {
    let FewSeats { pki, inner, address, link: _link, outer: _outer } = FewSeats::start().await;
    let mut forged = inner.open();
    forged.token.mac[0] ^= 1;
    let mut squatters = tokio::task::JoinSet::new();
    for _ in 0..SEATS / 2 {
        squatters.spawn(squat(soon(connect(&pki, address)).await, forged));
    }
    let mut newest = Vec::new();
    for _ in 0..SEATS / 2 {
        newest.push(soon(try_connect(&pki, address)).await.expect("a squatter has to go"));
        soon(squatters.join_next()).await;
    }
}

/// Opens one stream after the other with a token that is not valid, until the connection is closed.
async fn squat(connection: Connection, forged: Open) {
    while let Ok((mut send, mut recv)) = connection.open_bi().await {
        // Both fail when the stream is refused, as it should be.
        let _ = send.write_all(&encode_frame(FrameType::Open, &forged)).await;
        let _ = recv.read_chunk(1).await;
    }
}
