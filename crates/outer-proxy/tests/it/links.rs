//! The links to inner proxies: made, kept, lost, made again.

use schleuse_outer_proxy::{Config, start};
use schleuse_protocol::wire::hop::InnerToOuter;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::net::ConnectionError;
use schleuse_transport::relay::refusal_code;

use crate::peers::{deliver, refusal, soon, stream};
use crate::pki::Pki;
use crate::support::{FakeInner, Network, configure, connect};

/// The TLS alert for a certificate of a CA that is not trusted (RFC 8446, 6.2).
const UNKNOWN_CA: u8 = 48;

#[tokio::test]
async fn an_inner_proxy_that_was_never_reached_is_unavailable_and_not_refused() {
    let pki = Pki::new();
    let inner = FakeInner::listen(&pki, "inner-1");
    let (address, open) = (inner.address, inner.open());
    inner.close().await;
    let config = configure(&pki, &[("inner-1", address)]);
    let outer = start(Config::load(&config).unwrap(), None).unwrap();
    let sender = soon(connect(&pki, outer.addresses()[0])).await;
    let (_send, mut recv) = stream(&sender, &open, b"").await;
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Unavailable);

    let inner = FakeInner::at(&pki, "inner-1", address);
    let link = soon(inner.accept()).await;
    soon(outer.until_linked()).await;
    let (_send, _recv) = stream(&sender, &open, b"").await;
    assert_eq!(link.stream().await.0, open);
}

#[tokio::test]
async fn another_key_than_the_configured_one_is_refused_before_a_word_is_said() {
    let pki = Pki::new();
    let inner = FakeInner::listen(&pki, "inner-1");
    let address = inner.address;
    let config = configure(&pki, &[("inner-1", address)]);
    inner.close().await;
    // A second certificate for the same name, from the same CA.
    pki.issue("inner-1");
    let impostor = FakeInner::at(&pki, "inner-1", address);
    let _outer = start(Config::load(&config).unwrap(), None).unwrap();
    let connection = soon(impostor.accept_connection()).await;
    match soon(connection.accept_bi()).await {
        Err(ConnectionError::ApplicationClosed(code)) => {
            assert_eq!(code, refusal_code(StreamRefusal::Refused));
        }
        other => panic!("expected the proxy to leave, got {other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_no_link() {
    let (pki, other) = (Pki::new(), Pki::new());
    let inner = FakeInner::listen(&pki, "inner-1");
    let address = inner.address;
    let config = configure(&pki, &[("inner-1", address)]);
    inner.close().await;
    other.issue("inner-1");
    let stranger = FakeInner::at(&other, "inner-1", address);
    let _outer = start(Config::load(&config).unwrap(), None).unwrap();
    let incoming = soon(stranger.incoming()).await;
    let refused = soon(async { incoming.await }).await.err().unwrap();
    assert!(matches!(refused, ConnectionError::Tls { alert: UNKNOWN_CA, .. }), "{refused}");
}

#[tokio::test]
async fn a_lost_inner_proxy_is_unavailable_until_it_is_back() {
    let network = Network::new().await;
    let (open, address) = (network.open(), network.inner.address);
    drop(network.link);
    network.inner.close().await;
    let (_send, mut recv) = stream(&network.sender, &open, b"").await;
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Unavailable, "its tokens are still good");

    let back = FakeInner::at(&network.pki, "inner-1", address);
    let link = soon(back.accept()).await;
    soon(network.outer.until_linked()).await;
    let (_send, _recv) = stream(&network.sender, &open, b"").await;
    assert_eq!(link.stream().await.0, open);
}

#[tokio::test]
async fn a_draining_inner_proxy_finishes_what_runs_and_is_dialled_again() {
    let mut network = Network::new().await;
    let open = network.open();
    let (mut send, recv) = stream(&network.sender, &open, b"first ").await;
    let (_, reply, carried) = network.link.stream().await;

    network.link.say(&InnerToOuter::Drain).await;
    let again = soon(network.inner.accept()).await;
    soon(network.outer.until_linked()).await;
    let (_send, _recv) = stream(&network.sender, &open, b"").await;
    assert_eq!(again.stream().await.0, open, "new streams take the new link");

    send.write_all(b"second").await.unwrap();
    deliver((send, recv), (reply, carried), b"first second").await;
    let closed = soon(network.link.connection.closed()).await;
    assert!(matches!(closed, ConnectionError::ApplicationClosed(_)), "the old link is left: {closed}");
}

#[tokio::test]
async fn every_thread_has_its_own_link() {
    let pki = Pki::new();
    let inner = FakeInner::listen(&pki, "inner-1");
    let config = configure(&pki, &[("inner-1", inner.address)]);
    let text = std::fs::read_to_string(&config).unwrap().replace("threads = 1", "threads = 3");
    std::fs::write(&config, text).unwrap();
    let outer = start(Config::load(&config).unwrap(), None).unwrap();
    let mut links = Vec::new();
    for _ in 0..3 {
        links.push(soon(inner.accept()).await);
    }
    soon(outer.until_linked()).await;
    // Whichever thread a sender meets, its stream is carried.
    for _ in 0..8 {
        let sender = soon(connect(&pki, outer.addresses()[0])).await;
        let (_send, _recv) = stream(&sender, &inner.open(), b"").await;
        let [a, b, c] = &links[..] else { panic!("three links") };
        let (header, ..) = tokio::select! { s = a.stream() => s, s = b.stream() => s, s = c.stream() => s };
        assert_eq!(header, inner.open());
    }
}
