//! Paths that are long, lossy, narrow, or change in the middle.

use std::time::{Duration, Instant};

use schleuse_tests::netns::Conditions;
use schleuse_tests::network::{Network, SENDER};

use crate::{Upload, start};

/// 100 ms there and back, 5 % lost, one of ten packets behind those that were sent after it.
const BAD: Conditions = Conditions {
    delay: Duration::from_millis(50),
    loss_percent: 5.0,
    late_percent: 10.0,
    late_by: Duration::from_millis(10),
    rate: 0,
    buffer: Duration::ZERO,
};

/// The way is as long as it claims, with nothing else the matter: what the other scenarios build on.
#[test]
fn a_long_path_takes_its_time() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let delay = Duration::from_millis(100);
    let _path = network.lab().path(SENDER, Conditions { delay, ..Conditions::default() });
    let ticket = network.office(0).mint(&[]);
    let since = Instant::now();
    network.send(0, &ticket, "from far away").unwrap();
    let took = since.elapsed();
    // Handshake, then the upload and its receipt.
    assert!(took >= 4 * delay, "{took:?}");
}

#[test]
fn a_sender_behind_a_bad_path_delivers() {
    delivers_where_it_is_bad(SENDER);
}

#[test]
fn an_office_behind_a_bad_path_receives() {
    delivers_where_it_is_bad("office-1");
}

fn delivers_where_it_is_bad(host: &str) {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let _path = network.lab().path(host, BAD);
    let office = network.office(0);
    let content: Vec<u8> = (0..1_000_000u32).map(|at| (at % 251) as u8).collect();
    let (large, small) = (office.mint(&[]), office.mint(&[]));
    let since = Instant::now();
    network.send(0, &large, content.clone()).unwrap();
    println!("1 MB after {:?}", since.elapsed());
    network.send(0, &small, "a small one").unwrap();
    println!("and a small one after {:?}", since.elapsed());
    assert!(office.read(&large).unwrap() == content);
    assert_eq!(office.inbox().len(), 2);
}

/// The router says that packets are too large (RFC 1191, RFC 8201).
#[test]
fn a_path_that_shrinks_is_noticed() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let mut upload = Upload::begin(&network);
    go_on(&mut upload, "with packets of 1500 bytes");
    for bytes in [1400, 1280] {
        for host in [SENDER, "outer-1", "inner-1", "office-1"] {
            network.lab().mtu(host, bytes);
        }
        go_on(&mut upload, &format!("with packets of {bytes} bytes"));
    }
    upload.finish();
}

/// The router says nothing: packets that are too large are not seen again.
#[test]
fn a_path_that_shrinks_silently_is_noticed() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let mut upload = Upload::begin(&network);
    go_on(&mut upload, "with packets of 1500 bytes");
    network.lab().rules(
        "table inet filter {
            chain way { type filter hook forward priority 0; policy accept; meta length > 1300 counter drop; }
         }",
    );
    go_on(&mut upload, "with packets of at most 1300 bytes");
    let counters = network.lab().counters();
    assert!(!counters.contains("packets 0"), "no packet was too large: {counters}");
    upload.finish();
}

/// Enough for all hops to find out how large packets may be.
fn go_on(upload: &mut Upload<'_>, how: &str) {
    let since = Instant::now();
    for _ in 0..20 {
        upload.flow(500_000);
    }
    let took = since.elapsed();
    println!("10 MB after {took:?} {how}");
    assert!(took < Duration::from_secs(40), "{how}: {took:?}");
}
