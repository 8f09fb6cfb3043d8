//! Tickets: the one-time key pair, the office's signature, and what only a verified ticket may do.

use hpke::Kem;
use hpke::{Deserializable, Serializable};
use rand::CryptoRng;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::ticket::{OneTimeKey, Suite, Ticket, TicketBody};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hpke_suite::{SuiteOne, SuiteTwo};
use crate::keys::{SigningKey, verify};
use crate::label::Label;

/// The private half of a ticket's one-time key. Wiped when dropped; deleting the stored copy is what gives forward
/// secrecy.
#[derive(ZeroizeOnDrop)]
pub struct OneTimeSecret {
    #[zeroize(skip)]
    suite: Suite,
    /// Suite 1: the X25519 scalar before clamping. Suite 2: the X-Wing seed.
    seed: [u8; 32],
}

impl OneTimeSecret {
    /// A fresh key pair: RFC 7748 section 5 (suite 1), draft-connolly-cfrg-xwing-kem section 5.2 (suite 2).
    pub fn generate(suite: Suite, rng: &mut impl CryptoRng) -> (Self, OneTimeKey) {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let secret = Self { suite, seed };
        seed.zeroize();
        let key = secret.public();
        (secret, key)
    }

    /// The seed, to be wrapped for storage.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.seed)
    }

    /// The key from unwrapped storage.
    pub fn from_bytes(suite: Suite, seed: &[u8; 32]) -> Self {
        Self { suite, seed: *seed }
    }

    /// The suite for which this key is.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The public half.
    pub fn public(&self) -> OneTimeKey {
        match self.suite {
            Suite::X25519 => OneTimeKey::X25519(public_bytes::<SuiteOne, 32>(&self.private::<SuiteOne>())),
            Suite::XWing => OneTimeKey::XWing(Box::new(public_bytes::<SuiteTwo, 1216>(&self.private::<SuiteTwo>()))),
        }
    }

    pub(crate) fn private<K: Kem>(&self) -> K::PrivateKey {
        K::PrivateKey::from_bytes(&self.seed).expect("both suites take every seed of 32 bytes")
    }
}

fn public_bytes<K: Kem, const N: usize>(private: &K::PrivateKey) -> [u8; N] {
    let mut bytes = [0; N];
    K::sk_to_pk(private).write_exact(&mut bytes);
    bytes
}

/// Signs a ticket: Ed25519 over the ticket label and the body's encoding.
pub fn sign_ticket(body: TicketBody, key: &SigningKey) -> Ticket {
    let signature = key.sign(Label::Ticket, &[&Zeroizing::new(body.to_wire())]);
    Ticket::assemble(body, &signature)
}

/// A ticket whose signature by its office was verified: the only kind to which anything is sealed.
#[derive(Clone)]
pub struct VerifiedTicket {
    ticket: Ticket,
    office_public: [u8; 32],
}

impl VerifiedTicket {
    /// The ticket.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// What it says.
    pub fn body(&self) -> &TicketBody {
        self.ticket.body()
    }

    /// The office's signing key under which it was verified; receipts must verify under it too.
    pub fn office_public(&self) -> &[u8; 32] {
        &self.office_public
    }
}

/// Checks a ticket's signature under the signing key that the directory gives for the ticket's office.
pub fn verify_ticket(ticket: &Ticket, office_public: &[u8; 32]) -> Result<VerifiedTicket, TicketError> {
    if !verify(office_public, Label::Ticket, &[ticket.signed_bytes()], &ticket.signature()) {
        return Err(TicketError::Forged);
    }
    Ok(VerifiedTicket { ticket: ticket.clone(), office_public: *office_public })
}

/// Why a ticket is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// The signature does not verify.
    #[error("the ticket was not signed by the office that it names: ask the office for a new one")]
    Forged,
}
