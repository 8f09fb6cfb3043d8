//! From the hello to the receipt, with a store and a line of any speed.

use super::*;

#[test]
fn a_content_is_stored_then_promised() {
    let (frames, channel) = frames_of(sender(1), &content(100_000), 0);
    let mut office = Office::open();
    office.feed_all(&frames);
    assert_eq!(office.log, ["look up", "claim", "begin", "store", "store", "finish"]);
    let replies = office.replies(&channel);
    assert_eq!(replies[0], Reply::Accepted { next: 0 });
    assert!(!replies.iter().any(|reply| matches!(reply, Reply::Receipt(_))), "not durable, not promised");

    let receipt = office.commit();
    assert!(channel.accepts(&receipt));
    assert_eq!(office.replies(&channel).last(), Some(&Reply::Receipt(receipt.as_bytes().to_vec())));
    assert_eq!(office.log.last(), Some(&"fin"));
    assert!(office.stream.is_finished() && office.stream.poll_timeout().is_none());
}

#[test]
fn bytes_may_come_one_by_one() {
    let (frames, _) = frames_of(sender(1), b"short", 0);
    let mut office = Office::open();
    for byte in frames.concat() {
        office.feed(&[byte]);
    }
    assert_eq!(office.log, ["look up", "claim", "begin", "store", "finish"]);
}

#[test]
fn everything_may_come_at_once() {
    let (frames, _) = frames_of(sender(1), &content(700_000), 0);
    let mut office = Office::open();
    office.feed(&frames.concat());
    assert_eq!(office.log.iter().filter(|entry| **entry == "store").count(), 11);
    assert_eq!(office.log.last(), Some(&"finish"));
}

#[test]
fn a_slow_store_stops_the_reading() {
    let (frames, _) = frames_of(sender(1), &content((MAX_UNSTORED_SEGMENTS + 12) * SEGMENT_DATA), 0);
    let mut office = Office::open();
    office.answer_stored = false;
    office.feed(&frames[..MAX_UNSTORED_SEGMENTS].concat());
    assert!(office.stream.wants_data());
    office.feed(&frames[MAX_UNSTORED_SEGMENTS..MAX_UNSTORED_SEGMENTS + 3].concat());
    assert!(!office.stream.wants_data());
    assert_eq!(office.segments.len(), MAX_UNSTORED_SEGMENTS, "the rest waits");

    office.stream.handle_stored(1, office.now);
    office.drive();
    assert_eq!(office.segments.len(), MAX_UNSTORED_SEGMENTS + 1);
    assert!(!office.stream.wants_data());
    office.stream.handle_stored(5, office.now);
    office.drive();
    assert!(office.stream.wants_data());
    office.stream.handle_stored(3, office.now);
    office.stream.handle_stored(99, office.now);
    assert!(office.stream.wants_data(), "nonsense from a store changes nothing");
}

#[test]
fn slow_headers_end_and_slow_uploads_do_not() {
    let mut office = Office::open();
    let (frames, _) = frames_of(sender(1), b"short", 0);
    for second in 2..11 {
        office.stream.handle_data(&frames[0][second..=second], at(second as u64));
    }
    office.stream.handle_timeout(at(10));
    assert!(!office.stream.is_finished());
    office.stream.handle_timeout(at(11));
    office.drive();
    assert_eq!(office.log.last(), Some(&"refused"));

    let mut office = Office::open();
    office.feed(&frames[0]);
    let mut second = 1;
    for byte in &frames[1] {
        second += IDLE_TIMEOUT.as_secs() - 1;
        office.now = at(second);
        office.stream.handle_timeout(office.now);
        office.feed(&[*byte]);
    }
    office.feed(&frames[2]);
    assert_eq!(office.log.last(), Some(&"finish"), "after {} hours", second / 3600);
}

#[test]
fn a_store_that_does_not_answer_ends_the_stream() {
    let (frames, _) = frames_of(sender(1), b"short", 0);
    let mut office = Office::open();
    office.feed_all(&frames);
    let due = office.stream.poll_timeout().unwrap();
    assert_eq!(due.since(office.now.millis), IDLE_TIMEOUT);
    office.stream.handle_timeout(Now { millis: due.after(Duration::from_millis(1)), ..office.now });
    office.drive();
    assert_eq!(office.log.last(), Some(&"unavailable"));
}

#[test]
fn a_full_disk_is_told_inside_the_seal() {
    let (frames, channel) = frames_of(sender(1), b"short", 0);
    let mut office = Office::open();
    office.feed_all(&frames);
    office.stream.handle_finished(Err(Reason::TryLater), office.now);
    office.drive();
    assert_eq!(office.last_reason(&channel), Reason::TryLater);

    let mut office = Office::open();
    office.feed_all(&frames[..2]);
    office.stream.handle_store_failed(Reason::TryLater, office.now);
    office.drive();
    assert_eq!(office.last_reason(&channel), Reason::TryLater);
    assert!(!office.log.contains(&"discard"));
}

#[test]
fn a_verified_content_is_completed_without_its_sender() {
    let (frames, _) = frames_of(sender(1), b"short", 0);
    let mut office = Office::open();
    office.feed(&frames[0]);
    let said = office.sent.len();
    office.stream.handle_data(&frames[1..].concat(), office.now);
    office.stream.handle_lost(office.now);
    office.drive();
    assert_eq!(office.log[2..], ["begin", "store", "finish"]);
    assert_eq!(office.sent.len(), said, "nobody is there to hear");
}
