//! Tickets: the right to open exactly one sealed connection to one office.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::name::{MemberId, PayloadKind};
use super::signed::Signed;
use super::token::RouteToken;
use super::{Wire, WireError};
use crate::limits::{MAX_PURPOSE_TEXT, MAX_ROUTES, MAX_TICKET, VERSION};
use crate::time::UnixSeconds;

pub mod text;

pub use text::TicketTextError;

/// Names one ticket (random).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct TicketId(pub [u8; 16]);

hex_debug!(TicketId);

/// The 256-bit HPKE pre-shared key of a ticket. Whoever has it may send.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct TicketSecret(pub [u8; 32]);

impl core::fmt::Debug for TicketSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TicketSecret(…)")
    }
}

impl Drop for TicketSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for TicketSecret {}

/// The one-time public key; its variant is the suite.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum OneTimeKey {
    /// Suite 1: X25519 (RFC 7748), 32 bytes.
    X25519([u8; 32]),
    /// Suite 2: X-Wing (X25519 and ML-KEM-768), 1,216 bytes.
    XWing(Box<[u8; 1216]>),
}

impl core::fmt::Debug for OneTimeKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::X25519(_) => "X25519(…)",
            Self::XWing(_) => "XWing(…)",
        })
    }
}

impl OneTimeKey {
    /// The suite of a connection to this key.
    pub fn suite(&self) -> Suite {
        match self {
            Self::X25519(_) => Suite::X25519,
            Self::XWing(_) => Suite::XWing,
        }
    }
}

/// The numbered suites. There is no negotiation: the ticket says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub enum Suite {
    /// 1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
    X25519,
    /// 2: X-Wing, HKDF-SHA256, ChaCha20-Poly1305.
    XWing,
}

/// One way to the office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Route {
    /// The inner proxy that minted the token.
    pub inner: MemberId,
    /// Its token.
    pub token: RouteToken,
}

/// What an office asks for. All of it is optional; an absent purpose keeps the ticket small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Purpose {
    /// The only payload kind that is accepted.
    pub kind: Option<PayloadKind>,
    /// The only member that may send.
    pub sender: Option<MemberId>,
    /// The office's reference, e.g. a file number. At most [`MAX_PURPOSE_TEXT`] bytes.
    pub reference: Option<String>,
    /// The period asked for: first and last second.
    pub period: Option<(UnixSeconds, UnixSeconds)>,
    /// Text for a person. At most [`MAX_PURPOSE_TEXT`] bytes.
    pub text: Option<String>,
}

/// What a ticket says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TicketBody {
    /// [`VERSION`].
    pub version: u8,
    /// The office to which the ticket leads.
    pub office: MemberId,
    /// Random name.
    pub id: TicketId,
    /// One-time public key, and with it the suite.
    pub key: OneTimeKey,
    /// Pre-shared key.
    pub secret: TicketSecret,
    /// First second of validity.
    pub not_before: UnixSeconds,
    /// Last second of validity.
    pub not_after: UnixSeconds,
    /// Ways to the office, at least one, at most [`MAX_ROUTES`].
    pub routes: Vec<Route>,
    /// What is asked for.
    pub purpose: Option<Purpose>,
}

/// Its one secret wipes itself.
impl ZeroizeOnDrop for TicketBody {}

impl Wire for TicketBody {
    const MAX: usize = MAX_TICKET - 64;

    fn validate(&self) -> Result<(), WireError> {
        if self.version != VERSION {
            return Err(WireError::Invalid("the ticket has a version that this program does not know"));
        }
        if self.routes.is_empty() || self.routes.len() > MAX_ROUTES {
            return Err(WireError::Invalid("a ticket has 1 to 8 routes"));
        }
        if self.not_before > self.not_after {
            return Err(WireError::Invalid("a ticket ends after it begins"));
        }
        let Some(purpose) = &self.purpose else { return Ok(()) };
        if purpose.period.is_some_and(|(first, last)| first > last) {
            return Err(WireError::Invalid("a purpose's period ends after it begins"));
        }
        let too_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MAX_PURPOSE_TEXT);
        if too_long(&purpose.reference) || too_long(&purpose.text) {
            return Err(WireError::Invalid("a purpose's text is too long"));
        }
        Ok(())
    }
}

/// A ticket as received.
pub type Ticket = Signed<TicketBody>;

impl core::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ticket")
            .field("office", &self.body().office)
            .field("id", &self.body().id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_wiped<T: ZeroizeOnDrop>() {}

    /// Whether memory is wiped no test without `unsafe` can see; that the types promise it, the compiler can.
    #[test]
    fn what_holds_the_secret_is_wiped() {
        is_wiped::<TicketSecret>();
        is_wiped::<Ticket>();
    }
}
