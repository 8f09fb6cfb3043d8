use std::net::UdpSocket;

use tokio::time::Instant;

use super::*;
use crate::endpoint::{Limits, dial_from_anywhere};
use crate::net::Code;
use crate::testing::{Ca, LOOPBACK, open_gate, soon};
use crate::tls::{Peers, server_name};

const NAME: &str = "inner-1";

/// A member that accepts everybody.
fn member(ca: &Ca) -> Endpoint {
    let listener = ca.listener(NAME, &Peers::Members(ca.roots()), &Limits::LINK);
    let endpoint = listener.clone();
    tokio::spawn(async move {
        let (gate, mut connections) = (open_gate(), Vec::new());
        while let Some(handshake) = gate.accept(&endpoint).await {
            connections.extend(handshake.complete().await);
        }
    });
    listener
}

/// An address that swallows every packet.
fn black_hole() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(LOOPBACK).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// One at which nobody listens.
fn closed_port() -> SocketAddr {
    black_hole().1
}

/// Dials whatever the name service says.
async fn dial(ca: &Ca, budget: Budget, addresses: &[SocketAddr]) -> Result<Connection, DialError> {
    let config = ca.link("outer-1", &Limits::LINK);
    let endpoint = dial_from_anywhere(config).unwrap();
    let lookup = std::future::ready(Ok(addresses.to_vec()));
    soon(race(&endpoint, None, lookup, &server_name(NAME), budget)).await
}

#[tokio::test]
async fn an_address_that_swallows_packets_costs_its_head_start_only() {
    let ca = Ca::new("net");
    let listener = member(&ca);
    let (_open, hole) = black_hole();
    let before = Instant::now();
    dial(&ca, Budget::default(), &[hole, listener.local_addr().unwrap()]).await.unwrap();
    assert!(before.elapsed() >= race::HEAD_START);
    assert!(before.elapsed() < Budget::default().address, "the handshake with the hole was waited for");
}

#[tokio::test]
async fn a_rejected_port_counts_at_once() {
    let ca = Ca::new("net");
    let listener = member(&ca);
    let patient = Budget { address: Duration::from_secs(60), overall: Duration::from_secs(60) };
    let Err(DialError::Unreached(unreached)) = dial(&ca, patient, &[closed_port()]).await else {
        panic!("somebody listens")
    };
    assert_eq!(unreached[0].problem, AddressProblem::Rejected);
    dial(&ca, patient, &[closed_port(), listener.local_addr().unwrap()]).await.unwrap();
}

#[tokio::test]
async fn an_address_without_an_answer_is_named_when_its_budget_is_over() {
    let ca = Ca::new("net");
    let (_open, hole) = black_hole();
    let short = Budget { address: Duration::from_millis(300), overall: Duration::from_secs(60) };
    let error = dial(&ca, short, &[hole]).await.unwrap_err();
    assert!(error.to_string().contains(&hole.to_string()), "{error}");
    assert!(error.to_string().contains("no answer"), "{error}");
}

#[tokio::test]
async fn a_name_service_that_does_not_answer_is_said() {
    let ca = Ca::new("net");
    let config = ca.link("outer-1", &Limits::LINK);
    let endpoint = dial_from_anywhere(config).unwrap();
    let budget = Budget { address: Duration::from_secs(1), overall: Duration::from_millis(100) };
    let dialled = soon(race(&endpoint, None, std::future::pending(), NAME, budget)).await;
    assert!(matches!(dialled, Err(DialError::LookUpTimedOut(_))));
    endpoint.close(Code::NONE, b"");
    let dialled = soon(race(&endpoint, None, std::future::ready(Ok(vec![closed_port()])), NAME, budget)).await;
    assert!(matches!(dialled, Err(DialError::EndpointStopping | DialError::Unreached(_))));
}
