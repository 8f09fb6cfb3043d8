//! The office's end of a sealed connection.

use std::sync::{Mutex, PoisonError};

use rand::CryptoRng;
use schleuse_protocol::channel::{ChannelError, OfficeChannel, OfficeSeal, Opened, OpenedHello};
use schleuse_protocol::limits::{SEGMENT_PLAINTEXT, TAG};
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::hello::{ContentHash, Encapsulated, Hello, Identity, Trailer, unpad_fixed};
use schleuse_protocol::wire::name::PayloadKind;
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::reply::Reply;
use schleuse_protocol::wire::ticket::Ticket;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::hpke_suite::{ConnectionKeys, OpenedIntro, SuiteOne, SuiteTwo, open_hello};
use crate::identity::Binding;
use crate::keys::SigningKey;
use crate::receipt::sign_receipt;
use crate::reply::ReplySealer;
use crate::secret::{ReplySecret, StorageKey};
use crate::segment::{Last, SegmentCipher, split_plaintext};
use crate::shape::Shape;
use crate::ticket::OneTimeSecret;

/// An office's keys at work.
pub struct Office {
    key: SigningKey,
    /// Draws the salts of the replies.
    rng: Mutex<Box<dyn CryptoRng + Send>>,
}

/// The private half of one ticket, as the office machine hands it to [`Office::open_hello`].
pub struct TicketKeys(OneTimeSecret);

impl TicketKeys {
    /// Takes the one-time secret; it is wiped with this value.
    pub fn new(secret: OneTimeSecret) -> Self {
        Self(secret)
    }
}

impl Office {
    /// An office with this signing key; `rng` draws one salt per stream.
    pub fn new(key: SigningKey, rng: impl CryptoRng + Send + 'static) -> Self {
        Self { key, rng: Mutex::new(Box::new(rng)) }
    }

    /// Its signing key.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    fn salt(&self) -> [u8; 32] {
        let mut salt = [0; 32];
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut salt);
        salt
    }
}

impl OfficeSeal for Office {
    type TicketKeys = TicketKeys;
    type StorageKey = StorageKey;
    type Channel = Connection;

    fn open_hello(&self, ticket: &Ticket, keys: &TicketKeys, hello: &Hello) -> Result<Opened<Self>, ChannelError> {
        let opened = decapsulate(ticket, keys, hello)?;
        let padded = Zeroizing::new(opened.intro);
        let intro = unpad_fixed(&padded).map_err(|_| ChannelError::Malformed)?;
        let binding = Binding::new(ticket, hello.encapsulated.as_bytes());
        let ConnectionKeys { segments, replies } = opened.keys;
        Ok(OpenedHello {
            intro,
            digest: Sha256::digest(hello.to_wire()).into(),
            channel: Connection::new(&segments, replies, binding, self.salt()),
            storage_key: segments,
        })
    }

    fn sign_receipt(&self, body: ReceiptBody) -> Receipt {
        sign_receipt(body, &self.key)
    }
}

/// The setup of the ticket's suite; ticket, private key and hello must agree on it.
fn decapsulate(ticket: &Ticket, keys: &TicketKeys, hello: &Hello) -> Result<OpenedIntro, ChannelError> {
    let suite = ticket.body().key.suite();
    if keys.0.suite() != suite || hello.encapsulated.suite() != suite {
        return Err(ChannelError::NotAuthentic);
    }
    let (commitment, intro) = (&hello.commitment, &hello.sealed_intro);
    match &hello.encapsulated {
        Encapsulated::X25519(enc) => {
            open_hello::<SuiteOne>(ticket, &keys.0.private::<SuiteOne>(), enc, commitment, intro)
        }
        Encapsulated::XWing(enc) => {
            open_hello::<SuiteTwo>(ticket, &keys.0.private::<SuiteTwo>(), enc.as_slice(), commitment, intro)
        }
    }
    .map_err(|_| ChannelError::NotAuthentic)
}

/// One opened connection: one stream of one attempt.
pub struct Connection {
    segments: SegmentCipher,
    shape: Shape,
    hasher: Sha256,
    /// The plaintext of the segment at hand; one buffer for all of them, wiped at the end, and as long as the longest: wiping takes
    /// time.
    buffer: Zeroizing<Vec<u8>>,
    is_finished: bool,
    binding: Binding,
    reply_secret: ReplySecret,
    salt: [u8; 32],
    replies: Option<ReplySealer>,
}

impl Connection {
    fn new(segments: &StorageKey, reply_secret: ReplySecret, binding: Binding, salt: [u8; 32]) -> Self {
        Self {
            segments: SegmentCipher::new(segments),
            shape: Shape::default(),
            hasher: Sha256::new(),
            buffer: Zeroizing::new(Vec::new()),
            is_finished: false,
            binding,
            reply_secret,
            salt,
            replies: None,
        }
    }

    /// Opens what must stand at the next position.
    fn open_next(&mut self, position: u32, last: Last, ciphertext: &[u8]) -> Result<Plaintext<'_>, ChannelError> {
        // A frame's position stands in the clear: that it is wrong can be the work of a proxy.
        if self.is_finished || position != self.shape.next() {
            return Err(ChannelError::NotAuthentic);
        }
        // Made anew instead of grown, which would leave plaintext behind in freed memory.
        let needed = ciphertext.len().saturating_sub(TAG).min(SEGMENT_PLAINTEXT);
        if self.buffer.len() < needed {
            self.buffer = Zeroizing::new(vec![0; needed]);
        }
        let bytes = self.segments.open(position, last, ciphertext, &mut self.buffer)?;
        Ok(Plaintext { bytes, shape: &mut self.shape, hasher: &mut self.hasher })
    }
}

/// An opened frame, and what is kept of all of them.
struct Plaintext<'c> {
    bytes: &'c [u8],
    shape: &'c mut Shape,
    hasher: &'c mut Sha256,
}

impl OfficeChannel for Connection {
    fn open_segment(&mut self, position: u32, ciphertext: &[u8]) -> Result<u32, ChannelError> {
        let Plaintext { bytes, shape, hasher } = self.open_next(position, Last::No, ciphertext)?;
        let (data, padding) = split_plaintext(bytes)?;
        shape.add(data.len(), padding)?;
        hasher.update(data);
        u32::try_from(data.len()).map_err(|_| ChannelError::Malformed)
    }

    fn open_final(&mut self, position: u32, ciphertext: &[u8]) -> Result<Trailer, ChannelError> {
        let Plaintext { bytes, shape, hasher } = self.open_next(position, Last::Yes, ciphertext)?;
        let trailer = open_trailer(bytes)?;
        let content_hash = ContentHash(hasher.clone().finalize().into());
        let matches = trailer.length == shape.content() && trailer.content_hash == content_hash;
        if !matches || !shape.is_complete() {
            return Err(ChannelError::Malformed);
        }
        self.is_finished = true;
        Ok(trailer)
    }

    fn attestation(&self, identity: &Identity) -> Attestation {
        self.binding.attestation(identity)
    }

    fn verify_identity(&self, identity: &Identity, kind: &PayloadKind, content: &ContentHash, key: &[u8; 32]) -> bool {
        self.binding.verify(identity, kind, content, key)
    }

    fn start_replies(&mut self) -> [u8; 32] {
        let (secret, salt) = (&self.reply_secret, self.salt);
        self.replies.get_or_insert_with(|| ReplySealer::new(secret, &salt));
        salt
    }

    fn seal_reply(&mut self, reply: &Reply) -> Vec<u8> {
        let (secret, salt) = (&self.reply_secret, &self.salt);
        self.replies.get_or_insert_with(|| ReplySealer::new(secret, salt)).seal(reply)
    }
}

/// The trailer in the plaintext of a final, whose length is fixed.
pub(crate) fn open_trailer(plaintext: &[u8]) -> Result<Trailer, ChannelError> {
    if plaintext.len() != schleuse_protocol::limits::TRAILER_PLAINTEXT {
        return Err(ChannelError::Malformed);
    }
    unpad_fixed(plaintext).map_err(|_| ChannelError::Malformed)
}
