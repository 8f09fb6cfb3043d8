//! An attempt that its sender's program wrote down and goes on with after a restart.

use crate::common::*;
use schleuse_protocol::channel::{ChannelError, OfficeChannel, OfficeSeal, ReplyOpener, SenderChannel};
use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Reply;
use schleuse_seal::{RestoreError, Sender};

#[test]
fn a_restored_attempt_makes_identical_bytes_and_accepts_the_receipt() {
    for suite in SUITES {
        for length in [0, 1, 3 * SEGMENT_DATA, 15 * SEGMENT_DATA, 700_001] {
            let minted = mint(suite, 1);
            let content = content(length);
            let mut first = sender(&minted, 1);
            let (segments, last) = seal_all(&mut first, &content);
            let saved = first.save().unwrap();
            let hello = first.hello().clone();
            drop(first);

            let mut again = Sender::restore(&minted.ticket, &saved).unwrap();
            assert_eq!((again.hello(), again.intro()), (&hello, &intro(Some(vendor()), 1)));
            assert_eq!(again.content_length(), Some(length as u64));
            // A resume begins in the middle, and comes back to the beginning when the office lost something.
            let count = u32::try_from(segments.len()).unwrap();
            assert_eq!(again.seal_final(count).unwrap(), last);
            for (position, (data, padding)) in (0..).zip(pieces(&content)).collect::<Vec<_>>().into_iter().rev() {
                assert_eq!(again.seal_segment(position, data, padding).unwrap(), segments[position as usize]);
            }
            assert_eq!(*again.save().unwrap(), *saved, "saving again changes nothing");

            let mut opened = open(&minted, &again).unwrap();
            let (_, trailer) = open_all(&mut opened.channel, &segments, &last).unwrap();
            let receipt = office().sign_receipt(receipt_body(&minted, &opened.intro, &trailer));
            let salt = opened.channel.start_replies();
            let sealed = opened.channel.seal_reply(&Reply::Receipt(receipt.as_bytes().to_vec()));
            let Reply::Receipt(bytes) = again.replies(&salt).open(&sealed).unwrap() else { panic!("not a receipt") };
            assert!(again.accepts(&Receipt::from_bytes(bytes).unwrap()));
        }
    }
}

#[test]
fn a_restored_attempt_never_seals_another_content() {
    let minted = mint(SUITES[0], 2);
    let content = content(3 * SEGMENT_DATA + 5);
    let mut first = sender(&minted, 2);
    let (segments, _) = seal_all(&mut first, &content);
    let saved = first.save().unwrap();
    let mut again = Sender::restore(&minted.ticket, &saved).unwrap();
    for (position, (data, padding)) in (0..).zip(pieces(&content)) {
        let mut changed = data.to_vec();
        changed[0] ^= 1;
        let mut out = vec![7];
        let sealed = again.seal_segment_into(position, &changed, padding, &mut out);
        assert_eq!((sealed, out), (Err(ChannelError::PlaintextDiffers), vec![7]), "position {position}");
        assert_eq!(again.seal_segment(position, data, padding).unwrap(), segments[position as usize]);
    }
    let beyond = u32::try_from(segments.len()).unwrap();
    assert_eq!(again.seal_segment(beyond, &[1], 0), Err(ChannelError::Malformed), "a longer content");
    assert_eq!(again.seal_final(beyond - 1), Err(ChannelError::Malformed), "a shorter content");
}

#[test]
fn an_attempt_is_saved_only_when_all_of_it_was_sealed() {
    let minted = mint(SUITES[0], 3);
    let content = content(2 * SEGMENT_DATA);
    let mut sender = sender(&minted, 3);
    assert!(sender.save().is_none());
    let (data, padding) = pieces(&content)[0];
    sender.seal_segment(0, data, padding).unwrap();
    assert!(sender.save().is_none(), "positions without a tag are left");
}

#[test]
fn what_is_no_saved_attempt_of_this_ticket_is_told() {
    let minted = mint(SUITES[0], 4);
    let mut sender = sender(&minted, 4);
    seal_all(&mut sender, b"a list");
    let saved = sender.save().unwrap();
    let restore = |bytes: &[u8]| Sender::restore(&minted.ticket, bytes).err();
    assert_eq!(restore(b"{\"guests\": []}"), Some(RestoreError::Foreign));
    assert_eq!(restore(b""), Some(RestoreError::Foreign));
    let mut other_version = saved.to_vec();
    other_version[8] = 9;
    assert_eq!(restore(&other_version), Some(RestoreError::Version(9)));
    for cut in 8..saved.len() {
        assert_eq!(restore(&saved[..cut]), Some(RestoreError::Damaged), "{cut} bytes");
    }
    for at in 9..saved.len() {
        let mut flipped = saved.to_vec();
        flipped[at] ^= 0x10;
        assert_eq!(restore(&flipped), Some(RestoreError::Damaged), "byte {at}");
    }
    let other = Sender::restore(&mint(SUITES[0], 5).ticket, &saved);
    assert_eq!(other.err(), Some(RestoreError::OtherTicket));
}
