//! Which address is tried when: RFC 8305, sections 4 and 5. Pure: time is an argument.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use schleuse_protocol::time::Millis;

use super::Budget;
use super::error::{AddressProblem, UnreachedAddress};

/// The head start of an address before the next is tried beside it (RFC 8305, 5: "Connection Attempt Delay").
pub(super) const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses of a name that are looked at. More is a mistake, or somebody who wants us to send packets around.
const MOST_ADDRESSES: usize = 16;

/// The addresses of one name, and how they did.
pub(super) struct Race {
    waiting: VecDeque<SocketAddr>,
    running: Vec<SocketAddr>,
    /// When the next one begins, if all that run are silent.
    next_at: Millis,
    end: Millis,
    budget: Budget,
    failures: Vec<UnreachedAddress>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Try this address, no longer than so.
    Begin(SocketAddr, Duration),
    /// Nothing is left to try.
    Lost,
}

impl Race {
    /// Between these addresses, the best first.
    pub(super) fn new(addresses: Vec<SocketAddr>, budget: Budget, now: Millis) -> Self {
        Self {
            waiting: interleaved(addresses),
            running: Vec::new(),
            next_at: now,
            end: Millis(0).after(budget.overall),
            budget,
            failures: Vec::new(),
        }
    }

    /// An address has failed: the next one may begin at once.
    pub(super) fn handle_failed(&mut self, address: SocketAddr, problem: AddressProblem, now: Millis) {
        self.running.retain(|running| *running != address);
        self.failures.push(UnreachedAddress { address, problem });
        self.next_at = now;
    }

    /// What became of all addresses.
    pub(super) fn into_failures(self) -> Vec<UnreachedAddress> {
        let mut failures = self.failures;
        let silent = AddressProblem::NoAnswer(self.budget.overall);
        failures.extend(self.running.into_iter().map(|address| UnreachedAddress { address, problem: silent.clone() }));
        let late = |address| UnreachedAddress { address, problem: AddressProblem::NotTried };
        failures.extend(self.waiting.into_iter().map(late));
        failures
    }

    /// Call again until there is no step.
    pub(super) fn poll_step(&mut self, now: Millis) -> Option<Step> {
        let is_over = now >= self.end || (self.waiting.is_empty() && self.running.is_empty());
        if is_over {
            return Some(Step::Lost);
        }
        if now < self.next_at && !self.running.is_empty() {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.running.push(address);
        self.next_at = now.after(HEAD_START);
        Some(Step::Begin(address, self.budget.address.min(self.end.since(now))))
    }

    /// When to poll again, if no address fails before.
    pub(super) fn poll_timeout(&self) -> Option<Millis> {
        let next = (!self.waiting.is_empty()).then_some(self.next_at);
        Some(next.map_or(self.end, |next| next.min(self.end)))
    }
}

/// The families alternate, beginning with that of the best address; within a family the order stays.
fn interleaved(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let mut known = Vec::new();
    for address in addresses {
        if !known.contains(&address) {
            known.push(address);
        }
    }
    let best = known.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        known.into_iter().partition(|address| address.is_ipv6() == best);
    let mut ordered = VecDeque::new();
    while !(first.is_empty() && second.is_empty()) {
        ordered.extend(first.pop_front());
        ordered.extend(second.pop_front());
    }
    ordered.truncate(MOST_ADDRESSES);
    ordered
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const BUDGET: Budget = Budget { address: Duration::from_secs(5), overall: Duration::from_secs(10) };

    fn v4(last: u8) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 4433))
    }

    fn v6(last: u16) -> SocketAddr {
        SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last), 4433))
    }

    /// What begins when, if only the named addresses fail, at the named times.
    fn run(addresses: &[SocketAddr], mut fails: Vec<(u64, SocketAddr)>) -> (Vec<(u64, SocketAddr)>, u64) {
        let mut race = Race::new(addresses.to_vec(), BUDGET, Millis(0));
        let (mut now, mut begun) = (Millis(0), Vec::new());
        loop {
            while let Some(step) = race.poll_step(now) {
                match step {
                    Step::Begin(address, _) => begun.push((now.0, address)),
                    Step::Lost => return (begun, now.0),
                }
            }
            let due = race.poll_timeout().unwrap();
            match fails.first().copied() {
                Some((at, address)) if at <= due.0 => {
                    fails.remove(0);
                    now = Millis(at);
                    race.handle_failed(address, AddressProblem::Rejected, now);
                }
                _ => now = due,
            }
        }
    }

    #[test]
    fn families_alternate_from_the_best_address_on() {
        let ordered = interleaved(vec![v6(1), v6(2), v6(3), v4(1), v6(1), v4(2)]);
        assert_eq!(ordered, [v6(1), v4(1), v6(2), v4(2), v6(3)]);
        assert_eq!(interleaved(vec![v4(1), v6(1)]), [v4(1), v6(1)]);
        assert_eq!(interleaved((0..200).map(v6).collect()).len(), MOST_ADDRESSES);
    }

    #[test]
    fn a_silent_address_delays_the_next_by_its_head_start_only() {
        let (begun, lost) = run(&[v6(1), v6(2), v4(1)], vec![]);
        assert_eq!(begun, [(0, v6(1)), (250, v4(1)), (500, v6(2))]);
        assert_eq!(lost, 10_000);
    }

    #[test]
    fn a_failure_starts_the_next_at_once() {
        let (begun, lost) = run(&[v6(1), v4(1), v4(2)], vec![(3, v6(1)), (7, v4(1)), (9, v4(2))]);
        assert_eq!(begun, [(0, v6(1)), (3, v4(1)), (7, v4(2))]);
        assert_eq!(lost, 9, "nothing is waited for when all have failed");
    }

    #[test]
    fn a_late_failure_does_not_take_the_next_ones_head_start_back() {
        let (begun, _) = run(&[v6(1), v4(1), v4(2)], vec![(260, v6(1))]);
        assert_eq!(begun, [(0, v6(1)), (250, v4(1)), (260, v4(2))]);
    }

    #[test]
    fn who_begins_late_has_what_is_left_of_the_whole() {
        let mut race = Race::new(vec![v6(1), v4(1)], BUDGET, Millis(7_000));
        assert_eq!(race.poll_step(Millis(7_000)), Some(Step::Begin(v6(1), Duration::from_secs(3))));
        assert_eq!(race.poll_step(Millis(10_000)), Some(Step::Lost));
        let problems: Vec<_> = race.into_failures().into_iter().map(|unreached| unreached.problem).collect();
        assert_eq!(problems, [AddressProblem::NoAnswer(BUDGET.overall), AddressProblem::NotTried]);
    }

    #[test]
    fn a_name_without_addresses_is_lost_at_once() {
        assert_eq!(Race::new(vec![], BUDGET, Millis(0)).poll_step(Millis(0)), Some(Step::Lost));
    }
}
