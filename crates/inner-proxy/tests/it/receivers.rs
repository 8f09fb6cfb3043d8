//! Several receivers of one office: each with a store of its own, or two that claim the same.

use schleuse_protocol::wire::hop::{InnerToOffice, OfficeToInner, RunId};
use schleuse_protocol::wire::refusal::StreamRefusal;

use crate::peers::soon;
use crate::support::{Link, Network, Office, receiver};

async fn second(network: &Network, store: u8, run: u8) -> Office {
    Office::link_as(&network.members.pki, "ga-koeln", network.address(), receiver(store, run)).await
}

#[tokio::test]
async fn each_receiver_gets_the_streams_of_its_own_tokens() {
    let mut network = Network::new().await;
    let first = network.office.header().await;
    let mut standby = second(&network, 2, 2).await;
    let second = standby.header().await;
    for _ in 0..3 {
        let _one = network.outer.stream(&first, b"").await;
        assert_eq!(network.office.stream().await.0.nonce, first.token.nonce);
        let _two = network.outer.stream(&second, b"").await;
        assert_eq!(standby.stream().await.0.nonce, second.token.nonce);
    }
    standby.0.connection.close(0_u32.into(), b"");
    soon(standby.0.connection.closed()).await;
    assert_eq!(network.outer.refused(&second).await, StreamRefusal::Unavailable, "no other receiver can take it");
}

#[tokio::test]
async fn a_copy_gets_no_streams_and_both_are_told() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let (hello, address) = (receiver(1, 2), network.address());
    let copying = Link::open(&network.members.pki, "ga-koeln", address, &hello);
    let answering = async {
        let run = RunId([2; 8]);
        assert_eq!(network.office.0.hear::<InnerToOffice>().await, InnerToOffice::Contested { run });
        network.office.0.say(&OfficeToInner::NotMine { run }).await;
    };
    let (mut copy, ()) = tokio::join!(copying, answering);
    assert_eq!(copy.hear::<InnerToOffice>().await, InnerToOffice::Copy { run: RunId([1; 8]) });
    let _stream = network.outer.stream(&open, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, open.token.nonce);
}

#[tokio::test]
async fn an_answer_that_comes_late_still_ends_the_copy() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let mut copy = second(&network, 1, 2).await;
    let run = RunId([2; 8]);
    assert_eq!(network.office.0.hear::<InnerToOffice>().await, InnerToOffice::Contested { run });
    network.office.0.say(&OfficeToInner::NotMine { run }).await;
    assert_eq!(copy.0.hear::<InnerToOffice>().await, InnerToOffice::Copy { run: RunId([1; 8]) });
    let _stream = network.outer.stream(&open, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, open.token.nonce);
}

#[tokio::test]
async fn a_receiver_that_was_killed_is_replaced_by_its_next_run() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    // The test plays a killed one: it reads nothing and answers nothing, and its connection has not timed out.
    let next = second(&network, 1, 2).await;
    let _stream = network.outer.stream(&open, b"").await;
    assert_eq!(next.stream().await.0.nonce, open.token.nonce);
}
