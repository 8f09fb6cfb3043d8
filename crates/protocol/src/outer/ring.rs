//! The admission keys that an outer proxy currently has.

use alloc::collections::BTreeMap;

use crate::time::UnixSeconds;
use crate::wire::name::MemberId;
use crate::wire::token::Epoch;

/// Admission keys of the inner proxies, two epochs each. `K` is whatever checks a MAC.
///
/// Keys stay when the link to their inner proxy is lost: its tokens are still valid, only the way to it is missing.
#[derive(Debug)]
pub struct AdmissionRing<K> {
    keys: BTreeMap<MemberId, [(Epoch, K); 2]>,
}

impl<K> Default for AdmissionRing<K> {
    fn default() -> Self {
        Self { keys: BTreeMap::new() }
    }
}

impl<K> AdmissionRing<K> {
    /// An empty ring.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the keys that an inner proxy sent about itself in place of its earlier ones.
    pub fn replace(&mut self, inner: MemberId, keys: [(Epoch, K); 2]) {
        self.keys.insert(inner, keys);
    }

    /// The key under which a token of this inner proxy and epoch must verify.
    pub fn key(&self, inner: &MemberId, epoch: Epoch) -> Option<&K> {
        self.keys.get(inner)?.iter().find(|(of, _)| *of == epoch).map(|(_, key)| key)
    }

    /// Drops inner proxies that have no key of a living epoch any more. A token of a past epoch has expired, so its
    /// key admits nothing that would be carried on.
    pub fn forget_past(&mut self, now: UnixSeconds) {
        let current = Epoch::of(now);
        self.keys.retain(|_, keys| keys.iter().any(|(epoch, _)| *epoch >= current));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::EPOCH;

    #[test]
    fn finds_by_member_and_epoch_and_forgets_the_past() {
        let (a, b): (MemberId, MemberId) = ("inner-a".parse().unwrap(), "inner-b".parse().unwrap());
        let mut ring = AdmissionRing::new();
        ring.replace(a, [(Epoch(7), 'x'), (Epoch(8), 'y')]);
        assert_eq!(ring.key(&a, Epoch(7)), Some(&'x'));
        assert_eq!(ring.key(&a, Epoch(9)), None);
        assert_eq!(ring.key(&b, Epoch(7)), None);

        ring.replace(a, [(Epoch(8), 'z'), (Epoch(9), 'w')]);
        assert_eq!(ring.key(&a, Epoch(7)), None);
        assert_eq!(ring.key(&a, Epoch(8)), Some(&'z'));

        ring.forget_past(UnixSeconds(9 * EPOCH.as_secs()));
        assert_eq!(ring.key(&a, Epoch(9)), Some(&'w'));
        ring.forget_past(UnixSeconds(10 * EPOCH.as_secs()));
        assert_eq!(ring.key(&a, Epoch(9)), None);
    }
}
