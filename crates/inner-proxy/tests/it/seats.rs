//! Who gets a seat when there are few.

use std::net::SocketAddr;

use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::endpoint::{Limits, client_config, dial_only};
use schleuse_transport::net::{Connecting, ConnectionError, Endpoint};
use schleuse_transport::tls::{self, server_name};
use tokio::net::UdpSocket;

use crate::peers::soon;
use crate::pki::Pki;
use crate::support::{Members, Office, Outer, connect};

/// One member's connections, however many it opens, leave seats for the others.
#[tokio::test]
async fn a_member_cannot_take_all_seats() {
    let members = Members::new();
    members.replace("threads = 1", "threads = 1\nlimits = { connections = 16 }");
    let (inner, _records) = members.start();
    let (pki, address) = (&members.pki, inner.addresses()[0]);
    let mut links = Vec::new();
    for _ in 0..7 {
        links.push(Outer::link(pki, "outer-1", address).await);
    }
    let greedy = connect(pki, "outer-1", address).await.unwrap();
    match soon(greedy.closed()).await {
        ConnectionError::ApplicationClosed(code) => {
            assert_eq!(StreamRefusal::from_code(code.into_inner()), StreamRefusal::Unavailable);
        }
        other => panic!("expected to be turned away, got {other}"),
    }
    let mut office = Office::link(pki, "ga-koeln", address).await;
    office.header().await;
    assert!(links.iter().all(|link| link.0.connection.close_reason().is_none()));
}

/// Who has connected and not said who it is makes room for who does.
#[tokio::test]
async fn strangers_without_a_certificate_hold_no_seat() {
    let members = Members::new();
    members.replace("threads = 1", "threads = 1\nlimits = { connections = 8 }");
    let (inner, _records) = members.start();
    let (pki, address) = (&members.pki, inner.addresses()[0]);
    // A socket that begins handshakes and never goes on: its first packets are real, nothing is answered.
    let mut half_open = Vec::new();
    for _ in 0..32 {
        half_open.push(begin(pki, address).await);
    }
    let mut office = Office::link(pki, "ga-koeln", address).await;
    office.header().await;
}

/// Sends the first packets of a handshake to the proxy, and hears nothing that it says.
async fn begin(pki: &Pki, inner: SocketAddr) -> (Endpoint, Connecting) {
    let (near, far) = (loopback().await, loopback().await);
    let config = client_config(tls::link(&pki.roots(), &pki.identity("ga-bonn")).expect("TLS"), &Limits::LINK);
    let dialler = dial_only(([127, 0, 0, 1], 0).into(), config).expect("a socket");
    let connecting = dialler.connect(near.local_addr().expect("an address"), &server_name("inner-1")).expect("a name");
    let mut datagram = [0; 2048];
    for _ in 0..2 {
        let (length, _) = soon(near.recv_from(&mut datagram)).await.expect("it begins");
        far.send_to(&datagram[..length], inner).await.expect("a way");
    }
    (dialler, connecting)
}

async fn loopback() -> UdpSocket {
    UdpSocket::bind(("127.0.0.1", 0)).await.expect("a socket")
}
