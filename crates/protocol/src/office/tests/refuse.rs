//! What is refused, to whom the reason is told, and what is left of it.

use super::*;

#[test]
fn outside_the_seal_every_refusal_is_the_same() {
    let (frames, _) = frames_of(sender(1), b"short", 0);
    let unknown = {
        let policy = Policy { verdict: Ok(0), text: String::new() };
        let mut office =
            Office { stream: OfficeStream::new(ToyOffice::new(OFFICE_KEY), policy, at(1)), ..Office::open() };
        office.log.clear();
        let incoming = Incoming { version: VERSION, nonce: RouteNonce([8; 16]) };
        office.feed(&encode_frame(FrameType::Incoming, &incoming));
        office
    };
    assert_eq!((unknown.log, unknown.sent.len()), (vec!["look up", "refused"], 0));

    for flipped in [5, 20, 60, 100, 200] {
        let mut office = Office::open();
        let mut hello = frames[0].clone();
        hello[flipped] ^= 1;
        office.feed(&hello);
        assert_eq!((office.log, office.sent.len()), (vec!["look up", "refused"], 0), "byte {flipped}");
    }
    let mut office = Office::open();
    office.feed(&frames[1]);
    assert_eq!((office.log, office.sent.len()), (vec!["look up", "refused"], 0));
}

#[test]
fn a_frame_that_is_not_due_is_refused_with_its_first_byte() {
    let hello = frames_of(sender(1), b"short", 0).0[0].clone();
    for (before, not_due) in [(vec![], FrameType::Segment), (vec![], FrameType::Final), (hello, FrameType::Hello)] {
        let mut office = Office::open();
        office.feed(&before);
        office.feed(&[not_due as u8]);
        assert_eq!(office.log.last(), Some(&"refused"), "{not_due:?}");
    }
    let policy = Policy { verdict: Ok(u64::MAX), text: String::new() };
    let mut first = OfficeStream::new(ToyOffice::new(OFFICE_KEY), policy, at(1));
    first.handle_data(&[FrameType::Segment as u8], at(1));
    assert!(matches!(first.poll_action(), Some(OfficeAction::Reset(StreamRefusal::Refused))));
}

#[test]
fn the_holder_of_the_ticket_learns_the_reason() {
    let refusals = [
        (at(1), Err(Reason::NotPermitted), Reason::NotPermitted),
        (at(1), Err(Reason::TryLater), Reason::TryLater),
        (at(101), Ok(u64::MAX), Reason::Expired),
        (Now { unix: UnixSeconds(BEGIN.0 - 1), ..at(0) }, Ok(u64::MAX), Reason::NotYetValid(BEGIN.0)),
    ];
    for (now, verdict, reason) in refusals {
        let mut office = Office::new(TicketState::Open, verdict, now);
        let (frames, channel) = frames_of(sender(1), b"short", 0);
        office.feed_all(&frames);
        assert_eq!(office.last_reason(&channel), reason);
        assert_eq!(office.log, ["look up", "claim", "fin"]);
    }
}

#[test]
fn a_revoked_ticket_is_refused() {
    let mut office = Office::new(TicketState::Revoked, Ok(u64::MAX), at(1));
    let (frames, channel) = frames_of(sender(1), b"short", 0);
    office.feed_all(&frames);
    assert_eq!(office.last_reason(&channel), Reason::Revoked);
}

#[test]
fn the_purpose_of_a_ticket_binds() {
    let with = |purpose: Purpose| {
        let body = TicketBody { purpose: Some(purpose), ..ticket_body() };
        Ticket::assemble(body, &Signature([0; 64]))
    };
    let other_kind = with(Purpose { kind: Some("vaccination".parse().unwrap()), ..Purpose::default() });
    let other_sender = with(Purpose { sender: Some("vendor".parse().unwrap()), ..Purpose::default() });
    for (ticket, expected) in [(other_kind, Reason::WrongKind), (other_sender, Reason::SenderRequired)] {
        let channel = ToySender::new(&ticket, intro(1), None, OFFICE_KEY, 1);
        let policy = Policy { verdict: Ok(u64::MAX), text: String::new() };
        let mut stream = OfficeStream::new(ToyOffice::new(OFFICE_KEY), policy, at(1));
        stream.handle_data(&encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce: NONCE }), at(1));
        stream.handle_ticket(Some(Found { ticket, keys: () }), at(1));
        stream.handle_data(&encode_frame(FrameType::Hello, channel.hello()), at(1));
        stream.handle_claimed(TicketState::Open, at(1));
        let mut office = Office { stream, ..Office::open() };
        office.drive();
        assert_eq!(office.last_reason(&channel), expected);
    }
}

#[test]
fn what_is_too_long_is_refused_while_it_streams_and_not_kept() {
    let mut office = Office::new(TicketState::Open, Ok(100_000), at(1));
    let (frames, channel) = frames_of(sender(1), &content(1_000_000), 0);
    office.feed_all(&frames[..3]);
    assert_eq!(office.last_reason(&channel), Reason::TooLarge(100_000));
    assert_eq!(office.log, ["look up", "claim", "begin", "store", "discard", "fin"]);
}

#[test]
fn an_announced_length_is_judged_at_once_and_held_to() {
    let announce = |length| {
        let announced = Intro { length: Some(length), ..intro(1) };
        frames_of(ToySender::new(&ticket(), announced, None, OFFICE_KEY, 1), b"12345", 0)
    };
    let (frames, channel) = announce(1001);
    let mut office = Office::new(TicketState::Open, Ok(1000), at(1));
    office.feed_all(&frames[..1]);
    assert_eq!(office.last_reason(&channel), Reason::TooLarge(1000));

    let (frames, channel) = announce(6);
    let mut office = Office::open();
    office.feed_all(&frames);
    assert_eq!(office.last_reason(&channel), Reason::Malformed);
    assert!(office.finish.is_none() && office.segments.is_empty());
}

#[test]
fn whatever_a_proxy_does_to_the_segments_nothing_is_handed_over() {
    let (frames, _) = frames_of(sender(1), &content(300_000), 0);
    let (hello, body) = (frames[0].clone(), frames[1..].to_vec());
    let mut tampered: Vec<Vec<Vec<u8>>> = Vec::new();
    for index in 0..body.len() {
        let mut without = body.clone();
        without.remove(index);
        tampered.push(without);
        let mut twice = body.clone();
        twice.insert(index, body[index].clone());
        // A repetition after the final frame is behind the end.
        if index + 1 < body.len() {
            tampered.push(twice);
            let mut swapped = body.clone();
            swapped.swap(index, index + 1);
            tampered.push(swapped);
        }
        for byte in [0, 5, 9, body[index].len() - 1] {
            let mut flipped = body.clone();
            flipped[index][byte] ^= 1;
            tampered.push(flipped);
        }
    }
    for frames in tampered {
        let mut office = Office::open();
        office.feed(&hello);
        office.feed(&frames.concat());
        office.stream.handle_end(office.now);
        office.drive();
        assert!(office.finish.is_none());
        assert!(office.stream.is_finished());
        assert!(
            ["refused", "unavailable"].contains(office.log.last().unwrap()),
            "no sealed refusal: it is not the sender's"
        );
    }
}

#[test]
fn an_end_without_final_is_an_aborted_attempt() {
    let (frames, _) = frames_of(sender(1), &content(300_000), 0);
    for count in 1..frames.len() {
        let mut office = Office::open();
        office.feed_all(&frames[..count]);
        office.stream.handle_end(office.now);
        office.drive();
        assert_eq!(office.log.last(), Some(&"unavailable"), "after {count} frames");
        assert!(office.finish.is_none() && office.stream.is_finished());
    }
}

#[test]
fn the_declared_sender_must_sign() {
    let vendor: MemberId = "vendor".parse().unwrap();
    let stranger: MemberId = "stranger".parse().unwrap();
    let cases = [
        (Some(vendor), Some((vendor, VENDOR_KEY)), true),
        (Some(vendor), Some((vendor, [1; 32])), false),
        (Some(vendor), Some((stranger, VENDOR_KEY)), false),
        (Some(vendor), None, false),
        (None, Some((vendor, VENDOR_KEY)), false),
        (Some(stranger), Some((stranger, VENDOR_KEY)), false),
    ];
    for (declared, identity, good) in cases {
        let intro = Intro { sender: declared, ..intro(1) };
        let channel = ToySender::new(&ticket(), intro, identity, OFFICE_KEY, 1);
        let (frames, channel) = frames_of(channel, b"short", 0);
        let mut office = Office::open();
        office.feed_all(&frames);
        if good {
            assert_eq!(office.commit().body().sender, Some(vendor));
        } else {
            assert_eq!(office.last_reason(&channel), Reason::BadIdentity);
            assert_eq!(office.log[3..], ["store", "discard", "fin"]);
        }
    }
}

#[test]
fn a_long_text_is_cut_between_characters() {
    assert_eq!(session::cut_text("ä".repeat(150)).len(), 200);
    assert_eq!(session::cut_text("xä".repeat(100)).len(), 199);
    let mut office = Office::new(TicketState::Revoked, Ok(0), at(1));
    office.stream.policy.text = "ß".repeat(5000);
    let (frames, channel) = frames_of(sender(1), b"short", 0);
    office.feed_all(&frames);
    let Some(Reply::Refusal(Refusal { text, .. })) = office.replies(&channel).pop() else { panic!("no refusal") };
    assert_eq!(text, "ß".repeat(100));
}

#[test]
fn a_flipped_bit_anywhere_hands_nothing_over() {
    let (frames, _) = frames_of(sender(1), b"short", 0);
    let whole = frames.concat();
    for bit in 0..whole.len() * 8 {
        let mut office = Office::open();
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        office.feed(&flipped);
        office.stream.handle_end(office.now);
        office.drive();
        assert!(office.finish.is_none() && office.stream.is_finished(), "bit {bit}");
        assert!(["refused", "unavailable"].contains(office.log.last().unwrap()), "bit {bit}");
    }
}
