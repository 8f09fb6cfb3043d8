use bytes::Bytes;

use super::*;
use crate::clock::Clock;
use crate::net::Endpoint;
use crate::testing::{Ca, connect, dialler, soon};
use crate::tls::{self, Peers};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const LEAST: u32 = 64 * 1024;
const MOST: u32 = 8 * 1024 * 1024;

/// A peer that sends what it may, and our end of its connection.
struct Pair {
    peer: Connection,
    ours: Connection,
    limits: Limits,
    _endpoints: [Endpoint; 2],
}

async fn pair() -> Pair {
    let ca = Ca::new("net");
    let limits = Limits { connection_window: LEAST, first_streams: 32, max_streams: 32, ..Limits::PUBLIC };
    let listener = ca.listener("outer-1", &Peers::Anonymous, &limits);
    let greedy = Limits { send_window: 64 * 1024 * 1024, ..Limits::SENDER };
    let client = dialler(crate::endpoint::client_config(tls::sender(&ca.roots()).unwrap(), &greedy));
    let (peer, ours) = connect(&client, &listener, "outer-1").await;
    Pair { peer, ours, limits, _endpoints: [listener, client] }
}

impl Pair {
    fn window(&self, budget: &Arc<WindowBudget>) -> Arc<ReceiveWindow> {
        ReceiveWindow::new(self.ours.clone(), &self.limits, MOST, budget.clone())
    }

    /// Bytes that the peer can send without anybody reading.
    async fn fill(&self) -> u64 {
        let chunk = Bytes::from(vec![0x5a; 64 * 1024]);
        let (mut sent, mut before) = (0, u64::MAX);
        while sent != before {
            before = sent;
            let (mut send, _recv) = soon(self.peer.open_bi()).await.unwrap();
            loop {
                let mut chunks = [chunk.clone()];
                let written = timeout(Duration::from_millis(300), send.write_chunks(&mut chunks)).await;
                let Ok(written) = written else { break };
                sent += written.unwrap().bytes as u64;
            }
            // Kept open: it is not given up.
            std::mem::forget(send);
        }
        sent
    }
}

#[test]
fn nobody_gets_more_than_a_part_of_what_is_free() {
    let budget = WindowBudget::new(10 * MIB);
    assert_eq!(budget.take(0, MIB), MIB);
    assert_eq!(budget.take(0, 100 * MIB), 9 * MIB / 5);
    let held = 9 * MIB / 5;
    let more = budget.take(held, 100 * MIB);
    assert_eq!(more, 0, "its share is used up");
    budget.give_back(held);
    assert_eq!(budget.taken(), MIB);
    // However many come, something is left for the next.
    for _ in 0..1000 {
        budget.take(0, 100 * MIB);
    }
    assert!(budget.taken() <= 10 * MIB && budget.is_scarce());
}

#[test]
fn many_that_want_all_get_alike() {
    let budget = WindowBudget::new(64 * MIB);
    let mut held = [0; 40];
    for _ in 0..200 {
        for held in &mut held {
            // Who has more than its share gives up some.
            budget.give_back(*held / 8);
            *held -= *held / 8;
            *held += budget.take(*held, 8 * MIB);
        }
    }
    let (least, most) = (held.iter().min().unwrap(), held.iter().max().unwrap());
    assert!(*least > MIB && *most < 2 * MIB, "{least} to {most}");
}

#[tokio::test]
async fn a_window_that_grew_and_shrank_often_takes_what_it_did_once() {
    let pair = pair().await;
    let budget = WindowBudget::new(64 * MIB);
    let window = pair.window(&budget);
    for _ in 0..16 {
        window.handle_used();
        window.handle_idle();
    }
    assert!(window.is_grown(), "what was given can still be used");
    assert_eq!(budget.taken(), FIRST - u64::from(LEAST));
    window.handle_used();
    let sent = soon(pair.fill()).await;
    assert!((u64::from(LEAST)..=FIRST).contains(&sent), "{sent} bytes");
    drop(window);
    assert_eq!(budget.taken(), 0);
}

#[tokio::test]
async fn without_a_budget_a_window_stays_as_it_was() {
    let pair = pair().await;
    let window = pair.window(&WindowBudget::new(0));
    window.handle_used();
    let sent = soon(pair.fill()).await;
    assert!(sent <= u64::from(LEAST), "{sent} bytes");
}

#[tokio::test]
async fn what_moves_gets_more_and_what_was_lent_comes_back_when_it_is_read() {
    let pair = pair().await;
    let budget = WindowBudget::new(64 * MIB);
    let (window, clock) = (pair.window(&budget), Clock::start());
    window.handle_used();
    let (mut send, _answers) = soon(pair.peer.open_bi()).await.unwrap();
    let sending = tokio::spawn(async move {
        for _ in 0..30 {
            send.write_all(&vec![7; 1024 * 1024]).await.unwrap();
        }
        send
    });
    let (_send, mut recv) = soon(pair.ours.accept_bi()).await.unwrap();
    let (mut most, mut read) = (0, 0);
    while read < 20 * MIB {
        let bytes = soon(recv.read_chunk(usize::MAX)).await.unwrap().unwrap().len();
        window.handle_read(bytes, clock.millis());
        read += bytes as u64;
        most = most.max(budget.taken());
    }
    assert!(most <= u64::from(MOST), "{most} bytes");
    window.handle_idle();
    while read < 30 * MIB {
        let bytes = soon(recv.read_chunk(usize::MAX)).await.unwrap().unwrap().len();
        // Not measured again: what is read only pays.
        window.repay(&mut window.state(), bytes as u64);
        read += bytes as u64;
    }
    assert!(!window.is_grown());
    assert_eq!(budget.taken(), 0);
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn a_stream_that_waits_leaves_the_others_their_window() {
    let pair = pair().await;
    let budget = WindowBudget::new(64 * MIB);
    let window = pair.window(&budget);
    window.handle_used();
    let waiting = window.while_waiting(async { soon(pair.fill()).await });
    let sent = waiting.await;
    assert!(sent > MIB && sent <= FIRST + MIB, "{sent} bytes");
    assert_eq!(budget.taken(), FIRST + MIB - u64::from(LEAST), "nothing was read, so all of it is owed");
}

#[test]
fn a_rate_is_scaled_to_a_round_trip() {
    let (short, long) = (Duration::from_millis(30), Duration::from_millis(60));
    assert_eq!(scaled(MIB, short, long), MIB / 2);
    assert_eq!(scaled(MIB, short, Duration::ZERO), MIB * 30_000);
}
