//! What a malicious proxy can do to a recorded connection: flip, swap, repeat, leave out, cut. Nothing of it succeeds.

use proptest::prelude::*;
use schleuse_protocol::channel::{ChannelError, OfficeChannel, OfficeSeal, ReplyOpener, SenderChannel};
use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::hello::Hello;
use schleuse_protocol::wire::reply::Reply;

use crate::common::*;

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

#[test]
fn any_flipped_bit_of_a_hello_is_refused() {
    // Every bit in suite 1; in suite 2, whose hello is long and slow to open, one bit of every byte.
    for (suite, step) in [(SUITES[0], 1), (SUITES[1], 9)] {
        let minted = mint(suite, 1);
        let office = office();
        let bytes = sender(&minted, 1).hello().to_wire();
        for bit in (0..bytes.len() * 8).step_by(step) {
            let Ok(hello) = Hello::from_wire(&flip(&bytes, bit)) else { continue };
            let refused = office.open_hello(minted.raw(), &minted.keys, &hello).err();
            assert_eq!(refused, Some(ChannelError::NotAuthentic), "{suite:?}, bit {bit}");
        }
    }
}

#[test]
fn any_flipped_bit_of_a_segment_final_or_reply_is_refused_and_changes_nothing() {
    let minted = mint(SUITES[0], 2);
    let mut sender = sender(&minted, 2);
    let mut channel = open(&minted, &sender).unwrap().channel;
    let (segments, last) = seal_all(&mut sender, b"content");
    for bit in 0..segments[0].len() * 8 {
        let refused = channel.open_segment(0, &flip(&segments[0], bit));
        assert_eq!(refused, Err(ChannelError::NotAuthentic), "segment, bit {bit}");
    }
    assert_eq!(channel.open_segment(0, &segments[0]), Ok(7));
    for bit in 0..last.len() * 8 {
        assert_eq!(channel.open_final(1, &flip(&last, bit)), Err(ChannelError::NotAuthentic), "final, bit {bit}");
    }
    assert!(channel.open_final(1, &last).is_ok());
    assert_eq!(channel.open_final(1, &last), Err(ChannelError::NotAuthentic), "the end comes once");

    let mut opener = sender.replies(&channel.start_replies());
    let reply = channel.seal_reply(&Reply::Accepted { next: 1 });
    for bit in 0..reply.len() * 8 {
        assert_eq!(opener.open(&flip(&reply, bit)), Err(ChannelError::NotAuthentic), "reply, bit {bit}");
    }
    assert_eq!(opener.open(&reply), Ok(Reply::Accepted { next: 1 }));
    assert!(sender.replies(&[0; 32]).open(&reply).is_err(), "another salt");
}

#[test]
fn any_flipped_bit_of_a_position_is_refused() {
    let minted = mint(SUITES[0], 3);
    let mut sender = sender(&minted, 3);
    let mut channel = open(&minted, &sender).unwrap().channel;
    let (segments, last) = seal_all(&mut sender, &content(SEGMENT_DATA + 1));
    for position in (0..32).map(|bit| 1u32 << bit).chain([u32::MAX]) {
        assert_eq!(channel.open_segment(position, &segments[0]), Err(ChannelError::NotAuthentic));
        assert_eq!(channel.open_final(position, &last), Err(ChannelError::NotAuthentic));
    }
    assert!(open_all(&mut channel, &segments, &last).is_ok());
}

#[test]
fn a_segment_does_not_open_as_a_final_nor_a_final_as_a_segment() {
    let minted = mint(SUITES[0], 4);
    let mut sender = sender(&minted, 4);
    let mut channel = open(&minted, &sender).unwrap().channel;
    let (segments, last) = seal_all(&mut sender, b"x");
    assert_eq!(channel.open_final(0, &segments[0]), Err(ChannelError::NotAuthentic));
    channel.open_segment(0, &segments[0]).unwrap();
    assert_eq!(channel.open_segment(1, &last), Err(ChannelError::NotAuthentic));
    assert!(channel.open_final(1, &last).is_ok());
}

#[test]
fn frames_of_another_attempt_do_not_fit() {
    let minted = mint(SUITES[0], 5);
    let (mut one, mut two) = (sender(&minted, 5), sender(&minted, 6));
    let mut channel = open(&minted, &one).unwrap().channel;
    let (segments, _) = seal_all(&mut one, b"same content");
    let (other_segments, other_last) = seal_all(&mut two, b"same content");
    assert_eq!(channel.open_segment(0, &other_segments[0]), Err(ChannelError::NotAuthentic));
    channel.open_segment(0, &segments[0]).unwrap();
    assert_eq!(channel.open_final(1, &other_last), Err(ChannelError::NotAuthentic));

    // Nor does the signature over the same content: it is bound to the attempt.
    let mut other = open(&minted, &two).unwrap().channel;
    let (_, trailer) = open_all(&mut other, &other_segments, &other_last).unwrap();
    let identity = trailer.identity.unwrap();
    let kind = intro(Some(vendor()), 1).kind;
    assert!(other.verify_identity(&identity, &kind, &trailer.content_hash, &vendor_key().public()));
    assert!(!channel.verify_identity(&identity, &kind, &trailer.content_hash, &vendor_key().public()));
    let renamed = schleuse_protocol::wire::hello::Identity { member: "vendor-b".parse().unwrap(), ..identity };
    assert!(!other.verify_identity(&renamed, &kind, &trailer.content_hash, &vendor_key().public()));
}

#[test]
fn ciphertexts_of_any_length_are_refused_without_harm() {
    let minted = mint(SUITES[0], 7);
    let mut channel = open(&minted, &sender(&minted, 7)).unwrap().channel;
    for length in [0, 1, 15, 16, 17, 65_552, 65_553, 10_000_000] {
        assert_eq!(channel.open_segment(0, &vec![0; length]), Err(ChannelError::NotAuthentic), "{length}");
        assert_eq!(channel.open_final(0, &vec![0; length]), Err(ChannelError::NotAuthentic), "{length}");
        assert!(sender(&minted, 7).replies(&[0; 32]).open(&vec![0; length]).is_err(), "{length}");
    }
}

/// What a proxy does with the sequence of frames.
#[derive(Clone, Debug)]
enum Attack {
    Swap(usize, usize),
    Repeat(usize),
    LeaveOut(usize),
    Flip(usize, usize),
    Cut(usize, usize),
}

fn attack() -> impl Strategy<Value = Attack> {
    let index = any::<usize>();
    prop_oneof![
        (index, any::<usize>()).prop_map(|(one, two)| Attack::Swap(one, two)),
        any::<usize>().prop_map(Attack::Repeat),
        any::<usize>().prop_map(Attack::LeaveOut),
        (any::<usize>(), any::<usize>()).prop_map(|(frame, bit)| Attack::Flip(frame, bit)),
        (any::<usize>(), any::<usize>()).prop_map(|(frame, length)| Attack::Cut(frame, length)),
    ]
}

/// Position and ciphertext, the final last.
type Frames = Vec<(u32, Vec<u8>)>;

fn apply(frames: &mut Frames, attack: &Attack) {
    let count = frames.len();
    match *attack {
        Attack::Swap(one, two) => frames.swap(one % count, two % count),
        Attack::Repeat(frame) => frames.insert(frame % count, frames[frame % count].clone()),
        Attack::LeaveOut(frame) => drop(frames.remove(frame % count)),
        Attack::Flip(frame, bit) => {
            let ciphertext = &mut frames[frame % count].1;
            let bit = bit % (ciphertext.len() * 8);
            ciphertext[bit / 8] ^= 1 << (bit % 8);
        }
        Attack::Cut(frame, length) => {
            let ciphertext = &mut frames[frame % count].1;
            let length = length % ciphertext.len();
            ciphertext.truncate(length);
        }
    }
}

/// Whether the office would take these frames as a whole content. With `renumber`, the proxy also rewrites the
/// positions, which stand in the clear, so that they count up.
fn is_accepted(minted: &Minted, hello: &Hello, frames: &Frames, renumber: bool) -> bool {
    let mut channel = office().open_hello(minted.raw(), &minted.keys, hello).expect("an authentic hello").channel;
    let place =
        |index: usize, position: u32| if renumber { u32::try_from(index).expect("few frames") } else { position };
    let Some(((position, last), segments)) = frames.split_last() else { return false };
    segments
        .iter()
        .enumerate()
        .all(|(index, (position, segment))| channel.open_segment(place(index, *position), segment).is_ok())
        && channel.open_final(place(segments.len(), *position), last).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_content_goes_through_and_no_change_of_the_sequence_does(
        length in 0..5 * SEGMENT_DATA,
        attacks in prop::collection::vec(attack(), 1..8),
    ) {
        let minted = mint(SUITES[0], 8);
        let mut sender = sender(&minted, 8);
        let (segments, last) = seal_all(&mut sender, &content(length));
        let original: Frames = (0..).zip(segments.into_iter().chain([last])).collect();
        prop_assert!(is_accepted(&minted, sender.hello(), &original, false));
        for attack in &attacks {
            let mut frames = original.clone();
            apply(&mut frames, attack);
            if frames != original {
                prop_assert!(!is_accepted(&minted, sender.hello(), &frames, false), "{attack:?}");
                prop_assert!(!is_accepted(&minted, sender.hello(), &frames, true), "{attack:?}, renumbered");
            }
        }
    }
}
