//! Who is let in, and as what.

use futures_now::poll_once;
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::wire::hop::{OfficeToInner, OuterToInner};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::{Limits, client_config, dial_only};
use schleuse_transport::net::ConnectionError;
use schleuse_transport::tls::{self, server_name};

use crate::peers::soon;
use crate::pki::Pki;
use crate::support::{Link, Members, Network, Office, connect, now, receiver};

/// Polls a future once: what it waits for is there, or it is not.
mod futures_now {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    pub(crate) fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }
}

#[tokio::test]
async fn a_vendor_is_turned_away_although_its_certificate_is_valid() {
    let network = Network::new().await;
    let connection = connect(&network.members.pki, "vendor-1", network.address()).await.unwrap();
    let closed = soon(connection.closed()).await;
    assert!(
        matches!(&closed, ConnectionError::ApplicationClosed(code)
        if code.into_inner() == StreamRefusal::Refused.code()),
        "{closed}"
    );
}

#[tokio::test]
async fn a_certificate_that_is_not_in_the_directory_is_turned_away() {
    let network = Network::new().await;
    // The same name, another key: the key counts.
    network.members.pki.issue("ga-koeln");
    let link = connect(&network.members.pki, "ga-koeln", network.address()).await.unwrap();
    let closed = soon(link.closed()).await;
    assert!(matches!(closed, ConnectionError::ApplicationClosed(_)), "{closed}");
}

#[tokio::test]
async fn a_network_over_its_rate_is_refused_for_a_while_and_keeps_its_links() {
    let members = Members::new();
    members.replace("grace_seconds", "limits = { handshakes_per_second = 1, handshake_burst = 4 }\ngrace_seconds");
    let (inner, _records) = members.start();
    let address = inner.addresses()[0];
    let began = tokio::time::Instant::now();
    let mut links = Vec::new();
    while let Ok(link) = connect(&members.pki, "outer-1", address).await {
        links.push(link);
    }
    let earned = usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!((4..=4 + earned).contains(&links.len()), "{} in {earned} s", links.len());
    let again = async { while connect(&members.pki, "outer-1", address).await.is_err() {} };
    soon(again).await;
    assert!(links.iter().all(|link| link.close_reason().is_none()));
}

#[tokio::test]
async fn without_a_certificate_of_the_network_there_is_no_connection() {
    let network = Network::new().await;
    let stranger = Pki::new();
    stranger.issue("outer-1");
    let roots = network.members.pki.roots();
    let nameless = tls::sender(&roots).unwrap();
    let foreign = tls::link(&roots, &stranger.identity("outer-1")).unwrap();
    for tls in [nameless, foreign] {
        let endpoint = dial_only(([127, 0, 0, 1], 0).into(), client_config(tls, &Limits::LINK)).unwrap();
        let connecting = endpoint.connect(network.address(), &server_name("inner-1")).unwrap();
        // The client may finish its half before the proxy has refused the certificate.
        if let Ok(connection) = soon(connecting).await {
            let closed = soon(connection.closed()).await;
            assert!(!matches!(closed, ConnectionError::ApplicationClosed(_)), "TLS itself refuses: {closed}");
        }
    }
}

#[tokio::test]
async fn an_office_that_acts_as_an_outer_proxy_gets_no_keys_and_opens_no_stream() {
    let network = Network::new().await;
    let link = Link::open(&network.members.pki, "ga-bonn", network.address(), &OuterToInner::Hello(VERSION)).await;
    // An outer proxy's hello is too short for an office's.
    assert_eq!(link.turned_away().await, StreamRefusal::Refused);
    assert!(poll_once(link.connection.open_bi()).is_none_or(|opened| opened.is_err()), "no second stream");
}

#[tokio::test]
async fn an_outer_proxy_that_acts_as_an_office_is_turned_away() {
    let mut network = Network::new().await;
    network.outer.0.say(&OfficeToInner::TokensWanted { count: 1, not_after: now() }).await;
    assert_eq!(network.outer.0.turned_away().await, StreamRefusal::Refused);
}

#[tokio::test]
async fn who_breaks_the_protocol_is_turned_away() {
    let network = Network::new().await;
    let mut link = Link::open(&network.members.pki, "ga-bonn", network.address(), &OfficeToInner::Drain).await;
    assert_eq!(link.turned_away().await, StreamRefusal::Refused, "the first message is a hello");

    link = Link::open(&network.members.pki, "ga-bonn", network.address(), &receiver(1, 1)).await;
    link.say(&receiver(1, 1)).await;
    assert_eq!(link.turned_away().await, StreamRefusal::Refused, "there is one hello");

    link = Link::open(&network.members.pki, "ga-bonn", network.address(), &receiver(1, 1)).await;
    link.send.write_all(&[0xff; 100]).await.unwrap();
    assert_eq!(link.turned_away().await, StreamRefusal::Refused, "garbage");
}

#[tokio::test]
async fn a_member_that_leaves_the_directory_is_disconnected() {
    let network = Network::new().await;
    network.members.publish(2, &["ga-koeln"]);
    network.inner.reload().unwrap();
    assert_eq!(network.office.0.turned_away().await, StreamRefusal::Refused);
    assert!(network.outer.0.connection.close_reason().is_none(), "others stay");

    network.members.publish(3, &[]);
    network.inner.reload().unwrap();
    let mut back = Office::link(&network.members.pki, "ga-koeln", network.address()).await;
    let open = back.header().await;
    let (_send, _recv) = network.outer.stream(&open, b"").await;
    assert_eq!(back.stream().await.0.nonce, open.token.nonce);
}

#[tokio::test]
async fn an_older_or_broken_directory_is_not_accepted_and_changes_nothing() {
    let mut network = Network::new().await;
    network.members.publish(5, &[]);
    network.inner.reload().unwrap();
    network.members.publish(4, &["ga-koeln"]);
    let error = network.inner.reload().unwrap_err().to_string();
    assert!(error.contains("directory.json") && error.contains("older"), "{error}");
    network.members.pki.file("directory.json", "{}");
    let error = network.inner.reload().unwrap_err().to_string();
    assert!(error.contains("directory.json") && !error.contains("older"), "{error}");
    network.office.header().await;
}

#[tokio::test]
async fn a_directory_that_does_not_know_the_proxy_itself_is_said_at_once() {
    let members = Members::new();
    members.publish(2, &["inner-1"]);
    let error = schleuse_inner_proxy::Config::load(&members.config).err().unwrap();
    assert_eq!(error.code(), schleuse_transport::exit::CONFIG);
    let text = error.to_string();
    assert!(text.contains("does not list the key") && text.contains("inner.toml:7:13: "), "{text}");
}
