use alloc::vec;
use alloc::vec::Vec;

use super::*;

const TICKET: TicketId = TicketId([1; 16]);

fn claim(leases: &mut Leases, attempt: u64) -> ClaimId {
    match leases.handle_claim(TICKET, attempt, [attempt as u8; 32]) {
        Claimed::Waiting(claim) => claim,
        other => panic!("{other:?}"),
    }
}

/// Claims, is granted and decides at once.
fn lease(leases: &mut Leases, attempt: u64) -> ClaimId {
    let claim = claim(leases, attempt);
    assert_eq!(events(leases), [LeaseEvent::Granted(claim)]);
    leases.handle_decided(claim);
    claim
}

fn events(leases: &mut Leases) -> Vec<LeaseEvent> {
    core::iter::from_fn(|| leases.poll_event()).collect()
}

#[test]
fn a_newer_stream_waits_until_the_older_one_is_done() {
    let mut leases = Leases::new();
    let first = lease(&mut leases, 5);
    let second = claim(&mut leases, 5);
    assert_eq!(events(&mut leases), [LeaseEvent::Superseded(first)], "two streams hold one ticket");
    assert!(leases.is_held_by(first) && !leases.is_held_by(second));
    leases.handle_released(first);
    assert_eq!(events(&mut leases), [LeaseEvent::Granted(second)]);
    leases.handle_released(second);
    assert!(leases.is_empty() && events(&mut leases).is_empty());
}

#[test]
fn a_lower_attempt_does_not_get_in_while_the_higher_runs() {
    let mut leases = Leases::new();
    let higher = lease(&mut leases, 7);
    let refused = Claimed::Held { attempt: 7, digest: [7; 32] };
    assert_eq!(leases.handle_claim(TICKET, 6, [0; 32]), refused);
    assert_eq!(events(&mut leases), []);
    leases.handle_released(higher);
    lease(&mut leases, 6);
}

#[test]
fn nothing_is_decided_before_the_higher_attempt_knows_the_ticket() {
    let mut leases = Leases::new();
    let undecided = |by: u8| Claimed::Undecided { digest: [by; 32] };
    let first = lease(&mut leases, 5);
    let second = claim(&mut leases, 7);
    assert_eq!(leases.handle_claim(TICKET, 5, [0; 32]), undecided(7));
    assert_eq!(leases.handle_claim(TICKET, 6, [0; 32]), undecided(7));
    leases.handle_decided(second);
    assert_eq!(leases.handle_claim(TICKET, 6, [0; 32]), undecided(7), "who does not hold the lease has read nothing");
    let third = claim(&mut leases, 8);
    leases.handle_released(second);
    assert_eq!(leases.handle_claim(TICKET, 5, [0; 32]), undecided(8));
    leases.handle_released(first);
    assert_eq!(leases.handle_claim(TICKET, 5, [0; 32]), undecided(8), "it has not looked yet");
    leases.handle_decided(third);
    assert_eq!(leases.handle_claim(TICKET, 5, [0; 32]), Claimed::Held { attempt: 8, digest: [8; 32] });
    let fourth = claim(&mut leases, 9);
    leases.handle_decided(third);
    assert_eq!(leases.handle_claim(TICKET, 5, [0; 32]), undecided(9), "the next one decides for itself");
    leases.handle_released(fourth);
    leases.handle_released(third);
    assert!(leases.is_empty());
}

#[test]
fn of_three_only_the_newest_goes_on_and_never_two_at_once() {
    let mut leases = Leases::new();
    let first = lease(&mut leases, 1);
    let second = claim(&mut leases, 2);
    let third = claim(&mut leases, 3);
    assert_eq!(events(&mut leases), [LeaseEvent::Superseded(first), LeaseEvent::Superseded(second)]);
    leases.handle_released(second);
    assert_eq!(events(&mut leases), [], "the first stream still writes");
    leases.handle_released(first);
    assert_eq!(events(&mut leases), [LeaseEvent::Granted(third)]);
}

#[test]
fn a_superseded_claim_that_waits_is_never_granted() {
    let mut leases = Leases::new();
    let first = lease(&mut leases, 1);
    let second = claim(&mut leases, 2);
    let third = claim(&mut leases, 3);
    events(&mut leases);
    leases.handle_released(third);
    leases.handle_released(first);
    assert_eq!(events(&mut leases), [], "it was told to stop");
    // Whoever comes then need not wait for a claim that never writes.
    let fourth = claim(&mut leases, 2);
    assert_eq!(events(&mut leases), [LeaseEvent::Granted(fourth)]);
    leases.handle_released(second);
    assert!(leases.is_held_by(fourth));
}

#[test]
fn a_claim_that_gave_up_keeps_neither_lease_nor_attempt() {
    let mut leases = Leases::new();
    let first = lease(&mut leases, 1);
    let second = claim(&mut leases, 9);
    leases.handle_released(second);
    events(&mut leases);
    // The first stream still writes, and attempt 9 is no obstacle.
    let fourth = claim(&mut leases, 2);
    assert_eq!(events(&mut leases), []);
    leases.handle_released(first);
    leases.handle_released(first);
    assert_eq!(events(&mut leases), [LeaseEvent::Granted(fourth)]);
    leases.handle_released(fourth);
    assert!(leases.is_empty());
}

#[test]
fn a_ticket_is_quiet_since_its_last_claim_was_released() {
    let mut leases = Leases::new();
    let before = leases.moment();
    assert!(leases.quiet_since(TICKET).unwrap() <= before);
    let first = lease(&mut leases, 1);
    let during = leases.moment();
    assert_eq!(leases.quiet_since(TICKET), None);
    leases.handle_released(first);
    assert!(leases.quiet_since(TICKET).unwrap() > during);
    assert!(leases.quiet_since(TICKET).unwrap() <= leases.moment());
}

#[test]
fn tickets_do_not_wait_for_each_other() {
    let mut leases = Leases::new();
    lease(&mut leases, 1);
    let Claimed::Waiting(other) = leases.handle_claim(TicketId([2; 16]), 1, [0; 32]) else { panic!("held") };
    assert_eq!(events(&mut leases), [LeaseEvent::Granted(other)]);
    assert_eq!(leases.tickets().collect::<Vec<_>>(), vec![TICKET, TicketId([2; 16])]);
}

/// All orders of a few streams that claim, decide and release: never two hold a ticket, and nobody waits for nothing.
#[test]
fn in_any_order_one_stream_holds_the_ticket_and_the_newest_gets_it() {
    for seed in 0..20_000_u64 {
        let mut leases = Leases::new();
        let (mut live, mut granted, mut superseded) = (Vec::new(), Vec::new(), Vec::new());
        let mut dice = seed;
        for _ in 0..12 {
            // Knuth's generator, MMIX.
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let choice = (dice >> 33) as usize;
            match choice % 3 {
                0 => {
                    if let Claimed::Waiting(claim) = leases.handle_claim(TICKET, (choice / 3 % 4) as u64, [0; 32]) {
                        live.push(claim);
                    }
                }
                1 if !live.is_empty() => leases.handle_decided(live[choice / 3 % live.len()]),
                2 if !live.is_empty() => {
                    let gone = live.remove(choice / 3 % live.len());
                    leases.handle_released(gone);
                    granted.retain(|claim| *claim != gone);
                }
                _ => {}
            }
            for event in events(&mut leases) {
                match event {
                    LeaseEvent::Granted(claim) => {
                        assert!(live.contains(&claim) && !superseded.contains(&claim), "seed {seed}");
                        granted.push(claim);
                    }
                    LeaseEvent::Superseded(claim) => superseded.push(claim),
                }
            }
            assert!(granted.len() <= 1, "seed {seed}: two hold one ticket");
            let newest = live.iter().filter(|claim| !superseded.contains(claim)).max();
            let is_stuck = granted.is_empty() && newest.is_some();
            assert!(!is_stuck, "seed {seed}: nobody holds the ticket, and one waits for it");
        }
    }
}
