//! Addresses that move.

use std::time::{Duration, Instant};

use schleuse_tests::network::{Network, SENDER};
use schleuse_tests::wait::SOON;

use crate::{PIECE, Upload, start};

/// A proxy moves to another address, and its name with it. Nobody is told.
#[test]
fn a_name_that_moves_is_looked_up_again() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let (lab, office) = (network.lab(), network.office(0));
    network.send(0, &office.mint(&[]), "before").unwrap();
    for (number, proxy) in [network.inner(0), network.outer(0)].into_iter().enumerate() {
        let since = Instant::now();
        lab.move_host(proxy.member.id.as_str());
        let ticket = office.mint(&[]);
        network.send(0, &ticket, "after").unwrap();
        println!("{} moved: sent after {:?}", proxy.member.id, since.elapsed());
        assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
        assert_eq!(office.inbox().len(), number + 2);
    }
    network.wait_ready();
}

/// The sender's own address changes in the middle, as a laptop's does that leaves its desk.
#[test]
fn a_sender_that_moves_goes_on() {
    let Some(network) = start(Network::of(1, 1, 1, 1)) else { return };
    let mut upload = Upload::begin(&network);
    upload.flow(PIECE);
    for _ in 0..3 {
        network.lab().move_host(SENDER);
        let took = upload.flow(PIECE);
        println!("goes on {took:?} after the sender moved");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    upload.finish();
}
