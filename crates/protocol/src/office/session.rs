//! What every state after the hello has: the ticket, what the sender declared, the channel, and the way to answer.

use alloc::string::String;
use alloc::vec::Vec;

use crate::channel::{OfficeChannel, OfficeSeal};
use crate::wire::frame::{FrameType, encode_raw};
use crate::wire::hello::{ContentHash, Identity, Intro};
use crate::wire::reply::{MAX_REFUSAL_TEXT, Reply};
use crate::wire::ticket::{Ticket, TicketId};

/// An authenticated connection.
pub(super) struct Session<S: OfficeSeal> {
    pub(super) ticket: Ticket,
    pub(super) intro: Intro,
    pub(super) digest: [u8; 32],
    pub(super) channel: S::Channel,
    replies_started: bool,
}

impl<S: OfficeSeal> Session<S> {
    pub(super) fn new(ticket: Ticket, intro: Intro, digest: [u8; 32], channel: S::Channel) -> Self {
        Self { ticket, intro, digest, channel, replies_started: false }
    }

    pub(super) fn id(&self) -> TicketId {
        self.ticket.body().id
    }

    /// The bytes of one sealed reply; `ReplyStart` goes before the first (protocol.md 6.6).
    pub(super) fn reply(&mut self, reply: &Reply) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !self.replies_started {
            self.replies_started = true;
            bytes = encode_raw(FrameType::ReplyStart, &[&self.channel.start_replies()]);
        }
        bytes.extend_from_slice(&encode_raw(FrameType::Reply, &[&self.channel.seal_reply(reply)]));
        bytes
    }

    /// protocol.md 6.5: the trailer's identity is the declared sender's, and its signature is valid.
    pub(super) fn vouched(&self, identity: Option<&Identity>, content: &ContentHash, key: Option<[u8; 32]>) -> bool {
        match (self.intro.sender, identity) {
            (None, None) => true,
            (Some(declared), Some(identity)) => {
                identity.member == declared
                    && key.is_some_and(|key| self.channel.verify_identity(identity, &self.intro.kind, content, &key))
            }
            _ => false,
        }
    }
}

/// Cuts a text to what fits into a refusal.
pub(super) fn cut_text(mut text: String) -> String {
    let mut end = text.len().min(MAX_REFUSAL_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
