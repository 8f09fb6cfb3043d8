//! What is the same in all scripts: tickets, keys, vendors, and the office's policy.

use std::sync::LazyLock;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use schleuse_protocol::limits::{SEGMENT_DATA, VERSION};
use schleuse_protocol::office::OfficePolicy;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::reply::{MAX_REFUSAL_TEXT, Reason};
use schleuse_protocol::wire::ticket::{OneTimeKey, Purpose, Route, Suite, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};
use schleuse_seal::{OneTimeSecret, SigningKey, TicketKeys, sign_ticket};

use super::seal::AttemptKeys;

/// First second of every ticket.
pub(super) const BEGIN: UnixSeconds = UnixSeconds(1_790_000_000);
/// Last second of every ticket.
pub(super) const END: UnixSeconds = UnixSeconds(1_790_086_400);
/// Of every ticket's only route.
pub(super) const NONCE: RouteNonce = RouteNonce([1; 16]);
/// How many encapsulated keys a script can use.
pub(super) const KEYS: u8 = 4;

/// Kinds and how many bytes they may have: more than may wait for the store, and less than two segments. The third is
/// taken from members only, the fourth not at all.
pub(super) const KINDS: [(&str, u64); 4] =
    [("guest-list", 35 * SEGMENT_DATA as u64), ("small-list", 70_000), ("members-list", 70_000), ("weather", 0)];
/// Who may be declared: nobody; a vendor; one that may not send; one whose key the office does not know.
pub(super) const SENDERS: [Option<&str>; 4] = [None, Some("vendor-1"), Some("vendor-2"), Some("vendor-3")];

/// A ticket, its private half, and what its holder derives for each encapsulated key.
pub(super) struct KnownTicket {
    pub(super) ticket: Ticket,
    seed: [u8; 32],
    pub(super) keys: Vec<AttemptKeys>,
}

impl KnownTicket {
    fn new(id: u8, purpose: Option<Purpose>) -> Self {
        let (secret, key) = OneTimeSecret::generate(Suite::X25519, &mut ChaCha20Rng::seed_from_u64(id.into()));
        let ticket = sign_ticket(body(id, key, purpose), &office_key());
        let keys = (0..KEYS).map(|key| AttemptKeys::derive(&ticket, key)).collect();
        Self { ticket, seed: *secret.to_bytes(), keys }
    }

    pub(super) fn private(&self) -> TicketKeys {
        TicketKeys::new(OneTimeSecret::from_bytes(Suite::X25519, &self.seed))
    }
}

/// Without a purpose, and for a guest list of the first vendor only.
pub(super) static TICKETS: LazyLock<[KnownTicket; 2]> = LazyLock::new(|| {
    let purpose = Purpose { kind: Some(kind(0)), sender: sender(1), reference: None, period: None, text: None };
    [KnownTicket::new(1, None), KnownTicket::new(2, Some(purpose))]
});

fn body(id: u8, key: OneTimeKey, purpose: Option<Purpose>) -> TicketBody {
    let token = RouteToken { epoch: Epoch(690), nonce: NONCE, sealed: [2; 48], mac: [3; 16] };
    TicketBody {
        version: VERSION,
        office: "ga-koeln".parse().expect("a valid id"),
        id: TicketId([id; 16]),
        key,
        secret: TicketSecret([8; 32]),
        not_before: BEGIN,
        not_after: END,
        routes: vec![Route { inner: "inner-1".parse().expect("a valid id"), token }],
        purpose,
    }
}

/// The office's signing key.
pub(super) fn office_key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

/// A kind by its code.
pub(super) fn kind(code: u8) -> PayloadKind {
    KINDS[usize::from(code) % KINDS.len()].0.parse().expect("a valid kind")
}

/// A sender by its code.
pub(super) fn sender(code: u8) -> Option<MemberId> {
    SENDERS[usize::from(code) % SENDERS.len()].map(|name| name.parse().expect("a valid id"))
}

/// The signing keys of the vendors, in the order of [`SENDERS`] from the second on.
pub(super) static VENDORS: LazyLock<[(SigningKey, [u8; 32]); 3]> = LazyLock::new(|| {
    [1, 2, 3].map(|vendor| {
        let key = SigningKey::from_bytes(&[0x70 + vendor; 32]);
        let public = key.public();
        (key, public)
    })
});

/// The office's policy.
pub(super) struct Policy;

impl OfficePolicy for Policy {
    fn admit(&self, _: &TicketBody, intro: &Intro, _: UnixSeconds) -> Result<u64, Reason> {
        let known = (0..).zip(KINDS).find(|(code, _)| kind(*code) == intro.kind);
        match known {
            None | Some((3, _)) => Err(Reason::WrongKind),
            Some((2, _)) if intro.sender.is_none() => Err(Reason::SenderRequired),
            _ if intro.sender == sender(2) => Err(Reason::NotPermitted),
            Some((_, (_, limit))) => Ok(limit),
        }
    }

    fn signing_key(&self, member: &MemberId) -> Option<[u8; 32]> {
        (1..3).find(|code| sender(*code) == Some(*member)).map(|code| VENDORS[usize::from(code) - 1].1)
    }

    /// Too long for a refusal, and with a character where it is to be cut.
    fn refusal_text(&self, _: Reason, language: Language) -> String {
        match language {
            Language::German => format!("x{}", "ü".repeat(MAX_REFUSAL_TEXT)),
            Language::English => String::new(),
        }
    }
}

/// What is told of the policy's text.
pub(super) fn told_text(language: Language) -> String {
    match language {
        Language::German => format!("x{}", "ü".repeat((MAX_REFUSAL_TEXT - 1) / 2)),
        Language::English => String::new(),
    }
}
