//! A channel for the machines' unit tests that has the shape of the real one and none of its strength: nothing is
//! encrypted, and a checksum plays the AEAD tag.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::Cell;

use crate::channel::{ChannelError, OfficeChannel, OfficeSeal, Opened, OpenedHello, ReplyOpener, SenderChannel};
use crate::limits::{INTRO_PLAINTEXT, REPLY_PLAINTEXT, TAG, TRAILER_PLAINTEXT};
use crate::padding::padded_len;
use crate::wire::Wire;
use crate::wire::hello::{ContentHash, Encapsulated, Hello, Identity, Intro, Trailer, pad_fixed, unpad_fixed};
use crate::wire::name::{MemberId, PayloadKind};
use crate::wire::proof::Attestation;
use crate::wire::receipt::{Receipt, ReceiptBody};
use crate::wire::reply::Reply;
use crate::wire::signed::Signature;
use crate::wire::ticket::Ticket;

/// FNV-1a in four lanes: enough to tell bytes apart that no enemy chose.
pub(crate) fn mix(parts: &[&[u8]]) -> [u8; 32] {
    let mut lanes = [0xcbf2_9ce4_8422_2325_u64, 1, 2, 3];
    for part in parts {
        for byte in part.iter().chain(&[0xff, part.len() as u8]) {
            for lane in &mut lanes {
                *lane = (*lane ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(7);
            }
        }
    }
    let mut out = [0; 32];
    for (chunk, lane) in out.chunks_mut(8).zip(lanes) {
        chunk.copy_from_slice(&lane.to_le_bytes());
    }
    out
}

fn signature(key: &[u8; 32], parts: &[&[u8]]) -> Signature {
    let inner = mix(parts);
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&mix(&[key, &inner]));
    bytes[32..].copy_from_slice(&mix(&[&inner, key]));
    Signature(bytes)
}

fn close(key: &[u8; 32], place: &[u8], mut plaintext: Vec<u8>) -> Vec<u8> {
    let tag = mix(&[key, place, &plaintext]);
    plaintext.extend_from_slice(&tag[..TAG]);
    plaintext
}

fn open<'c>(key: &[u8; 32], place: &[u8], ciphertext: &'c [u8]) -> Result<&'c [u8], ChannelError> {
    let split = ciphertext.len().checked_sub(TAG).ok_or(ChannelError::NotAuthentic)?;
    let (plaintext, tag) = ciphertext.split_at(split);
    if mix(&[key, place, plaintext])[..TAG] == *tag { Ok(plaintext) } else { Err(ChannelError::NotAuthentic) }
}

fn place(position: u32, last: bool) -> [u8; 5] {
    let [a, b, c, d] = position.to_le_bytes();
    [a, b, c, d, u8::from(last)]
}

fn identity_signature(
    key: &[u8; 32],
    ticket: &Ticket,
    enc: &[u8],
    kind: &PayloadKind,
    content: &ContentHash,
) -> Signature {
    signature(key, &[ticket.as_bytes(), enc, kind.as_bytes(), &content.0])
}

/// The sender's end.
pub(crate) struct ToySender {
    ticket: Ticket,
    key: [u8; 32],
    intro: Intro,
    hello: Hello,
    identity: Option<(MemberId, [u8; 32])>,
    office_key: [u8; 32],
    sealed: BTreeMap<u32, [u8; 32]>,
    content: Vec<u8>,
}

impl ToySender {
    /// `enc` plays the encapsulated key: another one is another attempt.
    pub(crate) fn new(
        ticket: &Ticket,
        intro: Intro,
        identity: Option<(MemberId, [u8; 32])>,
        office_key: [u8; 32],
        enc: u8,
    ) -> Self {
        let enc = [enc; 32];
        let key = mix(&[&ticket.body().secret.0, ticket.as_bytes(), &enc]);
        let padded = pad_fixed(&intro, INTRO_PLAINTEXT).expect("an intro fits");
        let sealed_intro = close(&key, b"intro", padded).try_into().expect("fixed length");
        let hello =
            Hello { encapsulated: Encapsulated::X25519(enc), commitment: mix(&[&key, b"commitment"]), sealed_intro };
        let (sealed, content) = (BTreeMap::new(), Vec::new());
        Self { ticket: ticket.clone(), key, intro, hello, identity, office_key, sealed, content }
    }

    fn seal(&mut self, position: u32, last: bool, plaintext: Vec<u8>) -> Result<Vec<u8>, ChannelError> {
        let hash = mix(&[&plaintext]);
        match self.sealed.insert(position, hash) {
            Some(before) if before != hash => Err(ChannelError::PlaintextDiffers),
            _ => Ok(close(&self.key, &place(position, last), plaintext)),
        }
    }
}

impl SenderChannel for ToySender {
    type Replies = ToyReplies;

    fn hello(&self) -> &Hello {
        &self.hello
    }

    fn seal_segment_into(
        &mut self,
        position: u32,
        data: &[u8],
        padding: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ChannelError> {
        let mut plaintext = u32::try_from(data.len()).expect("small").to_le_bytes().to_vec();
        plaintext.extend_from_slice(data);
        plaintext.resize(plaintext.len() + padding, 0);
        if !self.sealed.contains_key(&position) {
            self.content.extend_from_slice(data);
        }
        out.extend_from_slice(&self.seal(position, false, plaintext)?);
        Ok(())
    }

    fn seal_final(&mut self, position: u32) -> Result<Vec<u8>, ChannelError> {
        let content_hash = ContentHash(mix(&[&self.content]));
        let enc = self.hello.encapsulated.as_bytes();
        let identity = self.identity.map(|(member, key)| Identity {
            member,
            signature: identity_signature(&key, &self.ticket, enc, &self.intro.kind, &content_hash),
        });
        let trailer = Trailer { length: self.content.len() as u64, content_hash, identity };
        self.seal(position, true, pad_fixed(&trailer, TRAILER_PLAINTEXT).expect("a trailer fits"))
    }

    fn replies(&self, salt: &[u8; 32]) -> ToyReplies {
        ToyReplies { key: mix(&[&self.key, salt]), count: 0 }
    }

    fn accepts(&self, receipt: &Receipt) -> bool {
        let body = receipt.body();
        receipt.signature() == signature(&self.office_key, &[receipt.signed_bytes()])
            && body.office == self.ticket.body().office
            && body.ticket == self.ticket.body().id
            && (body.kind, body.sender) == (self.intro.kind, self.intro.sender)
            && body.content_hash == ContentHash(mix(&[&self.content]))
            && body.length == self.content.len() as u64
    }
}

/// Replies as the sender opens them.
pub(crate) struct ToyReplies {
    key: [u8; 32],
    count: u32,
}

impl ReplyOpener for ToyReplies {
    fn open(&mut self, ciphertext: &[u8]) -> Result<Reply, ChannelError> {
        let plaintext = open(&self.key, &self.count.to_le_bytes(), ciphertext)?;
        self.count += 1;
        unpad_fixed(plaintext).map_err(|_| ChannelError::Malformed)
    }
}

/// The office's keys.
pub(crate) struct ToyOffice {
    pub(crate) key: [u8; 32],
    streams: Cell<u8>,
}

impl ToyOffice {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, streams: Cell::new(0) }
    }
}

impl OfficeSeal for ToyOffice {
    type TicketKeys = ();
    type StorageKey = [u8; 32];
    type Channel = ToyChannel;

    fn open_hello(&self, ticket: &Ticket, (): &(), hello: &Hello) -> Result<Opened<Self>, ChannelError> {
        let enc = hello.encapsulated.as_bytes().to_vec();
        let key = mix(&[&ticket.body().secret.0, ticket.as_bytes(), &enc]);
        if hello.commitment != mix(&[&key, b"commitment"]) {
            return Err(ChannelError::NotAuthentic);
        }
        let intro = unpad_fixed(open(&key, b"intro", &hello.sealed_intro)?).map_err(|_| ChannelError::Malformed)?;
        self.streams.set(self.streams.get() + 1);
        let channel = ToyChannel {
            ticket: ticket.clone(),
            enc,
            key,
            next: 0,
            content: Vec::new(),
            padded: 0,
            salt: [self.streams.get(); 32],
            replies: 0,
        };
        Ok(OpenedHello { intro, digest: mix(&[&hello.to_wire()]), channel, storage_key: key })
    }

    fn sign_receipt(&self, body: ReceiptBody) -> Receipt {
        let signature = signature(&self.key, &[&body.to_wire()]);
        Receipt::assemble(body, &signature)
    }
}

/// The office's end.
pub(crate) struct ToyChannel {
    ticket: Ticket,
    enc: Vec<u8>,
    key: [u8; 32],
    next: u32,
    content: Vec<u8>,
    padded: u64,
    salt: [u8; 32],
    replies: u32,
}

impl OfficeChannel for ToyChannel {
    fn open_segment(&mut self, position: u32, ciphertext: &[u8]) -> Result<u32, ChannelError> {
        assert_eq!(position, self.next, "the machine checks the order");
        let plaintext = open(&self.key, &place(position, false), ciphertext)?;
        let (length, rest) = plaintext.split_first_chunk::<4>().ok_or(ChannelError::Malformed)?;
        let data_len = u32::from_le_bytes(*length);
        let data = rest.get(..data_len as usize).ok_or(ChannelError::Malformed)?;
        self.content.extend_from_slice(data);
        self.padded += rest.len() as u64;
        self.next += 1;
        Ok(data_len)
    }

    fn open_final(&mut self, position: u32, ciphertext: &[u8]) -> Result<Trailer, ChannelError> {
        let plaintext = open(&self.key, &place(position, true), ciphertext)?;
        let trailer: Trailer = unpad_fixed(plaintext).map_err(|_| ChannelError::Malformed)?;
        let length = self.content.len() as u64;
        let sound = trailer.length == length
            && trailer.content_hash == ContentHash(mix(&[&self.content]))
            && self.padded == padded_len(length);
        if sound { Ok(trailer) } else { Err(ChannelError::Malformed) }
    }

    fn attestation(&self, identity: &Identity) -> Attestation {
        let (ticket_hash, encapsulated_hash) = (mix(&[self.ticket.as_bytes()]), mix(&[&self.enc]));
        Attestation { ticket_hash, encapsulated_hash, signature: identity.signature }
    }

    fn verify_identity(&self, identity: &Identity, kind: &PayloadKind, content: &ContentHash, key: &[u8; 32]) -> bool {
        identity.signature == identity_signature(key, &self.ticket, &self.enc, kind, content)
    }

    fn start_replies(&mut self) -> [u8; 32] {
        self.salt
    }

    fn seal_reply(&mut self, reply: &Reply) -> Vec<u8> {
        let padded = pad_fixed(reply, REPLY_PLAINTEXT).expect("a reply fits");
        let sealed = close(&mix(&[&self.key, &self.salt]), &self.replies.to_le_bytes(), padded);
        self.replies += 1;
        sealed
    }
}
