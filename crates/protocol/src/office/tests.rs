//! The office's machine, told as protocol: a sender's bytes, a store's answers, what comes out.

mod again;
mod deliver;
mod refuse;

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::channel::{ReplyOpener, SenderChannel};
use crate::limits::{MAX_CLOCK_AHEAD, MAX_UNSTORED_SEGMENTS, SEGMENT_DATA, VERSION};
use crate::sender::{SenderAction, SenderStream, Start};
use crate::time::UnixSeconds;
use crate::toy::{ToyOffice, ToyReplies, ToySender};
use crate::wire::Wire;
use crate::wire::frame::{FrameReader, FrameType, encode_frame, encode_raw};
use crate::wire::hello::{Intro, Language};
use crate::wire::hop::Open;
use crate::wire::name::MemberId;
use crate::wire::reply::{Refusal, Reply};
use crate::wire::signed::Signature;
use crate::wire::ticket::{OneTimeKey, Purpose, Route, Ticket, TicketBody, TicketId, TicketSecret};
use crate::wire::token::{Epoch, RouteNonce, RouteToken};

const OFFICE_KEY: [u8; 32] = [0x0f; 32];
const VENDOR_KEY: [u8; 32] = [0x5e; 32];
const NONCE: RouteNonce = RouteNonce([9; 16]);
const BEGIN: UnixSeconds = UnixSeconds(1_800_000_000);

fn at(seconds: u64) -> Now {
    Now { millis: Millis(seconds * 1000), unix: UnixSeconds(BEGIN.0 + seconds) }
}

struct Policy {
    verdict: Result<u64, Reason>,
    text: String,
}

impl OfficePolicy for Policy {
    fn admit(&self, _: &TicketBody, _: &Intro, _: UnixSeconds) -> Result<u64, Reason> {
        self.verdict
    }

    fn signing_key(&self, member: &MemberId) -> Option<[u8; 32]> {
        (member.as_str() == "vendor").then_some(VENDOR_KEY)
    }

    fn refusal_text(&self, _: Reason, _: Language) -> String {
        self.text.clone()
    }
}

fn ticket_body() -> TicketBody {
    let token = RouteToken { epoch: Epoch(1), nonce: NONCE, sealed: [0; 48], mac: [0; 16] };
    TicketBody {
        version: VERSION,
        office: "ga".parse().unwrap(),
        id: TicketId([1; 16]),
        key: OneTimeKey::X25519([2; 32]),
        secret: TicketSecret([3; 32]),
        not_before: BEGIN,
        not_after: UnixSeconds(BEGIN.0 + 100),
        routes: vec![Route { inner: "inner".parse().unwrap(), token }],
        purpose: None,
    }
}

fn ticket() -> Ticket {
    Ticket::assemble(ticket_body(), &Signature([0; 64]))
}

fn intro(attempt: u64) -> Intro {
    let kind = "guest-list".parse().unwrap();
    Intro { attempt, kind, sender: None, length: None, language: Language::German }
}

fn sender(attempt: u64) -> ToySender {
    ToySender::new(&ticket(), intro(attempt), None, OFFICE_KEY, attempt as u8)
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + index / 251) as u8).collect()
}

/// The frames after `Open` that a sender's machine sends for a content, and its channel.
fn frames_of(channel: ToySender, content: &[u8], start: u32) -> (Vec<Vec<u8>>, ToySender) {
    let open = Open::over(&ticket().body().routes[0]);
    let begin = if start == 0 { Start::Fresh } else { Start::Resume { length: Some(content.len() as u64) } };
    let mut stream = SenderStream::new(channel, open, begin, at(0));
    let mut frames = Vec::new();
    if start > 0 {
        let mut office = ToyOffice::new(OFFICE_KEY).open_hello(&ticket(), &(), stream.channel().hello()).unwrap();
        let salt = crate::channel::OfficeChannel::start_replies(&mut office.channel);
        let accepted = crate::channel::OfficeChannel::seal_reply(&mut office.channel, &Reply::Accepted { next: start });
        stream.handle_reply(&encode_raw(FrameType::ReplyStart, &[&salt]), at(0));
        stream.handle_reply(&encode_raw(FrameType::Reply, &[&accepted]), at(0));
    }
    loop {
        while let Some(action) = stream.poll_action() {
            if let SenderAction::Send(bytes) = action {
                frames.push(bytes);
            }
        }
        let Some(position) = stream.wanted() else { break };
        let piece = &content[position as usize * SEGMENT_DATA..];
        let (piece, last) = if piece.len() > SEGMENT_DATA { (&piece[..SEGMENT_DATA], false) } else { (piece, true) };
        stream.provide(position, piece, last, at(0)).unwrap();
    }
    let opening = frames.remove(0);
    frames.insert(0, opening[5 + Open::MAX..].to_vec());
    (frames, stream.into_channel())
}

/// An office's stream with a store that keeps what it is told, and answers when a test says so.
struct Office {
    stream: OfficeStream<ToyOffice, Policy>,
    log: Vec<&'static str>,
    state: TicketState,
    segments: Vec<Vec<u8>>,
    claimed: Option<u64>,
    began: Option<(u64, [u8; 32])>,
    finish: Option<(u64, Receipt)>,
    answer_stored: bool,
    sent: Vec<u8>,
    now: Now,
}

impl Office {
    fn new(state: TicketState, verdict: Result<u64, Reason>, now: Now) -> Self {
        let policy = Policy { verdict, text: "Nein.".to_string() };
        let mut office = Self {
            stream: OfficeStream::new(ToyOffice::new(OFFICE_KEY), policy, now),
            log: Vec::new(),
            state,
            segments: Vec::new(),
            claimed: None,
            began: None,
            finish: None,
            answer_stored: true,
            sent: Vec::new(),
            now,
        };
        office.feed(&encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce: NONCE }));
        office
    }

    fn open() -> Self {
        Self::new(TicketState::Open, Ok(u64::MAX), at(1))
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.stream.handle_data(bytes, self.now);
        self.drive();
    }

    fn feed_all(&mut self, frames: &[Vec<u8>]) {
        frames.iter().for_each(|frame| self.feed(frame));
    }

    fn drive(&mut self) {
        while let Some(action) = self.stream.poll_action() {
            self.obey(action);
        }
    }

    fn obey(&mut self, action: OfficeAction<ToyOffice>) {
        let now = self.now;
        match action {
            OfficeAction::LookUp { nonce } => {
                self.log.push("look up");
                let found = (nonce == NONCE).then(|| Found { ticket: ticket(), keys: () });
                self.stream.handle_ticket(found, now);
            }
            OfficeAction::Claim { attempt, .. } => {
                self.claimed = Some(attempt);
                self.log.push("claim");
                self.stream.handle_claimed(self.state.clone(), now);
            }
            OfficeAction::Begin { attempt, digest, .. } => {
                self.log.push("begin");
                self.began = Some((attempt, digest));
                self.segments.clear();
            }
            OfficeAction::ReadBack { position, .. } => {
                self.log.push("read back");
                let stored = self.segments.get(position as usize).cloned();
                self.stream.handle_read_back(position, stored.as_deref(), now);
            }
            OfficeAction::Store { position, ciphertext, .. } => {
                self.log.push("store");
                assert_eq!(position as usize, self.segments.len());
                self.segments.push(ciphertext);
                if self.answer_stored {
                    self.stream.handle_stored(position + 1, now);
                }
            }
            OfficeAction::Finish { attempt, receipt, .. } => {
                self.log.push("finish");
                self.finish = Some((attempt, receipt));
            }
            OfficeAction::Discard { .. } => {
                self.log.push("discard");
                self.segments.clear();
            }
            OfficeAction::Send(bytes) => self.sent.extend_from_slice(&bytes),
            OfficeAction::FinishStream => self.log.push("fin"),
            OfficeAction::Reset(StreamRefusal::Refused) => self.log.push("refused"),
            OfficeAction::Reset(StreamRefusal::Unavailable) => self.log.push("unavailable"),
        }
    }

    fn commit(&mut self) -> Receipt {
        let (_, receipt) = self.finish.clone().expect("a finish was asked for");
        self.stream.handle_finished(Ok(receipt.clone()), self.now);
        self.drive();
        receipt
    }

    /// What the sender reads.
    fn replies(&self, channel: &ToySender) -> Vec<Reply> {
        let (mut frames, mut rest, mut replies) = (FrameReader::new(), self.sent.as_slice(), Vec::new());
        let mut opener: Option<ToyReplies> = None;
        while let Some(frame) = frames.read(&mut rest, &FrameType::ALL).unwrap() {
            match &mut opener {
                None => opener = Some(channel.replies(&frame.body.try_into().unwrap())),
                Some(opener) => replies.push(opener.open(&frame.body).unwrap()),
            }
        }
        replies
    }

    fn last_reason(&self, channel: &ToySender) -> Reason {
        match self.replies(channel).pop() {
            Some(Reply::Refusal(refusal)) => refusal.reason,
            other => panic!("{other:?}"),
        }
    }
}

/// The state of a ticket whose submission of this content is complete.
fn complete(attempt: u64, content: &[u8]) -> (TicketState, Receipt) {
    let mut office = Office::open();
    office.feed_all(&frames_of(sender(attempt), content, 0).0);
    let receipt = office.commit();
    let (attempt, digest) = office.began.unwrap();
    let content_hash = receipt.body().content_hash;
    (TicketState::Complete { digest, attempt, sender: None, content_hash, receipt: receipt.clone() }, receipt)
}
