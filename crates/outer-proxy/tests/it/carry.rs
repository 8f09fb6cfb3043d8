//! What becomes of a sender's stream.

use schleuse_outer_proxy::Ending;
use schleuse_protocol::wire::frame::{FrameType, encode_frame};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::Epoch;
use schleuse_transport::net::Code;

use crate::peers::{deliver, id, refusal, soon, stream};
use crate::support::{Network, connect, keys_of, token};

#[tokio::test]
async fn a_stream_with_a_valid_token_is_carried_both_ways_and_seen_as_bytes() {
    let mut network = Network::new().await;
    let (mut send, recv) = stream(&network.sender, &network.open(), b"sealed ").await;
    let (header, reply, carried) = network.link.stream().await;
    assert_eq!(header, network.open(), "the header arrives as it was sent");

    send.write_all(b"content").await.unwrap();
    deliver((send, recv), (reply, carried), b"sealed content").await;

    let record = network.record().await;
    let header = encode_frame(FrameType::Open, &header).len() as u64;
    assert_eq!((record.to, record.ending), (Some(id("inner-1")), Ending::Finished));
    assert_eq!((record.bytes_up, record.bytes_down), (header + 14, 7));
    assert!(record.from.ip().is_loopback());
}

#[tokio::test]
async fn a_stream_with_a_wrong_mac_never_reaches_the_inner_proxy() {
    let mut network = Network::new().await;
    let good = network.open();
    for bit in [0, 31, 127] {
        let mut forged = good;
        forged.token.mac[bit / 8] ^= 1 << (bit % 8);
        let (_send, mut recv) = stream(&network.sender, &forged, b"x").await;
        assert_eq!(refusal(&mut recv).await, StreamRefusal::Refused);
        let record = network.record().await;
        assert_eq!((record.to, record.ending, record.bytes_up), (None, Ending::Refused, 0));
    }
    let mut other = good;
    other.token.sealed[0] ^= 1;
    let (_send, mut recv) = stream(&network.sender, &other, b"x").await;
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Refused);

    // Streams arrive in order, so the first that arrives shows that none of the others was opened.
    let (_send, _recv) = stream(&network.sender, &good, b"").await;
    assert_eq!(network.link.stream().await.0, good);
}

#[tokio::test]
async fn a_token_of_an_epoch_without_a_key_is_refused() {
    let network = Network::new().await;
    for epoch in [Epoch(0), network.inner.keys[1].0.next()] {
        let mut open = network.open();
        open.token.epoch = epoch;
        network.inner.keys[0].1.mac(&mut open.token);
        let (_send, mut recv) = stream(&network.sender, &open, b"").await;
        assert_eq!(refusal(&mut recv).await, StreamRefusal::Refused);
    }
    let mut next = network.open();
    next.token = token(&network.inner.keys[1]);
    let (_send, _recv) = stream(&network.sender, &next, b"").await;
    assert_eq!(network.link.stream().await.0, next, "the next epoch's tokens are admitted already");
}

#[tokio::test]
async fn an_inner_proxy_that_is_not_configured_is_refused() {
    let network = Network::new().await;
    let mut open = network.open();
    open.inner = id("inner-9");
    let (_send, mut recv) = stream(&network.sender, &open, b"").await;
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Refused);
}

#[tokio::test]
async fn what_is_no_header_is_refused() {
    let network = Network::new().await;
    let mut long = encode_frame(FrameType::Open, &network.open());
    long[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut old = network.open();
    old.version = 0;
    let cases: [&[u8]; 5] =
        [b"GET / HTTP/1.1\r\n\r\n", &[0xff; 4096], &[0; 4096], &long, &encode_frame(FrameType::Open, &old)];
    for bytes in cases {
        let (mut send, mut recv) = network.sender.open_bi().await.unwrap();
        // The refusal may come before everything is written.
        let _ = send.write_all(bytes).await;
        assert_eq!(refusal(&mut recv).await, StreamRefusal::Refused, "{:02x?}", &bytes[..16]);
    }
    let (mut send, mut recv) = network.sender.open_bi().await.unwrap();
    send.write_all(&encode_frame(FrameType::Open, &network.open())[..50]).await.unwrap();
    send.finish().unwrap();
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Refused, "an end inside the header");
}

#[tokio::test]
async fn a_stream_that_the_inner_proxy_refuses_is_refused_with_its_code() {
    let mut network = Network::new().await;
    for wanted in [StreamRefusal::Refused, StreamRefusal::Unavailable] {
        let (_send, mut recv) = stream(&network.sender, &network.open(), b"").await;
        let (_, mut reply, _carried) = network.link.stream().await;
        reply.reset(schleuse_transport::relay::refusal_code(wanted)).unwrap();
        assert_eq!(refusal(&mut recv).await, wanted);
        assert_eq!(network.record().await.ending, Ending::Broken);
    }
}

#[tokio::test]
async fn a_sender_that_vanishes_takes_its_stream_with_it() {
    let mut network = Network::new().await;
    let sender = soon(connect(&network.pki, network.outer.addresses()[0])).await;
    let (_send, _recv) = stream(&sender, &network.open(), b"half").await;
    let (_, _reply, mut carried) = network.link.stream().await;
    sender.close(Code::NONE, b"");
    assert!(soon(carried.read_to_end(100)).await.is_err(), "an abort is no end");
    assert_eq!(network.record().await.ending, Ending::Broken);
}

#[tokio::test]
async fn keys_that_are_replaced_admit_nothing_any_more() {
    let mut network = Network::new().await;
    let old = network.open();
    let new = keys_of(2);
    let keys = new.each_ref().map(|(epoch, key)| (*epoch, key.to_bytes()));
    network.link.say(&schleuse_protocol::wire::hop::InnerToOuter::AdmissionKeys(keys)).await;
    let mut open = old;
    open.token = token(&new[0]);
    // Nothing tells the sender when the keys have arrived: it tries until they have.
    loop {
        let (_send, mut recv) = stream(&network.sender, &open, b"").await;
        tokio::select! {
            (header, ..) = network.link.stream() => break assert_eq!(header, open),
            refused = refusal(&mut recv) => assert_eq!(refused, StreamRefusal::Refused),
        }
    }
    let (_send, mut recv) = stream(&network.sender, &old, b"").await;
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Refused);
}

#[tokio::test]
async fn a_large_stream_goes_through_whole() {
    let mut network = Network::new().await;
    let (mut send, mut recv) = stream(&network.sender, &network.open(), b"").await;
    let (_, mut reply, mut carried) = network.link.stream().await;
    let content: Vec<u8> = (0..8_000_000_u32).map(|n| (n ^ n >> 8) as u8).collect();
    let (sent, received) = tokio::join!(
        async {
            send.write_all(&content).await.unwrap();
            send.finish().unwrap();
        },
        carried.read_to_end(content.len()),
    );
    assert_eq!(((), received.unwrap() == content), (sent, true));
    reply.finish().unwrap();
    assert!(soon(recv.read_to_end(0)).await.unwrap().is_empty());
    assert!(network.record().await.bytes_up > 8_000_000);
}
