//! The sender's end of a sealed connection.

use std::sync::Arc;

use rand::CryptoRng;
use schleuse_protocol::channel::{ChannelError, SenderChannel};
use schleuse_protocol::limits::{INTRO_PLAINTEXT, SEGMENT_DATA, TAG, TRAILER_PLAINTEXT};
use schleuse_protocol::wire::hello::{ContentHash, Encapsulated, Hello, Intro, Trailer, pad_fixed};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::OneTimeKey;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::hpke_suite::{SealedHello, SuiteOne, SuiteTwo, seal_hello};
use crate::identity::Binding;
use crate::keys::SigningKey;
use crate::receipt::verify_receipt;
use crate::reply::Replies;
use crate::secret::{ReplySecret, StorageKey};
use crate::segment::{Last, SegmentCipher};
use crate::shape::Shape;
use crate::ticket::VerifiedTicket;

/// One attempt to send one content under one ticket.
pub struct Sender {
    pub(crate) ticket: VerifiedTicket,
    pub(crate) intro: Intro,
    pub(crate) identity: Option<(MemberId, Arc<SigningKey>)>,
    pub(crate) binding: Binding,
    pub(crate) hello: Hello,
    /// Kept beside the cipher made of it for [`save`](Self::save).
    pub(crate) segment_key: StorageKey,
    pub(crate) segments: SegmentCipher,
    pub(crate) replies: ReplySecret,
    pub(crate) shape: Shape,
    pub(crate) hasher: Sha256,
    /// The tag of each sealed segment. Another plaintext under the same key and nonce with the same tag would be a
    /// forgery against Poly1305, so the tag says whether a plaintext is the same, at no extra cost.
    pub(crate) tags: Vec<[u8; TAG]>,
    pub(crate) finished: Option<Finished>,
}

/// What is fixed once the content has ended.
pub(crate) struct Finished {
    pub(crate) content_hash: ContentHash,
    /// The sealed trailer.
    pub(crate) ciphertext: Vec<u8>,
}

impl Sender {
    /// Seals the hello: one fresh HPKE context, whose only use it is.
    ///
    /// `identity` must be the member that `intro` declares.
    pub fn new(
        ticket: &VerifiedTicket,
        intro: Intro,
        identity: Option<(MemberId, Arc<SigningKey>)>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, SealError> {
        if intro.sender != identity.as_ref().map(|(member, _)| *member) {
            return Err(SealError::SenderMismatch);
        }
        let padded = Zeroizing::new(pad_fixed(&intro, INTRO_PLAINTEXT).expect("every intro fits its padding"));
        let (encapsulated, sealed) = encapsulate(ticket, &padded, rng)?;
        Ok(Self {
            binding: Binding::new(ticket.ticket(), encapsulated.as_bytes()),
            hello: Hello { encapsulated, commitment: sealed.commitment, sealed_intro: sealed.sealed_intro },
            segments: SegmentCipher::new(&sealed.keys.segments),
            segment_key: sealed.keys.segments,
            replies: sealed.keys.replies,
            ticket: ticket.clone(),
            intro,
            identity,
            shape: Shape::default(),
            hasher: Sha256::new(),
            tags: Vec::new(),
            finished: None,
        })
    }

    /// What was declared in the hello.
    pub fn intro(&self) -> &Intro {
        &self.intro
    }

    /// Length of the content in bytes, once all of it was sealed.
    pub fn content_length(&self) -> Option<u64> {
        self.finished.as_ref().map(|_| self.shape.content())
    }

    /// Seals the trailer once the content has ended.
    fn finish(&self) -> Result<Finished, ChannelError> {
        if !self.shape.is_complete() {
            return Err(ChannelError::Malformed);
        }
        let content_hash = ContentHash(self.hasher.clone().finalize().into());
        let sign = |(member, key): &(MemberId, Arc<SigningKey>)| {
            self.binding.sign(*member, &self.intro.kind, &content_hash, key)
        };
        let identity = self.identity.as_ref().map(sign);
        let trailer = Trailer { length: self.shape.content(), content_hash, identity };
        let mut ciphertext = pad_fixed(&trailer, TRAILER_PLAINTEXT).expect("every trailer fits its padding");
        self.segments.seal_tail(self.shape.next(), Last::Yes, 0, &mut ciphertext);
        Ok(Finished { content_hash, ciphertext })
    }
}

impl SenderChannel for Sender {
    type Replies = Replies;

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
        if data.len() > SEGMENT_DATA || padding > SEGMENT_DATA - data.len() {
            return Err(ChannelError::Malformed);
        }
        let index = usize::try_from(position).map_err(|_| ChannelError::Malformed)?;
        let is_new = index == self.tags.len();
        if index > self.tags.len() || (is_new && self.finished.is_some()) {
            return Err(ChannelError::Malformed);
        }
        if is_new {
            self.shape.add(data.len(), padding)?;
        }
        let start = out.len();
        self.segments.seal_data(position, data, padding, out);
        let tag = *out.last_chunk::<TAG>().expect("a ciphertext ends with its tag");
        if is_new {
            self.hasher.update(data);
            self.tags.push(tag);
        } else if !bool::from(tag.ct_eq(&self.tags[index])) {
            // Two ciphertexts under one nonce would give away both plaintexts: this one never leaves.
            out.truncate(start);
            return Err(ChannelError::PlaintextDiffers);
        }
        Ok(())
    }

    fn seal_final(&mut self, position: u32) -> Result<Vec<u8>, ChannelError> {
        if position != self.shape.next() {
            return Err(ChannelError::Malformed);
        }
        if self.finished.is_none() {
            self.finished = Some(self.finish()?);
        }
        self.finished.as_ref().map(|finished| finished.ciphertext.clone()).ok_or(ChannelError::Malformed)
    }

    fn replies(&self, salt: &[u8; 32]) -> Replies {
        Replies::new(&self.replies, salt)
    }

    fn accepts(&self, receipt: &Receipt) -> bool {
        let Some(finished) = &self.finished else { return false };
        let (said, ticket) = (receipt.body(), self.ticket.body());
        said.office == ticket.office
            && said.ticket == ticket.id
            && said.kind == self.intro.kind
            && said.sender == self.intro.sender
            && said.length == self.shape.content()
            && said.content_hash == finished.content_hash
            && verify_receipt(receipt, self.ticket.office_public())
    }
}

/// The setup of the ticket's suite.
fn encapsulate(
    ticket: &VerifiedTicket,
    intro: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<(Encapsulated, SealedHello), SealError> {
    let (encapsulated, sealed) = match &ticket.body().key {
        OneTimeKey::X25519(public) => {
            let sealed = seal_hello::<SuiteOne>(ticket.ticket(), public, intro, rng);
            let sealed = sealed.map_err(|_| SealError::UnusableKey)?;
            (sealed.enc.as_slice().try_into().map(Encapsulated::X25519), sealed)
        }
        OneTimeKey::XWing(public) => {
            let sealed = seal_hello::<SuiteTwo>(ticket.ticket(), public.as_slice(), intro, rng);
            let sealed = sealed.map_err(|_| SealError::UnusableKey)?;
            (sealed.enc.as_slice().try_into().map(|enc| Encapsulated::XWing(Box::new(enc))), sealed)
        }
    };
    Ok((encapsulated.expect("the length of `enc` is fixed per suite"), sealed))
}

/// Why nothing can be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The ticket's one-time key is no usable public key (of small order, or not reduced).
    #[error("the ticket's key is unusable although the office signed it: ask the office for a new ticket")]
    UnusableKey,
    /// The intro declares another sender than the one whose key is at hand.
    #[error("the declared sender is not the member whose signing key was given: declare that member, or nobody")]
    SenderMismatch,
}
