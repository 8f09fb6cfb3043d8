//! The two proxies' machines, told as protocol.

use std::collections::HashSet;

use schleuse_protocol::inner::{InnerAction, InnerStream, RouteOpener};
use schleuse_protocol::limits::{EPOCH, HEADER_TIMEOUT, IDLE_TIMEOUT, VERSION};
use schleuse_protocol::outer::{Admission, OuterAction, OuterStream};
use schleuse_protocol::relay::{Direction, RelayEnd};
use schleuse_protocol::time::{Millis, Now, UnixSeconds};
use schleuse_protocol::wire::frame::{FrameType, encode_frame};
use schleuse_protocol::wire::hop::{Incoming, Open};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken};

const BEGIN: UnixSeconds = UnixSeconds(1_800_000_000);

fn at(seconds: u64) -> Now {
    Now { millis: Millis(seconds * 1000), unix: UnixSeconds(BEGIN.0 + seconds) }
}

fn name(text: &str) -> MemberId {
    text.parse().expect("a test's name is valid")
}

fn token(not_after: UnixSeconds) -> RouteToken {
    RouteToken { epoch: Epoch::of(not_after), nonce: RouteNonce([9; 16]), sealed: [1; 40], mac: [2; 16] }
}

fn open(not_after: UnixSeconds) -> Vec<u8> {
    let open = Open { version: VERSION, inner: name("inner-1"), token: token(not_after) };
    encode_frame(FrameType::Open, &open)
}

/// Admits tokens whose MAC is all twos.
struct Twos;

impl Admission for Twos {
    fn admits(&self, inner: &MemberId, token: &RouteToken) -> bool {
        inner.as_str() == "inner-1" && token.mac == [2; 16]
    }
}

/// Opens tokens whose MAC is all twos, for a fixed office and end.
struct Opener {
    not_after: UnixSeconds,
    used: HashSet<[u8; 16]>,
}

impl RouteOpener for Opener {
    fn open(&self, token: &RouteToken, _: UnixSeconds) -> Option<RouteClaims> {
        (token.mac == [2; 16]).then_some(RouteClaims { office: name("ga"), not_after: self.not_after })
    }

    fn is_used(&self, _: &MemberId, nonce: &RouteNonce) -> bool {
        self.used.contains(&nonce.0)
    }
}

fn inner(opener: Opener) -> InnerStream<Opener> {
    InnerStream::new(name("inner-1"), opener, at(0))
}

#[test]
fn the_outer_proxy_forwards_what_it_got() {
    let bytes = [open(BEGIN), vec![7; 100]].concat();
    let mut stream = OuterStream::new(Twos, at(0));
    for byte in &bytes[..50] {
        stream.handle_header(&[*byte], at(1));
        assert_eq!(stream.poll_action(), None);
    }
    stream.handle_header(&bytes[50..], at(2));
    assert_eq!(stream.poll_action(), Some(OuterAction::Forward { inner: name("inner-1"), bytes }));
    assert!(!stream.wants_header() && stream.relay().is_none());
    stream.handle_opened(at(3));
    assert!(stream.relay().is_some() && !stream.is_finished());
}

#[test]
fn the_outer_proxy_refuses_all_else_alike() {
    let mut bad_mac = open(BEGIN);
    *bad_mac.last_mut().unwrap() ^= 1;
    let mut other_inner = open(BEGIN);
    other_inner[5 + 1] ^= 1;
    let mut other_version = open(BEGIN);
    other_version[5] = 2;
    let mut other_type = open(BEGIN);
    other_type[0] = FrameType::Hello as u8;
    let long = [&[FrameType::Open as u8], &u32::MAX.to_le_bytes()[..]].concat();
    // Not even its head must be whole: what no stream begins with is not waited for.
    let segment = vec![FrameType::Segment as u8];
    for bytes in [bad_mac, other_inner, other_version, other_type, long, segment, b"GET / HTTP/1.1\r\n".to_vec()] {
        let mut stream = OuterStream::new(Twos, at(0));
        stream.handle_header(&bytes, at(0));
        assert_eq!(stream.poll_action(), Some(OuterAction::Reset(StreamRefusal::Refused)));
        assert!(stream.is_finished() && stream.poll_timeout().is_none());
        stream.handle_header(&open(BEGIN), at(0));
        assert_eq!(stream.poll_action(), None);
    }
}

#[test]
fn a_header_has_one_deadline() {
    let mut stream = OuterStream::new(Twos, at(0));
    for (index, byte) in open(BEGIN)[..9].iter().enumerate() {
        stream.handle_header(&[*byte], at(index as u64));
        stream.handle_timeout(at(index as u64));
    }
    assert_eq!(stream.poll_timeout(), Some(Millis(0).after(HEADER_TIMEOUT)));
    stream.handle_timeout(at(HEADER_TIMEOUT.as_secs()));
    assert_eq!(stream.poll_action(), Some(OuterAction::Reset(StreamRefusal::Refused)));
}

#[test]
fn no_next_hop_is_told_only_after_a_valid_token() {
    let mut stream = OuterStream::new(Twos, at(0));
    stream.handle_header(&open(BEGIN), at(0));
    stream.poll_action();
    stream.handle_open_failed(at(0));
    assert_eq!(stream.poll_action(), Some(OuterAction::Reset(StreamRefusal::Unavailable)));

    let mut stream = OuterStream::new(Twos, at(0));
    stream.handle_header(&open(BEGIN), at(0));
    stream.poll_action();
    stream.handle_timeout(at(HEADER_TIMEOUT.as_secs()));
    assert_eq!(stream.poll_action(), Some(OuterAction::Reset(StreamRefusal::Unavailable)));
}

#[test]
fn the_inner_proxy_replaces_the_token_by_its_nonce() {
    let not_after = UnixSeconds(BEGIN.0 + 100);
    let mut stream = inner(Opener { not_after, used: HashSet::new() });
    stream.handle_header(&[open(not_after), vec![7; 100]].concat(), at(0));
    let incoming = Incoming { version: VERSION, nonce: RouteNonce([9; 16]) };
    let bytes = [encode_frame(FrameType::Incoming, &incoming), vec![7; 100]].concat();
    let expected = InnerAction::Forward { office: name("ga"), nonce: RouteNonce([9; 16]), bytes };
    assert_eq!(stream.poll_action(), Some(expected));
}

#[test]
fn the_inner_proxy_refuses_what_is_forged_over_used_or_not_its_own() {
    let not_after = UnixSeconds(BEGIN.0 + 100);
    let fresh = || Opener { not_after, used: HashSet::new() };
    let refuses = |mut stream: InnerStream<Opener>, bytes: &[u8], now: Now| {
        stream.handle_header(bytes, now);
        assert_eq!(stream.poll_action(), Some(InnerAction::Reset(StreamRefusal::Refused)));
        assert!(stream.is_finished());
    };
    let mut forged = open(not_after);
    *forged.last_mut().unwrap() ^= 1;
    refuses(inner(fresh()), &forged, at(0));
    refuses(inner(fresh()), &open(not_after), at(101));
    refuses(inner(Opener { used: HashSet::from([[9; 16]]), ..fresh() }), &open(not_after), at(0));
    refuses(InnerStream::new(name("inner-2"), fresh(), at(0)), &open(not_after), at(0));
    let other_epoch = open(UnixSeconds(not_after.0 + EPOCH.as_secs()));
    refuses(inner(fresh()), &other_epoch, at(0));
}

#[test]
fn a_relay_lives_as_long_as_bytes_move() {
    let mut stream = OuterStream::new(Twos, at(0));
    stream.handle_header(&open(BEGIN), at(0));
    stream.poll_action();
    stream.handle_opened(at(0));
    let mut seconds = 0;
    for round in 0..1000 {
        seconds += IDLE_TIMEOUT.as_secs() - 1;
        stream.handle_timeout(at(seconds));
        let direction = if round % 2 == 0 { Direction::ToOffice } else { Direction::ToSender };
        stream.relay().unwrap().handle_bytes(direction, 3, at(seconds));
    }
    assert_eq!(stream.relay().unwrap().total(Direction::ToOffice), 1500);
    assert_eq!(stream.poll_action(), None);
    stream.handle_timeout(at(seconds + IDLE_TIMEOUT.as_secs()));
    assert_eq!(stream.poll_action(), Some(OuterAction::Reset(StreamRefusal::Unavailable)));
    assert_eq!(stream.relay().unwrap().end(), Some(RelayEnd::TimedOut));
    assert!(stream.is_finished());
}

#[test]
fn an_office_that_has_heard_enough_can_still_answer() {
    let mut stream = OuterStream::new(Twos, at(0));
    stream.handle_header(&open(BEGIN), at(0));
    stream.poll_action();
    stream.handle_opened(at(0));
    let relay = stream.relay().unwrap();
    relay.handle_stopped(Direction::ToOffice, at(1));
    assert_eq!(relay.end(), None);
    relay.handle_bytes(Direction::ToSender, 500, at(1));
    relay.handle_end(Direction::ToSender, at(1));
    assert_eq!(relay.end(), Some(RelayEnd::Finished));
    relay.handle_failed(Direction::ToSender, at(2));
    assert_eq!(relay.end(), Some(RelayEnd::Finished), "it was over");
}
