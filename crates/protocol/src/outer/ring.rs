//! The admission keys that an outer proxy currently has.

use alloc::collections::BTreeMap;

use crate::time::UnixSeconds;
use crate::wire::name::MemberId;
use crate::wire::refusal::StreamRefusal;
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

    /// The key under which a token of this inner proxy and epoch must verify. Whether the inner proxy is one that is to send
    /// its keys is for the caller to know.
    ///
    /// # Errors
    /// [`Refused`](StreamRefusal::Refused) if the epoch is none whose tokens can be valid;
    /// [`Unavailable`](StreamRefusal::Unavailable) if the inner proxy has not sent the keys of the current epoch, or not yet those
    /// of the next: later it may have.
    pub fn key(&self, inner: &MemberId, epoch: Epoch, now: UnixSeconds) -> Result<&K, StreamRefusal> {
        let key_of = |epoch| {
            let keys = self.keys.get(inner)?;
            keys.iter().find(|(of, _)| *of == epoch).map(|(_, key)| key)
        };
        let current = Epoch::of(now);
        match (key_of(epoch), key_of(current)) {
            (Some(key), _) => Ok(key),
            (None, Some(_)) if epoch != current.next() => Err(StreamRefusal::Refused),
            (None, _) => Err(StreamRefusal::Unavailable),
        }
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

    fn in_epoch(epoch: u64) -> UnixSeconds {
        UnixSeconds(epoch * EPOCH.as_secs())
    }

    #[test]
    fn finds_by_member_and_epoch_and_forgets_the_past() {
        let (a, b): (MemberId, MemberId) = ("inner-a".parse().unwrap(), "inner-b".parse().unwrap());
        let mut ring = AdmissionRing::new();
        ring.replace(a, [(Epoch(7), 'x'), (Epoch(8), 'y')]);
        let now = in_epoch(7);
        assert_eq!(ring.key(&a, Epoch(7), now), Ok(&'x'));
        assert_eq!(ring.key(&a, Epoch(9), now), Err(StreamRefusal::Refused));
        assert_eq!(ring.key(&b, Epoch(7), now), Err(StreamRefusal::Unavailable), "it has sent none yet");

        let just_after = in_epoch(8);
        assert_eq!(ring.key(&a, Epoch(8), just_after), Ok(&'y'));
        assert_eq!(
            ring.key(&a, Epoch(9), just_after),
            Err(StreamRefusal::Unavailable),
            "the next keys are on their way"
        );
        assert_eq!(ring.key(&a, Epoch(10), just_after), Err(StreamRefusal::Refused));

        ring.replace(a, [(Epoch(8), 'z'), (Epoch(9), 'w')]);
        let now = in_epoch(8);
        assert_eq!(ring.key(&a, Epoch(7), now), Err(StreamRefusal::Refused));
        assert_eq!(ring.key(&a, Epoch(8), now), Ok(&'z'));
        assert_eq!(
            ring.key(&a, Epoch(10), in_epoch(10)),
            Err(StreamRefusal::Unavailable),
            "its newer ones have not come"
        );

        ring.forget_past(in_epoch(9));
        assert_eq!(ring.key(&a, Epoch(9), in_epoch(9)), Ok(&'w'));
        ring.forget_past(in_epoch(10));
        assert_eq!(ring.key(&a, Epoch(9), in_epoch(10)), Err(StreamRefusal::Unavailable));
    }
}
