//! A malicious proxy: what it can record, change, leave out and say again gets nothing into an inbox.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schleuse_client::{SendError, Ticket};
use schleuse_protocol::wire::frame::{Frame, FrameType};
use schleuse_protocol::wire::label::MemberId;
use schleuse_tests::background::Running;
use schleuse_tests::hostile::{Conduct, HostileInner, Recorded, incoming};
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until};
use schleuse_tests::wire::{Outcome, encode_all};

use crate::{REFUSED, assert_nothing_stored};

/// A network whose only inner proxy is ours.
fn played(offices: usize) -> (Network, HostileInner) {
    let network = Network::of(1, 1, offices, 1).played_inner().build();
    let proxy = network.play_inner();
    network.start();
    (network, proxy)
}

/// Four segments.
fn content() -> Vec<u8> {
    (0..230_000u32).map(|at| (at % 251) as u8).collect()
}

/// What an honest client sends, recorded by the proxy and delivered to nobody.
fn record(network: &Network, proxy: &HostileInner, ticket: &Ticket, content: Vec<u8>) -> Recorded {
    let before = proxy.recorded().len();
    proxy.conduct(Conduct::Swallow);
    let sending = network.client(0).send(ticket, content).kind("guest-list");
    let sending = network.background().begin(async move { sending.await });
    let recorded = until("a stream is recorded", SOON, || proxy.recorded().get(before).cloned());
    sending.abort();
    assert_eq!(recorded.frames.last().map(|frame| frame.frame_type), Some(FrameType::Final));
    proxy.conduct(Conduct::Honest);
    recorded
}

fn say(network: &Network, proxy: &HostileInner, office: MemberId, bytes: Vec<u8>) -> Outcome {
    let proxy = proxy.clone();
    network.background().run(async move { proxy.say(office, &bytes).await })
}

/// Tries for two seconds, in vain.
fn send_in_vain(network: &Network, ticket: &Ticket, content: Vec<u8>) -> SendError {
    let sending = network.client(0).send(ticket, content).kind("guest-list").patience(Duration::from_secs(2));
    network.background().run(async move { sending.await }).unwrap_err()
}

/// While the proxy misbehaves like this, nothing arrives; afterwards the same ticket works.
fn prevails(conduct: Conduct) {
    let (network, proxy) = played(1);
    let office = network.office(0);
    let ticket = office.mint(&[]);
    proxy.conduct(conduct);
    let error = send_in_vain(&network, &ticket, content());
    assert!(matches!(error, SendError::Refused { .. } | SendError::Unreachable { .. }), "{error}");
    assert_nothing_stored(office);
    proxy.conduct(Conduct::Honest);
    network.send(0, &ticket, content()).unwrap();
    assert_eq!(office.inbox().len(), 1);
    assert!(office.read(&ticket).unwrap() == content());
}

/// Changes the n-th frame of each stream to the office: 0 is the hello, the segments follow.
fn on_frame(number: usize, change: impl Fn(Frame) -> Vec<Frame> + Send + Sync + 'static) -> Conduct {
    let change = Arc::new(change);
    Conduct::up(move || {
        let (change, mut count) = (change.clone(), 0);
        Box::new(move |frame| {
            count += 1;
            if count - 1 == number { change(frame) } else { vec![frame] }
        })
    })
}

#[test]
fn a_segment_that_is_left_out() {
    prevails(on_frame(2, |_| vec![]));
}

#[test]
fn a_hello_that_is_left_out() {
    prevails(on_frame(0, |_| vec![]));
}

#[test]
fn a_segment_that_comes_twice() {
    prevails(on_frame(2, |frame| vec![frame.clone(), frame]));
}

#[test]
fn segments_that_are_swapped() {
    prevails(Conduct::up(|| {
        let (mut count, mut held) = (0, None);
        Box::new(move |frame| {
            count += 1;
            match count {
                2 => {
                    held = Some(frame);
                    vec![]
                }
                3 => [Some(frame), held.take()].into_iter().flatten().collect(),
                _ => vec![frame],
            }
        })
    }));
}

#[test]
fn segments_that_are_swapped_with_their_positions_put_right() {
    prevails(Conduct::up(|| {
        let mut held: Option<Frame> = None;
        Box::new(move |frame| {
            if frame.frame_type != FrameType::Segment {
                return vec![frame];
            }
            match held.take() {
                None => {
                    held = Some(frame);
                    vec![]
                }
                Some(mut first) => {
                    let mut second = frame;
                    first.body[..4].swap_with_slice(&mut second.body[..4]);
                    vec![second, first]
                }
            }
        })
    }));
}

#[test]
fn a_final_that_is_left_out() {
    prevails(Conduct::up(|| Box::new(|frame| if frame.frame_type == FrameType::Final { vec![] } else { vec![frame] })));
}

#[test]
fn a_final_that_comes_early() {
    prevails(Conduct::up(|| {
        // The last segment is dropped, and the final moved to its place.
        let mut segments = 0u32;
        Box::new(move |mut frame| match frame.frame_type {
            FrameType::Segment => {
                segments += 1;
                if segments == 4 { vec![] } else { vec![frame] }
            }
            FrameType::Final => {
                frame.body[..4].copy_from_slice(&3u32.to_le_bytes());
                vec![frame]
            }
            _ => vec![frame],
        })
    }));
}

#[test]
fn a_segment_that_is_cut_short() {
    prevails(on_frame(2, |mut frame| {
        frame.body.pop();
        vec![frame]
    }));
}

#[test]
fn a_segment_that_says_it_is_the_final() {
    prevails(on_frame(4, |frame| vec![Frame { frame_type: FrameType::Final, body: frame.body[..276].to_vec() }]));
}

#[test]
fn a_segment_of_another_stream() {
    let (network, proxy) = played(1);
    let office = network.office(0);
    let (one, two) = (office.mint(&[]), office.mint(&[]));
    let other = record(&network, &proxy, &one, content());
    let stranger = other.frames[2].clone();
    proxy.conduct(on_frame(2, move |_| vec![stranger.clone()]));
    send_in_vain(&network, &two, content());
    assert_nothing_stored(office);
    proxy.conduct(Conduct::Honest);
    network.send(0, &two, content()).unwrap();
    assert_eq!(office.inbox().len(), 1);
}

/// An honest content said twice by the proxy is stored once: replay gains nothing.
#[test]
fn a_recorded_stream_that_is_said_again_and_again() {
    let (network, proxy) = played(2);
    let (office, other) = (network.office(0), network.office(1));
    let ticket = office.mint(&[]);
    let recorded = record(&network, &proxy, &ticket, content());
    for _ in 0..3 {
        let outcome = say(&network, &proxy, office.member().id, recorded.to_office());
        assert!(matches!(outcome, Outcome::Finished(_)), "the office answers whoever says it: {outcome:?}");
    }
    assert_eq!(office.inbox().len(), 1);
    assert!(office.read(&ticket).unwrap() == content());
    // The sender asks for its receipt and gets it; another office does not know the ticket.
    network.send(0, &ticket, content()).unwrap();
    assert_eq!(say(&network, &proxy, other.member().id, recorded.to_office()), REFUSED);
    assert_eq!(office.inbox().len(), 1);
    assert_nothing_stored(other);
}

#[test]
fn a_recorded_stream_under_the_token_of_another_ticket() {
    let (network, proxy) = played(1);
    let office = network.office(0);
    let (one, two) = (office.mint(&[]), office.mint(&[]));
    let recorded = record(&network, &proxy, &one, content());
    let bytes = [incoming(two.body().routes[0].token.nonce), encode_all(&recorded.frames)].concat();
    assert_eq!(say(&network, &proxy, office.member().id, bytes), REFUSED);
    assert_nothing_stored(office);
}

#[test]
fn a_recorded_stream_that_is_cut_anywhere() {
    let (network, proxy) = played(1);
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let recorded = record(&network, &proxy, &ticket, content());
    let whole = recorded.to_office();
    let mut rng = StdRng::seed_from_u64(1);
    let mut ends: Vec<usize> = (0..100).map(|_| rng.random_range(0..whole.len())).collect();
    // Around the end of each frame.
    let mut at = incoming(recorded.nonce).len();
    for frame in &recorded.frames {
        ends.extend([at - 1, at, at + 1]);
        at += 5 + frame.body.len();
    }
    ends.push(whole.len() - 1);
    for end in ends {
        let outcome = say(&network, &proxy, office.member().id, whole[..end].to_vec());
        assert!(!matches!(outcome, Outcome::Silence | Outcome::Lost(_)), "cut at {end}: {outcome:?}");
    }
    assert_nothing_stored(office);
    say(&network, &proxy, office.member().id, whole);
    assert_eq!(office.inbox().len(), 1, "what was cut before did not spoil the whole");
}

/// Every byte of a recorded stream with one bit flipped, the first 200 bytes with each.
#[test]
fn a_flipped_bit_at_every_position_of_a_recorded_stream() {
    const LANES: usize = 8;
    let (network, proxy) = played(1);
    let office = network.office(0);
    let id = office.member().id;
    let mut rng = StdRng::seed_from_u64(2);
    let tickets: Vec<Ticket> = (0..LANES).map(|_| office.mint(&[])).collect();
    let list = b"a short list".to_vec();
    let recorded: Vec<Recorded> = tickets.iter().map(|ticket| record(&network, &proxy, ticket, list.clone())).collect();
    let length = recorded[0].to_office().len();
    let mut flips: Vec<usize> = (0..200 * 8).collect();
    flips.extend((200..length).map(|byte| byte * 8 + rng.random_range(0..8)));
    assert!(flips.len() > 2000, "{length} bytes are less than a stream has");

    // Each lane has a ticket of its own: streams of one ticket at the same time would supersede each other, and be
    // refused for another reason than the flipped bit.
    let lanes: Vec<Running<()>> = (0..LANES)
        .map(|lane| {
            let (proxy, whole) = (proxy.clone(), recorded[lane].to_office());
            let flips: Vec<usize> = flips.iter().copied().skip(lane).step_by(LANES).collect();
            network.background().begin(async move {
                for bit in flips {
                    let mut bytes = whole.clone();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    let outcome = proxy.say(id, &bytes).await;
                    // A longer frame than there is: the stream ends inside it. Everything else is refused.
                    let refused = matches!(outcome, Outcome::Reset(0x5301 | 0x5302));
                    assert!(refused, "bit {} of byte {} of {}: {outcome:?}", bit % 8, bit / 8, whole.len());
                }
            })
        })
        .collect();
    lanes.into_iter().for_each(Running::wait);

    assert_nothing_stored(office);
    for (ticket, recorded) in tickets.iter().zip(&recorded) {
        say(&network, &proxy, id, recorded.to_office());
        assert_eq!(office.read(ticket).unwrap(), list, "the unchanged stream is accepted");
    }
}

/// The way back: the proxy can withhold a receipt, but neither make nor change one.
#[test]
fn a_flipped_bit_in_the_answer() {
    for number in [0, 1, 2] {
        let (network, proxy) = played(1);
        let office = network.office(0);
        let ticket = office.mint(&[]);
        proxy.conduct(Conduct::down(move || {
            let mut count = 0;
            Box::new(move |mut frame| {
                if count == number {
                    let middle = frame.body.len() / 2;
                    frame.body[middle] ^= 0x10;
                }
                count += 1;
                vec![frame]
            })
        }));
        let error = send_in_vain(&network, &ticket, b"x".to_vec());
        assert!(error.may_retry(), "frame {number}: {error}");
        proxy.conduct(Conduct::Honest);
        network.send(0, &ticket, "x").unwrap();
        assert_eq!(office.inbox().len(), 1);
    }
}

#[test]
fn the_answer_of_another_stream() {
    let (network, proxy) = played(1);
    let office = network.office(0);
    let (one, two) = (office.mint(&[]), office.mint(&[]));
    let recorded = record(&network, &proxy, &one, b"x".to_vec());
    let Outcome::Finished(answer) = say(&network, &proxy, office.member().id, recorded.to_office()) else { panic!() };
    proxy.conduct(Conduct::down(move || {
        let mut answer = answer.clone().into_iter();
        Box::new(move |_| answer.next().into_iter().collect())
    }));
    let error = send_in_vain(&network, &two, b"y".to_vec());
    assert!(error.may_retry(), "{error}");
    proxy.conduct(Conduct::Honest);
    network.send(0, &two, "y").unwrap();
    assert_eq!(office.inbox().len(), 2);
}
