//! One sealed connection from hello to receipt, in both suites.

use crate::common::*;
use schleuse_protocol::channel::{ChannelError, OfficeChannel, OfficeSeal, ReplyOpener, SenderChannel};
use schleuse_protocol::limits::{REPLY_PLAINTEXT, SEGMENT_DATA, SEGMENT_PLAINTEXT, TAG, TRAILER_PLAINTEXT};
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::proof::{Attestation, Proof};
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::reply::{Reason, Refusal, Reply};
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_seal::{
    SealError, SegmentOpener, Sender, StorageKey, system_rng, ticket_hash, verify_attestation, verify_receipt,
};
use sha2::{Digest, Sha256};

/// A proof as it reaches somebody who never saw the connection; nothing in it can be exchanged.
fn whoever_has_the_receipt_can_prove_who_sent_it(receipt: &Receipt, attestation: &Attestation) {
    let file = Proof { receipt: receipt.clone(), attestation: attestation.clone() }.to_bytes();
    let Proof { receipt, attestation } = Proof::from_bytes(&file).expect("it reads what it writes");
    let (said, key) = (receipt.body(), vendor_key().public());
    assert!(verify_attestation(said, &attestation, &key));
    assert!(!verify_attestation(said, &attestation, &office_key().public()));
    let forged = [
        ReceiptBody { office: "ga-other".parse().expect("a name"), ..said.clone() },
        ReceiptBody { ticket: TicketId([0; 16]), ..said.clone() },
        ReceiptBody { kind: "contact-list".parse().expect("a name"), ..said.clone() },
        ReceiptBody { sender: Some("vendor-b".parse().expect("a name")), ..said.clone() },
        ReceiptBody { sender: None, ..said.clone() },
        ReceiptBody { content_hash: ContentHash([0; 32]), ..said.clone() },
    ];
    for body in forged {
        assert!(!verify_attestation(&body, &attestation, &key), "{body:?}");
    }
    let other_ticket = Attestation { ticket_hash: [0; 32], ..attestation.clone() };
    let other_attempt = Attestation { encapsulated_hash: [0; 32], ..attestation };
    assert!(!verify_attestation(said, &other_ticket, &key) && !verify_attestation(said, &other_attempt, &key));
}

#[test]
fn a_content_goes_through_and_its_receipt_comes_back() {
    for suite in SUITES {
        let minted = mint(suite, 1);
        let content = content(3 * SEGMENT_DATA + 17);
        let mut sender = sender(&minted, 1);
        let office = office();
        let mut opened = office.open_hello(minted.raw(), &minted.keys, sender.hello()).unwrap();
        assert_eq!(opened.intro, intro(Some(vendor()), 1));

        let (segments, last) = seal_all(&mut sender, &content);
        let (length, trailer) = open_all(&mut opened.channel, &segments, &last).unwrap();
        assert_eq!(length, content.len() as u64);
        assert_eq!(trailer.content_hash, ContentHash(Sha256::digest(&content).into()));
        let identity = trailer.identity.as_ref().unwrap();
        let (kind, hash) = (opened.intro.kind, trailer.content_hash);
        assert!(opened.channel.verify_identity(identity, &kind, &hash, &vendor_key().public()));
        assert!(!opened.channel.verify_identity(identity, &kind, &hash, &office_key().public()));
        assert!(!opened.channel.verify_identity(identity, &kind, &ContentHash([0; 32]), &vendor_key().public()));
        let other_kind = "contact-list".parse().unwrap();
        assert!(!opened.channel.verify_identity(identity, &other_kind, &hash, &vendor_key().public()));

        let receipt = office.sign_receipt(receipt_body(&minted, &opened.intro, &trailer));
        whoever_has_the_receipt_can_prove_who_sent_it(&receipt, &opened.channel.attestation(identity));
        let salt = opened.channel.start_replies();
        let sealed = opened.channel.seal_reply(&Reply::Receipt(receipt.as_bytes().to_vec()));
        let Reply::Receipt(bytes) = sender.replies(&salt).open(&sealed).unwrap() else { panic!("not a receipt") };
        assert!(sender.accepts(&Receipt::from_bytes(bytes).unwrap()));
        assert!(verify_receipt(&receipt, &office_key().public()));
        assert!(!verify_receipt(&receipt, &vendor_key().public()));
    }
}

#[test]
fn every_length_goes_through_and_shows_only_its_padded_size() {
    let lengths = [0, 1, 1023, 1024, 1025, SEGMENT_DATA - 1, SEGMENT_DATA, SEGMENT_DATA + 1, 700_001];
    for length in lengths {
        let minted = mint(SUITES[0], 2);
        let content = content(length);
        let mut sender = sender(&minted, 2);
        let mut opened = open(&minted, &sender).unwrap();
        let (segments, last) = seal_all(&mut sender, &content);
        let (_, trailer) = open_all(&mut opened.channel, &segments, &last).unwrap();
        assert_eq!(trailer.length, length as u64);
        assert_eq!(last.len(), TRAILER_PLAINTEXT + TAG);
        let (short, full) = segments.split_last().unwrap();
        assert!(full.iter().all(|segment| segment.len() == SEGMENT_PLAINTEXT + TAG));
        assert!(short.len() <= SEGMENT_PLAINTEXT + TAG);

        // What is stored as it came opens later with the key alone, in any order.
        let opener = SegmentOpener::new(&StorageKey::from_bytes(&opened.storage_key.to_bytes()));
        let count = u32::try_from(segments.len()).unwrap();
        let mut parts: Vec<_> = (0..count)
            .rev()
            .map(|position| opener.open_segment(position, &segments[position as usize]).unwrap())
            .collect();
        parts.reverse();
        let read: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        assert_eq!(read, content, "length {length}");
        assert_eq!(opener.open_final(count, &last).unwrap(), trailer);
        assert!(opener.open_segment(count, &segments[0]).is_err());
        assert!(opener.open_final(count + 1, &last).is_err());
    }
}

#[test]
fn an_anonymous_sender_needs_no_key() {
    let minted = mint(SUITES[0], 3);
    let mut sender = Sender::new(&minted.ticket, intro(None, 1), None, &mut system_rng()).unwrap();
    let mut opened = open(&minted, &sender).unwrap();
    let (segments, last) = seal_all(&mut sender, b"hello");
    let (_, trailer) = open_all(&mut opened.channel, &segments, &last).unwrap();
    assert_eq!(trailer.identity, None);
}

#[test]
fn the_declared_sender_must_be_the_one_that_signs() {
    let minted = mint(SUITES[0], 3);
    let identity = Some((vendor(), vendor_key()));
    let wrong = Sender::new(&minted.ticket, intro(None, 1), identity, &mut rng(1));
    assert_eq!(wrong.err(), Some(SealError::SenderMismatch));
    let wrong = Sender::new(&minted.ticket, intro(Some(vendor()), 1), None, &mut rng(1));
    assert_eq!(wrong.err(), Some(SealError::SenderMismatch));
}

#[test]
fn sealing_again_gives_the_same_bytes_and_other_data_are_refused() {
    let minted = mint(SUITES[0], 4);
    let content = content(2 * SEGMENT_DATA + 5);
    let mut sender = sender(&minted, 4);
    let hello = sender.hello().clone();
    let (segments, last) = seal_all(&mut sender, &content);
    assert_eq!(*sender.hello(), hello);
    assert_eq!(seal_all(&mut sender, &content), (segments.clone(), last));

    let pieces = pieces(&content);
    for (position, (data, padding)) in (0..).zip(&pieces) {
        let mut changed = data.to_vec();
        changed[0] ^= 1;
        let again = sender.seal_segment(position, &changed, *padding);
        assert_eq!(again, Err(ChannelError::PlaintextDiffers));
        let mut out = b"frame".to_vec();
        assert!(sender.seal_segment_into(position, &changed, *padding, &mut out).is_err());
        assert_eq!(out, b"frame", "nothing of a refused sealing may stay");
        sender.seal_segment_into(position, data, *padding, &mut out).unwrap();
        assert_eq!(out[5..], segments[position as usize]);
    }
    let (data, padding) = pieces[2];
    assert_eq!(sender.seal_segment(2, &data[1..], padding), Err(ChannelError::PlaintextDiffers));
    assert_eq!(sender.seal_segment(2, data, padding - 1), Err(ChannelError::PlaintextDiffers));
    assert_eq!(sender.seal_segment(2, &data[1..], padding + 1), Err(ChannelError::PlaintextDiffers));
}

#[test]
fn a_sender_seals_in_order_and_nothing_after_the_end() {
    let minted = mint(SUITES[0], 5);
    let mut sender = sender(&minted, 5);
    assert_eq!(sender.seal_segment(1, b"x", 1023), Err(ChannelError::Malformed));
    assert_eq!(sender.seal_segment(0, b"x", usize::MAX), Err(ChannelError::Malformed));
    assert_eq!(sender.seal_segment(0, &[0; SEGMENT_DATA + 1], 0), Err(ChannelError::Malformed));
    assert_eq!(sender.seal_final(0), Err(ChannelError::Malformed), "nothing is sealed, so nothing is padded");
    sender.seal_segment(0, b"x", 1023).unwrap();
    assert_eq!(sender.seal_final(0), Err(ChannelError::Malformed));
    assert_eq!(sender.seal_final(2), Err(ChannelError::Malformed));
    sender.seal_final(1).unwrap();
    assert_eq!(sender.seal_segment(1, b"x", 1023), Err(ChannelError::Malformed));
    assert_eq!(sender.seal_segment(u32::MAX, b"x", 1023), Err(ChannelError::Malformed));
}

#[test]
fn a_receipt_for_anything_else_is_not_accepted() {
    let minted = mint(SUITES[0], 6);
    let office = office();
    let mut sender = sender(&minted, 6);
    let mut opened = open(&minted, &sender).unwrap();
    let (segments, last) = seal_all(&mut sender, b"data");
    let (_, trailer) = open_all(&mut opened.channel, &segments, &last).unwrap();
    let body = receipt_body(&minted, &opened.intro, &trailer);
    assert!(sender.accepts(&office.sign_receipt(body.clone())));

    let changes: [fn(&mut schleuse_protocol::wire::receipt::ReceiptBody); 6] = [
        |body| body.office = "ga-bonn".parse().unwrap(),
        |body| body.ticket.0[0] ^= 1,
        |body| body.kind = "other".parse().unwrap(),
        |body| body.sender = None,
        |body| body.length += 1,
        |body| body.content_hash.0[31] ^= 1,
    ];
    for change in changes {
        let mut changed = body.clone();
        change(&mut changed);
        assert!(!sender.accepts(&office.sign_receipt(changed)));
    }
    let mut forged = office.sign_receipt(body).as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert!(!sender.accepts(&Receipt::from_bytes(forged).unwrap()));
}

#[test]
fn replies_have_one_size_and_one_order() {
    let minted = mint(SUITES[0], 7);
    let sender = sender(&minted, 7);
    let mut opened = open(&minted, &sender).unwrap();
    let salt = opened.channel.start_replies();
    let long = Refusal { reason: Reason::TooLarge(5), text: "x".repeat(10_000) };
    let replies = [Reply::Accepted { next: 3 }, Reply::Progress { stored: 4 }, Reply::Refusal(long)];
    let mut seal = |reply| {
        assert_eq!(opened.channel.start_replies(), salt, "starting again must not start the counter again");
        opened.channel.seal_reply(reply)
    };
    let sealed: Vec<_> = replies.iter().map(&mut seal).collect();
    assert!(sealed.iter().all(|reply| reply.len() == REPLY_PLAINTEXT + TAG));

    let mut opener = sender.replies(&salt);
    assert_eq!(opener.open(&sealed[1]), Err(ChannelError::NotAuthentic), "out of order");
    assert_eq!(opener.open(&sealed[0]), Ok(replies[0].clone()));
    assert_eq!(opener.open(&sealed[0]), Err(ChannelError::NotAuthentic), "replayed");
    assert_eq!(opener.open(&sealed[1]), Ok(replies[1].clone()));
    let reason_only = Refusal { reason: Reason::TooLarge(5), text: String::new() };
    assert_eq!(opener.open(&sealed[2]), Ok(Reply::Refusal(reason_only)));
}

#[test]
fn two_streams_of_one_attempt_share_no_reply_key() {
    let minted = mint(SUITES[0], 8);
    let sender = sender(&minted, 8);
    let office = office();
    let mut first = office.open_hello(minted.raw(), &minted.keys, sender.hello()).unwrap().channel;
    let mut second = office.open_hello(minted.raw(), &minted.keys, sender.hello()).unwrap().channel;
    let (salt, other) = (first.start_replies(), second.start_replies());
    assert_ne!(salt, other);
    let reply = Reply::Accepted { next: 0 };
    assert_ne!(first.seal_reply(&reply), second.seal_reply(&reply));
    assert!(sender.replies(&salt).open(&first.seal_reply(&reply)).is_err(), "the counter goes on");
}

#[test]
fn two_attempts_and_two_tickets_share_nothing() {
    for suite in SUITES {
        let (one, two) = (mint(suite, 9), mint(suite, 10));
        assert_ne!(ticket_hash(one.raw()), ticket_hash(two.raw()));
        let mut senders = [sender(&one, 9), sender(&one, 10), sender(&two, 9)];
        let mut seen = Vec::new();
        for (index, sender) in senders.iter_mut().enumerate() {
            let minted = if index < 2 { &one } else { &two };
            let opened = open(minted, sender).unwrap();
            seen.push(sender.hello().commitment.to_vec());
            seen.push(opened.storage_key.to_bytes().to_vec());
            seen.push(opened.digest.to_vec());
            seen.push(sender.hello().sealed_intro.to_vec());
            seen.push(sender.seal_segment(0, b"same", 1020).unwrap());
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}

/// Compiles only if `T` has no `Debug`: with it, there are two candidates for the marker.
macro_rules! assert_no_debug {
    ($($secret:ty),*) => {
        trait NoDebug<Marker> {
            fn holds() {}
        }
        struct HasDebug;
        impl<T: ?Sized> NoDebug<()> for T {}
        impl<T: ?Sized + core::fmt::Debug> NoDebug<HasDebug> for T {}
        $(<$secret as NoDebug<_>>::holds();)*
    };
}

#[test]
fn secrets_cannot_be_printed_and_channels_can_move_between_threads() {
    use schleuse_seal::*;
    assert_no_debug!(
        SigningKey,
        OneTimeSecret,
        TicketKeys,
        StorageKey,
        SegmentOpener,
        Kek,
        RouteSealer,
        Sender,
        Connection,
        Office,
        Replies,
        VerifiedTicket
    );
    fn can_move<T: Send>() {}
    fn can_be_shared<T: Send + Sync>() {}
    can_move::<(Sender, Connection, Replies, TicketKeys, StorageKey)>();
    can_be_shared::<(Office, SigningKey, Kek, RouteSealer, SegmentOpener, VerifiedTicket)>();
}
