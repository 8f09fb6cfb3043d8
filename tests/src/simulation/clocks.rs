//! Each party's wall clock: wrong by some minutes (a sender's by hours), and it jumps. Timers run on a clock of their own, which
//! does neither. When the faults end, all clocks are right.

use std::collections::BTreeMap;

use schleuse_protocol::time::{Now, UnixSeconds};

use super::world::{Party, World};

/// How far a clock may be off, in seconds. A sender's number of an attempt, which is its clock, must not be a day ahead of
/// the office for good.
const SENDER: i64 = 12 * 3600;
const OTHERS: i64 = 600;

/// Seconds that each party's clock is ahead.
#[derive(Default)]
pub(super) struct Clocks {
    ahead: BTreeMap<Party, i64>,
    /// The most that it ever was.
    most: BTreeMap<Party, i64>,
}

impl World {
    /// Both clocks of a party.
    pub(super) fn clock_of(&self, party: Party) -> Now {
        let right = self.clock();
        let ahead = match self.is_calm() {
            true => 0,
            false => self.clocks.ahead.get(&party).copied().unwrap_or(0),
        };
        Now { unix: UnixSeconds(right.unix.0.saturating_add_signed(ahead)), ..right }
    }

    /// A time that no clock of this party has ever passed.
    pub(super) fn latest_of(&self, party: Party) -> UnixSeconds {
        let most = self.clocks.most.get(&party).copied().unwrap_or(0).max(0);
        UnixSeconds(self.clock().unix.0.saturating_add_signed(most))
    }

    /// Somebody sets a party's clock, or the clock was never right.
    pub(super) fn set_clock(&mut self, party: Party) {
        let range = if matches!(party, Party::Sender(_)) { SENDER } else { OTHERS };
        // Half of them are nearly right.
        let range = if self.chance(0.5) { 2 } else { range };
        let width = u64::try_from(2 * range).expect("a positive range");
        let ahead = i64::try_from(self.random(0, width)).expect("some hours") - range;
        self.clocks.ahead.insert(party, ahead);
        let most = self.clocks.most.entry(party).or_insert(ahead);
        *most = ahead.max(*most);
        self.trace.note(self.now, &format!("the clock of {party:?} is {ahead} s ahead"));
    }

    /// Every party, in a fixed order.
    pub(super) fn parties(&self) -> Vec<Party> {
        let senders = (0..self.apps.len()).map(Party::Sender);
        let outers = (0..self.outers.len()).map(Party::Outer);
        let inners = (0..self.inners.len()).map(Party::Inner);
        let offices = (0..self.offices.len()).map(Party::Office);
        senders.chain(outers).chain(inners).chain(offices).collect()
    }
}
