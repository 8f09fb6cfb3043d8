//! The two proxies' machines, told as protocol.

use std::collections::HashSet;

use schleuse_protocol::hop::{AwaitHeader, AwaitNextHop, Header};
use schleuse_protocol::inner::{self, RouteOpener};
use schleuse_protocol::limits::{EPOCH, HEADER_TIMEOUT, IDLE_TIMEOUT, NEXT_HOP_TIMEOUT, VERSION};
use schleuse_protocol::outer::{self, Admission};
use schleuse_protocol::relay::{Direction, Relay, RelayEnd};
use schleuse_protocol::time::{Millis, Now, UnixSeconds};
use schleuse_protocol::wire::frame::{FrameType, encode_frame};
use schleuse_protocol::wire::hop::{Incoming, Open};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken, StoreId};

const BEGIN: UnixSeconds = UnixSeconds(1_800_000_000);

fn at(seconds: u64) -> Now {
    Now { millis: Millis(seconds * 1000), unix: UnixSeconds(BEGIN.0 + seconds) }
}

fn name(text: &str) -> MemberId {
    text.parse().expect("a test's name is valid")
}

fn token(not_after: UnixSeconds) -> RouteToken {
    RouteToken { epoch: Epoch::of(not_after), nonce: RouteNonce([9; 16]), sealed: [1; 48], mac: [2; 16] }
}

fn open(not_after: UnixSeconds) -> Vec<u8> {
    let open = Open { version: VERSION, inner: name("inner-1"), token: token(not_after) };
    encode_frame(FrameType::Open, &open)
}

/// Admits tokens whose MAC is all twos; has the keys of one inner proxy.
struct Twos;

impl Admission for Twos {
    fn check(&self, inner: &MemberId, token: &RouteToken) -> Result<(), StreamRefusal> {
        match inner.as_str() {
            "inner-1" if token.mac == [2; 16] => Ok(()),
            "inner-late" => Err(StreamRefusal::Unavailable),
            _ => Err(StreamRefusal::Refused),
        }
    }
}

/// Opens tokens whose MAC is all twos, for a fixed office and end.
struct Opener {
    not_after: UnixSeconds,
    used: HashSet<[u8; 16]>,
}

impl RouteOpener for Opener {
    fn open(&self, token: &RouteToken, _: UnixSeconds) -> Option<RouteClaims> {
        (token.mac == [2; 16]).then_some(RouteClaims {
            office: name("ga"),
            store: StoreId([7; 8]),
            not_after: self.not_after,
        })
    }

    fn is_used(&self, _: &MemberId, nonce: &RouteNonce) -> bool {
        self.used.contains(&nonce.0)
    }
}

/// What becomes of bytes that come at once.
fn header(bytes: &[u8]) -> Result<Header, StreamRefusal> {
    let mut awaited = AwaitHeader::new(at(0));
    awaited.handle_bytes(bytes);
    let verdict = awaited.poll_verdict().expect("it is whole, or wrong");
    assert!(!awaited.wants_bytes() && awaited.poll_timeout().is_none());
    awaited.handle_bytes(&open(BEGIN));
    awaited.handle_timeout(at(3600));
    assert_eq!(awaited.poll_verdict(), None, "a second verdict");
    verdict
}

fn to_inner(bytes: &[u8]) -> Result<outer::Forward, StreamRefusal> {
    outer::judge(&Twos, header(bytes)?)
}

fn to_office(opener: &Opener, bytes: &[u8], now: Now) -> Result<inner::Forward, StreamRefusal> {
    inner::judge(name("inner-1"), opener, header(bytes)?, now)
}

#[test]
fn the_outer_proxy_forwards_what_it_got() {
    let bytes = [open(BEGIN), vec![7; 100]].concat();
    let mut awaited = AwaitHeader::new(at(0));
    for byte in &bytes[..50] {
        awaited.handle_bytes(&[*byte]);
        assert_eq!(awaited.poll_verdict(), None);
        assert!(awaited.wants_bytes());
    }
    awaited.handle_bytes(&bytes[50..]);
    let header = awaited.poll_verdict().unwrap().unwrap();
    assert_eq!(outer::judge(&Twos, header), Ok(outer::Forward { inner: name("inner-1"), bytes }));
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
        assert_eq!(to_inner(&bytes), Err(StreamRefusal::Refused));
    }
}

#[test]
fn a_token_of_an_inner_proxy_that_has_not_sent_its_keys_is_not_judged() {
    let unknown = Open { version: VERSION, inner: name("inner-late"), token: token(BEGIN) };
    assert_eq!(to_inner(&encode_frame(FrameType::Open, &unknown)), Err(StreamRefusal::Unavailable));
}

#[test]
fn a_header_has_one_deadline() {
    let mut awaited = AwaitHeader::new(at(0));
    for (index, byte) in open(BEGIN)[..9].iter().enumerate() {
        awaited.handle_bytes(&[*byte]);
        awaited.handle_timeout(at(index as u64));
    }
    assert_eq!(awaited.poll_verdict(), None);
    assert_eq!(awaited.poll_timeout(), Some(Millis(0).after(HEADER_TIMEOUT)));
    awaited.handle_timeout(at(HEADER_TIMEOUT.as_secs()));
    assert_eq!(awaited.poll_verdict(), Some(Err(StreamRefusal::Refused)));
}

#[test]
fn a_stream_that_ends_before_its_header_is_whole_is_refused() {
    let mut awaited = AwaitHeader::new(at(0));
    awaited.handle_bytes(&open(BEGIN)[..9]);
    awaited.handle_lost();
    assert_eq!(awaited.poll_verdict(), Some(Err(StreamRefusal::Refused)));
}

#[test]
fn a_next_hop_has_one_deadline_however_many_connections_are_tried() {
    let awaited = AwaitNextHop::new(at(3));
    assert_eq!(awaited.poll_timeout(), at(3).millis.after(NEXT_HOP_TIMEOUT));
    assert_eq!(awaited.handle_timeout(at(3 + NEXT_HOP_TIMEOUT.as_secs() - 1)), None);
    assert_eq!(awaited.handle_timeout(at(3 + NEXT_HOP_TIMEOUT.as_secs())), Some(StreamRefusal::Unavailable));
}

#[test]
fn the_inner_proxy_replaces_the_token_by_its_nonce() {
    let not_after = UnixSeconds(BEGIN.0 + 100);
    let opener = Opener { not_after, used: HashSet::new() };
    let incoming = Incoming { version: VERSION, nonce: RouteNonce([9; 16]) };
    let bytes = [encode_frame(FrameType::Incoming, &incoming), vec![7; 100]].concat();
    let expected = inner::Forward { office: name("ga"), store: StoreId([7; 8]), nonce: RouteNonce([9; 16]), bytes };
    assert_eq!(to_office(&opener, &[open(not_after), vec![7; 100]].concat(), at(0)), Ok(expected));
}

#[test]
fn the_inner_proxy_refuses_what_is_forged_over_used_or_not_its_own() {
    let not_after = UnixSeconds(BEGIN.0 + 100);
    let fresh = || Opener { not_after, used: HashSet::new() };
    let refused = Err(StreamRefusal::Refused);
    assert!(to_office(&fresh(), &open(not_after), at(100)).is_ok());
    let mut forged = open(not_after);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(to_office(&fresh(), &forged, at(0)), refused);
    assert_eq!(to_office(&fresh(), &open(not_after), at(101)), refused);
    assert_eq!(to_office(&Opener { used: HashSet::from([[9; 16]]), ..fresh() }, &open(not_after), at(0)), refused);
    let foreign = inner::judge(name("inner-2"), &fresh(), header(&open(not_after)).unwrap(), at(0));
    assert_eq!(foreign, refused);
    let other_epoch = open(UnixSeconds(not_after.0 + EPOCH.as_secs()));
    assert_eq!(to_office(&fresh(), &other_epoch, at(0)), refused);
}

#[test]
fn a_relay_lives_as_long_as_bytes_move() {
    let mut relay = Relay::new(at(0));
    let mut seconds = 0;
    for round in 0..1000 {
        seconds += IDLE_TIMEOUT.as_secs() - 1;
        relay.handle_timeout(at(seconds));
        let direction = if round % 2 == 0 { Direction::ToOffice } else { Direction::ToSender };
        relay.handle_bytes(direction, 3, at(seconds));
    }
    assert_eq!(relay.total(Direction::ToOffice), 1500);
    assert_eq!(relay.end(), None);
    relay.handle_timeout(at(seconds + IDLE_TIMEOUT.as_secs()));
    assert_eq!(relay.end(), Some(RelayEnd::TimedOut));
    assert_eq!(relay.poll_timeout(), None);
}

#[test]
fn an_office_that_has_heard_enough_can_still_answer() {
    let mut relay = Relay::new(at(0));
    relay.handle_stopped(Direction::ToOffice, at(1));
    assert_eq!(relay.end(), None);
    relay.handle_bytes(Direction::ToSender, 500, at(1));
    relay.handle_end(Direction::ToSender, at(1));
    assert_eq!(relay.end(), Some(RelayEnd::Finished));
    relay.handle_failed(Direction::ToSender, at(2));
    assert_eq!(relay.end(), Some(RelayEnd::Finished), "it was over");
}
