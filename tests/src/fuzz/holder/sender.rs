//! The holder of the ticket: turns steps into the bytes that it puts on its streams.

use schleuse_protocol::limits::{INTRO_PLAINTEXT, SEGMENT_DATA, TRAILER_PLAINTEXT};
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::hello::{ContentHash, Identity, Intro, Language, Trailer, pad_fixed};
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::signed::Signature;
use sha2::{Digest, Sha256};

use super::known::{BEGIN, KEYS, KnownTicket, VENDORS, kind, sender};
use super::reference::{Hellos, Holder};
use super::rules::{FINAL, HELLO, SEGMENT, padded, unpadded};
use super::script::{ContentStep, FinalStep, HelloStep, RawStep, SegmentStep, flags, length, position};
use super::seal;

/// What the holder does on one stream.
pub(super) struct Voice {
    /// Which encapsulated key.
    key: u8,
    declared: Option<MemberId>,
    kind: PayloadKind,
    content: Content,
    /// Where it goes on.
    pub(super) position: u32,
    /// What it has said here of any content.
    said: Sha256,
    said_len: u64,
}

impl Default for Voice {
    fn default() -> Self {
        let (said, said_len) = (Sha256::new(), 0);
        Self {
            key: 0,
            declared: None,
            kind: kind(0),
            content: Content { length: 13, fill: 0 },
            position: 0,
            said,
            said_len,
        }
    }
}

/// A content: bytes of one value, and the number of each segment at its beginning.
#[derive(Clone, Copy)]
struct Content {
    length: usize,
    fill: u8,
}

impl Content {
    /// The data of an honest segment.
    fn data(self, position: u32) -> Vec<u8> {
        let from = (position as usize).saturating_mul(SEGMENT_DATA).min(self.length);
        let mut data = vec![self.fill; SEGMENT_DATA.min(self.length - from)];
        data.iter_mut().zip(position.to_le_bytes()).for_each(|(byte, digit)| *byte ^= digit);
        data
    }

    fn hash(self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        (0..self.end()).for_each(|position| hasher.update(self.data(position)));
        hasher.finalize().into()
    }

    /// The plaintext of an honest segment; `None` after the last.
    fn segment(self, position: u32) -> Option<Vec<u8>> {
        let total = usize::try_from(padded(self.length as u64)).ok()?;
        let from = (position as usize).checked_mul(SEGMENT_DATA).filter(|from| *from < total)?;
        let data = self.data(position);
        Some(plaintext(&data, SEGMENT_DATA.min(total - from) - data.len()))
    }

    /// Position of an honest final.
    fn end(self) -> u32 {
        u32::try_from(padded(self.length as u64).div_ceil(SEGMENT_DATA as u64)).expect("small")
    }
}

fn plaintext(data: &[u8], padding: usize) -> Vec<u8> {
    let mut plaintext = u32::try_from(data.len()).expect("small").to_le_bytes().to_vec();
    plaintext.extend_from_slice(data);
    plaintext.resize(plaintext.len() + padding, 0);
    plaintext
}

/// A frame of any type and length.
fn frame(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len()).expect("small");
    [&[number], &length.to_le_bytes()[..], &body].concat()
}

/// The holder.
pub(super) struct Sender {
    known: &'static KnownTicket,
    hellos: Hellos,
    /// Every frame that was said, for repetition.
    frames: Vec<Vec<u8>>,
    /// How many bytes may still be said.
    budget: usize,
}

impl Sender {
    pub(super) fn new(known: &'static KnownTicket, hellos: Hellos, budget: usize) -> Self {
        Self { known, hellos, frames: Vec::new(), budget }
    }

    fn say(&mut self, frame: Vec<u8>) -> Vec<u8> {
        let Some(rest) = self.budget.checked_sub(frame.len()) else { return Vec::new() };
        self.budget = rest;
        self.frames.push(frame.clone());
        frame
    }

    pub(super) fn repeat(&mut self, which: u8) -> Vec<u8> {
        let from_latest = self.frames.iter().rev().nth(which.into()).cloned();
        from_latest.map_or_else(Vec::new, |frame| self.say(frame))
    }

    pub(super) fn raw(&mut self, step: RawStep) -> Vec<u8> {
        let length = length(step.high, step.low);
        let length = u32::try_from(length).expect("small").to_le_bytes();
        self.say([&[step.number], &length[..], &vec![step.number; step.body.into()]].concat())
    }

    pub(super) fn hello(&mut self, voice: &mut Voice, step: HelloStep) -> Vec<u8> {
        let length = voice.content.length as u64;
        let intro = Intro {
            attempt: attempt(step.attempt),
            kind: kind(step.kind),
            sender: sender(step.sender),
            length: match step.announce % 5 {
                0 => None,
                1 => Some(length),
                2 => Some(length + 1),
                3 => Some(u64::MAX),
                _ => Some(length.saturating_sub(1)),
            },
            language: if step.language.is_multiple_of(2) { Language::German } else { Language::English },
        };
        let padded = pad_fixed(&intro, INTRO_PLAINTEXT).expect("an intro fits");
        let mut padded: [u8; INTRO_PLAINTEXT] = padded.try_into().expect("fixed length");
        padded[usize::from(step.at) % INTRO_PLAINTEXT] ^= step.xor;
        let key = step.key % KEYS;
        (voice.key, voice.declared, voice.kind) = (key, intro.sender, intro.kind);
        let hello = self.known.keys[usize::from(key)].hello(&self.known.ticket, key, &padded).to_wire();
        let digest = Sha256::digest(&hello).into();
        let intro = unpadded(&padded);
        let holder = intro.map(|intro| Holder { intro, digest, key: key.into() });
        self.hellos.borrow_mut().insert(hello.clone(), holder);
        self.say(frame(HELLO, &[&hello]))
    }

    /// The next frame of the content; the final is the last.
    pub(super) fn honest(&mut self, voice: &mut Voice) -> Option<Vec<u8>> {
        if let Some(plaintext) = voice.content.segment(voice.position) {
            return Some(self.seal(voice, SEGMENT, (0, 0, 0), &plaintext));
        }
        (voice.position == voice.content.end()).then(|| self.last(voice, FinalStep::default()))
    }

    pub(super) fn segment(&mut self, voice: &mut Voice, step: SegmentStep) -> Vec<u8> {
        let size = |high, low| length(high, low).min(SEGMENT_DATA + 8);
        let (data, padding) = (size(step.data_high, step.data_low), size(step.padding_high, step.padding_low));
        let data = vec![!voice.content.fill; data];
        let mut plaintext = plaintext(&data, padding.min(SEGMENT_DATA + 8 - data.len()));
        let honest = u32::try_from(data.len()).expect("small");
        let claimed = match step.claim {
            1 => honest + 1,
            2 => honest.wrapping_sub(1),
            3 => u32::MAX,
            _ => honest,
        };
        plaintext[..4].copy_from_slice(&claimed.to_le_bytes());
        if padding > 0 {
            *plaintext.last_mut().expect("padding") ^= step.dirty;
        }
        if step.claim >= 4 {
            plaintext.truncate(usize::from(step.claim) - 4);
        }
        voice.said.update(&data);
        voice.said_len += data.len() as u64;
        self.seal(voice, SEGMENT, (step.position, step.sealed, step.flags), &plaintext)
    }

    pub(super) fn last(&mut self, voice: &mut Voice, step: FinalStep) -> Vec<u8> {
        let right = voice.content.length as u64;
        let length = match step.length % 5 {
            0 => right,
            1 => voice.said_len,
            2 => right + 1,
            3 => right.wrapping_sub(1),
            _ => u64::MAX,
        };
        let mut hash: [u8; 32] = match step.hash % 4 {
            1 => voice.said.clone().finalize().into(),
            3 => [0; 32],
            _ => voice.content.hash(),
        };
        hash[31] ^= u8::from(step.hash % 4 == 2);
        let content_hash = ContentHash(hash);
        let identity = self.identity(voice, step.identity, content_hash);
        let trailer = Trailer { length, content_hash, identity };
        let mut plaintext = pad_fixed(&trailer, TRAILER_PLAINTEXT).expect("a trailer fits");
        plaintext[usize::from(step.at)] ^= step.xor;
        plaintext.truncate(TRAILER_PLAINTEXT - usize::from(step.short));
        self.seal(voice, FINAL, (step.position, step.sealed, step.flags), &plaintext)
    }

    fn identity(&self, voice: &Voice, code: u8, content: ContentHash) -> Option<Identity> {
        let declared = (1..4).find(|vendor| voice.declared.is_some() && sender(*vendor) == voice.declared);
        // Who is named, and whose key signs.
        let (named, signer) = match code % 8 {
            0 => (declared?, declared?),
            1 => return None,
            2 => (1, 1),
            3 => (2, 2),
            4 => (1, 2),
            5 => (3, 3),
            6 => (2, 1),
            _ => (declared?, declared?),
        };
        let member = sender(named)?;
        let keys = &self.known.keys[usize::from(voice.key)];
        let mut signature = keys.sign(&member, &voice.kind, &content, &VENDORS[usize::from(signer) - 1].0);
        signature.0[40] ^= u8::from(code % 8 == 7);
        Some(Identity { member, signature: Signature(signature.0) })
    }

    /// Seals at codes for (position in the frame, position in the nonce, flags).
    fn seal(&mut self, voice: &mut Voice, number: u8, place: (u8, u8, u8), plaintext: &[u8]) -> Vec<u8> {
        let (in_frame, in_nonce, flags) = place;
        let is_last = (number == FINAL) != (flags & flags::LAST > 0);
        let number = if flags & flags::TYPE > 0 { SEGMENT + FINAL - number } else { number };
        let key = &self.known.keys[usize::from(voice.key)].segments;
        let ciphertext = seal::seal(key, position(in_nonce, voice.position), is_last, plaintext);
        let in_frame = position(in_frame, voice.position).to_le_bytes();
        if flags & flags::AGAIN == 0 {
            voice.position = voice.position.wrapping_add(1);
        }
        self.say(frame(number, &[&in_frame, &ciphertext]))
    }
}

impl Voice {
    pub(super) fn choose(&mut self, step: ContentStep) {
        self.content = Content { length: length(step.high, step.low).min(40 * SEGMENT_DATA), fill: step.fill };
        (self.position, self.said, self.said_len) = (0, Sha256::new(), 0);
    }
}

/// Attempt numbers: small ones, and those about the limit of 8.3 at the beginning of the ticket.
fn attempt(code: u8) -> u64 {
    let latest = (BEGIN.0 + 10 + 24 * 3600) * 1_000_000;
    match code {
        0..0xf0 => code.into(),
        0xf0..0xf8 => latest + u64::from(code - 0xf0) - 4,
        0xf8..0xff => latest - 1_000_000 * u64::from(code),
        0xff => u64::MAX,
    }
}
