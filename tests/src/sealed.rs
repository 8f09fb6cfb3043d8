//! A sender that seals with the real seal and checks nothing beforehand: what a program can do that has a ticket and does
//! not use the client library.

use std::sync::Arc;

use schleuse_client::{SigningKey, Ticket};
use schleuse_protocol::channel::{ReplyOpener, SenderChannel};
use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::padding::padded_len;
use schleuse_protocol::wire::frame::{Frame, FrameType, encode_frame};
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::{Reason, Reply};
use schleuse_protocol::wire::ticket::Route;
use schleuse_seal::{Sender, system_rng, verify_ticket};

use crate::wire::{self, Outcome};

/// What a sender declares.
pub struct Declared {
    /// Attempt number.
    pub attempt: u64,
    /// Kind of the content.
    pub kind: &'static str,
    /// Who signs it.
    pub sender: Option<(MemberId, SigningKey)>,
}

impl Declared {
    /// An anonymous guest list, first attempt.
    pub fn guest_list() -> Self {
        Self { attempt: 1, kind: "guest-list", sender: None }
    }
}

/// One sealed content: the same bytes however often it is said.
pub struct Sealed {
    channel: Sender,
    routes: Vec<Route>,
    /// Hello, segments, final.
    pub frames: Vec<Frame>,
}

impl Sealed {
    /// Seals under a ticket that `signer` has signed, who need not be an office. Checks neither dates nor purpose.
    pub fn new(ticket: &Ticket, signer: &[u8; 32], declared: Declared, content: &[u8]) -> Self {
        let verified = verify_ticket(ticket, signer).expect("the signer signed it");
        let (sender, identity) = match declared.sender {
            Some((member, key)) => (Some(member), Some((member, Arc::new(key)))),
            None => (None, None),
        };
        let intro = Intro {
            attempt: declared.attempt,
            kind: declared.kind.parse().expect("a valid kind"),
            sender,
            length: Some(content.len() as u64),
            language: Language::English,
        };
        let mut channel = Sender::new(&verified, intro, identity, &mut system_rng()).expect("a usable key");
        let frames = all_frames(&mut channel, content);
        Self { channel, routes: ticket.body().routes.clone(), frames }
    }

    /// Everything that a sender says to an outer proxy over the ticket's n-th route.
    pub fn to_outer(&self, route: usize) -> Vec<u8> {
        [open(&self.routes[route]), wire::encode_all(&self.frames)].concat()
    }

    /// What the office answered inside the seal.
    ///
    /// # Panics
    /// It answered nothing, or something that is not sealed for this content.
    pub fn replies(&self, outcome: &Outcome) -> Vec<Reply> {
        let Outcome::Finished(frames) = outcome else { panic!("no answer but {outcome:?}") };
        let (start, replies) = frames.split_first().expect("an answer");
        assert_eq!(start.frame_type, FrameType::ReplyStart);
        let salt = start.body.as_slice().try_into().expect("32 bytes");
        let mut opener = self.channel.replies(&salt);
        replies.iter().map(|reply| opener.open(&reply.body).expect("sealed for us")).collect()
    }

    /// The reason of a sealed refusal.
    ///
    /// # Panics
    /// There is none.
    pub fn refusal(&self, outcome: &Outcome) -> Reason {
        match self.replies(outcome).pop() {
            Some(Reply::Refusal(refusal)) => refusal.reason,
            other => panic!("no refusal but {other:?}"),
        }
    }

    /// The receipt, checked.
    ///
    /// # Panics
    /// There is none.
    pub fn receipt(&self, outcome: &Outcome) -> Receipt {
        let Some(Reply::Receipt(bytes)) = self.replies(outcome).pop() else { panic!("no receipt in {outcome:?}") };
        let receipt = Receipt::from_bytes(bytes).expect("a receipt");
        assert!(self.channel.accepts(&receipt));
        receipt
    }
}

/// The header over a route.
pub fn open(route: &Route) -> Vec<u8> {
    encode_frame(FrameType::Open, &Open::over(route))
}

fn all_frames(channel: &mut Sender, content: &[u8]) -> Vec<Frame> {
    let total = usize::try_from(padded_len(content.len() as u64)).expect("fits into memory");
    let frame = |frame_type, position: u32, ciphertext: Vec<u8>| {
        let body = [&position.to_le_bytes()[..], &ciphertext].concat();
        Frame { frame_type, body }
    };
    let hello = encode_frame(FrameType::Hello, channel.hello());
    let mut frames = wire::frames(&hello).expect("one frame");
    let mut position = 0;
    let mut at = 0;
    while at < total {
        let piece = SEGMENT_DATA.min(total - at);
        let data = &content[at.min(content.len())..(at + piece).min(content.len())];
        let ciphertext = channel.seal_segment(position, data, piece - data.len()).expect("in order");
        frames.push(frame(FrameType::Segment, position, ciphertext));
        at += piece;
        position += 1;
    }
    let last = channel.seal_final(position).expect("after all data");
    frames.push(frame(FrameType::Final, position, last));
    frames
}
