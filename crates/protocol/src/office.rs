//! The office's part of one stream: find the ticket, open the hello, claim the ticket, receive in order, store, and only
//! then promise.
//!
//! The states, in their order (protocol.md 8):
//!
//! ```text
//! AwaitIncoming → AwaitTicket → AwaitHello → AwaitClaim ┬→ (ReadingBack →) Receiving → Finishing → Done
//!                                                       ├→ Comparing → Done      the ticket has its submission already
//!                                                       └→ Done                  receipt again, or sealed refusal
//! ```
//!
//! There are two kinds of refusal: a peer that has not shown an authentic hello gets a reset that tells it nothing; the
//! holder of the ticket gets a sealed refusal with its reason.

mod action;
mod claim;
mod finish;
mod input;
mod pool;
mod receive;
mod session;
mod state;

#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;

pub use action::{Found, OfficeAction, OfficePolicy, TicketState};
use input::Input;
pub use pool::{NoRoute, Supply, TokenFault, TokenPool};
use session::Session;
use state::{AwaitHello, State};

use crate::channel::OfficeSeal;
use crate::limits::{HEADER_TIMEOUT, IDLE_TIMEOUT};
use crate::time::{Millis, Now};
use crate::wire::frame::Frame;
use crate::wire::hello::Hello;
use crate::wire::hop::Incoming;
use crate::wire::receipt::Receipt;
use crate::wire::refusal::StreamRefusal;
use crate::wire::reply::Reason;

/// One stream from an inner proxy.
pub struct OfficeStream<S: OfficeSeal, P> {
    seal: S,
    policy: P,
    state: State<S>,
    input: Input,
    actions: VecDeque<OfficeAction<S>>,
    deadline: Millis,
}

impl<S: OfficeSeal, P: OfficePolicy> OfficeStream<S, P> {
    /// A stream that was just accepted. It begins with the `Incoming` frame.
    pub fn new(seal: S, policy: P, now: Now) -> Self {
        Self {
            seal,
            policy,
            state: State::AwaitIncoming,
            input: Input::default(),
            actions: VecDeque::new(),
            deadline: now.millis.after(HEADER_TIMEOUT),
        }
    }

    /// Whether the shell shall read from the stream. While it is false it must not: that is the back-pressure.
    pub fn wants_data(&self) -> bool {
        self.state.takes_frames() && !self.input.has_ended()
    }

    /// Bytes of the stream, in order, split at arbitrary boundaries.
    pub fn handle_data(&mut self, bytes: &[u8], now: Now) {
        if self.is_done() || bytes.is_empty() || self.input.has_ended() {
            return;
        }
        self.renew(now);
        let mut fresh = bytes;
        self.take_frames(&mut fresh, now);
        self.input.keep(fresh);
    }

    /// The peer ended its side (FIN).
    pub fn handle_end(&mut self, now: Now) {
        self.input.end();
        self.advance(now);
    }

    /// The stream was reset or its connection is gone. Stored segments stay for a resume; an upload
    /// without its final frame is never handed over.
    pub fn handle_lost(&mut self, _now: Now) {
        // Once the final frame is verified the submission is completed even without its sender, which can ask for the
        // receipt again.
        self.state = State::Done;
        self.actions.retain(|action| action.outlives_stream());
    }

    /// Another stream took the ticket over. Writes that the shell has not taken yet are dropped: the other stream starts
    /// from what the store has.
    pub fn handle_superseded(&mut self, _now: Now) {
        if !self.is_done() {
            self.actions.clear();
            self.reset(StreamRefusal::Unavailable);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.is_done() || now.millis < self.deadline {
            return;
        }
        // protocol.md 9.3: before the hello is authentic nobody learns why
        let authentic = !matches!(self.state, State::AwaitIncoming | State::AwaitTicket | State::AwaitHello(_));
        self.reset(if authentic { StreamRefusal::Unavailable } else { StreamRefusal::Refused });
    }

    /// The answer to [`OfficeAction::LookUp`]: the ticket with its keys, or that there is none (any more).
    pub fn handle_ticket(&mut self, found: Option<Found<S::TicketKeys>>, now: Now) {
        if !matches!(self.state, State::AwaitTicket) {
            return;
        }
        match found {
            Some(found) => self.state = State::AwaitHello(AwaitHello { found }),
            None => self.reset(StreamRefusal::Refused),
        }
        self.advance(now);
    }

    /// The answer to [`OfficeAction::Claim`].
    pub fn handle_claimed(&mut self, ticket: TicketState, now: Now) {
        match core::mem::replace(&mut self.state, State::Done) {
            State::AwaitClaim(claim) => {
                self.renew(now);
                self.decide(claim, ticket);
                self.advance(now);
            }
            other => self.state = other,
        }
    }

    /// The answer to [`OfficeAction::ReadBack`]: the stored ciphertext, or `None` if the store has lost it.
    pub fn handle_read_back(&mut self, position: u32, ciphertext: Option<&[u8]>, now: Now) {
        match core::mem::replace(&mut self.state, State::Done) {
            State::ReadingBack(reading) => {
                self.renew(now);
                self.reopen(reading, position, ciphertext);
                self.advance(now);
            }
            other => self.state = other,
        }
    }

    /// All segments before `next` are durable.
    pub fn handle_stored(&mut self, next: u32, now: Now) {
        let State::Receiving(receiving) = &mut self.state else { return };
        if receiving.stored(next) {
            self.renew(now);
            self.acknowledge(next);
            self.advance(now);
        }
    }

    /// The store cannot take what it was given (disk full, attempt superseded): the sealed reason says so.
    pub fn handle_store_failed(&mut self, reason: Reason, _now: Now) {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Receiving(receiving) => self.refuse(receiving.session, reason),
            State::ReadingBack(reading) => self.refuse(reading.session, reason),
            State::Finishing(session) => self.refuse(session, reason),
            other => self.state = other,
        }
    }

    /// The answer to [`OfficeAction::Finish`]: the receipt that is durable now (an earlier identical completion returns
    /// its own), or why there is none.
    pub fn handle_finished(&mut self, outcome: Result<Receipt, Reason>, _now: Now) {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Finishing(session) => match outcome {
                Ok(receipt) => self.promise(session, receipt),
                Err(reason) => self.refuse(session, reason),
            },
            other => self.state = other,
        }
    }

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<OfficeAction<S>> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Millis> {
        (!self.is_done()).then_some(self.deadline)
    }

    /// Whether the stream is over and all actions are taken.
    pub fn is_finished(&self) -> bool {
        self.is_done() && self.actions.is_empty()
    }

    fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// protocol.md 9.3: progress renews the timeout, except before the hello is authentic.
    fn renew(&mut self, now: Now) {
        if !matches!(self.state, State::AwaitIncoming | State::AwaitTicket | State::AwaitHello(_)) {
            self.deadline = now.millis.after(IDLE_TIMEOUT);
        }
    }

    /// Continues with the pending bytes.
    fn advance(&mut self, now: Now) {
        self.take_frames(&mut &[][..], now);
    }

    /// Takes frames, first from the pending bytes and then from `fresh`, as long as the state wants them.
    fn take_frames(&mut self, fresh: &mut &[u8], now: Now) {
        while self.state.takes_frames() {
            match self.input.next_frame(fresh, self.state.due()) {
                Ok(Some(frame)) => self.handle_frame(frame, now),
                Ok(None) => {
                    // protocol.md 8.6: an end without the final frame is an aborted attempt
                    if self.input.has_ended() {
                        self.reset(StreamRefusal::Unavailable);
                    }
                    return;
                }
                Err(_) => self.reset(StreamRefusal::Refused),
            }
        }
    }

    fn handle_frame(&mut self, frame: Frame, now: Now) {
        match core::mem::replace(&mut self.state, State::Done) {
            State::AwaitIncoming => self.look_up(&frame),
            State::AwaitHello(AwaitHello { found }) => self.open_hello(&found, &frame, now),
            State::Receiving(receiving) => self.receive(receiving, frame, now),
            State::Comparing(comparing) => self.compare(comparing, &frame),
            waiting => self.state = waiting,
        }
    }

    /// protocol.md 8.1: the nonce of the route token names the ticket.
    fn look_up(&mut self, frame: &Frame) {
        let Ok(incoming) = frame.decode::<Incoming>() else { return self.reset(StreamRefusal::Refused) };
        self.actions.push_back(OfficeAction::LookUp { nonce: incoming.nonce });
        self.state = State::AwaitTicket;
    }

    /// protocol.md 8.2: only the holder of the ticket gets further than this.
    fn open_hello(&mut self, found: &Found<S::TicketKeys>, frame: &Frame, now: Now) {
        let suite = found.ticket.body().key.suite();
        let opened = frame
            .decode::<Hello>()
            .ok()
            .filter(|hello| hello.encapsulated.suite() == suite)
            .and_then(|hello| self.seal.open_hello(&found.ticket, &found.keys, &hello).ok());
        let Some(opened) = opened else { return self.reset(StreamRefusal::Refused) };
        self.renew(now);
        let session = Session::new(found.ticket.clone(), opened.intro, opened.digest, opened.channel);
        self.claim(session, opened.storage_key, now);
    }

    /// protocol.md 9.1: tells the peer only that this stream is over.
    fn reset(&mut self, refusal: StreamRefusal) {
        self.state = State::Done;
        self.actions.push_back(OfficeAction::Reset(refusal));
    }
}
