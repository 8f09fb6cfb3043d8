//! 100 MB in one submission: nobody on the way holds more than a window of it. (The predecessor failed at 100 MB.)

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use schleuse_client::Content;
use schleuse_tests::network::Network;
use schleuse_tests::wait::SOON;
use sha2::{Digest, Sha256};

const SIZE: u64 = 100_000_000;
/// Resident memory of each daemon at any time.
const BOUND_KIB: u64 = 64 * 1024;

#[test]
fn a_hundred_megabytes_pass_through_small_daemons() {
    let network = Network::of(1, 1, 1, 1).log("info").start();
    let office = network.office(0);
    let path = network.root().join("large");
    let hash = write_large_file(&path);
    let ticket = office.mint(&[]);
    let since = Instant::now();
    let sending = network.client(0).send(&ticket, Content::file(&path).unwrap()).kind("guest-list").patience(SOON);
    let receipt = network.background().run(async move { sending.await }).unwrap();
    println!("{SIZE} bytes sent in {:?}", since.elapsed());
    assert_eq!(receipt.wire().body().length, SIZE);
    assert_eq!(receipt.wire().body().content_hash.0, hash);

    let since = Instant::now();
    let read = office.read(&ticket).unwrap();
    println!("read back in {:?}", since.elapsed());
    assert_eq!(read.len() as u64, SIZE);
    assert_eq!(<[u8; 32]>::from(Sha256::digest(&read)), hash);
    for daemon in [&network.outer(0).daemon, &network.inner(0).daemon, office.daemon()] {
        let peak = daemon.peak_resident();
        println!("{}: at most {peak} KiB", daemon.name());
        assert!(peak < BOUND_KIB, "{} took {peak} KiB", daemon.name());
    }
}

/// Numbers all along, so that no piece is like another.
fn write_large_file(path: &Path) -> [u8; 32] {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut hasher = Sha256::new();
    let mut piece = Vec::new();
    for number in 0..SIZE / 8 {
        piece.extend_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        if piece.len() == 1 << 16 || number == SIZE / 8 - 1 {
            file.write_all(&piece).unwrap();
            hasher.update(&piece);
            piece.clear();
        }
    }
    file.flush().unwrap();
    hasher.finalize().into()
}
