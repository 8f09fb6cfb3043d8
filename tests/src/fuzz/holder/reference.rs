//! One stream of an office as protocol.md says it, without any regard for speed. It is told the same as the machine, and must
//! say the same at the same time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use schleuse_protocol::limits::{MAX_UNSTORED_SEGMENTS, VERSION};
use schleuse_protocol::office::{OfficePolicy as _, TicketState};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::{Identity, Intro, Trailer};
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::{Reason, Refusal, Reply};

use super::deed::{Deed, Sealed};
use super::known::{KnownTicket, Policy, told_text};
use super::rules::{Content, FINAL, HELLO, INCOMING, Ruling, SEGMENT, admit, is_too_far_ahead, next_frame, rule};
use super::seal;

/// A hello that is authentic.
#[derive(Clone)]
pub(super) struct Holder {
    pub(super) intro: Intro,
    pub(super) digest: [u8; 32],
    /// Which encapsulated key.
    pub(super) key: usize,
}

/// The bodies of all hellos that were sealed with the ticket's key; `None` for what is sealed and no intro.
pub(super) type Hellos = Rc<RefCell<HashMap<Vec<u8>, Option<Holder>>>>;

/// One stream.
pub(super) struct Reference {
    known: &'static KnownTicket,
    hellos: Hellos,
    /// Which encapsulated key, once that is known.
    pub(super) key: Option<usize>,
    state: State,
    buffer: Vec<u8>,
    has_ended: bool,
    /// What the machine must have done since it was asked last.
    pub(super) deeds: Vec<Deed>,
}

enum State {
    Header,
    LookingUp,
    Hello,
    Claiming(Holder, Result<u64, Reason>),
    Reading { holder: Holder, content: Content, next: u32, limit: u64 },
    Receiving { holder: Holder, content: Content, durable: u32, limit: u64 },
    Finishing(Holder),
    Comparing { holder: Holder, content: Content, receipt: Receipt },
    Over,
}

/// A frame at its position, opened.
enum Opened {
    Segment(Vec<u8>),
    Final(Vec<u8>),
}

impl Reference {
    pub(super) fn new(known: &'static KnownTicket, hellos: Hellos) -> Self {
        let (buffer, deeds) = (Vec::new(), Vec::new());
        Self { known, hellos, key: None, state: State::Header, buffer, has_ended: false, deeds }
    }

    /// 8.5: back-pressure.
    pub(super) fn wants_data(&self) -> bool {
        self.takes_frames() && !self.has_ended
    }

    fn takes_frames(&self) -> bool {
        !self.due().is_empty()
    }

    /// The types of frames that may come next, if any may.
    fn due(&self) -> &'static [u8] {
        match &self.state {
            State::Header => &[INCOMING],
            State::Hello => &[HELLO],
            State::Comparing { .. } => &[SEGMENT, FINAL],
            State::Receiving { content, durable, .. }
                if ((content.next - durable) as usize) < MAX_UNSTORED_SEGMENTS =>
            {
                &[SEGMENT, FINAL]
            }
            _ => &[],
        }
    }

    /// Bytes that came and were not worked on.
    pub(super) fn held(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(super) fn data(&mut self, bytes: &[u8], now: UnixSeconds) {
        self.buffer.extend_from_slice(bytes);
        self.go_on(now);
    }

    pub(super) fn end(&mut self, now: UnixSeconds) {
        self.has_ended = true;
        self.go_on(now);
    }

    pub(super) fn lost(&mut self) {
        self.state = State::Over;
    }

    pub(super) fn superseded(&mut self) {
        if !self.is_over() {
            self.reset(StreamRefusal::Unavailable);
        }
    }

    /// 9.3: its time is over.
    pub(super) fn timeout(&mut self) {
        match self.state {
            State::Header | State::LookingUp | State::Hello => self.reset(StreamRefusal::Refused),
            _ => self.reset(StreamRefusal::Unavailable),
        }
    }

    pub(super) fn found(&mut self, is_there: bool, now: UnixSeconds) {
        if matches!(self.state, State::LookingUp) {
            match is_there {
                true => self.state = State::Hello,
                false => self.reset(StreamRefusal::Refused),
            }
            self.go_on(now);
        }
    }

    pub(super) fn claimed(&mut self, ticket: &TicketState, now: UnixSeconds) {
        let (holder, admitted) = match self.take() {
            State::Claiming(holder, admitted) => (holder, admitted),
            other => return self.state = other,
        };
        match rule(&holder.intro, holder.digest, admitted, ticket) {
            Ruling::Receipt(receipt) => self.promise(&receipt),
            Ruling::Refusal(reason) => self.refuse(&holder, reason),
            Ruling::Begin { limit } => {
                let Holder { intro, digest, key } = holder.clone();
                self.deeds.push(Deed::Begin {
                    attempt: intro.attempt,
                    digest,
                    kind: intro.kind,
                    sender: intro.sender,
                    language: intro.language,
                    key: self.known.keys[key].segments,
                });
                self.receive(holder, Content::default(), limit);
            }
            Ruling::Resume { next: 0, limit } => self.receive(holder, Content::default(), limit),
            Ruling::Resume { next, limit } => {
                self.deeds.push(Deed::ReadBack(0));
                self.state = State::Reading { holder, content: Content::default(), next, limit };
            }
            Ruling::Compare(receipt) => {
                self.deeds.push(Deed::Say(Reply::Accepted { next: 0 }));
                self.state = State::Comparing { holder, content: Content::default(), receipt };
            }
        }
        self.go_on(now);
    }

    /// 8.8.
    pub(super) fn read_back(&mut self, ciphertext: Option<&[u8]>, now: UnixSeconds) {
        match self.take() {
            State::Reading { holder, mut content, next, limit } => {
                let key = &self.known.keys[holder.key].segments;
                let plaintext = ciphertext.and_then(|ciphertext| seal::open(key, content.next, false, ciphertext));
                if plaintext.and_then(|plaintext| content.segment(&plaintext)).is_none() {
                    let attempt = holder.intro.attempt;
                    self.refuse(&holder, Reason::Superseded(attempt));
                } else if content.next < next {
                    self.deeds.push(Deed::ReadBack(content.next));
                    self.state = State::Reading { holder, content, next, limit };
                } else {
                    self.receive(holder, content, limit);
                }
                self.go_on(now);
            }
            other => self.state = other,
        }
    }

    pub(super) fn stored(&mut self, next: u32, now: UnixSeconds) {
        if let State::Receiving { durable, .. } = &mut self.state {
            *durable = next;
            self.deeds.push(Deed::Say(Reply::Progress { stored: next }));
            self.go_on(now);
        }
    }

    pub(super) fn store_failed(&mut self, reason: Reason) {
        match self.take() {
            State::Reading { holder, .. } | State::Receiving { holder, .. } | State::Finishing(holder) => {
                self.refuse(&holder, reason);
            }
            other => self.state = other,
        }
    }

    pub(super) fn finished(&mut self, outcome: &Result<Receipt, Reason>) {
        match (self.take(), outcome) {
            (State::Finishing(_), Ok(receipt)) => self.promise(receipt),
            (State::Finishing(holder), Err(reason)) => self.refuse(&holder, *reason),
            (other, _) => self.state = other,
        }
    }

    fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }

    fn receive(&mut self, holder: Holder, content: Content, limit: u64) {
        self.deeds.push(Deed::Say(Reply::Accepted { next: content.next }));
        self.state = State::Receiving { holder, durable: content.next, content, limit };
    }

    fn go_on(&mut self, now: UnixSeconds) {
        while self.takes_frames() {
            let due = self.due();
            match next_frame(&mut self.buffer, due) {
                Ok(Some((number, body))) => self.frame(number, &body, now),
                // 8.6: an end without the final
                Ok(None) if self.has_ended => self.reset(StreamRefusal::Unavailable),
                Ok(None) => return,
                Err(()) => self.reset(StreamRefusal::Refused),
            }
        }
    }

    fn frame(&mut self, number: u8, body: &[u8], now: UnixSeconds) {
        match self.take() {
            State::Header => {
                // The harness says it; that of others is for another target.
                self.deeds.push(Deed::LookUp);
                self.state = State::LookingUp;
            }
            State::Hello => match self.holder(number, body) {
                Some(holder) => self.claim(holder, now),
                None => self.reset(StreamRefusal::Refused),
            },
            State::Receiving { holder, content, durable, limit } => {
                match self.open(number, body, &holder, content.next) {
                    Some(Opened::Segment(plaintext)) => {
                        self.segment((holder, content, durable, limit), &plaintext, &body[4..]);
                    }
                    Some(Opened::Final(plaintext)) => self.last(holder, &content, &plaintext, &body[4..], now),
                    None => self.reset(StreamRefusal::Refused),
                }
            }
            State::Comparing { holder, content, receipt } => match self.open(number, body, &holder, content.next) {
                Some(Opened::Segment(plaintext)) => self.compare(holder, content, receipt, &plaintext),
                Some(Opened::Final(plaintext)) => self.end_comparing(&holder, &content, &receipt, &plaintext),
                None => self.reset(StreamRefusal::Refused),
            },
            other => self.state = other,
        }
    }

    /// 8.5: nothing but the next position, and nothing that the sender did not seal there.
    fn open(&self, number: u8, body: &[u8], holder: &Holder, next: u32) -> Option<Opened> {
        let (position, ciphertext) = body.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*position) != next {
            return None;
        }
        let key = &self.known.keys[holder.key].segments;
        match number {
            SEGMENT => seal::open(key, next, false, ciphertext).map(Opened::Segment),
            FINAL => seal::open(key, next, true, ciphertext).map(Opened::Final),
            _ => None,
        }
    }

    /// 8.2.
    fn holder(&self, number: u8, body: &[u8]) -> Option<Holder> {
        self.hellos.borrow().get(body).filter(|_| number == HELLO).cloned().flatten()
    }

    fn claim(&mut self, holder: Holder, now: UnixSeconds) {
        self.key = Some(holder.key);
        if is_too_far_ahead(holder.intro.attempt, now) {
            return self.refuse(&holder, Reason::TryLater);
        }
        let admitted = admit(self.known.ticket.body(), &holder.intro, now);
        let attempt = if admitted.is_ok() { holder.intro.attempt } else { 0 };
        self.deeds.push(Deed::Claim { attempt, digest: holder.digest });
        self.state = State::Claiming(holder, admitted);
    }

    fn segment(
        &mut self,
        (holder, mut content, durable, limit): (Holder, Content, u32, u64),
        plaintext: &[u8],
        ciphertext: &[u8],
    ) {
        let (attempt, position) = (holder.intro.attempt, content.next);
        match content.segment(plaintext) {
            None => self.reject(&holder, Reason::Malformed),
            Some(_) if content.length > limit => self.reject(&holder, Reason::TooLarge(limit)),
            Some(data_len) => {
                self.deeds.push(Deed::Store { attempt, position, ciphertext: Sealed(ciphertext.to_vec()), data_len });
                self.state = State::Receiving { holder, content, durable, limit };
            }
        }
    }

    /// 8.6.
    fn last(&mut self, holder: Holder, content: &Content, plaintext: &[u8], ciphertext: &[u8], now: UnixSeconds) {
        let announced = holder.intro.length.unwrap_or(content.length);
        let Some(trailer) = content.trailer(plaintext).filter(|_| announced == content.length) else {
            return self.reject(&holder, Reason::Malformed);
        };
        if !self.is_vouched(&holder, &trailer) {
            return self.reject(&holder, Reason::BadIdentity);
        }
        let body = self.known.ticket.body();
        let receipt = ReceiptBody {
            version: VERSION,
            office: body.office,
            ticket: body.id,
            kind: holder.intro.kind,
            sender: holder.intro.sender,
            length: content.length,
            content_hash: content.hash(),
            stored_at: now,
        };
        let (attempt, position, ciphertext) = (holder.intro.attempt, content.next, Sealed(ciphertext.to_vec()));
        self.deeds.push(Deed::Finish { attempt, position, ciphertext, trailer, receipt });
        self.state = State::Finishing(holder);
    }

    /// 8.7.
    fn compare(&mut self, holder: Holder, mut content: Content, receipt: Receipt, plaintext: &[u8]) {
        match content.segment(plaintext) {
            None => self.refuse(&holder, Reason::Malformed),
            Some(_) if content.length > receipt.body().length => self.refuse(&holder, Reason::AlreadyUsed),
            Some(_) => self.state = State::Comparing { holder, content, receipt },
        }
    }

    fn end_comparing(&mut self, holder: &Holder, content: &Content, receipt: &Receipt, plaintext: &[u8]) {
        let announced = holder.intro.length.unwrap_or(content.length);
        let Some(trailer) = content.trailer(plaintext).filter(|_| announced == content.length) else {
            return self.refuse(holder, Reason::Malformed);
        };
        let stored = receipt.body();
        if !self.is_vouched(holder, &trailer) {
            self.refuse(holder, Reason::BadIdentity);
        } else if (content.hash(), holder.intro.kind, holder.intro.sender)
            == (stored.content_hash, stored.kind, stored.sender)
        {
            self.promise(receipt);
        } else {
            self.refuse(holder, Reason::AlreadyUsed);
        }
    }

    /// 6.5.
    fn is_vouched(&self, holder: &Holder, trailer: &Trailer) -> bool {
        let is_valid = |identity: &Identity| {
            let public = Policy.signing_key(&identity.member);
            let keys = &self.known.keys[holder.key];
            public.is_some_and(|public| keys.verify(identity, &holder.intro.kind, &trailer.content_hash, &public))
        };
        match (holder.intro.sender, &trailer.identity) {
            (None, None) => true,
            (Some(declared), Some(identity)) => identity.member == declared && is_valid(identity),
            _ => false,
        }
    }

    fn promise(&mut self, receipt: &Receipt) {
        self.deeds.push(Deed::Say(Reply::Receipt(receipt.as_bytes().to_vec())));
        self.deeds.push(Deed::EndStream);
    }

    fn reject(&mut self, holder: &Holder, reason: Reason) {
        self.deeds.push(Deed::Discard { attempt: holder.intro.attempt });
        self.refuse(holder, reason);
    }

    fn refuse(&mut self, holder: &Holder, reason: Reason) {
        let text = told_text(holder.intro.language);
        self.deeds.push(Deed::Say(Reply::Refusal(Refusal { reason, text })));
        self.deeds.push(Deed::EndStream);
        self.state = State::Over;
    }

    fn reset(&mut self, refusal: StreamRefusal) {
        self.deeds.push(Deed::Reset(refusal));
        self.state = State::Over;
    }
}
