//! What becomes of a stream that an outer proxy brings.

use std::sync::Arc;
use std::time::Duration;

use schleuse_inner_proxy::Ending;
use schleuse_protocol::wire::frame::{FrameType, encode_frame};
use schleuse_protocol::wire::hop::OfficeToInner;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::relay::refusal_code;

use crate::peers::{deliver, id, refusal, soon};
use crate::support::{Network, Office, Outer, receiver};

#[tokio::test]
async fn a_stream_with_a_good_token_reaches_its_office_and_is_seen_as_bytes() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let (mut send, recv) = network.outer.stream(&open, b"sealed ").await;
    let (incoming, reply, carried) = network.office.stream().await;
    assert_eq!(incoming.nonce, open.token.nonce, "the nonce is all that the office is told");

    send.write_all(b"content").await.unwrap();
    deliver((send, recv), (reply, carried), b"sealed content").await;

    let record = network.record().await;
    let header = encode_frame(FrameType::Incoming, &incoming).len() as u64;
    assert_eq!((record.from, record.to), (id("outer-1"), Some(id("ga-koeln"))));
    assert_eq!((record.bytes_up, record.bytes_down, record.ending), (header + 14, 7, Ending::Finished));
}

#[tokio::test]
async fn a_token_with_any_changed_part_is_refused_and_reaches_nobody() {
    let mut network = Network::new().await;
    let good = network.office.header().await;
    let change = |part: fn(&mut schleuse_protocol::wire::token::RouteToken)| {
        let mut open = good;
        part(&mut open.token);
        open
    };
    let mut elsewhere = good;
    elsewhere.inner = id("inner-2");
    let bad = [
        change(|token| token.mac[15] ^= 1),
        change(|token| token.sealed[0] ^= 1),
        change(|token| token.nonce.0[0] ^= 1),
        change(|token| token.epoch = token.epoch.next()),
        elsewhere,
    ];
    for open in &bad {
        assert_eq!(network.outer.refused(open).await, StreamRefusal::Refused, "{open:?}");
        let record = network.record().await;
        assert_eq!((record.to, record.ending), (None, Ending::Refused));
    }
    // Streams arrive in order, so the first that arrives shows that none of the others was opened.
    let (_send, _recv) = network.outer.stream(&good, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, good.token.nonce);
}

#[tokio::test]
async fn what_is_no_header_is_refused() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let mut long = encode_frame(FrameType::Open, &open);
    long[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    let hello = encode_frame(FrameType::Control, &receiver(1, 1));
    let cases: [&[u8]; 4] = [b"GET / HTTP/1.1\r\n\r\n", &[0xff; 4096], &long, &hello];
    for bytes in cases {
        let (mut send, mut recv) = soon(network.outer.0.connection.open_bi()).await.unwrap();
        // The refusal may come before everything is written.
        let _ = send.write_all(bytes).await;
        assert_eq!(refusal(&mut recv).await, StreamRefusal::Refused, "{:02x?}", &bytes[..10]);
    }
}

#[tokio::test]
async fn an_office_that_is_not_connected_is_unavailable() {
    let mut network = Network::new().await;
    let mut bonn = Office::link(&network.members.pki, "ga-bonn", network.address()).await;
    let open = bonn.header().await;
    bonn.0.connection.close(0_u32.into(), b"");
    // Until the proxy has seen the close, a stream breaks off instead: that is "unavailable" as well.
    assert_eq!(network.outer.refused(&open).await, StreamRefusal::Unavailable);
    let record = network.record().await;
    assert_eq!(record.to, Some(id("ga-bonn")));
    let (open, office) = (network.office.header().await, &network.office);
    let (_send, _recv) = network.outer.stream(&open, b"").await;
    assert_eq!(office.stream().await.0.nonce, open.token.nonce, "other offices go on");
}

#[tokio::test]
async fn a_stream_takes_the_newest_connection_of_its_office() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let mut newest = Office::link(&network.members.pki, "ga-koeln", network.address()).await;
    // Once it has its tokens it has been registered.
    newest.header().await;
    let (_send, _recv) = network.outer.stream(&open, b"").await;
    assert_eq!(newest.stream().await.0.nonce, open.token.nonce);

    newest.0.say(&OfficeToInner::Drain).await;
    newest.header().await;
    let (_send, _recv) = network.outer.stream(&open, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, open.token.nonce, "a draining connection takes no more");
}

#[tokio::test]
async fn a_lost_office_breaks_its_streams_and_they_may_be_tried_again() {
    let mut network = Network::new().await;
    let open = network.office.header().await;
    let (_send, mut recv) = network.outer.stream(&open, b"half").await;
    let (_, _reply, _carried) = network.office.stream().await;
    network.office.0.connection.close(0_u32.into(), b"");
    assert_eq!(refusal(&mut recv).await, StreamRefusal::Unavailable);
    assert_eq!(network.record().await.ending, Ending::Broken);

    let again = Office::link(&network.members.pki, "ga-koeln", network.address()).await;
    soon(network.inner.until_connected(1)).await;
    let (_send, _recv) = network.outer.stream(&open, b"half").await;
    assert_eq!(again.stream().await.0.nonce, open.token.nonce, "the same token is good on the new connection");
}

#[tokio::test]
async fn more_streams_than_there_are_slots_at_first_go_through() {
    let mut network = Network::new().await;
    let headers = network.office.headers(25).await;
    let mut running = Vec::new();
    for number in 0..100 {
        let sent = network.outer.stream(&headers[number % 25], b"").await;
        running.push((sent, network.office.stream().await));
    }
    for (sent, (_, reply, carried)) in running {
        deliver(sent, (reply, carried), b"").await;
        assert_eq!(network.record().await.ending, Ending::Finished);
    }
}

#[tokio::test]
async fn a_token_has_four_streams_at_a_time_whoever_brings_them() {
    let mut network = Network::new().await;
    let second = Outer::link(&network.members.pki, "outer-2", network.address()).await;
    let headers = network.office.headers(2).await;
    let (open, other) = (headers[0], headers[1]);
    let mut running = Vec::new();
    for outer in [&network.outer, &second, &network.outer, &second] {
        running.push((outer.stream(&open, b"").await, network.office.stream().await));
    }
    for outer in [&network.outer, &second] {
        assert_eq!(outer.refused(&open).await, StreamRefusal::Unavailable);
        let record = soon(network.records.recv()).await.unwrap();
        assert_eq!((record.to, record.ending), (Some(id("ga-koeln")), Ending::Unavailable));
    }
    let (_send, _recv) = network.outer.stream(&other, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, other.token.nonce, "other tokens have their own");

    let (_, (_, mut reply, _carried)) = running.pop().unwrap();
    reply.reset(refusal_code(StreamRefusal::Refused)).unwrap();
    assert_eq!(network.record().await.ending, Ending::Broken);
    let (_send, _recv) = network.outer.stream(&open, b"").await;
    assert_eq!(network.office.stream().await.0.nonce, open.token.nonce, "a stream that ended left its place");
}

#[tokio::test]
async fn an_office_that_takes_nothing_does_not_block_the_others() {
    const STREAMS: usize = 64;
    let mut network = Network::new().await;
    let mut bonn = Office::link(&network.members.pki, "ga-bonn", network.address()).await;
    let (stuck, good) = (network.office.headers(17).await, bonn.header().await);
    // Each wants to send more than both hops hold of one stream, and together they fill the link's window.
    let content = Arc::new(vec![0x5a; 3 * 1024 * 1024]);
    let mut running = Vec::new();
    for number in 0..STREAMS {
        running.push((network.outer.stream(&stuck[number % 16], b"").await, network.office.stream().await));
    }
    let mut uploads = Vec::new();
    for ((mut send, recv), far) in running {
        let content = content.clone();
        uploads.push((tokio::spawn(async move { send.write_all(&content).await }), recv, far));
    }
    // A quarter of the window may stand still; the rest is given up long before it would time out.
    for _ in 0..STREAMS - 16 {
        let record = network.record().await;
        assert_eq!((record.to, record.ending), (Some(id("ga-koeln")), Ending::Broken));
    }
    // No more than these 16: a further one is refused at once, or one of them is given up for it.
    let (mut send, _recv) = network.outer.stream(&stuck[16], b"").await;
    let further = content.clone();
    tokio::spawn(async move { send.write_all(&further).await });
    let record = network.record().await;
    assert_eq!(record.to, Some(id("ga-koeln")));
    assert!(matches!(record.ending, Ending::Broken | Ending::Unavailable), "{record:?}");

    let sent = network.outer.stream(&good, &content);
    let received = async {
        let (_, _reply, mut carried) = bonn.stream().await;
        let mut bytes = vec![0; content.len()];
        soon(carried.read_exact(&mut bytes)).await.unwrap();
        bytes
    };
    let (_sent, received) = soon(async { tokio::join!(sent, received) }).await;
    assert!(received == *content);
}

#[tokio::test]
async fn an_office_that_takes_a_few_bytes_now_and_then_does_not_hold_up_the_others() {
    const STREAMS: usize = 80;
    let mut network = Network::new().await;
    let mut bonn = Office::link(&network.members.pki, "ga-bonn", network.address()).await;
    let (stuck, good) = (network.office.headers(21).await, bonn.header().await);
    let content = Arc::new(vec![0x5a; 3 * 1024 * 1024]);
    let (mut running, mut open) = (Vec::new(), Vec::new());
    for number in 0..STREAMS {
        running.push((network.outer.stream(&stuck[number % 20], b"").await, network.office.stream().await));
    }
    for ((mut send, recv), (_, reply, mut carried)) in running {
        let content = content.clone();
        tokio::spawn(async move { send.write_all(&content).await });
        tokio::spawn(async move {
            let mut few = [0; 64];
            while carried.read_exact(&mut few).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        });
        open.push((recv, reply));
    }
    let sent = network.outer.stream(&good, &content);
    let received = async {
        let (_, reply, mut carried) = bonn.stream().await;
        let mut bytes = vec![0; content.len()];
        carried.read_exact(&mut bytes).await.unwrap();
        (bytes, reply, carried)
    };
    // Both ends are kept, so that no record of this stream comes between those that are counted.
    let (_sent, (received, _reply, _carried)) = soon(async { tokio::join!(sent, received) }).await;
    assert!(received == *content);
    for _ in 0..STREAMS - 16 {
        let record = network.record().await;
        assert_eq!((record.to, record.ending), (Some(id("ga-koeln")), Ending::Broken));
    }
    // No more than these 16: a further one is refused at once, or one of them is given up for it.
    let (mut send, _recv) = network.outer.stream(&stuck[20], b"").await;
    tokio::spawn(async move { send.write_all(&content).await });
    let record = network.record().await;
    assert_eq!(record.to, Some(id("ga-koeln")));
    assert!(matches!(record.ending, Ending::Broken | Ending::Unavailable), "{record:?}");
}
