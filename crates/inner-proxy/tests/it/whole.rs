//! The daemon as a process: what it takes, and how it leaves.

use std::net::SocketAddr;

use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::net::ConnectionError;

use crate::peers::{carry_100_mib, deliver, soon};
use crate::process::{Daemon, free_address};
use crate::support::{Members, Office, Outer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_schleuse-inner");
const MIB: u64 = 1024;

fn start() -> (Daemon, Members, SocketAddr) {
    let members = Members::new();
    let address = free_address();
    members.replace("127.0.0.1:0", &address.to_string());
    (Daemon::start(PROGRAM, &members.config), members, address)
}

#[tokio::test]
async fn idle_with_a_hundred_and_ten_offices_it_takes_little() {
    let (daemon, members, address) = start();
    let mut links = Vec::new();
    // The proxy keeps eight connections of one office; outer proxies may have as many as they like.
    for _ in 0..8 {
        let mut office = Office::link(&members.pki, "ga-koeln", address).await;
        office.header().await;
        links.push(office.0);
    }
    for _ in 0..106 {
        links.push(Outer::link(&members.pki, "outer-1", address).await.0);
    }
    let (now, most) = daemon.memory();
    eprintln!("{} idle links: {now} KiB, at most {most} KiB", links.len());
    assert!(most < 36 * MIB, "{most} KiB");
}

#[tokio::test]
async fn a_hundred_megabytes_do_not_stay_in_it() {
    let (daemon, members, address) = start();
    let mut office = Office::link(&members.pki, "ga-koeln", address).await;
    let outer = Outer::link(&members.pki, "outer-1", address).await;
    let open = office.header().await;
    let (send, _recv) = outer.stream(&open, b"").await;
    let (_, _reply, far) = office.stream().await;
    carry_100_mib(send, far).await;
    let (now, most) = daemon.memory();
    eprintln!("100 MiB through: {now} KiB, at most {most} KiB");
    assert!(most < 48 * MIB, "{most} KiB");
}

#[tokio::test]
async fn sigterm_drains_sighup_reloads_and_the_end_has_code_0() {
    let (daemon, members, address) = start();
    let mut office = Office::link(&members.pki, "ga-koeln", address).await;
    let open = office.header().await;
    let outer = Outer::link(&members.pki, "outer-1", address).await;
    let bonn = Office::link(&members.pki, "ga-bonn", address).await;
    members.publish(2, &["ga-bonn"]);
    daemon.signal("HUP");
    assert_eq!(bonn.0.turned_away().await, StreamRefusal::Refused);

    let (send, recv) = outer.stream(&open, b"").await;
    let (_, reply, far) = office.stream().await;
    daemon.signal("TERM");
    deliver((send, recv), (reply, far), b"").await;
    let ended = tokio::task::spawn_blocking(move || daemon.wait());
    assert_eq!(soon(ended).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_killed_proxy_is_recognised_when_it_is_back_and_honours_its_tokens() {
    let (daemon, members, address) = start();
    let mut office = Office::link(&members.pki, "ga-koeln", address).await;
    let open = office.header().await;
    daemon.kill();
    let _daemon = Daemon::start(PROGRAM, &members.config);
    let outer = Outer::link(&members.pki, "outer-1", address).await;
    // Whatever the office says is answered with a reset, long before its idle timeout.
    let _ = office.0.send.write_all(b"x").await;
    assert!(matches!(soon(office.0.connection.closed()).await, ConnectionError::Reset));

    let mut again = Office::link(&members.pki, "ga-koeln", address).await;
    again.header().await;
    let (_send, _recv) = outer.stream(&open, b"").await;
    assert_eq!(again.stream().await.0.nonce, open.token.nonce);
}
