//! Used tokens, as far as this proxy remembers them.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::limits::EPOCH;
use crate::time::UnixSeconds;
use crate::wire::name::MemberId;
use crate::wire::token::RouteNonce;

/// Nonces that offices reported as used. Soft state: losing it costs the office one look-up per repeated stream, nothing
/// else, because one-time use is enforced by the office's store.
///
/// Each office has room for the same number of nonces, and only its own report counts for it: no office can push out or
/// block what belongs to another.
#[derive(Debug)]
pub struct UsedNonces {
    per_office: usize,
    offices: BTreeMap<MemberId, OfficeNonces>,
}

#[derive(Debug, Default)]
struct OfficeNonces {
    /// In the order of their expiry.
    order: VecDeque<(UnixSeconds, RouteNonce)>,
    set: BTreeSet<RouteNonce>,
}

impl UsedNonces {
    /// Room for `per_office` nonces of each office; the oldest give way.
    pub fn new(per_office: usize) -> Self {
        Self { per_office: per_office.max(1), offices: BTreeMap::new() }
    }

    /// An authenticated office reports a nonce.
    pub fn report(&mut self, office: MemberId, nonce: RouteNonce, now: UnixSeconds) {
        let nonces = self.offices.entry(office).or_default();
        nonces.forget_until(now);
        if !nonces.set.insert(nonce) {
            return;
        }
        // A token lives at most one epoch, so no nonce has to be remembered longer.
        nonces.order.push_back((now.after(EPOCH), nonce));
        if nonces.order.len() > self.per_office {
            nonces.forget_oldest();
        }
    }

    /// Whether this office reported this nonce.
    pub fn contains(&self, office: &MemberId, nonce: &RouteNonce) -> bool {
        self.offices.get(office).is_some_and(|nonces| nonces.set.contains(nonce))
    }

    /// Forgets what has expired.
    pub fn forget_past(&mut self, now: UnixSeconds) {
        self.offices.values_mut().for_each(|nonces| nonces.forget_until(now));
        self.offices.retain(|_, nonces| !nonces.set.is_empty());
    }
}

impl OfficeNonces {
    fn forget_until(&mut self, now: UnixSeconds) {
        while self.order.front().is_some_and(|(expiry, _)| *expiry < now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, nonce)) = self.order.pop_front() {
            self.set.remove(&nonce);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(number: u8) -> RouteNonce {
        RouteNonce([number; 16])
    }

    #[test]
    fn each_office_speaks_for_itself() {
        let (a, b): (MemberId, MemberId) = ("ga-a".parse().unwrap(), "ga-b".parse().unwrap());
        let mut used = UsedNonces::new(2);
        used.report(a, nonce(1), UnixSeconds(0));
        assert!(used.contains(&a, &nonce(1)));
        assert!(!used.contains(&b, &nonce(1)));
    }

    #[test]
    fn is_bounded_and_expires() {
        let office: MemberId = "ga-a".parse().unwrap();
        let mut used = UsedNonces::new(2);
        for number in 1..=3 {
            used.report(office, nonce(number), UnixSeconds(0));
            used.report(office, nonce(number), UnixSeconds(0));
        }
        assert!(!used.contains(&office, &nonce(1)), "the oldest gave way");
        assert!(used.contains(&office, &nonce(2)) && used.contains(&office, &nonce(3)));
        used.forget_past(UnixSeconds(EPOCH.as_secs() + 1));
        assert!(!used.contains(&office, &nonce(3)));
    }
}
