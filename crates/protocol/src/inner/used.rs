//! Used tokens, as far as this proxy remembers them.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::limits::EPOCH;
use crate::time::UnixSeconds;
use crate::wire::name::MemberId;
use crate::wire::token::RouteNonce;

/// Nonces that offices reported as used. Soft state: losing it costs the office one look-up per repeated stream, nothing
/// else, because one-time use is enforced by the office's store.
///
/// Each office has room for the same number of nonces, and only its own report counts for it. All offices together have
/// room for fewer than that times their number: then whoever holds most gives way, so no office can push out what belongs
/// to others unless they hold more than it does.
#[derive(Debug)]
pub struct UsedNonces {
    room: Room,
    /// How many are held in all.
    held: usize,
    offices: BTreeMap<MemberId, OfficeNonces>,
}

/// How many nonces are remembered. Each costs about 70 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Of one office; at least 1.
    pub per_office: usize,
    /// Of all offices together; at least 1.
    pub in_all: usize,
}

#[derive(Debug, Default)]
struct OfficeNonces {
    /// In the order of their expiry.
    order: VecDeque<(UnixSeconds, RouteNonce)>,
    set: BTreeSet<RouteNonce>,
}

impl UsedNonces {
    /// Remembers nothing yet.
    pub fn new(room: Room) -> Self {
        Self { room, held: 0, offices: BTreeMap::new() }
    }

    /// An authenticated office reports a nonce.
    pub fn report(&mut self, office: MemberId, nonce: RouteNonce, now: UnixSeconds) {
        let nonces = self.offices.entry(office).or_default();
        self.held -= nonces.forget_until(now);
        if !nonces.set.insert(nonce) {
            return;
        }
        // A token lives at most one epoch, so no nonce has to be remembered longer.
        nonces.order.push_back((now.after(EPOCH), nonce));
        self.held += 1;
        if nonces.order.len() > self.room.per_office.max(1) {
            self.held -= nonces.forget_oldest();
        } else if self.held > self.room.in_all.max(1) {
            self.make_room(office);
        }
    }

    /// Takes the oldest from whoever holds most. An office with more than its even share is not compared with others.
    fn make_room(&mut self, reporting: MemberId) {
        let even_share = self.room.in_all / self.offices.len().max(1);
        let len = |nonces: &OfficeNonces| nonces.order.len();
        let giving = match self.offices.get(&reporting).is_some_and(|nonces| len(nonces) > even_share) {
            true => self.offices.get_mut(&reporting),
            false => self.offices.values_mut().max_by_key(|nonces| len(nonces)),
        };
        self.held -= giving.map_or(0, OfficeNonces::forget_oldest);
    }

    /// Whether this office reported this nonce.
    pub fn contains(&self, office: &MemberId, nonce: &RouteNonce) -> bool {
        self.offices.get(office).is_some_and(|nonces| nonces.set.contains(nonce))
    }

    /// Forgets what has expired, also of offices that report nothing any more. To be called now and then.
    pub fn forget_past(&mut self, now: UnixSeconds) {
        self.held -= self.offices.values_mut().map(|nonces| nonces.forget_until(now)).sum::<usize>();
        self.offices.retain(|_, nonces| !nonces.set.is_empty());
    }

    /// How many nonces are remembered, of all offices.
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }
}

impl OfficeNonces {
    /// Returns how many were forgotten.
    fn forget_until(&mut self, now: UnixSeconds) -> usize {
        let mut forgotten = 0;
        while self.order.front().is_some_and(|(expiry, _)| *expiry < now) {
            forgotten += self.forget_oldest();
        }
        forgotten
    }

    /// Returns how many that were: one, or none if there was none.
    fn forget_oldest(&mut self) -> usize {
        let Some((_, nonce)) = self.order.pop_front() else { return 0 };
        self.set.remove(&nonce);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { per_office: 2, in_all: 100 };

    fn nonce(number: u8) -> RouteNonce {
        RouteNonce([number; 16])
    }

    fn office(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    #[test]
    fn each_office_speaks_for_itself() {
        let (a, b) = (office("ga-a"), office("ga-b"));
        let mut used = UsedNonces::new(ROOM);
        used.report(a, nonce(1), UnixSeconds(0));
        assert!(used.contains(&a, &nonce(1)));
        assert!(!used.contains(&b, &nonce(1)));
    }

    #[test]
    fn is_bounded_and_expires() {
        let office = office("ga-a");
        let mut used = UsedNonces::new(ROOM);
        for number in 1..=3 {
            used.report(office, nonce(number), UnixSeconds(0));
            used.report(office, nonce(number), UnixSeconds(0));
        }
        assert!(!used.contains(&office, &nonce(1)), "the oldest gave way");
        assert!(used.contains(&office, &nonce(2)) && used.contains(&office, &nonce(3)));
        assert_eq!(used.len(), 2);
        used.forget_past(UnixSeconds(EPOCH.as_secs() + 1));
        assert!(!used.contains(&office, &nonce(3)));
    }

    #[test]
    fn an_office_that_reports_nothing_any_more_leaves_nothing_behind() {
        let mut used = UsedNonces::new(ROOM);
        used.report(office("gone"), nonce(1), UnixSeconds(0));
        used.report(office("gone"), nonce(2), UnixSeconds(10));
        used.report(office("busy"), nonce(3), UnixSeconds(20));
        let end = EPOCH.as_secs();
        used.forget_past(UnixSeconds(end + 5));
        assert_eq!((used.len(), used.contains(&office("gone"), &nonce(2))), (2, true));
        used.forget_past(UnixSeconds(end + 15));
        assert_eq!((used.len(), used.offices.len()), (1, 1));
        used.forget_past(UnixSeconds(end + 25));
        assert!(used.is_empty() && used.offices.is_empty());
    }

    #[test]
    fn all_offices_together_are_bounded_and_whoever_holds_most_gives_way() {
        let mut used = UsedNonces::new(Room { per_office: 50, in_all: 60 });
        let (greedy, modest) = (office("greedy"), office("modest"));
        for number in 0..50 {
            used.report(greedy, nonce(number), UnixSeconds(0));
        }
        for number in 0..20 {
            used.report(modest, nonce(100 + number), UnixSeconds(0));
        }
        assert_eq!(used.len(), 60);
        assert!((0..20).all(|number| used.contains(&modest, &nonce(100 + number))));
        assert!(!used.contains(&greedy, &nonce(9)) && used.contains(&greedy, &nonce(10)));
        for number in 50..90 {
            used.report(greedy, nonce(number), UnixSeconds(0));
        }
        assert_eq!(used.len(), 60);
        assert!((0..20).all(|number| used.contains(&modest, &nonce(100 + number))), "it pays for its reports itself");
    }
}
