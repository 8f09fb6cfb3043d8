//! How many connections a daemon holds at a time, and who has to go when they are too many.
//!
//! A connection takes a seat before its handshake. What it has shown of itself decides how firm the seat is: one that is *in use*
//! (a stream with a valid token, a known member) is never taken away; of the others, when all seats are taken, one goes at
//! once to make room. It is one of the group that has most such seats, so that whoever comes in numbers pushes out its own;
//! in that group first the one that has never been in use, for longest.
//!
//! A group is a network (IPv4 /24, IPv6 /48) or a member. Above half of all seats a group gets an eighth of them and no more,
//! so that nobody alone can have all.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schleuse_protocol::wire::name::MemberId;
use tokio_util::sync::CancellationToken;

use crate::endpoint::{Network, network};

/// Whose seats are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Of a peer that nobody knows.
    Network(Network),
    /// Of a peer that has proved who it is.
    Member(MemberId),
}

impl From<IpAddr> for Group {
    fn from(address: IpAddr) -> Self {
        Self::Network(network(address))
    }
}

/// The seats of a daemon, over all its threads.
pub struct Seats {
    most: usize,
    room: Mutex<Room>,
}

#[derive(Default)]
struct Room {
    next: u64,
    /// By number; a lower one was taken earlier.
    taken: HashMap<u64, Sitting>,
    groups: HashMap<Group, usize>,
}

struct Sitting {
    group: Group,
    /// Streams, or whatever else holds the seat firmly.
    uses: usize,
    was_used: bool,
    evicted: CancellationToken,
}

impl Seats {
    /// So many, all free.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, room: Mutex::default() })
    }

    /// A seat for a peer from this address. If all are taken, a connection that is not in use is asked to go. None if there is
    /// no such connection, or if the network has its share.
    pub fn take(self: &Arc<Self>, from: IpAddr) -> Option<Seat> {
        let group = from.into();
        let mut room = self.lock();
        if self.has_its_share(&room, group) {
            room.evict(|sitting| sitting.group == group)?;
        } else if room.taken.len() >= self.most {
            let largest = room.largest_unused_group()?;
            room.evict(|sitting| sitting.group == largest)?;
        }
        let (number, evicted) = (room.next, CancellationToken::new());
        room.next += 1;
        room.taken.insert(number, Sitting { group, uses: 0, was_used: false, evicted: evicted.clone() });
        *room.groups.entry(group).or_default() += 1;
        Some(Seat { seats: self.clone(), number, evicted })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.lock().taken.len()
    }

    /// How many there are.
    pub fn most(&self) -> usize {
        self.most
    }

    fn has_its_share(&self, room: &Room, group: Group) -> bool {
        let of_group = room.groups.get(&group).copied().unwrap_or_default();
        room.taken.len() >= self.most / 2 && of_group >= self.share()
    }

    fn share(&self) -> usize {
        (self.most / 8).max(1)
    }

    /// No operation under the lock can panic half-way, so a poisoned lock still guards a whole room.
    fn lock(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn largest_unused_group(&self) -> Option<Group> {
        let mut unused: HashMap<Group, (usize, (bool, u64))> = HashMap::new();
        for (number, sitting) in self.taken.iter().filter(|(_, sitting)| sitting.uses == 0) {
            let rank = (sitting.was_used, *number);
            let (count, first) = unused.entry(sitting.group).or_insert((0, rank));
            *count += 1;
            *first = rank.min(*first);
        }
        // Of groups of one size that with the seat which would go first if they were one group.
        unused.into_iter().max_by_key(|(_, (count, first))| (*count, Reverse(*first))).map(|(group, _)| group)
    }

    /// Takes a seat away from one of those who fit and do not use it; none if there is nobody.
    fn evict(&mut self, fits: impl Fn(&Sitting) -> bool) -> Option<()> {
        let candidates = self.taken.iter().filter(|(_, sitting)| sitting.uses == 0 && fits(sitting));
        let number = *candidates.min_by_key(|(number, sitting)| (sitting.was_used, **number))?.0;
        self.leave(number)?.evicted.cancel();
        Some(())
    }

    fn leave(&mut self, number: u64) -> Option<Sitting> {
        let sitting = self.taken.remove(&number)?;
        self.leave_group(sitting.group);
        Some(sitting)
    }

    fn leave_group(&mut self, group: Group) {
        if let Some(count) = self.groups.get_mut(&group) {
            *count -= 1;
            if *count == 0 {
                self.groups.remove(&group);
            }
        }
    }
}

/// One connection's seat; free again when it is dropped.
pub struct Seat {
    seats: Arc<Seats>,
    number: u64,
    evicted: CancellationToken,
}

impl Seat {
    /// Completes when the seat has been given to somebody else: the connection is to be closed.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// The peer has proved to be this member: the seat counts among the member's, and is in use for good.
    ///
    /// # Errors
    /// The member has its share already, or the seat was taken away in this moment.
    pub fn belongs_to(&self, member: MemberId) -> Result<(), NoSeat> {
        let (seats, group) = (&self.seats, Group::Member(member));
        let mut room = seats.lock();
        if seats.has_its_share(&room, group) {
            return Err(NoSeat);
        }
        let sitting = room.taken.get_mut(&self.number).ok_or(NoSeat)?;
        sitting.uses += 1;
        let before = std::mem::replace(&mut sitting.group, group);
        room.leave_group(before);
        *room.groups.entry(group).or_default() += 1;
        Ok(())
    }

    /// For whoever is to hold the seat firmly now and then.
    pub fn handle(&self) -> SeatHandle {
        SeatHandle { seats: self.seats.clone(), number: self.number }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().leave(self.number);
    }
}

/// Says that a seat is in use.
pub struct SeatHandle {
    seats: Arc<Seats>,
    number: u64,
}

impl SeatHandle {
    /// Call in pairs with [`rest`](Self::rest).
    pub fn work(&self) {
        if let Some(sitting) = self.seats.lock().taken.get_mut(&self.number) {
            sitting.uses += 1;
            sitting.was_used = true;
        }
    }

    /// One use has ended.
    pub fn rest(&self) {
        if let Some(sitting) = self.seats.lock().taken.get_mut(&self.number) {
            sitting.uses = sitting.uses.saturating_sub(1);
        }
    }
}

/// There is no room for one more connection of this member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this member has too many connections")]
pub struct NoSeat;

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u8) -> IpAddr {
        IpAddr::from([192, 0, number, 1])
    }

    fn is_evicted(seat: &Seat) -> bool {
        seat.evicted.is_cancelled()
    }

    #[test]
    fn the_oldest_that_is_not_in_use_goes_at_once_and_nobody_else() {
        let seats = Seats::new(8);
        let held: Vec<_> = (0..8).map(|number| seats.take(network(number)).unwrap()).collect();
        held[0].handle().work();
        let newest = seats.take(network(9)).expect("one has to go");
        assert_eq!(held.iter().position(is_evicted), Some(1), "the oldest is in use");
        assert_eq!(seats.taken(), 8);
        drop(held);
        assert_eq!(seats.taken(), 1, "leaving late takes nobody else out");
        drop(newest);
        assert_eq!(seats.taken(), 0);
    }

    #[test]
    fn who_was_in_use_before_goes_after_those_that_never_were() {
        let seats = Seats::new(8);
        let held: Vec<_> = (0..8).map(|number| seats.take(network(number)).unwrap()).collect();
        held[0].handle().work();
        held[0].handle().rest();
        let _newest: Vec<_> = (9..16).map(|number| seats.take(network(number)).unwrap()).collect();
        assert_eq!(held.iter().filter(|seat| is_evicted(seat)).count(), 7);
        assert!(!is_evicted(&held[0]));
    }

    #[test]
    fn seats_that_are_all_in_use_are_not_given_away() {
        let seats = Seats::new(4);
        let held: Vec<_> = (0..4).map(|number| seats.take(network(number)).unwrap()).collect();
        held.iter().for_each(|seat| seat.handle().work());
        assert!(seats.take(network(9)).is_none());
        held[2].handle().rest();
        assert!(seats.take(network(9)).is_some());
        assert!(is_evicted(&held[2]));
    }

    #[test]
    fn a_network_gets_half_of_the_seats_and_beyond_that_pushes_out_its_own() {
        let seats = Seats::new(64);
        let flood: Vec<_> = (0..1000).filter_map(|_| seats.take(network(1))).collect();
        assert_eq!((flood.len(), seats.taken()), (1000, 32), "each of the later ones took an earlier one's seat");
        let others: Vec<_> = (2..34).map(|number| seats.take(network(number)).unwrap()).collect();
        assert_eq!(seats.taken(), 64);
        let late = seats.take(network(99)).unwrap();
        assert!(!others.iter().any(is_evicted), "the largest group pays");
        assert!(!is_evicted(&late));
    }

    #[test]
    fn a_network_whose_seats_are_all_in_use_gets_no_more_than_half() {
        let seats = Seats::new(64);
        let hold = |number| {
            let seat = seats.take(network(number))?;
            seat.handle().work();
            Some(seat)
        };
        let flood: Vec<_> = (0..1000).filter_map(|_| hold(1)).collect();
        assert_eq!(flood.len(), 32);
        let other: Vec<_> = (0..1000).filter_map(|_| hold(2)).collect();
        assert_eq!(other.len(), 8, "an eighth");
        assert!(hold(3).is_some());
    }

    #[test]
    fn a_member_is_never_pushed_out_and_has_its_share() {
        let seats = Seats::new(16);
        let id = |name: &str| name.parse().unwrap();
        let mut members = Vec::new();
        for _ in 0..7 {
            let seat = seats.take(network(1)).unwrap();
            seat.belongs_to(id("outer-1")).unwrap();
            members.push(seat);
        }
        let eighth = seats.take(network(1)).unwrap();
        assert_eq!(eighth.belongs_to(id("outer-1")), Err(NoSeat));
        assert_eq!(eighth.belongs_to(id("outer-2")), Ok(()));
        let flood: Vec<_> = (0..100).filter_map(|_| seats.take(network(7))).collect();
        assert!(flood.len() == 100 && seats.taken() <= 16);
        assert!(!members.iter().chain([&eighth]).any(is_evicted));
    }
}
