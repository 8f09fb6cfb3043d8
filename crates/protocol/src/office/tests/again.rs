//! Coming again: the same hello, another attempt, a resume.

use super::*;

#[test]
fn a_receipt_can_be_asked_for_again_even_when_the_ticket_has_ended() {
    let (state, receipt) = complete(1, b"short");
    let mut office = Office::new(state, Err(Reason::NotPermitted), at(5000));
    let (frames, channel) = frames_of(sender(1), b"short", 0);
    office.feed(&frames[0]);
    assert_eq!(office.replies(&channel), [Reply::Receipt(receipt.as_bytes().to_vec())]);
    assert_eq!(office.log, ["look up", "claim", "fin"]);
}

#[test]
fn the_same_content_by_another_attempt_gets_the_same_receipt() {
    let content = content(200_000);
    let (state, receipt) = complete(5, &content);
    for attempt in [4, 6] {
        let mut office = Office::new(state.clone(), Ok(u64::MAX), at(1));
        let (frames, channel) = frames_of(sender(attempt), &content, 0);
        office.feed_all(&frames);
        let replies = office.replies(&channel);
        assert_eq!(replies, [Reply::Accepted { next: 0 }, Reply::Receipt(receipt.as_bytes().to_vec())]);
        assert_eq!(office.log, ["look up", "claim", "fin"], "nothing is stored");
    }
}

#[test]
fn other_content_after_completion_is_refused() {
    let (state, _) = complete(5, &content(200_000));
    let mut changed = content(200_000);
    changed[199_999] ^= 1;
    for (other, frames_needed) in [(changed, 5), (content(199_999), 5), (content(400_000), 5)] {
        let mut office = Office::new(state.clone(), Ok(u64::MAX), at(1));
        let (frames, channel) = frames_of(sender(6), &other, 0);
        office.feed_all(&frames[..frames.len().min(frames_needed + 1)]);
        assert_eq!(office.last_reason(&channel), Reason::AlreadyUsed);
        assert_eq!(office.log, ["look up", "claim", "fin"]);
    }
    let announced = Intro { length: Some(7), ..intro(6) };
    let channel = ToySender::new(&ticket(), announced, None, OFFICE_KEY, 6);
    let mut office = Office::new(state, Ok(u64::MAX), at(1));
    office.feed(&encode_frame(FrameType::Hello, channel.hello()));
    assert_eq!(office.last_reason(&channel), Reason::AlreadyUsed, "known from the hello alone");
}

#[test]
fn a_running_higher_attempt_keeps_its_lease() {
    let mut office = Office::new(TicketState::Running { attempt: 5, digest: [0; 32] }, Ok(u64::MAX), at(1));
    let (frames, channel) = frames_of(sender(4), b"short", 0);
    office.feed_all(&frames);
    assert_eq!(office.last_reason(&channel), Reason::Superseded(5));
}

#[test]
fn nobody_is_refused_for_good_before_the_ticket_is_decided() {
    let (frames, channel) = frames_of(sender(4), b"short", 0);
    let digest_of_it = {
        let mut office = Office::open();
        office.feed(&frames[0]);
        office.began.unwrap().1
    };
    let cases = [
        (at(1), Ok(u64::MAX), Reason::TryLater, "there may be a receipt in a moment"),
        (at(1), Err(Reason::NotPermitted), Reason::NotPermitted, "whatever is decided"),
        (at(101), Ok(u64::MAX), Reason::Expired, "the same"),
    ];
    for (now, verdict, reason, why) in cases {
        let mut office = Office::new(TicketState::Undecided { digest: [0; 32] }, verdict, now);
        office.feed_all(&frames);
        assert_eq!(office.last_reason(&channel), reason, "{why}");
        assert_eq!(office.log, ["look up", "claim", "fin"]);

        let mut office = Office::new(TicketState::Undecided { digest: digest_of_it }, verdict, now);
        office.feed_all(&frames);
        assert_eq!(office.last_reason(&channel), Reason::TryLater, "it is the hello that waits");
    }
}

#[test]
fn only_a_higher_attempt_supersedes() {
    let unfinished = TicketState::Unfinished { attempt: 5, digest: [0; 32], next: 1 };
    for attempt in [4, 5] {
        let mut office = Office::new(unfinished.clone(), Ok(u64::MAX), at(1));
        let (frames, channel) = frames_of(sender(attempt), b"short", 0);
        office.feed_all(&frames);
        assert_eq!(office.last_reason(&channel), Reason::Superseded(5));
        assert!(office.began.is_none());
    }
    let mut office = Office::new(unfinished, Ok(u64::MAX), at(1));
    office.feed_all(&frames_of(sender(6), b"short", 0).0);
    assert_eq!(office.log, ["look up", "claim", "begin", "store", "finish"]);
}

/// An attempt of which `stored` segments are in the store.
fn interrupted(content: &[u8], stored: usize) -> (Office, ToySender) {
    let (frames, channel) = frames_of(sender(1), content, 0);
    let mut first = Office::open();
    first.feed_all(&frames[..=stored]);
    first.stream.handle_lost(first.now);
    assert!(first.stream.is_finished());
    let (attempt, digest) = first.began.unwrap();
    let state = TicketState::Unfinished { attempt, digest, next: stored as u32 };
    let mut second = Office::new(state, Ok(u64::MAX), at(1));
    second.segments = first.segments;
    (second, channel)
}

#[test]
fn an_interrupted_upload_resumes_where_the_store_stopped() {
    let content = content(300_000);
    let (mut office, channel) = interrupted(&content, 3);
    let (frames, channel) = frames_of(channel, &content, 3);
    office.feed(&frames[0]);
    assert_eq!(office.replies(&channel), [Reply::Accepted { next: 3 }]);
    office.feed_all(&frames[1..]);
    let log = ["look up", "claim", "read back", "read back", "read back", "store", "store", "finish"];
    assert_eq!(office.log, log);
    assert!(channel.accepts(&office.commit()));
}

#[test]
fn a_resume_accepts_nothing_but_the_first_missing_segment() {
    let content = content(300_000);
    let (mut office, channel) = interrupted(&content, 2);
    let (frames, _) = frames_of(channel, &content, 0);
    office.feed_all(&frames[..2]);
    assert_eq!(office.log.last(), Some(&"refused"));
}

#[test]
fn a_store_that_lost_a_segment_asks_for_a_new_attempt() {
    for damage in [true, false] {
        let content = content(300_000);
        let (mut office, channel) = interrupted(&content, 3);
        if damage {
            office.segments[1][9] ^= 1
        } else {
            office.segments.truncate(1)
        }
        let (frames, channel) = frames_of(channel, &content, 3);
        office.feed(&frames[0]);
        assert_eq!(office.last_reason(&channel), Reason::Superseded(1));
    }
}

#[test]
fn who_is_superseded_writes_no_more() {
    let (frames, _) = frames_of(sender(1), &content(300_000), 0);
    let mut office = Office::open();
    office.feed_all(&frames[..2]);
    office.stream.handle_data(&frames[2], office.now);
    office.stream.handle_superseded(office.now);
    office.drive();
    assert_eq!(office.log, ["look up", "claim", "begin", "store", "unavailable"]);
}

#[test]
fn no_attempt_number_leaves_others_without_a_higher_one() {
    let latest = (BEGIN.0 + 1 + MAX_CLOCK_AHEAD.as_secs()) * 1_000_000;
    for attempt in [latest + 1, u64::MAX] {
        let mut office = Office::open();
        let (frames, channel) = frames_of(sender(attempt), b"short", 0);
        office.feed_all(&frames);
        assert_eq!(office.last_reason(&channel), Reason::TryLater);
        assert_eq!(office.log, ["look up", "fin"], "no claim");
    }
    let mut office = Office::open();
    office.feed_all(&frames_of(sender(latest), b"short", 0).0);
    assert_eq!(office.log.last(), Some(&"finish"));
}

#[test]
fn who_is_not_welcome_takes_the_lease_from_nobody() {
    let (frames, channel) = frames_of(sender(7), b"short", 0);
    let mut welcome = Office::open();
    welcome.feed(&frames[0]);
    assert_eq!(welcome.claimed, Some(7));

    let running = TicketState::Running { attempt: 5, digest: [0; 32] };
    for (now, verdict, reason) in
        [(at(1), Err(Reason::NotPermitted), Reason::NotPermitted), (at(101), Ok(u64::MAX), Reason::Expired)]
    {
        let mut office = Office::new(running.clone(), verdict, now);
        office.feed(&frames[0]);
        assert_eq!(office.claimed, Some(0));
        assert_eq!(office.last_reason(&channel), reason);
        assert!(office.began.is_none());
    }
}

#[test]
fn a_late_question_waits_for_a_completion_under_way() {
    let (frames, channel) = frames_of(sender(7), b"short", 0);
    let mut first = Office::open();
    first.feed(&frames[0]);
    let (attempt, digest) = first.began.unwrap();
    let mut office = Office::new(TicketState::Running { attempt, digest }, Ok(u64::MAX), at(101));
    office.feed(&frames[0]);
    assert_eq!(office.last_reason(&channel), Reason::TryLater, "not Expired: there may be a receipt in a moment");

    let mut office = Office::new(TicketState::Unfinished { attempt, digest, next: 0 }, Ok(u64::MAX), at(101));
    office.feed(&frames[0]);
    assert_eq!(office.last_reason(&channel), Reason::Expired, "nobody is about to complete it");
}

#[test]
fn who_sent_before_is_told_to_nobody_else() {
    let (state, _) = complete(5, b"short");
    let vendor: MemberId = "vendor".parse().unwrap();
    let declared = Intro { sender: Some(vendor), ..intro(6) };
    for (key, reason) in [([1; 32], Reason::BadIdentity), (VENDOR_KEY, Reason::AlreadyUsed)] {
        let channel = ToySender::new(&ticket(), declared.clone(), Some((vendor, key)), OFFICE_KEY, 6);
        let (frames, channel) = frames_of(channel, b"short", 0);
        let mut office = Office::new(state.clone(), Ok(u64::MAX), at(1));
        office.feed_all(&frames);
        assert_eq!(office.replies(&channel)[0], Reply::Accepted { next: 0 });
        assert_eq!(office.last_reason(&channel), reason);
    }
}

#[test]
fn an_announced_length_holds_in_a_comparison_too() {
    let (state, _) = complete(5, b"short");
    let announced = Intro { length: Some(5), ..intro(6) };
    let channel = ToySender::new(&ticket(), announced, None, OFFICE_KEY, 6);
    let (frames, channel) = frames_of(channel, b"shor", 0);
    let mut office = Office::new(state, Ok(u64::MAX), at(1));
    office.feed_all(&frames);
    assert_eq!(office.last_reason(&channel), Reason::Malformed);
}

#[test]
fn who_did_not_claim_its_attempt_does_not_begin_it() {
    let (frames, channel) = frames_of(sender(7), b"short", 0);
    let mut office = Office::new(TicketState::Open, Ok(u64::MAX), Now { unix: UnixSeconds(BEGIN.0 - 1), ..at(0) });
    office.stream.handle_data(&frames[0], office.now);
    // The lease comes late: by then the ticket is valid, but the claim was not for attempt 7.
    office.now = at(1);
    office.drive();
    assert_eq!(office.claimed, Some(0));
    assert!(office.began.is_none());
    assert_eq!(office.last_reason(&channel), Reason::NotYetValid(BEGIN.0));
}

#[test]
fn a_ticket_that_ends_while_its_lease_is_waited_for_is_still_good() {
    let (frames, _) = frames_of(sender(7), b"short", 0);
    let mut office = Office::new(TicketState::Open, Ok(u64::MAX), at(100));
    office.stream.handle_data(&frames[0], office.now);
    office.now = at(101);
    office.drive();
    assert_eq!(office.log, ["look up", "claim", "begin"]);
}
