//! A second way is tried beside the first when that is slow. It never makes a sending fail, and never much slower.

#![allow(clippy::unwrap_used, reason = "every function here is part of a test")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::wire::reply::Reason;
use support::{Act, FakeOuter, Net, Wire, sample};

const AT_ONCE: Duration = Duration::from_secs(4);
/// The machine that runs the tests may stand still for a while; what waits for a timeout takes 30 s.
const SLACK: Duration = Duration::from_secs(10);
/// Networks at a time.
const BESIDE: usize = 8;

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Two outer proxies; whichever a client begins with does `first` with its first stream, the other does `second`, and both
/// deliver what comes later.
fn network(first: Act, second: Act) -> (Net, [Arc<FakeOuter>; 2]) {
    let mut net = Net::new();
    let order = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let outers = [(); 2].map(|()| {
        let order = order.clone();
        net.outer(move |_| match order.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => first,
            1 => second,
            _ => Act::Deliver,
        })
    });
    (net, outers)
}

#[tokio::test]
async fn it_arrives_however_late_each_of_two_ways_is() {
    let delays = [0, 200, 450, 900];
    let late = |up, down| Act::Late { up: millis(up), down: millis(down) };
    let mut runs = Vec::new();
    for (up, down) in delays.into_iter().flat_map(|up| delays.map(|down| (up, down))) {
        for other in [0, 500] {
            for length in [10, 5 * SEGMENT_DATA + 17] {
                runs.push(async move {
                    let (net, outers) = network(late(up, down), late(other, other / 2));
                    let (ticket, bytes) = (net.ticket(), sample(length));
                    let begun = Instant::now();
                    net.client().send(&ticket, bytes.clone()).await.unwrap();
                    let took = begun.elapsed();
                    // What it takes over the first way alone, and once again over a connection that is there.
                    let alone = millis(up + down);
                    assert!(took < alone + alone / 2 + SLACK, "{took:?} for {up}, {down}, {other} ms, {length} bytes");
                    net.office.look(&ticket, |stored| assert_eq!(stored.content, bytes));
                    assert_eq!(net.office.complete(), 1);
                    let streams: usize = outers.iter().map(|outer| outer.streams()).sum();
                    assert!(streams <= 4, "{streams} streams for {up}, {down}, {other} ms");
                });
            }
        }
    }
    while !runs.is_empty() {
        for run in runs.split_off(runs.len().saturating_sub(BESIDE)).into_iter().map(tokio::spawn).collect::<Vec<_>>() {
            run.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_quick_way_is_the_only_one_that_is_used() {
    let (net, outers) = network(Act::Deliver, Act::Deliver);
    let client = net.client();
    for _ in 0..20 {
        client.send(&net.ticket(), sample(100_000)).await.unwrap();
    }
    let mut streams = outers.map(|outer| outer.streams());
    streams.sort_unstable();
    assert_eq!(streams, [0, 20]);
}

#[tokio::test]
async fn a_way_that_falls_silent_is_left_wherever_it_does() {
    let bytes = sample(12 * SEGMENT_DATA);
    for act in [Act::Mute, Act::Babble, Act::MuteAfter(0), Act::MuteAtTheEnd] {
        let (net, _) = network(act, Act::Deliver);
        let (ticket, begun) = (net.ticket(), Instant::now());
        net.client().send(&ticket, bytes.clone()).await.unwrap();
        assert!(begun.elapsed() < AT_ONCE, "{act:?}: {:?}", begun.elapsed());
        net.office.look(&ticket, |stored| {
            assert_eq!(stored.content, bytes);
            // Padmé puts one segment of padding behind these twelve.
            assert_eq!(stored.received, 13, "{act:?}: nothing that was stored came again");
        });
    }
}

#[tokio::test]
async fn a_large_upload_that_stands_still_goes_on_over_another_way() {
    let bytes = sample(40 * SEGMENT_DATA);
    let (net, _) = network(Act::MuteAfter(7), Act::Deliver);
    let (ticket, begun) = (net.ticket(), Instant::now());
    net.client().send(&ticket, bytes.clone()).await.unwrap();
    assert!(begun.elapsed() < 3 * AT_ONCE, "{:?}", begun.elapsed());
    net.office.look(&ticket, |stored| assert_eq!(stored.content, bytes));
}

/// A second stream that is refused says nothing about the first, which the office has accepted.
#[tokio::test]
async fn a_refusal_of_the_second_stream_does_not_end_the_first() {
    for reason in [Reason::TryLater, Reason::Expired] {
        let late = Act::Late { up: millis(0), down: millis(800) };
        let (net, _) = network(late, Act::Refuse(reason));
        let sending = net.client().send(&net.ticket(), sample(10));
        match sending.await {
            Ok(_) => {}
            // The office has not yet said a word over the first stream: then what it says over the second counts.
            Err(error) => assert_eq!(reason, Reason::Expired, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_network_that_is_slow_for_all_is_not_asked_twice_for_everything() {
    let mut net = Net::new();
    let slow = |_| Act::Late { up: millis(900), down: millis(0) };
    let outers = [net.outer(slow), net.outer(slow)];
    let client = net.client();
    let sendings: Vec<_> = (0..60)
        .map(|_| {
            let (client, ticket) = (client.clone(), net.ticket());
            tokio::spawn(async move { client.send(&ticket, sample(10)).await })
        })
        .collect();
    for sending in sendings {
        sending.await.unwrap().unwrap();
    }
    let streams: usize = outers.iter().map(|outer| outer.streams()).sum();
    assert!(streams <= 60 + 60, "{streams}");
}

/// The transport takes all of a small content at once, and a slow line carries it for seconds: each segment for longer than an
/// office usually takes to store one. The proxy's acknowledgements tell.
#[tokio::test]
async fn a_slow_line_is_no_reason_to_try_another_way() {
    let mut net = Net::new();
    let outers = [net.outer(|_| Act::Deliver), net.outer(|_| Act::Deliver)];
    let mut wires = Vec::new();
    for (index, outer) in outers.iter().enumerate() {
        let wire = Wire::slow(outer.address(), 70_000).await;
        net.readdress(index, wire.address());
        wires.push(wire);
    }
    let client = net.client();
    client.send(&net.ticket(), sample(10)).await.unwrap();
    let (ticket, bytes) = (net.ticket(), sample(4 * SEGMENT_DATA));
    client.send(&ticket, bytes.clone()).await.unwrap();
    net.office.look(&ticket, |stored| {
        assert_eq!(stored.content, bytes);
        assert_eq!(stored.hellos, 1, "another way was tried");
    });
}

/// A second stream was opened because the first was late, and never answers: the first is none the worse for it.
#[tokio::test]
async fn a_first_stream_that_goes_on_is_kept_when_the_second_is_silent() {
    let late = Act::Late { up: millis(900), down: millis(0) };
    let (mut net, outers) = network(late, Act::Mute);
    let mut wires = Vec::new();
    for (index, outer) in outers.iter().enumerate() {
        let wire = Wire::slow(outer.address(), 200_000).await;
        net.readdress(index, wire.address());
        wires.push(wire);
    }
    let (ticket, bytes) = (net.ticket(), sample(14 * SEGMENT_DATA));
    net.client().send(&ticket, bytes.clone()).await.unwrap();
    net.office.look(&ticket, |stored| {
        assert_eq!(stored.content, bytes);
        assert_eq!(stored.hellos, 1, "the first stream was given up");
    });
    assert_eq!(outers.iter().map(|outer| outer.streams()).sum::<usize>(), 2, "the second was opened, and no third");
}
