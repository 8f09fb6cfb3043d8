//! A malicious proxy: what it can record, change, leave out and say again gets nothing into an inbox.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schleuse_client::{SendError, Ticket};
use schleuse_protocol::wire::frame::{Frame, FrameType};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_tests::hostile::{Conduct, HostileInner, Recorded, incoming};
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until};
use schleuse_tests::wire::{Outcome, encode_all};

use crate::{REFUSED, assert_nothing_stored};

/// A network whose only inner proxy is ours.
pub(crate) fn played(offices: usize) -> (Network, HostileInner) {
    let network = Network::of(1, 1, offices, 1).played_inner().build();
    let proxy = network.play_inner();
    network.start();
    (network, proxy)
}

/// Four segments.
fn content() -> Vec<u8> {
    (0..230_000u32).map(|at| (at % 251) as u8).collect()
}

/// What an honest client sends, recorded by the proxy, which from now on delivers nothing.
pub(crate) fn record(network: &Network, proxy: &HostileInner, ticket: &Ticket, content: Vec<u8>) -> Recorded {
    proxy.conduct(Conduct::Swallow);
    let sending = network.client(0).send(ticket, content).kind("guest-list");
    let sending = network.background().begin(async move { sending.await });
    let nonce = ticket.body().routes[0].token.nonce;
    let whole = |stream: &Recorded| {
        stream.nonce == nonce && stream.frames.last().is_some_and(|frame| frame.frame_type == FrameType::Final)
    };
    let recorded = until("a stream is recorded", SOON, || proxy.recorded().into_iter().find(whole));
    sending.abort();
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

/// While the proxy treats every stream like this, nothing arrives; afterwards the same ticket works.
fn prevails(conduct: Conduct) {
    let (network, proxy) = played(1);
    let office = network.office(0);
    let ticket = office.mint(&[]);
    proxy.conduct(conduct);
    let error = send_in_vain(&network, &ticket, content());
    let gave_up = matches!(error, SendError::Refused { .. } | SendError::Unreachable { .. } | SendError::Dial(_));
    assert!(gave_up, "{error}");
    assert_nothing_stored(office);
    proxy.conduct(Conduct::Honest);
    network.send(0, &ticket, content()).unwrap();
    assert_eq!(office.inbox().len(), 1);
    assert!(office.read(&ticket).unwrap() == content());
}

/// A recorded stream with its frames changed is refused: 0 is the hello, 1 to 4 the segments, 5 the final.
fn is_refused(change: impl FnOnce(&mut Vec<Frame>)) {
    ends_with(StreamRefusal::Refused, change);
}

fn ends_with(refusal: StreamRefusal, change: impl FnOnce(&mut Vec<Frame>)) {
    let (network, proxy) = played(1);
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let mut recorded = record(&network, &proxy, &ticket, content());
    assert_eq!(recorded.frames.len(), 6);
    change(&mut recorded.frames);
    let outcome = say(&network, &proxy, office.member().id, recorded.to_office());
    assert_eq!(outcome, Outcome::Reset(refusal.code()));
    assert_nothing_stored(office);
    proxy.conduct(Conduct::Honest);
    network.send(0, &ticket, content()).unwrap();
    assert!(office.read(&ticket).unwrap() == content());
}

/// One of the two things that anybody is told.
pub(crate) fn is_reset(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Reset(0x5301 | 0x5302))
}

/// Puts another position into a segment or final.
fn renumber(frame: &mut Frame, position: u32) {
    frame.body[..4].copy_from_slice(&position.to_le_bytes());
}

#[test]
fn a_hello_that_is_left_out() {
    is_refused(|frames| drop(frames.remove(0)));
}

#[test]
fn a_hello_that_comes_twice() {
    is_refused(|frames| frames.insert(1, frames[0].clone()));
}

#[test]
fn a_segment_that_is_left_out() {
    is_refused(|frames| drop(frames.remove(2)));
}

#[test]
fn a_segment_that_is_left_out_and_the_rest_renumbered() {
    is_refused(|frames| {
        frames.remove(2);
        frames[2..].iter_mut().zip(1..).for_each(|(frame, position)| renumber(frame, position));
    });
}

#[test]
fn the_last_segment_that_is_left_out() {
    is_refused(|frames| drop(frames.remove(4)));
}

#[test]
fn the_last_segment_that_is_left_out_and_the_final_renumbered() {
    is_refused(|frames| {
        frames.remove(4);
        renumber(&mut frames[4], 3);
    });
}

#[test]
fn a_segment_that_comes_twice() {
    is_refused(|frames| frames.insert(2, frames[2].clone()));
}

#[test]
fn a_segment_that_comes_twice_with_the_rest_renumbered() {
    is_refused(|frames| {
        frames.insert(2, frames[2].clone());
        frames[3..].iter_mut().zip(2..).for_each(|(frame, position)| renumber(frame, position));
    });
}

#[test]
fn segments_that_are_swapped() {
    is_refused(|frames| frames.swap(2, 3));
}

#[test]
fn segments_that_are_swapped_with_their_positions_put_right() {
    is_refused(|frames| {
        frames.swap(2, 3);
        renumber(&mut frames[2], 1);
        renumber(&mut frames[3], 2);
    });
}

#[test]
fn a_segment_that_is_cut_short() {
    is_refused(|frames| frames[2].body.truncate(1000));
}

#[test]
fn a_final_that_is_left_out() {
    // Nothing is wrong with what came: it was not all.
    ends_with(StreamRefusal::Unavailable, |frames| drop(frames.pop()));
}

#[test]
fn a_final_that_comes_first() {
    is_refused(|frames| {
        let mut last = frames.remove(5);
        renumber(&mut last, 0);
        frames.insert(1, last);
    });
}

#[test]
fn a_segment_that_says_it_is_the_final() {
    is_refused(|frames| {
        frames[4].body.truncate(FrameType::Final.max_body());
        frames[4].frame_type = FrameType::Final;
    });
}

#[test]
fn a_final_that_says_it_is_a_segment() {
    is_refused(|frames| frames[5].frame_type = FrameType::Segment);
}

#[test]
fn a_proxy_that_leaves_a_segment_out_of_every_stream() {
    prevails(Conduct::up(|| Box::new(|frame| if position(&frame) == Some(2) { vec![] } else { vec![frame] })));
}

#[test]
fn a_proxy_that_leaves_out_every_final() {
    prevails(Conduct::up(|| Box::new(|frame| if frame.frame_type == FrameType::Final { vec![] } else { vec![frame] })));
}

#[test]
fn a_proxy_that_flips_a_bit_in_every_stream() {
    prevails(Conduct::up(|| {
        Box::new(|mut frame| {
            if position(&frame) == Some(1) {
                frame.body[1000] ^= 1;
            }
            vec![frame]
        })
    }));
}

/// Of a segment.
fn position(frame: &Frame) -> Option<u32> {
    (frame.frame_type == FrameType::Segment).then(|| frame.segment().map_or(0, |(position, _)| position))
}

#[test]
fn a_segment_of_another_stream() {
    let (network, proxy) = played(1);
    let office = network.office(0);
    let (one, two) = (office.mint(&[]), office.mint(&[]));
    let other = record(&network, &proxy, &one, content());
    let stranger = other.frames[2].clone();
    proxy.conduct(Conduct::up(move || {
        let stranger = stranger.clone();
        Box::new(move |frame| if position(&frame) == Some(1) { vec![stranger.clone()] } else { vec![frame] })
    }));
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
    proxy.conduct(Conduct::Honest);
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
        // Either the end is missing, or a segment comes that an earlier one of these streams has brought.
        assert!(is_reset(&outcome), "cut at {end}: {outcome:?}");
    }
    assert_nothing_stored(office);
    proxy.conduct(Conduct::Honest);
    network.send(0, &ticket, content()).unwrap();
    assert!(office.read(&ticket).unwrap() == content(), "what was cut did not spoil the whole");
}

/// The way back: the proxy can withhold a receipt, but neither make nor change one.
#[test]
fn a_flipped_bit_in_the_answer() {
    for flipped in [FrameType::ReplyStart, FrameType::Reply] {
        let (network, proxy) = played(1);
        let office = network.office(0);
        let ticket = office.mint(&[]);
        proxy.conduct(Conduct::down(move || {
            Box::new(move |mut frame| {
                if frame.frame_type == flipped {
                    let middle = frame.body.len() / 2;
                    frame.body[middle] ^= 0x10;
                }
                vec![frame]
            })
        }));
        let error = send_in_vain(&network, &ticket, b"x".to_vec());
        assert!(error.may_retry(), "{flipped:?}: {error}");
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
