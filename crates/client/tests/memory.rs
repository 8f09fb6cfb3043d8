//! A large content takes no more memory than a small one. In a file of its own, because it measures the whole process.

#![cfg(target_os = "linux")]

mod support;

use std::pin::Pin;
use std::task::{Context, Poll};

use schleuse_client::Content;
use support::{Act, Net};
use tokio::io::{AsyncRead, ReadBuf};

const LENGTH: u64 = 160 << 20;
/// The reader's window and the buffers of both ends of the connection, which are all in this process.
const ALLOWED_KIB: u64 = 24 << 10;

/// Yields bytes that exist nowhere.
struct Endless(u64);

impl AsyncRead for Endless {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let count = self.0.min(buf.remaining() as u64);
        buf.initialize_unfilled_to(count as usize).fill(7);
        buf.advance(count as usize);
        self.0 -= count;
        Poll::Ready(Ok(()))
    }
}

/// Highest resident memory of this process so far.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("the kernel tells it");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of kB")
}

#[tokio::test]
async fn memory_does_not_grow_with_the_content() {
    let mut net = Net::new();
    net.outer(|_| Act::Deliver);
    net.office.keep_nothing();
    let client = net.client();
    client.send(&net.ticket(), vec![0; 1 << 20]).await.unwrap();
    let before = peak_kib();
    let receipt = client.send(&net.ticket(), Content::reader(Endless(LENGTH))).await.unwrap();
    assert_eq!(receipt.length(), LENGTH);
    let grown = peak_kib() - before;
    assert!(grown < ALLOWED_KIB, "{grown} KiB for {LENGTH} bytes");
}
