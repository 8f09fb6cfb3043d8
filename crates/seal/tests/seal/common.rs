//! An office, a vendor and a ticket, all from a seed; and a whole content sent from one to the other.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use schleuse_protocol::channel::{ChannelError, OfficeChannel, OfficeSeal, Opened, SenderChannel};
use schleuse_protocol::limits::{SEGMENT_DATA, VERSION};
use schleuse_protocol::padding::padded_len;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::{Intro, Language, Trailer};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::receipt::ReceiptBody;
use schleuse_protocol::wire::ticket::{OneTimeKey, Route, Suite, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};
use schleuse_seal::{
    Office, OneTimeSecret, Sender, SigningKey, TicketKeys, VerifiedTicket, sign_ticket, verify_ticket,
};

pub(crate) const SUITES: [Suite; 2] = [Suite::X25519, Suite::XWing];

/// A reproducible generator.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A "generator" that gives out fixed bytes, for published vectors.
pub(crate) struct FixedRng(std::collections::VecDeque<u8>);

impl FixedRng {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().collect())
    }
}

impl rand::TryRng for FixedRng {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        rand::rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        rand::rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill_with(|| self.0.pop_front().expect("the vector has enough bytes"));
        Ok(())
    }
}

impl rand::TryCryptoRng for FixedRng {}

/// The office's signing key.
pub(crate) fn office_key() -> SigningKey {
    SigningKey::from_bytes(&[0x0f; 32])
}

/// The vendor's signing key.
pub(crate) fn vendor_key() -> Arc<SigningKey> {
    Arc::new(SigningKey::from_bytes(&[0x7e; 32]))
}

/// The vendor's name.
pub(crate) fn vendor() -> MemberId {
    "vendor-a".parse().expect("a name")
}

pub(crate) fn office() -> Office {
    Office::new(office_key(), rng(4711))
}

/// The body of a ticket.
pub(crate) fn body(key: OneTimeKey, seed: u8) -> TicketBody {
    let token = RouteToken { epoch: Epoch(690), nonce: RouteNonce([seed; 16]), sealed: [2; 48], mac: [3; 16] };
    TicketBody {
        version: VERSION,
        office: "ga-koeln".parse().expect("a name"),
        id: TicketId([seed; 16]),
        key,
        secret: TicketSecret([seed ^ 0x55; 32]),
        not_before: UnixSeconds(1_790_000_000),
        not_after: UnixSeconds(1_790_086_400),
        routes: vec![Route { inner: "inner-1".parse().expect("a name"), token }],
        purpose: None,
    }
}

/// A ticket, verified and unverified, and the office's half of it.
pub(crate) struct Minted {
    pub(crate) ticket: VerifiedTicket,
    pub(crate) keys: TicketKeys,
}

impl Minted {
    pub(crate) fn raw(&self) -> &Ticket {
        self.ticket.ticket()
    }
}

pub(crate) fn mint(suite: Suite, seed: u8) -> Minted {
    let (secret, key) = OneTimeSecret::generate(suite, &mut rng(u64::from(seed)));
    let ticket = sign_ticket(body(key, seed), &office_key());
    let ticket = verify_ticket(&ticket, &office_key().public()).expect("it was just signed");
    Minted { ticket, keys: TicketKeys::new(secret) }
}

pub(crate) fn intro(sender: Option<MemberId>, attempt: u64) -> Intro {
    Intro { attempt, kind: "guest-list".parse().expect("a name"), sender, length: None, language: Language::German }
}

/// A sender that signs.
pub(crate) fn sender(minted: &Minted, seed: u64) -> Sender {
    let identity = Some((vendor(), vendor_key()));
    Sender::new(&minted.ticket, intro(Some(vendor()), seed), identity, &mut rng(1000 + seed)).expect("a good ticket")
}

/// A content with all byte values.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 % 251) as u8).collect()
}

/// The pieces of a content: data and padding per segment.
pub(crate) fn pieces(content: &[u8]) -> Vec<(&[u8], usize)> {
    let total = usize::try_from(padded_len(content.len() as u64)).expect("contents of tests are small");
    (0..total)
        .step_by(SEGMENT_DATA)
        .map(|start| {
            let size = SEGMENT_DATA.min(total - start);
            let from = start.min(content.len());
            let data = &content[from..(from + size).min(content.len())];
            (data, size - data.len())
        })
        .collect()
}

/// All segments and the final.
pub(crate) fn seal_all(sender: &mut Sender, content: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let segments: Vec<_> = (0..)
        .zip(pieces(content))
        .map(|(position, (data, padding))| sender.seal_segment(position, data, padding).expect("a new position"))
        .collect();
    let position = u32::try_from(segments.len()).expect("few segments");
    let last = sender.seal_final(position).expect("all data are sealed");
    (segments, last)
}

pub(crate) fn open(minted: &Minted, sender: &Sender) -> Result<Opened<Office>, ChannelError> {
    office().open_hello(minted.raw(), &minted.keys, sender.hello())
}

/// Opens all segments and the final.
pub(crate) fn open_all(
    channel: &mut impl OfficeChannel,
    segments: &[Vec<u8>],
    last: &[u8],
) -> Result<(u64, Trailer), ChannelError> {
    let mut length = 0;
    for (position, segment) in (0..).zip(segments) {
        length += u64::from(channel.open_segment(position, segment)?);
    }
    let position = u32::try_from(segments.len()).expect("few segments");
    Ok((length, channel.open_final(position, last)?))
}

/// The receipt for what was opened.
pub(crate) fn receipt_body(minted: &Minted, intro: &Intro, trailer: &Trailer) -> ReceiptBody {
    ReceiptBody {
        version: VERSION,
        office: minted.ticket.body().office,
        ticket: minted.ticket.body().id,
        kind: intro.kind,
        sender: trailer.identity.as_ref().map(|identity| identity.member),
        length: trailer.length,
        content_hash: trailer.content_hash,
        stored_at: UnixSeconds(1_790_000_100),
    }
}
