//! A sender's machine, with the real seal, against a network and an office that do what a script says: replies that are well
//! sealed and make no sense, damaged and repeated ones, bytes of anybody, resets, lost connections, and a content that changes.
//!
//! The first byte chooses the content; then each pair of bytes is a [`step`] and its argument. Whatever comes, no position
//! is ever sealed twice with other bytes, and a receipt is believed only if it is the office's for exactly what was sealed.

pub mod step;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use schleuse_protocol::channel::{OfficeChannel as _, OfficeSeal as _, SenderChannel as _};
use schleuse_protocol::limits::{IDLE_TIMEOUT, SEGMENT_DATA, VERSION};
use schleuse_protocol::sender::{SenderAction, SenderError, SenderEvent, SenderFailure, SenderStream, Start};
use schleuse_protocol::time::{Millis, Now, UnixSeconds};
use schleuse_protocol::wire::frame::{FrameReader, FrameType, encode_raw};
use schleuse_protocol::wire::hello::{ContentHash, Intro, Language};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::{Reason, Refusal, Reply};
use schleuse_protocol::wire::signed::Signature;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_seal::{Connection, Sender, verify_receipt, verify_ticket};
use sha2::{Digest, Sha256};

use super::office::{KNOWN, keys};

/// Lengths of contents. The last has a segment of nothing but padding.
const CONTENTS: [usize; 8] =
    [13, 0, 1_024, SEGMENT_DATA, SEGMENT_DATA + 1, 2 * SEGMENT_DATA, 3 * SEGMENT_DATA + 17, 15 * SEGMENT_DATA];
/// What a sender says.
const DUE: [FrameType; 4] = [FrameType::Open, FrameType::Hello, FrameType::Segment, FrameType::Final];
const BEGIN: Now = Now { millis: Millis(1_000), unix: UnixSeconds(1_790_000_010) };

/// How far a script came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Receipts that were believed.
    pub receipts: u64,
    /// Sealed refusals.
    pub refusals: u64,
    /// Streams that went on behind the first segment.
    pub resumes: u64,
    /// How connections came to nothing.
    pub failures: Vec<SenderFailure>,
    /// Pieces that were refused because something else was sealed in their place.
    pub changed: u64,
}

/// Plays a script to its end.
pub fn run(input: &[u8]) {
    play(input);
}

/// [`run`], and says how far it came.
pub fn play(input: &[u8]) -> Reached {
    let Some((choice, script)) = input.split_first() else { return Reached::default() };
    let mut play = Play::new(CONTENTS[usize::from(choice % 8)]);
    let mut rest = script;
    while let [step, argument, tail @ ..] = rest {
        rest = tail;
        if step % 16 == step::BYTES {
            let (bytes, tail) = rest.split_at(usize::from(*argument).min(rest.len()));
            rest = tail;
            play.arrive(bytes);
        } else {
            play.step(step % 16, *argument);
        }
        play.drain();
    }
    play.close();
    play.reached
}

struct Play {
    content: Vec<u8>,
    stream: Option<SenderStream<Sender>>,
    /// The office's end of this stream.
    office: Connection,
    has_started: bool,
    /// A bit of the next reply that the network flips.
    damage: Option<u8>,
    last_reply: Vec<u8>,
    now: Now,
    /// What the sender has sealed at each position, on whatever connection: the first bytes hold for ever.
    sealed: BTreeMap<u32, Vec<u8>>,
    /// The plaintext of it.
    pieces: BTreeMap<u32, Vec<u8>>,
    outgoing: FrameReader,
    /// The position that the next segment of this stream must have.
    expected: Option<u32>,
    has_accepted: bool,
    is_over: bool,
    reached: Reached,
}

fn open() -> Open {
    Open::over(&KNOWN.ticket.body().routes[0])
}

fn channel() -> Sender {
    let ticket = verify_ticket(&KNOWN.ticket, &KNOWN.office_public).expect("the office signed it");
    let kind = "guest-list".parse().expect("a valid kind");
    let intro = Intro { attempt: 1, kind, sender: None, length: None, language: Language::German };
    Sender::new(&ticket, intro, None, &mut ChaCha20Rng::seed_from_u64(3)).expect("a usable key")
}

fn office(sender: &Sender) -> Connection {
    KNOWN.office.open_hello(&KNOWN.ticket, &keys(), sender.hello()).expect("an authentic hello").channel
}

impl Play {
    fn new(length: usize) -> Self {
        let sender = channel();
        let office = office(&sender);
        let mut play = Self {
            content: (0..length).map(|index| (index % 251) as u8).collect(),
            stream: Some(SenderStream::new(sender, open(), Start::Fresh, BEGIN)),
            office,
            has_started: false,
            damage: None,
            last_reply: Vec::new(),
            now: BEGIN,
            sealed: BTreeMap::new(),
            pieces: BTreeMap::new(),
            outgoing: FrameReader::new(),
            expected: Some(0),
            has_accepted: false,
            is_over: false,
            reached: Reached::default(),
        };
        play.drain();
        play
    }

    fn stream(&mut self) -> &mut SenderStream<Sender> {
        self.stream.as_mut().expect("there is always a stream")
    }

    fn step(&mut self, step: u8, argument: u8) {
        let now = self.now;
        match step {
            step::PROVIDE => (0..argument).for_each(|_| self.provide_next()),
            step::ACCEPT => self.reply(&Reply::Accepted { next: argument.into() }),
            step::PROGRESS => self.reply(&Reply::Progress { stored: argument.into() }),
            step::RECEIPT => {
                let bytes = self.receipt(argument);
                self.reply(&Reply::Receipt(bytes));
            }
            step::REFUSE => {
                let reasons = [Reason::AlreadyUsed, Reason::TryLater, Reason::Superseded(7), Reason::TooLarge(1)];
                let reason = reasons[usize::from(argument) % reasons.len()];
                self.reply(&Reply::Refusal(Refusal { reason, text: String::new() }));
            }
            step::RESET => {
                let code =
                    [StreamRefusal::Refused.code(), StreamRefusal::Unavailable.code(), 7][usize::from(argument % 3)];
                self.stream().handle_reset(code, now);
            }
            step::END => self.stream().handle_end(now),
            step::LOST => self.stream().handle_lost(now),
            step::WAIT => self.wait(Duration::from_secs(argument.into())),
            step::RECONNECT => self.reconnect(),
            step::DAMAGE => self.damage = Some(argument),
            step::REPEAT => self.arrive(&self.last_reply.clone()),
            step::CHANGE => {
                let at = usize::from(argument) * 1_000;
                self.content.get_mut(at).into_iter().for_each(|byte| *byte ^= 1);
            }
            step::MISUSE => self.misuse(argument),
            _ => self.stream().handle_sent(now),
        }
    }

    /// An office that seals well, and says whatever the script says.
    fn reply(&mut self, reply: &Reply) {
        let mut bytes = Vec::new();
        if !std::mem::replace(&mut self.has_started, true) {
            bytes = encode_raw(FrameType::ReplyStart, &[&self.office.start_replies()]);
        }
        bytes.extend(encode_raw(FrameType::Reply, &[&self.office.seal_reply(reply)]));
        if let Some(bit) = self.damage.take() {
            let place = usize::from(bit) * bytes.len() / 256;
            bytes[place] ^= 1 << (bit % 8);
        }
        self.last_reply.clone_from(&bytes);
        self.arrive(&bytes);
    }

    fn arrive(&mut self, bytes: &[u8]) {
        let now = self.now;
        self.stream().handle_reply(bytes, now);
    }

    /// What was sealed, in order.
    fn said(&self) -> Vec<u8> {
        self.pieces.values().flatten().copied().collect()
    }

    fn receipt(&self, forgery: u8) -> Vec<u8> {
        let (ticket, said) = (KNOWN.ticket.body(), self.said());
        let right = ReceiptBody {
            version: VERSION,
            office: ticket.office,
            ticket: ticket.id,
            kind: "guest-list".parse().expect("a valid kind"),
            sender: None,
            length: said.len() as u64,
            content_hash: ContentHash(Sha256::digest(&said).into()),
            stored_at: self.now.unix,
        };
        let body = match forgery % 9 {
            1 => ReceiptBody { content_hash: ContentHash([0; 32]), ..right },
            2 => ReceiptBody { office: "ga-other".parse().expect("a valid id"), ..right },
            3 => ReceiptBody { ticket: TicketId([9; 16]), ..right },
            4 => ReceiptBody { length: right.length + 1, ..right },
            5 => ReceiptBody { kind: "contact-list".parse().expect("a valid kind"), ..right },
            6 => ReceiptBody { sender: Some("vendor-1".parse().expect("a valid id")), ..right },
            7 => return Receipt::assemble(right, &Signature([1; 64])).as_bytes().to_vec(),
            _ => right,
        };
        let mut bytes = KNOWN.office.sign_receipt(body).as_bytes().to_vec();
        bytes.truncate(if forgery % 9 == 8 { 100 } else { bytes.len() });
        bytes
    }

    /// The honest shell.
    fn provide_next(&mut self) {
        let Some(position) = self.stream().wanted() else { return };
        let rest = self.content.get(position as usize * SEGMENT_DATA..).unwrap_or_default();
        let is_last = rest.len() <= SEGMENT_DATA;
        let piece = rest[..rest.len().min(SEGMENT_DATA)].to_vec();
        self.provide(position, &piece, is_last);
        self.drain();
    }

    fn provide(&mut self, position: u32, piece: &[u8], is_last: bool) {
        let now = self.now;
        let wanted = self.stream().wanted();
        let before = self.pieces.get(&position).cloned();
        match self.stream().provide(position, piece, is_last, now) {
            Ok(()) => {
                assert_eq!(wanted, Some(position));
                assert!(before.is_none_or(|before| before == piece), "other plaintext was sealed at {position}");
                self.pieces.entry(position).or_insert_with(|| piece.to_vec());
            }
            Err(SenderError::NotWanted(_)) => assert_ne!(wanted, Some(position)),
            Err(SenderError::WrongLength { .. }) => {
                assert!(piece.len() > SEGMENT_DATA || (piece.len() < SEGMENT_DATA && !is_last));
            }
            Err(SenderError::ContentChanged(_)) => self.reached.changed += 1,
            Err(SenderError::TooLong) => panic!("nothing here is too long"),
        }
    }

    fn misuse(&mut self, how: u8) {
        let position = self.stream().wanted().unwrap_or(0);
        match how % 4 {
            0 => self.provide(position, &[1; 7], false),
            1 => self.provide(position, &vec![1; SEGMENT_DATA + 1], true),
            2 => {
                let piece = self.content.get(position as usize * SEGMENT_DATA..).unwrap_or_default();
                let piece = piece[..piece.len().min(SEGMENT_DATA)].to_vec();
                self.provide(position, &piece, true);
            }
            _ => self.provide(position.wrapping_add(1), &[], true),
        }
    }

    fn reconnect(&mut self) {
        let stream = self.stream.take().expect("there is always a stream").reconnect(open(), self.now);
        self.office = office(stream.channel());
        self.stream = Some(stream);
        (self.has_started, self.has_accepted, self.is_over, self.expected) = (false, false, false, None);
        self.outgoing = FrameReader::new();
    }

    fn wait(&mut self, time: Duration) {
        self.now = Now { millis: self.now.millis.after(time), unix: self.now.unix.after(time) };
        let now = self.now;
        self.stream().handle_timeout(now);
    }

    fn drain(&mut self) {
        while let Some(action) = self.stream().poll_action() {
            match action {
                SenderAction::Send(bytes) => self.sent(&bytes),
                SenderAction::FinishStream => self.expected = None,
                SenderAction::Event(event) => self.told(event),
            }
        }
        let (now, is_over) = (self.now, self.is_over);
        let stream = self.stream();
        assert_eq!(stream.is_finished(), is_over);
        match stream.poll_timeout() {
            None => assert!(is_over && stream.wanted().is_none()),
            Some(deadline) => assert!(!is_over && deadline <= now.millis.after(IDLE_TIMEOUT)),
        }
    }

    fn sent(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.outgoing.read(&mut bytes, &DUE).expect("a sender sends frames") {
            if !matches!(frame.frame_type, FrameType::Segment | FrameType::Final) {
                continue;
            }
            let position = frame.segment().expect("it has a position").0;
            assert_eq!(Some(position), self.expected, "out of order");
            let is_final = frame.frame_type == FrameType::Final;
            self.expected = (!is_final).then_some(position + 1);
            let whole = encode_raw(frame.frame_type, &[&frame.body]);
            let first = self.sealed.entry(position).or_insert_with(|| whole.clone());
            assert!(*first == whole, "position {position} was sealed twice with other bytes");
        }
        assert!(self.outgoing.is_at_boundary());
    }

    fn told(&mut self, event: SenderEvent) {
        assert!(!self.is_over, "{event:?} after the last event");
        match event {
            SenderEvent::Accepted { next } => {
                assert!(!std::mem::replace(&mut self.has_accepted, true), "accepted twice");
                self.reached.resumes += u64::from(next > 0);
                self.expected = self.expected.or(Some(next));
            }
            SenderEvent::Progress { .. } => assert!(self.has_accepted),
            SenderEvent::Receipt(receipt) => {
                self.is_over = true;
                self.reached.receipts += 1;
                assert!(verify_receipt(&receipt, &KNOWN.office_public));
                let said = self.said();
                assert_eq!(receipt.body().length, said.len() as u64);
                assert_eq!(receipt.body().content_hash.0, <[u8; 32]>::from(Sha256::digest(&said)));
            }
            SenderEvent::Refused(_) => (self.is_over, self.reached.refusals) = (true, self.reached.refusals + 1),
            SenderEvent::Failed(failure) => {
                self.is_over = true;
                self.reached.failures.push(failure);
            }
        }
    }

    /// Nobody says anything any more: the stream ends all the same.
    fn close(&mut self) {
        self.wait(IDLE_TIMEOUT);
        self.drain();
        assert!(self.is_over, "a stream has no end");
    }
}
