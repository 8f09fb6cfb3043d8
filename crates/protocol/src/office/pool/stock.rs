//! The tokens of one inner proxy, which is not trusted to hand out good ones.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::limits::EPOCH;
use crate::time::{Millis, Now, UnixSeconds};
use crate::wire::hop::OfficeToInner;
use crate::wire::token::{Epoch, RouteNonce, RouteToken, TokenKeyId};

/// Tokens that end sooner are of no use to any ticket.
const SHORTEST_LIFE: Duration = Duration::from_secs(10 * 60);
/// First and longest wait before the next request after an answer with a fault.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(64));

/// What is wrong with an inner proxy's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Tokens came that nobody had asked for.
    #[error("it sends route tokens that nobody asked for")]
    Unasked,
    /// Fewer came than were asked for.
    #[error("it hands out fewer route tokens than it is asked for")]
    Few,
    /// A nonce came again that is in stock or in a ticket.
    #[error("it repeats route tokens")]
    Repeated,
    /// A token is not of the epoch in which it is said to expire.
    #[error("its route tokens contradict what it says of them")]
    Odd,
    /// They end within minutes.
    #[error("its route tokens end at once")]
    Short,
}

/// What an office has and knows of one inner proxy's tokens.
#[derive(Debug, Default)]
pub(super) struct Stock {
    /// The control stream is there.
    pub(super) connected: bool,
    /// The proxy has said on this link with which key it mints.
    key_is_said: bool,
    /// The key of what is in stock.
    key: Option<TokenKeyId>,
    /// Asked for and not there yet.
    outstanding: Option<Request>,
    /// Oldest first.
    tokens: VecDeque<Token>,
    /// Answers with a fault since the last one without.
    faults: u32,
    /// Before this time nothing is asked for.
    put_off_until: Option<Millis>,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    count: usize,
    not_after: UnixSeconds,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    token: RouteToken,
    not_after: UnixSeconds,
    /// From this time on it is replaced: a third of its life is over, and tickets are to live long.
    stale_from: UnixSeconds,
}

impl Stock {
    pub(super) fn handle_connected(&mut self) {
        self.connected = true;
        self.key_is_said = false;
        self.outstanding = None;
    }

    pub(super) fn handle_disconnected(&mut self) {
        self.connected = false;
        self.key_is_said = false;
        self.outstanding = None;
    }

    /// Returns how many tokens lead nowhere any more.
    pub(super) fn handle_key(&mut self, key: TokenKeyId) -> usize {
        self.key_is_said = self.connected;
        if self.key.replace(key) == Some(key) {
            return 0;
        }
        let lost = self.tokens.len();
        self.tokens.clear();
        lost
    }

    /// Takes what is good of an answer. `is_known` tells which nonces are in stock elsewhere or in a ticket.
    pub(super) fn handle_tokens(
        &mut self,
        not_after: UnixSeconds,
        tokens: Vec<RouteToken>,
        is_known: impl Fn(&RouteNonce) -> bool,
        now: Now,
    ) -> Result<(), TokenFault> {
        let Some(asked) = self.outstanding.take() else { return Err(TokenFault::Unasked) };
        let delivered = self.accept(asked, not_after, tokens, is_known, now.unix);
        match delivered {
            Ok(()) => {
                self.faults = 0;
                self.tokens.retain(|token| token.stale_from > now.unix);
            }
            Err(_) => {
                let wait = BACKOFF.0.saturating_mul(1 << self.faults.min(16)).min(BACKOFF.1);
                self.put_off_until = Some(now.millis.after(wait));
                self.faults = self.faults.saturating_add(1);
            }
        }
        delivered
    }

    fn accept(
        &mut self,
        asked: Request,
        not_after: UnixSeconds,
        tokens: Vec<RouteToken>,
        is_known: impl Fn(&RouteNonce) -> bool,
        now: UnixSeconds,
    ) -> Result<(), TokenFault> {
        let epoch = Epoch::of(not_after);
        // What is said to live longer than was asked for is used as long as was asked for.
        let not_after = not_after.min(asked.not_after);
        if not_after < now.after(SHORTEST_LIFE) {
            return Err(TokenFault::Short);
        }
        let stale_from = UnixSeconds(now.0 + (not_after.0 - now.0) / 3);
        let mut delivered = if tokens.len() < asked.count { Err(TokenFault::Few) } else { Ok(()) };
        for token in tokens.into_iter().take(asked.count) {
            if token.epoch != epoch {
                delivered = Err(TokenFault::Odd);
            } else if self.has(&token.nonce) || is_known(&token.nonce) {
                delivered = Err(TokenFault::Repeated);
            } else {
                self.tokens.push_back(Token { token, not_after, stale_from });
            }
        }
        delivered
    }

    /// An answer takes too long. When it comes without a fault, all is well again.
    pub(super) fn handle_overdue(&mut self) {
        self.faults = self.faults.saturating_add(1);
    }

    pub(super) fn has(&self, nonce: &RouteNonce) -> bool {
        self.tokens.iter().any(|token| token.token.nonce == *nonce)
    }

    /// A request that fills up to `target`, if no more than `low` tokens are fresh.
    pub(super) fn poll_request(&mut self, low: usize, target: usize, most: usize, now: Now) -> Option<OfficeToInner> {
        self.tokens.retain(|token| token.not_after > now.unix);
        if !self.key_is_said || self.outstanding.is_some() {
            return None;
        }
        if self.put_off_until.is_some_and(|until| now.millis < until) {
            return None;
        }
        self.put_off_until = None;
        let fresh = self.tokens.iter().filter(|token| token.stale_from > now.unix).count();
        if fresh > low {
            return None;
        }
        let count = (target - fresh).min(most);
        let not_after = now.unix.after(EPOCH);
        self.outstanding = Some(Request { count, not_after });
        Some(OfficeToInner::TokensWanted { count: u16::try_from(count).expect("a batch is small"), not_after })
    }

    /// When [`poll_request`](Self::poll_request) is to be asked again.
    pub(super) fn poll_timeout(&self) -> Option<Millis> {
        self.put_off_until.filter(|_| self.key_is_said)
    }

    /// Whether its tokens may go into tickets.
    pub(super) fn is_usable(&self) -> bool {
        self.connected && self.key_is_said
    }

    pub(super) fn is_faulty(&self) -> bool {
        self.faults > 0
    }

    /// Tokens that may go into tickets which are valid until `not_after`.
    pub(super) fn usable(&self, not_after: UnixSeconds) -> usize {
        match self.is_usable() {
            true => self.tokens.iter().filter(|token| token.not_after >= not_after).count(),
            false => 0,
        }
    }

    /// Takes the oldest of these.
    pub(super) fn take(&mut self, not_after: UnixSeconds) -> Option<RouteToken> {
        let index = self.tokens.iter().position(|token| token.not_after >= not_after).filter(|_| self.is_usable())?;
        self.tokens.remove(index).map(|token| token.token)
    }
}
