//! Every wait has an end: a proxy that is dead, full, silent, or only pretends to answer costs a moment, not the sending.

#![allow(clippy::unwrap_used, reason = "every function here is part of a test")]

mod support;

use std::time::{Duration, Instant};

use schleuse_client::{Client, Content, ContentError, DialError, Interruption, SendError, Ticket};
use schleuse_protocol::wire::refusal::StreamRefusal;
use support::{Act, Limits, Net, sample};
use tokio::io::AsyncWriteExt;
use tokio::net::UdpSocket;

const DELIVER: fn(usize) -> Act = |_| Act::Deliver;
/// Much shorter than an address is dialled, a connection may be idle, and a stream may stand still.
const AT_ONCE: Duration = Duration::from_secs(4);
const SHORT: Duration = Duration::from_millis(500);

/// Lets a connection in and no stream.
const NO_STREAM: Limits = Limits { first_streams: 0, max_streams: 0, ..Limits::PUBLIC };

async fn within<T>(bound: Duration, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.await;
    assert!(begun.elapsed() < bound, "{:?}", begun.elapsed());
    done
}

/// A socket that nobody reads: packets vanish.
async fn list_silent(net: &mut Net, name: &str) -> UdpSocket {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    net.list_outer(name, silent.local_addr().unwrap(), [9; 32]);
    silent
}

#[tokio::test]
async fn a_proxy_that_grants_no_stream_ends_the_patience() {
    let mut net = Net::new();
    net.outer_with(&NO_STREAM, DELIVER);
    let sending = net.client().send(&net.ticket(), sample(10)).patience(SHORT);
    let error = within(8 * SHORT, sending.into_future()).await.unwrap_err();
    let no_stream = |detail| detail == Interruption::NoStream;
    assert!(matches!(error, SendError::Unreachable { detail, .. } if no_stream(detail)), "{error}");
    assert!(error.may_retry());
}

#[tokio::test]
async fn beside_a_proxy_that_grants_no_stream_an_honest_one_is_used() {
    let mut net = Net::new();
    net.outer_with(&NO_STREAM, DELIVER);
    net.outer(DELIVER);
    // Clients begin with different proxies; several begin with the one that grants nothing.
    for _ in 0..6 {
        within(AT_ONCE, net.client().send(&net.ticket(), sample(10)).into_future()).await.unwrap();
    }
}

#[tokio::test]
async fn many_slow_uploads_do_not_keep_a_small_one_waiting() {
    let mut net = Net::new();
    // Two streams a connection, where a real proxy has 64.
    let few = Limits { first_streams: 2, max_streams: 2, ..Limits::PUBLIC };
    let outer = net.outer_with(&few, DELIVER);
    let client = net.client();
    let mut writers = Vec::new();
    for count in 1..=7 {
        let (writer, reader) = tokio::io::duplex(16);
        writers.push(writer);
        let sending = client.send(&net.ticket(), Content::reader(reader));
        tokio::spawn(sending.into_future());
        while outer.streams() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    within(AT_ONCE, client.send(&net.ticket(), sample(13)).patience(AT_ONCE).into_future()).await.unwrap();
    assert!(outer.connections() <= 8, "{}", outer.connections());
}

#[tokio::test]
async fn with_a_dead_proxy_everybody_waits_for_one_dial_and_as_long_as_it_likes() {
    let mut net = Net::new();
    let silent = list_silent(&mut net, "outer-0").await;
    let client = net.client();
    let begun = Instant::now();
    let sendings: Vec<_> = (1..=8)
        .map(|count| {
            let sending = client.send(&net.ticket(), sample(10)).patience(count * SHORT / 4);
            tokio::spawn(async move { (sending.await, begun.elapsed(), count * SHORT / 4) })
        })
        .collect();
    for sending in sendings {
        let (ended, took, patience) = sending.await.unwrap();
        let error = ended.unwrap_err();
        assert!(matches!(error, SendError::Dial(DialError::NoneReached { .. })) && error.may_retry(), "{error}");
        assert!(took >= patience && took < patience + 4 * SHORT, "{took:?} of {patience:?}");
    }
    // One dial, which repeats its first packets, and not one for each sending.
    let mut packets = 0;
    while silent.try_recv(&mut [0; 2048]).is_ok() {
        packets += 1;
    }
    assert!(packets < 12, "{packets}");
}

#[tokio::test]
async fn the_only_proxy_that_works_is_used_again_after_a_failure() {
    let mut net = Net::new();
    let outer = net.outer(|stream| if stream < 3 { Act::Reset(StreamRefusal::Unavailable) } else { Act::Deliver });
    let _silent = list_silent(&mut net, "outer-0").await;
    let sending = net.client().send(&net.ticket(), sample(10)).patience(2 * AT_ONCE);
    within(AT_ONCE, sending.into_future()).await.unwrap();
    assert_eq!(outer.streams(), 4);
}

#[tokio::test]
async fn a_byte_that_is_not_the_offices_is_no_answer() {
    for outers in [1, 2] {
        let mut net = Net::new();
        let babbler = net.outer(|stream| if stream == 0 { Act::Babble } else { Act::Deliver });
        if outers == 2 {
            net.outer(|stream| if stream == 0 { Act::Babble } else { Act::Deliver });
        }
        within(AT_ONCE, net.client().send(&net.ticket(), sample(10)).into_future()).await.unwrap();
        assert!(babbler.streams() <= 2);
    }
}

#[tokio::test]
async fn a_source_that_gives_nothing_is_named_and_not_the_office() {
    let mut net = Net::new();
    net.outer(DELIVER);
    let client = net.client();
    client.send(&net.ticket(), sample(10)).await.unwrap();
    let (mut writer, reader) = tokio::io::duplex(16);
    writer.write_all(b"the beginning").await.unwrap();
    let sending = client.send(&net.ticket(), Content::reader(reader)).patience(SHORT);
    let error = within(8 * SHORT, sending.into_future()).await.unwrap_err();
    assert!(matches!(error, SendError::Content(ContentError::Stalled { .. })), "{error}");
    assert!(error.may_retry());
    assert!(error.to_string().contains("own source"), "{error}");
}

#[tokio::test]
async fn what_one_sending_finds_out_the_next_knows() {
    let mut net = Net::new();
    let mute = net.outer(|_| Act::Mute);
    net.outer(DELIVER);
    let client = net.client();
    for _ in 0..8 {
        within(AT_ONCE, client.send(&net.ticket(), sample(10)).into_future()).await.unwrap();
    }
    assert!(mute.streams() <= 1, "{}", mute.streams());
}

#[tokio::test]
async fn a_proxy_that_is_being_stopped_is_left_at_once() {
    let mut net = Net::new();
    let draining = net.outer(|_| Act::Drain);
    let other = net.outer(DELIVER);
    for _ in 0..6 {
        let patience = Duration::from_secs(2);
        within(AT_ONCE, net.client().send(&net.ticket(), sample(10)).patience(patience).into_future()).await.unwrap();
    }
    assert_eq!(other.streams(), 6);
    assert!(draining.streams() <= 6);
}

#[tokio::test]
async fn one_name_with_two_instances_is_dialled_again_when_one_is_being_stopped() {
    let mut net = Net::new();
    let outer = net.outer(|stream| if stream == 0 { Act::Drain } else { Act::Deliver });
    within(AT_ONCE, net.client().send(&net.ticket(), sample(200_000)).into_future()).await.unwrap();
    assert_eq!((outer.connections(), outer.streams()), (2, 2));
}

/// A program that runs each call in a runtime of its own.
#[test]
fn a_client_outlives_the_runtime_in_which_it_began() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The network lives on, on a thread of its own.
    let (tell, told) = std::sync::mpsc::channel::<(Client, Vec<Ticket>)>();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let mut net = Net::new();
            net.outer(DELIVER);
            tell.send((net.client(), (0..4).map(|_| net.ticket()).collect())).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let (client, tickets) = told.recv().unwrap();
    let send = |client: &Client, ticket: &Ticket| {
        let sending = client.send(ticket, sample(100_000)).patience(AT_ONCE);
        within(AT_ONCE, sending.into_future())
    };
    runtime().block_on(send(&client, &tickets[0])).unwrap();
    runtime().block_on(send(&client, &tickets[1])).unwrap();
    // One that is there, but that nobody drives.
    let idle = runtime();
    idle.block_on(send(&client, &tickets[2])).unwrap();
    runtime().block_on(send(&client, &tickets[3])).unwrap();
    drop(idle);
}
