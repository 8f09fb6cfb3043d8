//! The cryptography that the machines need, as traits. `schleuse-seal` implements them; this crate computes nothing.
//!
//! [`SenderChannel`] and [`OfficeChannel`] are the two ends of one sealed connection, [`OfficeSeal`] is the office's
//! side before a connection is there.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::wire::hello::{ContentHash, Hello, Identity, Intro, Trailer};
use crate::wire::name::PayloadKind;
use crate::wire::proof::Attestation;
use crate::wire::receipt::{Receipt, ReceiptBody};
use crate::wire::reply::Reply;
use crate::wire::ticket::Ticket;

/// Why a channel refused. None of this is told to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// These are not the bytes that the other end sealed for this place: damaged or forged on the way, or sealed under
    /// another ticket. Identical bytes on another route may still be accepted.
    #[error("what came is not what the other end sealed at this place")]
    NotAuthentic,
    /// The other end did seal these bytes, but they break a rule of the protocol (padding, order, length, hash).
    #[error("the other end sealed something that breaks the protocol")]
    Malformed,
    /// The sender's side was asked to seal other plaintext at a position that was sealed before.
    #[error("the content changed since this position was sealed for the first time: begin a new attempt")]
    PlaintextDiffers,
}

/// The sender's end. One value lives as long as the attempt, across any number of connections, and produces identical
/// bytes on each.
pub trait SenderChannel {
    /// Opens the replies of one stream.
    type Replies: ReplyOpener;

    /// The opening; identical every time.
    fn hello(&self) -> &Hello;

    /// Seals one segment: `data` (at most [`SEGMENT_DATA`](crate::limits::SEGMENT_DATA) bytes with `padding`) and
    /// `padding` zero bytes. Positions are new in the order 0, 1, 2 …; an earlier one may be sealed again with the same
    /// plaintext, other plaintext is [`ChannelError::PlaintextDiffers`].
    ///
    /// The ciphertext is appended to `out`, where its frame is built; on an error `out` is as it was.
    fn seal_segment_into(
        &mut self,
        position: u32,
        data: &[u8],
        padding: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ChannelError>;

    /// [`seal_segment_into`](Self::seal_segment_into) a vector of its own.
    fn seal_segment(&mut self, position: u32, data: &[u8], padding: usize) -> Result<Vec<u8>, ChannelError> {
        let mut ciphertext = Vec::new();
        self.seal_segment_into(position, data, padding, &mut ciphertext)?;
        Ok(ciphertext)
    }

    /// Seals the [`Trailer`] at the position after the last segment.
    fn seal_final(&mut self, position: u32) -> Result<Vec<u8>, ChannelError>;

    /// The replies of a stream whose office chose this salt.
    fn replies(&self, salt: &[u8; 32]) -> Self::Replies;

    /// Whether this receipt proves that the office holds what was sealed here: signature, office, ticket, kind, sender,
    /// content hash and length all match.
    fn accepts(&self, receipt: &Receipt) -> bool;
}

/// Opens the sealed replies of one stream, in their order.
pub trait ReplyOpener {
    /// Opens the next one.
    fn open(&mut self, ciphertext: &[u8]) -> Result<Reply, ChannelError>;
}

/// The office's end of one stream.
pub trait OfficeChannel {
    /// Opens the next segment (positions 0, 1, 2 …, nothing else), checks its padding and hashes its data. Returns how
    /// many bytes of data it carries.
    fn open_segment(&mut self, position: u32, ciphertext: &[u8]) -> Result<u32, ChannelError>;

    /// Opens the final frame; checks the trailer's length and hash against what was opened.
    fn open_final(&mut self, position: u32, ciphertext: &[u8]) -> Result<Trailer, ChannelError>;

    /// What `identity` says, as it is kept beside the receipt, where anybody can verify it later.
    fn attestation(&self, identity: &Identity) -> Attestation;

    /// Whether the signature in `identity` is valid under `key` (Ed25519) for this connection, kind and content.
    fn verify_identity(&self, identity: &Identity, kind: &PayloadKind, content: &ContentHash, key: &[u8; 32]) -> bool;

    /// Starts the replies of this stream: a fresh random salt.
    fn start_replies(&mut self) -> [u8; 32];

    /// Seals the next reply; after [`start_replies`](Self::start_replies) only.
    fn seal_reply(&mut self, reply: &Reply) -> Vec<u8>;
}

/// What opening an authentic hello yields.
#[derive(Debug)]
pub struct OpenedHello<C, K> {
    /// What the sender declared.
    pub intro: Intro,
    /// SHA-256 of the hello's encoding: tells two attempts apart.
    pub digest: [u8; 32],
    /// The opened connection.
    pub channel: C,
    /// What opens the stored segments of this attempt later.
    pub storage_key: K,
}

/// What [`OfficeSeal::open_hello`] returns on success.
pub type Opened<S> = OpenedHello<<S as OfficeSeal>::Channel, <S as OfficeSeal>::StorageKey>;

/// The office's keys at work.
pub trait OfficeSeal {
    /// The one-time private key of a ticket.
    type TicketKeys;
    /// What opens the stored segments of one attempt.
    type StorageKey;
    /// One opened connection.
    type Channel: OfficeChannel;

    /// Opens a hello under a ticket; checks the key commitment.
    fn open_hello(&self, ticket: &Ticket, keys: &Self::TicketKeys, hello: &Hello)
    -> Result<Opened<Self>, ChannelError>;

    /// Signs a receipt with the office's signing key.
    fn sign_receipt(&self, body: ReceiptBody) -> Receipt;
}

/// A shared seal is a seal: many streams use one.
macro_rules! shared_seal {
    ($pointer:ty) => {
        impl<S: OfficeSeal + ?Sized> OfficeSeal for $pointer {
            type TicketKeys = S::TicketKeys;
            type StorageKey = S::StorageKey;
            type Channel = S::Channel;

            fn open_hello(
                &self,
                ticket: &Ticket,
                keys: &Self::TicketKeys,
                hello: &Hello,
            ) -> Result<Opened<Self>, ChannelError> {
                (**self).open_hello(ticket, keys, hello)
            }

            fn sign_receipt(&self, body: ReceiptBody) -> Receipt {
                (**self).sign_receipt(body)
            }
        }
    };
}

shared_seal!(&S);
shared_seal!(Arc<S>);
