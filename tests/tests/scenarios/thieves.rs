//! Somebody has a token or a ticket that is not meant for him, and uses it to keep the rightful sender out.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use schleuse_protocol::limits::HEADER_TIMEOUT;
use schleuse_protocol::wire::reply::{Reason, Reply};
use schleuse_tests::network::Network;
use schleuse_tests::sealed::{Declared, Sealed, open};
use schleuse_tests::wait::{SOON, until_true};
use schleuse_tests::wire::{Dialled, Outcome, dial_as_sender, encode_all, outcome};
use schleuse_transport::net::{RecvStream, SendStream};
use serde_json::json;

/// As many streams as one connection and one token may have.
const STREAMS: usize = 4;

/// What silent streams do is seen as long as they are borne. `attempt` says whether it has seen all of it by then: on a
/// machine that stands still for so long it may be too late.
fn while_they_are_borne(attempt: impl Fn() -> bool) {
    assert!((0..3).any(|_| attempt()), "three times it took longer than a silent stream is borne");
}

/// Opens streams that show this header and then say nothing.
async fn open_silent_streams(dialled: &Dialled, header: &[u8], count: usize) -> Vec<(SendStream, RecvStream)> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let (mut send, recv) = dialled.connection.open_bi().await.expect("a stream");
        send.write_all(header).await.expect("the header is taken");
        streams.push((send, recv));
    }
    streams
}

/// Silent streams with tokens that are good. Each says how it ends.
struct Crowd<'a> {
    network: &'a Network,
    held: Vec<(Dialled, Vec<SendStream>)>,
    ended: Sender<Outcome>,
    endings: Receiver<Outcome>,
}

impl<'a> Crowd<'a> {
    fn new(network: &'a Network) -> Self {
        let (ended, endings) = mpsc::channel();
        Self { network, held: Vec::new(), ended, endings }
    }

    /// Connections to the outer proxy, each with a token of its own.
    fn dial(&self, count: usize) -> Vec<(Dialled, Vec<u8>)> {
        let office = self.network.office(0);
        let stolen: Vec<_> = (0..count).map(|_| open(&office.mint(&[]).body().routes[0])).collect();
        let (address, roots) = (self.network.outer(0).address, self.network.roots());
        self.network.background().run(async move {
            let mut dialled = Vec::new();
            for header in stolen {
                dialled.push((dial_as_sender(address, "outer-1", &roots).await, header));
            }
            dialled
        })
    }

    fn join(&mut self, dialled: Vec<(Dialled, Vec<u8>)>) {
        let ended = self.ended.clone();
        let held = self.network.background().run(async move {
            let mut held = Vec::new();
            for (dialled, header) in dialled {
                let mut sends = Vec::new();
                for (send, mut recv) in open_silent_streams(&dialled, &header, STREAMS).await {
                    sends.push(send);
                    let ended = ended.clone();
                    tokio::spawn(async move { ended.send(outcome(&mut recv).await) });
                }
                held.push((dialled, sends));
            }
            held
        });
        self.held.extend(held);
    }
}

/// Strangers have places of their own at the office, four for each stream that may send: more silent ones than may send
/// keep nobody out, and there are never more of them than places.
#[test]
fn silent_streams_with_valid_tokens_keep_nobody_out() {
    while_they_are_borne(a_crowd_keeps_nobody_out);
}

fn a_crowd_keeps_nobody_out() -> bool {
    let (may_send, places) = (16, 64);
    let network = Network::of(1, 1, 1, 1).receiver_limits(&format!("max_streams = {may_send}")).start();
    let office = network.office(0);
    let honest: Vec<_> = (0..6).map(|_| office.mint(&[])).collect();
    let mut crowd = Crowd::new(&network);
    // Beforehand, because from its first stream on the crowd has 10 s to live.
    let (nearly_all, too_many) = (crowd.dial(places / STREAMS - 1), crowd.dial(25));
    let (silent, refused) = (nearly_all.len() * STREAMS, (too_many.len() - 1) * STREAMS);
    assert!(silent > 3 * may_send);

    let since = Instant::now();
    crowd.join(nearly_all);
    for ticket in &honest[..5] {
        network.send(0, ticket, "honest").unwrap();
    }
    println!("five honest contents beside {silent} silent streams after {:?}", since.elapsed());
    let none_of_them = crowd.endings.try_iter().next();
    assert_eq!(office.inbox().len(), 5);

    crowd.join(too_many);
    let endings: Vec<_> = (0..refused).map(|_| crowd.endings.recv_timeout(SOON).expect("no place")).collect();
    let nobody_else = crowd.endings.try_iter().next();
    println!("{refused} refused after {:?}", since.elapsed());
    // Those that are given up then are told 0x5301.
    if since.elapsed() >= HEADER_TIMEOUT {
        return false;
    }
    assert_eq!(none_of_them, None, "all are there yet");
    assert_eq!(endings, vec![Outcome::Reset(0x5302); refused]);
    assert_eq!(nobody_else, None, "as many as there are places are not refused");

    // With the crowd its places are free.
    drop(crowd);
    network.send(0, &honest[5], "honest").unwrap();
    true
}

/// Through two outer proxies: the office hears of no more than four streams of a token at a time.
#[test]
fn streams_of_one_token_beyond_four_end_at_the_inner_proxy() {
    while_they_are_borne(four_streams_of_one_token_go_on);
}

fn four_streams_of_one_token_go_on() -> bool {
    let network = Network::of(2, 1, 1, 1).start();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let stolen = open(&ticket.body().routes[0]);
    let roots = network.roots();
    let addresses = [network.outer(0).address, network.outer(1).address];
    let (took, outcomes) = network.background().run(async move {
        let dialled = [
            dial_as_sender(addresses[0], "outer-1", &roots).await,
            dial_as_sender(addresses[1], "outer-2", &roots).await,
        ];
        let mut held = Vec::new();
        let mut outcomes = Vec::new();
        let since = Instant::now();
        for stream in 0..12 {
            let (mut send, mut recv) = dialled[stream % 2].connection.open_bi().await.expect("a stream");
            send.write_all(&stolen).await.expect("the header is taken");
            // The first four are to stay silent: longer than a refusal takes, and together much shorter than they may live.
            let patience = if stream < STREAMS { Duration::from_millis(500) } else { SOON };
            let ended = tokio::time::timeout(patience, outcome(&mut recv)).await;
            outcomes.push(ended.unwrap_or(Outcome::Silence));
            held.push((send, recv));
        }
        (since.elapsed(), outcomes)
    });
    if took >= HEADER_TIMEOUT {
        return false;
    }
    let (first, rest) = outcomes.split_at(STREAMS);
    assert_eq!(first, vec![Outcome::Silence; STREAMS]);
    assert_eq!(rest, vec![Outcome::Reset(0x5302); 8]);
    // The office would refuse them as well, but has not seen them: what it ends is "Broken" in the proxy's log.
    let refused = || network.inner(0).daemon.log().matches("ending: Unavailable").count();
    until_true("the inner proxy says so", SOON, || refused() >= 8);
    assert_eq!(refused(), 8);
    // The thief is gone; the ticket is as good as before.
    network.send(0, &ticket, "honest").unwrap();
    assert_eq!(office.read(&ticket).unwrap(), b"honest");
    true
}

/// Connections without a valid token, each with a stream that never gets further than its header.
#[test]
fn idle_connections_keep_nobody_out() {
    let limits = "connections = 20\nhandshakes_per_second = 10000\nhandshake_burst = 10000";
    let network = Network::of(1, 1, 1, 1).outer_limits(limits).start();
    let office = network.office(0);
    let (address, roots) = (network.outer(0).address, network.roots());
    let held = network.background().run(async move {
        let mut held = Vec::new();
        for _ in 0..20 {
            let dialled = dial_as_sender(address, "outer-1", &roots).await;
            let streams = open_silent_streams(&dialled, &[0x01], 2).await;
            held.push((dialled, streams));
        }
        held
    });
    let since = Instant::now();
    network.send(0, &office.mint(&[]), "honest").unwrap();
    println!("sent after {:?}", since.elapsed());
    drop(held);
    assert_eq!(office.inbox().len(), 1);
}

/// The thief has a ticket that is bound to the vendor, but not the vendor's key.
#[test]
fn a_stolen_ticket_that_is_bound_to_a_vendor_does_not_keep_the_vendor_out() {
    let network = Network::of(1, 1, 1, 2).start();
    let office = network.office(0);
    let key = office.member().signing_key().public();
    let (vendor, thief) = (network.vendor(0), network.vendor(1));
    let micros = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap();
    let an_hour = 3_600_000_000;
    for (attempt, whole) in [(u64::MAX, true), (u64::MAX, false), (micros + an_hour, true), (micros + an_hour, false)] {
        let ticket = office.mint(&[("sender", json!("member:vendor-1"))]);
        let declared = Declared { attempt, sender: Some((vendor.id, thief.signing_key())), ..Declared::guest_list() };
        let sealed = Sealed::new(&ticket, &key, declared, b"not the vendor's");
        let route = open(&ticket.body().routes[0]);
        let bytes = if whole { sealed.to_outer(0) } else { [route, encode_all(&sealed.frames[..2])].concat() };
        let (address, roots) = (network.outer(0).address, network.roots());
        let outcome =
            network.background().run(async move { dial_as_sender(address, "outer-1", &roots).await.say(&bytes).await });
        if let (true, Outcome::Finished(_)) = (whole, &outcome) {
            let last = sealed.replies(&outcome).pop();
            let Some(Reply::Refusal(refusal)) = last else { panic!("{attempt}: {last:?}") };
            assert!(matches!(refusal.reason, Reason::BadIdentity | Reason::TryLater), "{attempt}: {refusal:?}");
        }
        assert!(office.submission(&ticket).is_none());
        network.send(0, &ticket, "the vendor's own").unwrap_or_else(|error| panic!("{attempt}, {whole}: {error}"));
        assert_eq!(office.read(&ticket).unwrap(), b"the vendor's own");
    }
}
