//! Two parties that cannot reach each other for a while. What was sent waits, as in QUIC; after [`GIVES_UP`] both have given
//! the connection up.

use std::collections::BTreeMap;

use super::net::{Chunk, HopId, Side};
use super::world::{Event, Party, World};

/// Milliseconds after which a connection without any packet is lost.
const GIVES_UP: u64 = 30_000;

/// Until when which two parties are cut off from each other; the one nearer to the sender is named first.
#[derive(Default)]
pub(super) struct Partitions {
    until: BTreeMap<[Party; 2], u64>,
}

impl World {
    /// Cuts two neighbours off from each other.
    pub(super) fn part_two(&mut self) {
        let (outer, inner) = (self.any(self.outers.len()), self.any(self.inners.len()));
        let between = match self.random(0, 2) {
            0 => [Party::Sender(self.any(self.apps.len())), Party::Outer(outer)],
            1 => [Party::Outer(outer), Party::Inner(inner)],
            _ => [Party::Inner(inner), Party::Office(self.any(self.offices.len()))],
        };
        self.tally.partitions += 1;
        let lasts = if self.chance(0.7) { self.random(100, 20_000) } else { self.random(20_000, 90_000) };
        let until = self.now + lasts;
        self.trace.note(self.now, &format!("{between:?} are parted for {lasts} ms"));
        self.partitions.until.insert(between, until);
        if lasts > GIVES_UP {
            self.schedule(self.now + GIVES_UP, Event::GiveUp { between });
        }
        self.schedule(until, Event::Heal { between });
    }

    /// Until when these two are cut off from each other.
    pub(super) fn parted_until(&self, between: [Party; 2]) -> Option<u64> {
        self.partitions.until.get(&between).copied().filter(|until| *until > self.now)
    }

    /// What arrives now and must wait for the end of a partition, or for what waits already.
    pub(super) fn hold_back(&mut self, hop: HopId, side: Side, chunk: Chunk) -> Option<Chunk> {
        let is_parted = self.parted_until(self.ends_of(hop)).is_some();
        let held = self.hops[hop].held(side);
        if !is_parted && held.is_empty() {
            return Some(chunk);
        }
        held.push_back(chunk);
        None
    }

    /// They reach each other again: what was held back arrives, in its order.
    pub(super) fn heal(&mut self, between: [Party; 2]) {
        if self.parted_until(between).is_some() {
            // Another partition has begun meanwhile.
            return;
        }
        for hop in 0..self.hops.len() {
            if self.ends_of(hop) != between {
                continue;
            }
            for side in [Side::Client, Side::Server] {
                for chunk in std::mem::take(self.hops[hop].held(side)) {
                    self.deliver(hop, side, chunk);
                }
            }
        }
    }

    /// Both have waited too long: connections between them, and their link, are gone.
    pub(super) fn give_up(&mut self, between: [Party; 2]) {
        if self.parted_until(between).is_none() {
            return;
        }
        match between {
            [Party::Outer(outer), Party::Inner(inner)] => {
                self.links.drop_outer(|of, to| (of, to) == (outer, inner));
            }
            [Party::Inner(inner), Party::Office(office)] => {
                self.unlink_offices(|of, to| (of, to) == (inner, office));
            }
            _ => {}
        }
        self.break_hops(|owners| owners == between);
    }

    fn ends_of(&self, hop: HopId) -> [Party; 2] {
        [Side::Client, Side::Server].map(|side| self.owners[self.hops[hop].agent(side)])
    }

    fn any(&mut self, count: usize) -> usize {
        self.random(0, count as u64 - 1) as usize
    }
}
