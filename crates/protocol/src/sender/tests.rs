//! The sender's machine, told as protocol.

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::channel::{OfficeChannel, OfficeSeal, Opened};
use crate::limits::VERSION;
use crate::time::UnixSeconds;
use crate::toy::{ToyOffice, ToySender};
use crate::wire::frame::{Frame, FrameReader, encode_raw};
use crate::wire::hello::{ContentHash, Hello, Intro, Language};
use crate::wire::receipt::{Receipt, ReceiptBody};
use crate::wire::refusal::STOP_ENOUGH;
use crate::wire::reply::{Reason, Refusal};
use crate::wire::signed::Signature;
use crate::wire::ticket::{OneTimeKey, Route, Ticket, TicketBody, TicketId, TicketSecret};
use crate::wire::token::{Epoch, RouteNonce, RouteToken};

const OFFICE_KEY: [u8; 32] = [0x0f; 32];

fn at(seconds: u64) -> Now {
    Now { millis: Millis(seconds * 1000), unix: UnixSeconds(seconds) }
}

fn ticket() -> Ticket {
    let token = RouteToken { epoch: Epoch(1), nonce: RouteNonce([9; 16]), sealed: [0; 48], mac: [0; 16] };
    let body = TicketBody {
        version: VERSION,
        office: "ga".parse().unwrap(),
        id: TicketId([1; 16]),
        key: OneTimeKey::X25519([2; 32]),
        secret: TicketSecret([3; 32]),
        not_before: UnixSeconds(0),
        not_after: UnixSeconds(100),
        routes: vec![Route { inner: "inner".parse().unwrap(), token }],
        purpose: None,
    };
    Ticket::assemble(body, &Signature([0; 64]))
}

fn open() -> Open {
    Open::over(&ticket().body().routes[0])
}

/// A sender, and the office's channel that answers it.
struct Pair {
    stream: SenderStream<ToySender>,
    office: Opened<ToyOffice>,
    content: Vec<u8>,
    sent: Vec<Frame>,
    ended: bool,
    events: Vec<SenderEvent>,
}

impl Pair {
    fn new(content: Vec<u8>) -> Self {
        let kind = "guest-list".parse().unwrap();
        let intro = Intro { attempt: 1, kind, sender: None, length: None, language: Language::German };
        let channel = ToySender::new(&ticket(), intro, None, OFFICE_KEY, 1);
        Self::with(SenderStream::new(channel, open(), Start::Fresh, at(0)), content)
    }

    fn with(stream: SenderStream<ToySender>, content: Vec<u8>) -> Self {
        let office = ToyOffice::new(OFFICE_KEY).open_hello(&ticket(), &(), stream.channel().hello()).unwrap();
        Self { stream, office, content, sent: Vec::new(), ended: false, events: Vec::new() }
    }

    fn reconnect(self) -> Self {
        Self::with(self.stream.reconnect(open(), at(0)), self.content)
    }

    fn poll(&mut self) {
        let mut reader = FrameReader::new();
        while let Some(action) = self.stream.poll_action() {
            match action {
                SenderAction::Send(bytes) => {
                    let mut rest = bytes.as_slice();
                    while let Some(frame) = reader.read(&mut rest, &FrameType::ALL).unwrap() {
                        self.sent.push(frame);
                    }
                }
                SenderAction::FinishStream => self.ended = true,
                SenderAction::Event(event) => self.events.push(event),
            }
        }
    }

    fn provide(&mut self, position: u32) -> Result<(), SenderError> {
        let piece = &self.content[position as usize * SEGMENT_DATA..];
        let last = piece.len() <= SEGMENT_DATA;
        let piece = piece[..piece.len().min(SEGMENT_DATA)].to_vec();
        self.stream.provide(position, &piece, last, at(0))
    }

    fn send_all(&mut self) {
        self.poll();
        while let Some(position) = self.stream.wanted() {
            self.provide(position).unwrap();
            self.poll();
        }
    }

    fn answer_bytes(&mut self, replies: &[Reply]) -> Vec<u8> {
        let mut bytes = encode_raw(FrameType::ReplyStart, &[&self.office.channel.start_replies()]);
        for reply in replies {
            bytes.extend(encode_raw(FrameType::Reply, &[&self.office.channel.seal_reply(reply)]));
        }
        bytes
    }

    fn answer(&mut self, replies: &[Reply]) {
        let bytes = self.answer_bytes(replies);
        self.stream.handle_reply(&bytes, at(0));
        self.poll();
    }

    fn receipt(&self) -> Receipt {
        let body = ReceiptBody {
            version: VERSION,
            office: "ga".parse().unwrap(),
            ticket: TicketId([1; 16]),
            kind: "guest-list".parse().unwrap(),
            sender: None,
            length: self.content.len() as u64,
            content_hash: ContentHash(crate::toy::mix(&[&self.content])),
            stored_at: UnixSeconds(7),
        };
        ToyOffice::new(OFFICE_KEY).sign_receipt(body)
    }

    fn types(&self) -> Vec<FrameType> {
        self.sent.iter().map(|frame| frame.frame_type).collect()
    }

    fn positions(&self) -> Vec<u32> {
        let segments =
            self.sent.iter().filter(|frame| matches!(frame.frame_type, FrameType::Segment | FrameType::Final));
        segments.map(|frame| frame.segment().unwrap().0).collect()
    }
}

#[test]
fn sends_everything_without_waiting() {
    let mut pair = Pair::new(vec![7; 100_000]);
    pair.send_all();
    use FrameType::{Final, Hello as HelloFrame, Open as OpenFrame, Segment};
    assert_eq!(pair.types(), [OpenFrame, HelloFrame, Segment, Segment, Final]);
    assert_eq!(pair.positions(), [0, 1, 2]);
    assert_eq!(pair.sent[0].decode::<Open>(), Ok(open()));
    assert_eq!(pair.sent[1].decode::<Hello>().as_ref(), Ok(pair.stream.channel().hello()));
    assert!(pair.ended && pair.events.is_empty() && !pair.stream.is_finished());

    let receipt = pair.receipt();
    pair.answer(&[
        Reply::Accepted { next: 0 },
        Reply::Progress { stored: 2 },
        Reply::Receipt(receipt.as_bytes().to_vec()),
    ]);
    let expected = [
        SenderEvent::Accepted { next: 0 },
        SenderEvent::Progress { stored_segments: 2 },
        SenderEvent::Receipt(receipt),
    ];
    assert_eq!(pair.events, expected);
    assert!(pair.stream.is_finished());
}

#[test]
fn an_empty_content_is_a_content() {
    let mut pair = Pair::new(Vec::new());
    pair.send_all();
    assert_eq!(pair.positions(), [0, 1]);
    assert_eq!(pair.sent[2].body.len(), 4 + 4 + 1024 + crate::limits::TAG);
}

#[test]
fn what_ends_with_a_segment_is_the_same_whether_the_end_was_known_or_not() {
    let content = vec![1; 2 * SEGMENT_DATA];
    let mut known = Pair::new(content.clone());
    known.send_all();
    let mut unknown = Pair::new(content.clone());
    unknown.poll();
    for position in 0..2 {
        unknown.stream.provide(position, &content[..SEGMENT_DATA], false, at(0)).unwrap();
        unknown.poll();
    }
    unknown.stream.provide(2, &[], true, at(0)).unwrap();
    unknown.poll();
    assert_eq!(known.sent, unknown.sent);
}

#[test]
fn padding_is_made_piece_by_piece() {
    // Padmé adds more than two segments to this length
    let mut pair = Pair::new(vec![1; 65 * SEGMENT_DATA]);
    pair.poll();
    for position in 0..64 {
        pair.provide(position).unwrap();
        pair.poll();
    }
    pair.provide(64).unwrap();
    let sends = |pair: &mut Pair| matches!(pair.stream.poll_action(), Some(SenderAction::Send(_)));
    assert!(sends(&mut pair));
    assert!(pair.stream.actions.is_empty());
    assert!(sends(&mut pair));
    assert!(pair.stream.actions.is_empty());
}

#[test]
fn resumes_with_identical_bytes_from_what_is_missing() {
    let mut first = Pair::new(vec![7; 300_000]);
    first.send_all();
    let complete = first.sent.clone();
    first.stream.handle_lost(at(0));
    first.poll();
    assert_eq!(first.events, [SenderEvent::Failed(SenderFailure::Lost)]);

    let mut second = first.reconnect();
    second.poll();
    assert_eq!(second.sent, complete[..2], "nothing before the office has said what it has");
    assert_eq!(second.stream.wanted(), None);
    second.answer(&[Reply::Accepted { next: 3 }]);
    second.send_all();
    assert_eq!(second.sent[2..], complete[2 + 3..]);
}

#[test]
fn resumes_where_only_padding_is_missing() {
    let content = vec![1; 65 * SEGMENT_DATA];
    let mut first = Pair::new(content);
    first.send_all();
    let complete = first.sent.clone();
    let last = first.positions().pop().unwrap();
    for next in [65, last - 1, last] {
        let mut again = first.reconnect();
        again.answer(&[Reply::Accepted { next }]);
        assert_eq!(again.stream.wanted(), None, "no content is needed");
        assert_eq!(again.sent[2..], complete[2 + next as usize..]);
        first = again;
    }
    let mut again = first.reconnect();
    again.answer(&[Reply::Accepted { next: last + 1 }]);
    assert_eq!(again.events.last(), Some(&SenderEvent::Failed(SenderFailure::BadReply)));
}

#[test]
fn another_content_is_not_sealed_at_a_used_position() {
    let mut first = Pair::new(vec![7; 300_000]);
    first.send_all();
    let mut second = first.reconnect();
    second.content[70_000] ^= 1;
    second.answer(&[Reply::Accepted { next: 1 }]);
    assert_eq!(second.provide(1), Err(SenderError::ContentChanged(1)));
    second.poll();
    assert_eq!(second.events.last(), Some(&SenderEvent::Failed(SenderFailure::ContentChanged)));

    let mut third = second.reconnect();
    third.content.pop();
    third.answer(&[Reply::Accepted { next: 4 }]);
    assert_eq!(third.provide(4), Err(SenderError::ContentChanged(4)));
}

/// Two connections of one attempt: the first has sent padding by the time that the office answers over the second.
#[test]
fn a_connection_beside_the_first_knows_where_the_content_ends() {
    let mut first = Pair::new(vec![7; 15 * SEGMENT_DATA]);
    first.send_all();
    let mut second = first.reconnect();
    second.stream.length = None;
    second.stream.know_length(15 * SEGMENT_DATA as u64);
    second.answer(&[Reply::Accepted { next: 15 }]);
    second.poll();
    assert_eq!(second.stream.wanted(), None, "only padding and the final are left");
    assert_eq!(second.positions(), [15, 16]);
}

#[test]
fn what_is_not_wanted_is_not_taken() {
    let mut pair = Pair::new(vec![7; 300_000]);
    assert_eq!(pair.provide(0), Err(SenderError::NotWanted(0)), "the opening goes first");
    pair.poll();
    assert_eq!(pair.provide(1), Err(SenderError::NotWanted(1)));
    let short = pair.stream.provide(0, &[1; 10], false, at(0));
    assert_eq!(short, Err(SenderError::WrongLength { position: 0, length: 10 }));
    let long = pair.stream.provide(0, &[1; SEGMENT_DATA + 1], true, at(0));
    assert!(matches!(long, Err(SenderError::WrongLength { .. })));
}

#[test]
fn a_receipt_for_anything_else_is_not_a_receipt() {
    let good = Pair::new(vec![7; 10]).receipt();
    let changes: [fn(&mut ReceiptBody); 5] = [
        |body| body.ticket.0[0] ^= 1,
        |body| body.office = "other".parse().unwrap(),
        |body| body.length += 1,
        |body| body.content_hash.0[0] ^= 1,
        |body| body.sender = Some("somebody".parse().unwrap()),
    ];
    let mut forged: Vec<Receipt> = changes
        .iter()
        .map(|change| {
            let mut body = good.body().clone();
            change(&mut body);
            ToyOffice::new(OFFICE_KEY).sign_receipt(body)
        })
        .collect();
    forged.push(ToyOffice::new([1; 32]).sign_receipt(good.body().clone()));
    for receipt in forged {
        let mut pair = Pair::new(vec![7; 10]);
        pair.send_all();
        pair.answer(&[Reply::Accepted { next: 0 }, Reply::Receipt(receipt.as_bytes().to_vec())]);
        assert_eq!(pair.events.last(), Some(&SenderEvent::Failed(SenderFailure::BadReceipt)));
    }
}

#[test]
fn a_refusal_ends_the_stream_in_the_middle() {
    let mut pair = Pair::new(vec![7; 300_000]);
    pair.poll();
    pair.provide(0).unwrap();
    let refusal = Refusal { reason: Reason::Expired, text: "Abgelaufen.".into() };
    pair.answer(&[Reply::Refusal(refusal.clone())]);
    assert_eq!(pair.events, [SenderEvent::Refused(refusal)]);
    assert_eq!(pair.positions(), [], "what was not sent yet is not sent any more");
    assert!(pair.ended && pair.stream.is_finished() && pair.stream.wanted().is_none());
}

#[test]
fn a_reset_is_believed_only_before_the_office_has_accepted() {
    let after = |accepted: bool, code: u64| {
        let mut pair = Pair::new(vec![7; 10]);
        pair.send_all();
        if accepted {
            pair.answer(&[Reply::Accepted { next: 0 }]);
        }
        pair.stream.handle_reset(code, at(0));
        pair.poll();
        let Some(SenderEvent::Failed(failure)) = pair.events.pop() else { panic!("no failure") };
        failure
    };
    let (refused, unavailable) = (StreamRefusal::Refused.code(), StreamRefusal::Unavailable.code());
    assert_eq!(after(false, refused), SenderFailure::RefusedUniformly);
    assert_eq!(after(false, unavailable), SenderFailure::Unavailable);
    assert_eq!(after(false, STOP_ENOUGH), SenderFailure::Unavailable);
    assert_eq!(after(true, refused), SenderFailure::Lost);
    assert!(!SenderFailure::RefusedUniformly.may_retry());
    assert!(SenderFailure::RefusedUniformly.other_route_may_help());
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    let mut pair = Pair::new(vec![7; 10]);
    pair.send_all();
    for byte in pair.answer_bytes(&[Reply::Accepted { next: 0 }]) {
        pair.stream.handle_reply(&[byte], at(0));
    }
    pair.poll();
    assert_eq!(pair.events, [SenderEvent::Accepted { next: 0 }]);
}

#[test]
fn a_damaged_answer_is_not_the_offices() {
    let mut reference = Pair::new(vec![7; 10]);
    let bytes = reference.answer_bytes(&[Reply::Accepted { next: 0 }]);
    for index in 0..bytes.len() {
        let mut pair = Pair::new(vec![7; 10]);
        pair.send_all();
        let mut damaged = bytes.clone();
        damaged[index] ^= 0x40;
        pair.stream.handle_reply(&damaged, at(0));
        pair.poll();
        // A longer length is waited for; everything else is noticed.
        assert!(!pair.events.contains(&SenderEvent::Accepted { next: 0 }), "byte {index}");
    }
}

#[test]
fn replies_out_of_place_are_refused() {
    for replies in [vec![Reply::Progress { stored: 1 }], vec![Reply::Accepted { next: 0 }, Reply::Accepted { next: 0 }]]
    {
        let mut pair = Pair::new(vec![7; 10]);
        pair.send_all();
        pair.answer(&replies);
        assert_eq!(pair.events.last(), Some(&SenderEvent::Failed(SenderFailure::BadReply)));
    }
}

#[test]
fn what_is_no_answer_is_refused_with_its_first_byte() {
    let mut pair = Pair::new(vec![7; 10]);
    pair.send_all();
    pair.stream.handle_reply(&[FrameType::Segment as u8], at(0));
    pair.poll();
    assert_eq!(pair.events.last(), Some(&SenderEvent::Failed(SenderFailure::BadReply)));
}

#[test]
fn only_a_resume_can_begin_in_the_middle() {
    let mut pair = Pair::new(vec![7; 300_000]);
    pair.poll();
    pair.answer(&[Reply::Accepted { next: 2 }]);
    assert_eq!(pair.events.last(), Some(&SenderEvent::Failed(SenderFailure::Lost)));
    let mut again = pair.reconnect();
    again.answer(&[Reply::Accepted { next: 2 }]);
    assert_eq!(again.stream.wanted(), Some(2));
}

#[test]
fn waits_as_long_as_something_moves() {
    let mut pair = Pair::new(vec![7; 300_000]);
    pair.poll();
    let mut seconds = 0;
    for _ in 0..100 {
        seconds += IDLE_TIMEOUT.as_secs() - 1;
        pair.stream.handle_timeout(at(seconds));
        pair.stream.handle_sent(at(seconds));
    }
    assert!(pair.stream.poll_timeout().is_some());
    pair.stream.handle_timeout(at(seconds + IDLE_TIMEOUT.as_secs()));
    pair.poll();
    assert_eq!(pair.events, [SenderEvent::Failed(SenderFailure::TimedOut)]);
    pair.stream.handle_lost(at(seconds));
    pair.poll();
    assert_eq!(pair.events.len(), 1, "one end");
}
