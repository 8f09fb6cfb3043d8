//! The rules of protocol.md, written out a second time: 8.3 and 8.4 as functions of what is known, 6.3 and 6.4 as a fold over
//! plaintexts, 2.4 as it cuts a stream.

use schleuse_protocol::limits::{SEGMENT_DATA, SEGMENT_PLAINTEXT, TRAILER_PLAINTEXT};
use schleuse_protocol::office::{OfficePolicy as _, TicketState};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::hello::{ContentHash, Intro, Trailer, pad_fixed, unpad_fixed};
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::TicketBody;
use sha2::{Digest, Sha256};

use super::known::Policy;

/// What the office answers to a hello.
pub(super) enum Ruling {
    Receipt(Receipt),
    Refusal(Reason),
    Begin { limit: u64 },
    Resume { next: u32, limit: u64 },
    Compare(Receipt),
}

/// 8.3: whether the number is out of the far future.
pub(super) fn is_too_far_ahead(attempt: u64, now: UnixSeconds) -> bool {
    attempt > (now.0 + 24 * 3600) * 1_000_000
}

/// 8.4: the limit of the content, or why it is not welcome.
pub(super) fn admit(ticket: &TicketBody, intro: &Intro, now: UnixSeconds) -> Result<u64, Reason> {
    let asked = ticket.purpose.as_ref();
    if now < ticket.not_before {
        return Err(Reason::NotYetValid(ticket.not_before.0));
    }
    if now > ticket.not_after {
        return Err(Reason::Expired);
    }
    if asked.and_then(|asked| asked.kind).is_some_and(|kind| kind != intro.kind) {
        return Err(Reason::WrongKind);
    }
    if asked.is_some_and(|asked| asked.sender.is_some() && asked.sender != intro.sender) {
        return Err(Reason::SenderRequired);
    }
    match Policy.admit(ticket, intro, now)? {
        limit if intro.length.unwrap_or(0) > limit => Err(Reason::TooLarge(limit)),
        limit => Ok(limit),
    }
}

/// The table of 8.3, for a hello of which 8.4 says `admitted`.
pub(super) fn rule(intro: &Intro, digest: [u8; 32], admitted: Result<u64, Reason>, state: &TicketState) -> Ruling {
    match state {
        TicketState::Revoked => Ruling::Refusal(Reason::Revoked),
        TicketState::Complete { digest: known, receipt, .. } if *known == digest => Ruling::Receipt(receipt.clone()),
        TicketState::Complete { receipt, .. } => match intro.length {
            Some(length) if length != receipt.body().length => Ruling::Refusal(Reason::AlreadyUsed),
            _ => Ruling::Compare(receipt.clone()),
        },
        TicketState::Running { digest: known, .. } | TicketState::Undecided { digest: known } if *known == digest => {
            Ruling::Refusal(Reason::TryLater)
        }
        TicketState::Undecided { .. } => Ruling::Refusal(admitted.err().unwrap_or(Reason::TryLater)),
        TicketState::Running { attempt, .. } => Ruling::Refusal(admitted.err().unwrap_or(Reason::Superseded(*attempt))),
        TicketState::Unfinished { attempt, digest: known, .. } if *known != digest && *attempt >= intro.attempt => {
            Ruling::Refusal(Reason::Superseded(*attempt))
        }
        TicketState::Unfinished { .. } | TicketState::Open => match (admitted, state) {
            (Err(reason), _) => Ruling::Refusal(reason),
            (Ok(limit), TicketState::Unfinished { digest: known, next, .. }) if *known == digest => {
                Ruling::Resume { next: *next, limit }
            }
            (Ok(limit), _) => Ruling::Begin { limit },
        },
    }
}

/// What came of a content so far.
#[derive(Clone, Default)]
pub(super) struct Content {
    /// Position of the next segment or of the final.
    pub(super) next: u32,
    /// Bytes of data.
    pub(super) length: u64,
    padding: u64,
    has_short: bool,
    hasher: Sha256,
}

impl Content {
    /// 6.3: the plaintext of the next segment, and how many data are in it; `None` if it breaks a rule.
    pub(super) fn segment(&mut self, plaintext: &[u8]) -> Option<u32> {
        let (claimed, rest) = plaintext.split_first_chunk::<4>()?;
        let claimed = u32::from_le_bytes(*claimed);
        let (data, padding) = rest.split_at_checked(claimed as usize)?;
        let after_padding = self.padding > 0 && !data.is_empty();
        if rest.is_empty() || self.has_short || after_padding || padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        self.length += data.len() as u64;
        self.padding += padding.len() as u64;
        // Padding ends the data, so their padded length is known.
        if self.padding > 0 && self.length + self.padding > padded(self.length) {
            return None;
        }
        self.has_short = rest.len() < SEGMENT_DATA;
        self.hasher.update(data);
        self.next += 1;
        Some(claimed)
    }

    /// 6.4: the plaintext of the final; `None` if it breaks a rule or says something else than came.
    pub(super) fn trailer(&self, plaintext: &[u8]) -> Option<Trailer> {
        if plaintext.len() != TRAILER_PLAINTEXT || self.length + self.padding != padded(self.length) {
            return None;
        }
        let trailer: Trailer = unpadded(plaintext)?;
        (trailer.length == self.length && trailer.content_hash == self.hash()).then_some(trailer)
    }

    pub(super) fn hash(&self) -> ContentHash {
        ContentHash(self.hasher.clone().finalize().into())
    }
}

/// 2.2 and 2.5: every value has one encoding, and is padded with zeros.
pub(super) fn unpadded<T: Wire>(plaintext: &[u8]) -> Option<T> {
    unpad_fixed(plaintext).ok().filter(|value| pad_fixed(value, plaintext.len()).as_deref() == Some(plaintext))
}

/// Padmé of at least 1,024: the next number that has zeros where a length of this size may have none but zeros.
pub(super) fn padded(length: u64) -> u64 {
    let length = length.max(1024);
    let exponent = length.ilog2();
    let zeros = exponent - (exponent.ilog2() + 1);
    length.next_multiple_of(1 << zeros)
}

pub(super) const INCOMING: u8 = 0x02;
pub(super) const HELLO: u8 = 0x10;
pub(super) const SEGMENT: u8 = 0x11;
pub(super) const FINAL: u8 = 0x12;

/// 2.4: the next whole frame; an error if what is there cannot become one of the types that are `due`.
pub(super) fn next_frame(buffer: &mut Vec<u8>, due: &[u8]) -> Result<Option<(u8, Vec<u8>)>, ()> {
    let Some(number) = buffer.first().copied() else { return Ok(None) };
    if !due.contains(&number) {
        return Err(());
    }
    let limit = match number {
        INCOMING => 17,
        HELLO => 1_300,
        SEGMENT => 4 + SEGMENT_PLAINTEXT + 16,
        FINAL => 4 + TRAILER_PLAINTEXT + 16,
        _ => return Err(()),
    };
    let Some((head, rest)) = buffer.split_first_chunk::<5>() else { return Ok(None) };
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > limit {
        return Err(());
    }
    let Some(body) = rest.get(..length).map(<[u8]>::to_vec) else { return Ok(None) };
    buffer.drain(..5 + length);
    Ok(Some((number, body)))
}
