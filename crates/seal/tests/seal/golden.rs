//! One whole connection per suite from fixed randomness, frame by frame: any change of the format shows here. If a change
//! is meant, the protocol's version must change with it.

use schleuse_protocol::channel::{OfficeChannel, OfficeSeal, SenderChannel};
use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::wire::frame::{FrameType, encode_frame, encode_raw, encode_segment};
use schleuse_protocol::wire::reply::Reply;
use schleuse_protocol::wire::ticket::Suite;
use schleuse_seal::{Office, OneTimeSecret, Sender, TicketKeys, sign_ticket, verify_ticket};
use sha2::{Digest, Sha256};

use crate::common::*;

/// Name, length and SHA-256 of a frame.
fn line(name: &str, bytes: &[u8]) -> String {
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name:<12}{:>6}  {hash}\n", bytes.len())
}

fn transcript(suite: Suite) -> String {
    // One byte each, so that another implementation has the same randomness: golden-suite-1.py is one.
    let (secret, key) = OneTimeSecret::generate(suite, &mut FixedRng::new(&[0x11; 32]));
    let ticket = sign_ticket(body(key, 42), &office_key());
    let ticket = verify_ticket(&ticket, &office_key().public()).expect("it was just signed");
    let minted = Minted { ticket, keys: TicketKeys::new(secret) };
    let office = Office::new(office_key(), FixedRng::new(&[0x33; 32]));
    let identity = Some((vendor(), vendor_key()));
    let mut rng = FixedRng::new(&[0x22; 64]);
    let mut sender = Sender::new(&minted.ticket, intro(Some(vendor()), 42), identity, &mut rng).expect("a good ticket");
    let mut opened = office.open_hello(minted.raw(), &minted.keys, sender.hello()).expect("an authentic hello");
    let (segments, last) = seal_all(&mut sender, &content(SEGMENT_DATA + 1000));
    let (_, trailer) = open_all(&mut opened.channel, &segments, &last).expect("an authentic content");
    let receipt = office.sign_receipt(receipt_body(&minted, &opened.intro, &trailer));

    let mut text = line("ticket", minted.raw().as_bytes());
    text += &line("hello", &encode_frame(FrameType::Hello, sender.hello()));
    for (position, segment) in (0..).zip(&segments) {
        text += &line(&format!("segment {position}"), &encode_segment(FrameType::Segment, position, segment));
    }
    text += &line("final 2", &encode_segment(FrameType::Final, 2, &last));
    text += &line("reply start", &encode_raw(FrameType::ReplyStart, &[&opened.channel.start_replies()]));
    let replies = [Reply::Accepted { next: 0 }, Reply::Receipt(receipt.as_bytes().to_vec())];
    for (number, reply) in replies.iter().enumerate() {
        let sealed = opened.channel.seal_reply(reply);
        text += &line(&format!("reply {number}"), &encode_raw(FrameType::Reply, &[&sealed]));
    }
    text
}

#[test]
fn suite_1_has_not_changed() {
    assert_eq!(transcript(Suite::X25519), include_str!("golden-suite-1.txt"));
}

#[test]
fn suite_2_has_not_changed() {
    assert_eq!(transcript(Suite::XWing), include_str!("golden-suite-2.txt"));
}
