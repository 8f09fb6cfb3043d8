//! The daemon as a process: what it takes, and how it leaves.

use std::time::Duration;

use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::net::{Connection, ConnectionError, RecvStream, SendStream};

use crate::peers::{carry_100_mib, deliver, refusal, soon, stream};
use crate::pki::Pki;
use crate::process::{Daemon, free_address};
use crate::support::{FakeInner, FakeLink, configure, try_connect};

const PROGRAM: &str = env!("CARGO_BIN_EXE_schleuse-outer");
pub(crate) const MIB: u64 = 1024;

pub(crate) struct Whole {
    pub(crate) daemon: Daemon,
    pub(crate) pki: Pki,
    pub(crate) inner: FakeInner,
    pub(crate) link: FakeLink,
    pub(crate) address: std::net::SocketAddr,
}

pub(crate) async fn whole() -> Whole {
    let pki = Pki::new();
    let inner = FakeInner::listen(&pki, "inner-1");
    let config = configure(&pki, &[("inner-1", inner.address)]);
    let address = free_address();
    let text = std::fs::read_to_string(&config).unwrap_or_default().replace("127.0.0.1:0", &address.to_string());
    pki.file("outer.toml", &text);
    let daemon = Daemon::start(PROGRAM, &config);
    let link = soon(inner.accept()).await;
    Whole { daemon, pki, inner, link, address }
}

/// A sender whose stream is carried: the daemon has the admission keys now.
async fn carried(whole: &Whole) -> (Connection, (SendStream, RecvStream), (SendStream, RecvStream)) {
    let sender = soon(try_connect(&whole.pki, whole.address)).await.expect("the daemon answers");
    loop {
        let (send, mut recv) = stream(&sender, &whole.inner.open(), b"").await;
        tokio::select! {
            (_, reply, carried) = whole.link.stream() => return (sender, (send, recv), (reply, carried)),
            refused = refusal(&mut recv) => assert_eq!(refused, StreamRefusal::Unavailable),
        }
    }
}

#[tokio::test]
async fn idle_with_fifty_vendors_it_takes_little() {
    let whole = whole().await;
    let mut senders = Vec::new();
    for _ in 0..50 {
        senders.push(soon(try_connect(&whole.pki, whole.address)).await.unwrap());
    }
    let (now, most) = whole.daemon.memory();
    eprintln!("50 idle senders: {now} KiB, at most {most} KiB");
    assert!(most < 30 * MIB, "{most} KiB");
}

#[tokio::test]
async fn a_hundred_megabytes_do_not_stay_in_it() {
    let whole = whole().await;
    let (_sender, (send, _recv), (_reply, far)) = carried(&whole).await;
    carry_100_mib(send, far).await;
    let (now, most) = whole.daemon.memory();
    eprintln!("100 MiB through: {now} KiB, at most {most} KiB");
    assert!(most < 48 * MIB, "{most} KiB");
}

#[tokio::test]
async fn an_inner_proxy_that_does_not_read_stops_the_sender_and_fills_nothing() {
    let whole = whole().await;
    let (sender, mut near, _far) = carried(&whole).await;
    let before = whole.daemon.memory().1;
    let chunk = vec![0x5a; 1024 * 1024];
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(stream(&sender, &whole.inner.open(), b"").await);
    }
    streams.push((near.0, near.1));
    for (send, _) in &mut streams {
        // What can be written without anybody reading is bounded; after that the sender waits.
        let _ = tokio::time::timeout(Duration::from_millis(100), send.write_all(&chunk)).await;
    }
    let most = whole.daemon.memory().1;
    eprintln!("21 stalled streams: from {before} to {most} KiB");
    assert!(most < before + 16 * MIB, "from {before} to {most} KiB");
    near = streams.pop().unwrap();
    // It waits, or has been told that it stood still too long.
    let written = tokio::time::timeout(Duration::from_millis(100), near.0.write_all(&chunk)).await;
    assert!(!matches!(written, Ok(Ok(()))), "somebody has read");
}

#[tokio::test]
async fn sigterm_drains_and_ends_with_code_0() {
    let whole = whole().await;
    let (_sender, (send, recv), (reply, far)) = carried(&whole).await;
    whole.daemon.signal("TERM");
    deliver((send, recv), (reply, far), b"").await;
    let ended = tokio::task::spawn_blocking(move || whole.daemon.wait());
    assert_eq!(soon(ended).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_killed_proxy_is_recognised_when_it_is_back() {
    let whole = whole().await;
    let (sender, ..) = carried(&whole).await;
    whole.daemon.kill();
    let config = whole.pki.path("outer.toml");
    let _daemon = Daemon::start(PROGRAM, &config);
    let _link = soon(whole.inner.accept()).await;
    // Whatever the sender says is answered with a reset, long before its idle timeout of 30 seconds.
    if let Ok((mut send, _recv)) = sender.open_bi().await {
        let _ = send.write_all(b"x").await;
    }
    assert!(matches!(soon(sender.closed()).await, ConnectionError::Reset));
}
