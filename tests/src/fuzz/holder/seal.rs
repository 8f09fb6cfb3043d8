//! The sender's end of the seal, written out a second time (protocol.md 6, cryptography.md 3), without any of its rules: a
//! holder of the ticket seals whatever it likes, and opens what the office says.

use std::cell::RefCell;
use std::collections::HashMap;

use chacha20poly1305::aead::{Aead as _, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use hpke::aead::{AeadCtxS, ChaCha20Poly1305 as HpkeAead};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeS, PskBundle, Serializable};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use schleuse_protocol::limits::{INTRO_PLAINTEXT, VERSION};
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hello::{ContentHash, Encapsulated, Hello, Identity, unpad_fixed};
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::reply::Reply;
use schleuse_protocol::wire::signed::Signature;
use schleuse_protocol::wire::ticket::{OneTimeKey, Ticket, TicketId};
use schleuse_seal::{Label, SigningKey, ticket_hash, verify};
use sha2::{Digest, Sha256};

type Context = AeadCtxS<HpkeAead, HkdfSha256, X25519HkdfSha256>;

/// What follows from a ticket and one encapsulated key.
pub(super) struct AttemptKeys {
    /// By whom the ticket is, and its id.
    issued: (MemberId, TicketId),
    ticket: [u8; 32],
    enc: [u8; 32],
    commitment: [u8; 32],
    pub(super) segments: [u8; 32],
    replies: [u8; 32],
}

impl AttemptKeys {
    pub(super) fn derive(ticket: &Ticket, key: u8) -> Self {
        let (enc, context) = set_up(ticket, key);
        Self {
            issued: (ticket.body().office, ticket.body().id),
            ticket: ticket_hash(ticket),
            enc,
            commitment: export(&context, Label::Commitment),
            segments: export(&context, Label::SegmentKey),
            replies: export(&context, Label::ReplySecret),
        }
    }

    /// The hello around any plaintext of an intro.
    pub(super) fn hello(&self, ticket: &Ticket, key: u8, intro: &[u8; INTRO_PLAINTEXT]) -> Hello {
        Hello {
            encapsulated: Encapsulated::X25519(self.enc),
            commitment: self.commitment,
            sealed_intro: sealed_intro(ticket, key, self, intro),
        }
    }

    fn identity_parts<'a>(
        &'a self,
        member: &'a MemberId,
        enc_hash: &'a [u8; 32],
        kind: &'a PayloadKind,
        content: &'a ContentHash,
    ) -> [&'a [u8]; 7] {
        let (office, id) = &self.issued;
        [member.as_bytes(), office.as_bytes(), &id.0, &self.ticket, enc_hash, kind.as_bytes(), &content.0]
    }

    pub(super) fn sign(
        &self,
        member: &MemberId,
        kind: &PayloadKind,
        content: &ContentHash,
        key: &SigningKey,
    ) -> Signature {
        let enc_hash = Sha256::digest(self.enc).into();
        key.sign(Label::Identity, &self.identity_parts(member, &enc_hash, kind, content))
    }

    pub(super) fn verify(
        &self,
        identity: &Identity,
        kind: &PayloadKind,
        content: &ContentHash,
        public: &[u8; 32],
    ) -> bool {
        let enc_hash = Sha256::digest(self.enc).into();
        let parts = self.identity_parts(&identity.member, &enc_hash, kind, content);
        verify(public, Label::Identity, &parts, &identity.signature)
    }
}

fn set_up(ticket: &Ticket, key: u8) -> ([u8; 32], Context) {
    let OneTimeKey::X25519(public) = &ticket.body().key else { unreachable!("all tickets are of suite 1") };
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(public).expect("a public key");
    let psk = PskBundle::new(&ticket.body().secret.0, &ticket.body().id.0).expect("neither is empty");
    let info = Label::Info.bind(&[&[VERSION], &ticket_hash(ticket)]);
    let mut rng = ChaCha20Rng::seed_from_u64(0x100 + u64::from(key));
    let (enc, context): (<X25519HkdfSha256 as Kem>::EncappedKey, Context) =
        hpke::setup_sender_with_rng(&OpModeS::Psk(psk), &public, &info, &mut rng).expect("a set-up");
    (enc.to_bytes().as_slice().try_into().expect("32 bytes"), context)
}

fn export(context: &Context, label: Label) -> [u8; 32] {
    let mut secret = [0; 32];
    context.export(&label.bind(&[]), &mut secret).expect("32 bytes");
    secret
}

type SealedIntro = [u8; INTRO_PLAINTEXT + 16];
/// Ticket, encapsulated key, plaintext.
type IntroPlace = (TicketId, u8, [u8; INTRO_PLAINTEXT]);

thread_local! {
    /// Intros that were sealed before: a context seals one only, and to set it up takes longer than all the rest.
    static SEALED: RefCell<HashMap<IntroPlace, SealedIntro>> = RefCell::default();
}

fn sealed_intro(ticket: &Ticket, key: u8, keys: &AttemptKeys, intro: &[u8; INTRO_PLAINTEXT]) -> SealedIntro {
    SEALED.with_borrow_mut(|sealed| {
        if sealed.len() > 1_000 {
            sealed.clear();
        }
        *sealed.entry((ticket.body().id, key, *intro)).or_insert_with(|| {
            let aad = Label::Intro.bind(&[&[FrameType::Hello as u8], &[1], &keys.enc, &keys.commitment]);
            let sealed = set_up(ticket, key).1.seal(intro, &aad).expect("the first message");
            sealed.try_into().expect("fixed length")
        })
    })
}

/// STREAM: seven zero bytes, position, last.
fn nonce(position: u32, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[7..11].copy_from_slice(&position.to_be_bytes());
    nonce[11] = last.into();
    nonce.into()
}

/// Seals a segment or final.
pub(super) fn seal(key: &[u8; 32], position: u32, last: bool, plaintext: &[u8]) -> Vec<u8> {
    ChaCha20Poly1305::new(key.into()).encrypt(&nonce(position, last), plaintext).expect("a short plaintext")
}

/// Opens one.
pub(super) fn open(key: &[u8; 32], position: u32, last: bool, ciphertext: &[u8]) -> Option<Vec<u8>> {
    ChaCha20Poly1305::new(key.into()).decrypt(&nonce(position, last), ciphertext).ok()
}

/// The replies of one stream.
pub(super) struct Replies {
    key: [u8; 32],
    count: u32,
}

impl Replies {
    pub(super) fn new(keys: &AttemptKeys, salt: &[u8]) -> Self {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(salt), &keys.replies).expand(&Label::ReplyKey.bind(&[]), &mut key).expect("32 bytes");
        Self { key, count: 0 }
    }

    /// The next one.
    pub(super) fn open(&mut self, ciphertext: &[u8]) -> Reply {
        let plaintext = open(&self.key, self.count, false, ciphertext).expect("sealed for this stream and place");
        self.count += 1;
        unpad_fixed(&plaintext).expect("a reply")
    }
}
