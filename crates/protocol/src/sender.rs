//! The sender's part of one stream: open, send segments in order, wait for the receipt.
//!
//! One [`SenderStream`] is one connection; the [`SenderChannel`] in it lives as long as the attempt.
//! [`SenderStream::reconnect`] makes the next connection out of one that failed: it sends the identical hello, waits to be
//! told what is stored, and goes on from there.
//!
//! Positions are simple: with a content of `n` bytes, padded to `P` = [`padded_len`](crate::padding::padded_len)`(n)`,
//! segment `i` carries bytes `i·SEGMENT_DATA ..` of the padded content, and the final frame has the position after the
//! last segment. The shell provides the content only; padding is added here.

mod event;
mod plan;
mod replies;

#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

pub use event::{SenderAction, SenderError, SenderEvent, SenderFailure, Start};
use plan::{Piece, Plan};
use replies::Replies;

use crate::channel::{ChannelError, SenderChannel};
use crate::limits::{IDLE_TIMEOUT, SEGMENT_DATA, SEGMENT_OVERHEAD};
use crate::time::{Millis, Now};
use crate::wire::frame::{FrameType, build_segment, encode_frame, encode_segment};
use crate::wire::hop::Open;
use crate::wire::refusal::StreamRefusal;
use crate::wire::reply::Reply;

/// One connection of one attempt.
pub struct SenderStream<C: SenderChannel> {
    channel: C,
    state: State,
    replies: Replies<C::Replies>,
    /// Length of the content, once known.
    length: Option<u64>,
    /// Whether the office accepted the hello on this stream.
    accepted: bool,
    actions: VecDeque<SenderAction>,
    deadline: Millis,
}

/// Where a stream stands.
enum State {
    /// Resuming: waiting for the office to say what it has.
    AwaitAccepted,
    /// The shell is providing the content.
    Sending {
        /// The next position.
        position: u32,
    },
    /// All content was provided; padding and the final frame follow, one piece per poll, so that they never pile up.
    Ending {
        /// The next position.
        position: u32,
        /// What stands where.
        plan: Plan,
    },
    /// Everything is sent; waiting for the receipt.
    AwaitReceipt,
    /// Nothing more happens.
    Done,
}

impl<C: SenderChannel> SenderStream<C> {
    /// A stream that was just opened to an outer proxy.
    pub fn new(channel: C, open: Open, start: Start, now: Now) -> Self {
        let mut opening = encode_frame(FrameType::Open, &open);
        opening.extend_from_slice(&encode_frame(FrameType::Hello, channel.hello()));
        let (state, length) = match start {
            Start::Fresh => (State::Sending { position: 0 }, None),
            Start::Resume { length } => (State::AwaitAccepted, length),
        };
        Self {
            channel,
            state,
            replies: Replies::default(),
            length,
            accepted: false,
            actions: VecDeque::from([SenderAction::Send(opening)]),
            deadline: now.millis.after(IDLE_TIMEOUT),
        }
    }

    /// The next connection of the same attempt: identical bytes, from the first segment that is not stored.
    pub fn reconnect(self, open: Open, now: Now) -> Self {
        let start = Start::Resume { length: self.length };
        Self::new(self.channel, open, start, now)
    }

    /// The channel, to go on with it in another way.
    pub fn into_channel(self) -> C {
        self.channel
    }

    /// The channel.
    pub fn channel(&self) -> &C {
        &self.channel
    }

    /// Another connection of the same attempt, which runs beside this one, has got as far as the content's end. Must be told
    /// before the office's answer is handled, as with [`Start::Resume`].
    pub fn know_length(&mut self, length: u64) {
        self.length.get_or_insert(length);
    }

    /// The position whose content the shell shall provide next: bytes from `position * SEGMENT_DATA` on. The shell
    /// provides when the transport can take it: that is the back-pressure.
    pub fn wanted(&self) -> Option<u32> {
        match self.state {
            State::Sending { position } if self.actions.is_empty() => Some(position),
            _ => None,
        }
    }

    /// The content at a position: exactly [`SEGMENT_DATA`] bytes unless it is the `last` piece, which may be shorter, or
    /// empty if the content ended just before it.
    pub fn provide(&mut self, position: u32, data: &[u8], last: bool, now: Now) -> Result<(), SenderError> {
        if self.wanted() != Some(position) {
            return Err(SenderError::NotWanted(position));
        }
        if data.len() > SEGMENT_DATA || (data.len() < SEGMENT_DATA && !last) {
            return Err(SenderError::WrongLength { position, length: data.len() });
        }
        self.deadline = now.millis.after(IDLE_TIMEOUT);
        if !last {
            self.send_segment(position, data, 0).map_err(|_| self.content_changed(position))?;
            self.state = State::Sending { position: next(position)? };
            return Ok(());
        }
        let length = u64::from(position) * SEGMENT_DATA as u64 + data.len() as u64;
        if self.length.is_some_and(|known| known != length) {
            return Err(self.content_changed(position));
        }
        self.length = Some(length);
        let plan = Plan::new(length);
        let mut position = position;
        if let Piece::Segment { padding, .. } = plan.piece(position) {
            self.send_segment(position, data, padding).map_err(|_| self.content_changed(position))?;
            position = next(position)?;
        }
        self.state = State::Ending { position, plan };
        Ok(())
    }

    /// Bytes of the office's answer, in order, split at arbitrary boundaries.
    pub fn handle_reply(&mut self, bytes: &[u8], now: Now) {
        let mut rest = bytes;
        while !self.is_done() {
            match self.replies.read(&mut rest, &self.channel) {
                Ok(Some(reply)) => {
                    // protocol.md 9.3: progress renews the timeout
                    self.deadline = now.millis.after(IDLE_TIMEOUT);
                    self.handle_opened(reply);
                }
                Ok(None) => return,
                Err(_) => self.fail(SenderFailure::BadReply),
            }
        }
    }

    /// The office's side ended (FIN).
    pub fn handle_end(&mut self, _now: Now) {
        // protocol.md 8.6: an end without receipt or refusal promises nothing
        self.fail(SenderFailure::Lost);
    }

    /// The stream was reset or stopped with this code. (A stop with [`STOP_ENOUGH`](crate::wire::refusal::STOP_ENOUGH)
    /// only says that no more is read; the answer is on its way, so it is not to be passed here.)
    pub fn handle_reset(&mut self, code: u64, _now: Now) {
        // protocol.md 9.1: once the office has accepted the hello, a bare reset is the network's
        self.fail(match StreamRefusal::from_code(code) {
            _ if self.accepted => SenderFailure::Lost,
            StreamRefusal::Refused => SenderFailure::RefusedUniformly,
            StreamRefusal::Unavailable => SenderFailure::Unavailable,
        });
    }

    /// The connection is gone.
    pub fn handle_lost(&mut self, _now: Now) {
        self.fail(SenderFailure::Lost);
    }

    /// The transport took bytes of ours: a slow line is not a dead one.
    pub fn handle_sent(&mut self, now: Now) {
        self.deadline = now.millis.after(IDLE_TIMEOUT);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        if !self.is_done() && now.millis >= self.deadline {
            self.fail(SenderFailure::TimedOut);
        }
    }

    /// The next thing to do, in order. To be called when the transport can take a segment.
    pub fn poll_action(&mut self) -> Option<SenderAction> {
        if self.actions.is_empty() {
            self.send_rest();
        }
        self.actions.pop_front()
    }

    /// Whether something is to be done that takes no more room in the transport than was there before.
    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
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

    fn handle_opened(&mut self, reply: Reply) {
        match reply {
            Reply::Accepted { next } => self.handle_accepted(next),
            Reply::Progress { stored } if self.accepted => {
                self.event(SenderEvent::Progress { stored_segments: stored });
            }
            Reply::Progress { .. } => self.fail(SenderFailure::BadReply),
            Reply::Receipt(bytes) => self.handle_receipt(bytes),
            Reply::Refusal(refusal) => self.end(SenderEvent::Refused(refusal)),
        }
    }

    fn handle_accepted(&mut self, next: u32) {
        if core::mem::replace(&mut self.accepted, true) {
            return self.fail(SenderFailure::BadReply);
        }
        self.event(SenderEvent::Accepted { next });
        match self.state {
            State::AwaitAccepted => self.resume_at(next),
            // Sent from the beginning, but the office wants something else: only a resume can serve it.
            _ if next != 0 => self.fail(SenderFailure::Lost),
            _ => {}
        }
    }

    /// protocol.md 8.8: from the first position that is not stored.
    fn resume_at(&mut self, position: u32) {
        self.state = match self.length.map(Plan::new) {
            Some(plan) if position > plan.last() => return self.fail(SenderFailure::BadReply),
            Some(plan) if plan.is_padding(position) => State::Ending { position, plan },
            _ => State::Sending { position },
        };
    }

    fn handle_receipt(&mut self, bytes: Vec<u8>) {
        match crate::wire::receipt::Receipt::from_bytes(bytes) {
            Ok(receipt) if self.channel.accepts(&receipt) => self.end(SenderEvent::Receipt(receipt)),
            _ => self.fail(SenderFailure::BadReceipt),
        }
    }

    fn send_segment(&mut self, position: u32, data: &[u8], padding: usize) -> Result<(), ChannelError> {
        let channel = &mut self.channel;
        let size = SEGMENT_OVERHEAD + data.len() + padding;
        let frame = build_segment(position, size, |out| channel.seal_segment_into(position, data, padding, out))?;
        self.actions.push_back(SenderAction::Send(frame));
        Ok(())
    }

    /// One piece of padding, or the final frame.
    fn send_rest(&mut self) {
        let State::Ending { position, plan } = self.state else { return };
        let sealed = match plan.piece(position) {
            Piece::Segment { padding, .. } => {
                self.state = State::Ending { position: position.saturating_add(1), plan };
                self.send_segment(position, &[], padding)
            }
            Piece::Final => {
                self.state = State::AwaitReceipt;
                self.send_final(position)
            }
        };
        if sealed.is_err() {
            self.fail(SenderFailure::ContentChanged);
        }
    }

    fn send_final(&mut self, position: u32) -> Result<(), ChannelError> {
        let ciphertext = self.channel.seal_final(position)?;
        self.actions.push_back(SenderAction::Send(encode_segment(FrameType::Final, position, &ciphertext)));
        self.actions.push_back(SenderAction::FinishStream);
        Ok(())
    }

    fn event(&mut self, event: SenderEvent) {
        self.actions.push_back(SenderAction::Event(event));
    }

    /// The last event of this stream.
    fn end(&mut self, event: SenderEvent) {
        let finished = matches!(self.state, State::AwaitReceipt);
        self.state = State::Done;
        self.actions.retain(|action| matches!(action, SenderAction::Event(_)));
        self.event(event);
        if !finished {
            self.actions.push_back(SenderAction::FinishStream);
        }
    }

    fn fail(&mut self, failure: SenderFailure) {
        if !self.is_done() {
            self.end(SenderEvent::Failed(failure));
        }
    }

    fn content_changed(&mut self, position: u32) -> SenderError {
        self.fail(SenderFailure::ContentChanged);
        SenderError::ContentChanged(position)
    }
}

fn next(position: u32) -> Result<u32, SenderError> {
    position.checked_add(1).ok_or(SenderError::TooLong)
}
