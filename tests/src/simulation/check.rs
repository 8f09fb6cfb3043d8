//! What must hold, checked when it happens and once more at the end.

use std::collections::BTreeMap;

use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_seal::{SegmentOpener, verify_attestation, verify_receipt};
use sha2::{Digest, Sha256};

use super::apps::Outcome;
use super::setup::LONG;
use super::store::Complete;
use super::world::{Party, World};

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Parties that crashed.
    pub crashes: u64,
    /// Senders that came back knowing only content and ticket.
    pub forgot: u64,
    /// Frames that a malicious proxy changed, dropped, repeated or swapped.
    pub tampered: u64,
    /// Recorded streams that were replayed.
    pub replays: u64,
    /// Attempts that were begun.
    pub attempts: u64,
    /// Leases taken from a stream that still had one.
    pub taken_over: u64,
    /// Hellos that came before a newer stream knew the ticket's state.
    pub undecided: u64,
    /// Refusals because of an attempt that is not lower.
    pub superseded: u64,
    /// Stored segments that were read again for a resume.
    pub read_back: u64,
    /// Streams for which a proxy's link had no room at once.
    pub waited_for_a_link: u64,
    /// Neighbours that were cut off from each other.
    pub partitions: u64,
    /// Clocks that were set.
    pub clock_jumps: u64,
    /// Streams on which a proxy gave the answer of an earlier one.
    pub answers_replayed: u64,
    /// Delivered submissions of more segments than may wait for the store.
    pub long: u64,
}

/// A run, as far as it is of interest afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Hash over everything that happened.
    pub trace: [u8; 32],
    /// Virtual milliseconds.
    pub ended_at: u64,
    /// Events.
    pub events: u64,
    /// Senders.
    pub senders: usize,
    /// Senders that got a receipt.
    pub receipts: usize,
    /// Senders that were refused inside the seal.
    pub refused: usize,
    /// Senders without an answer inside the seal.
    pub unanswered: usize,
    /// How often things happened.
    pub tally: Tally,
}

/// A submission has just become durable: some holder of its ticket sent exactly this, and it is the first under it.
pub(super) fn completion(world: &World, office: usize, index: usize) {
    let store = &world.offices[office].store;
    let ticket = store.completed[index];
    assert_eq!(store.completed.iter().filter(|completed| **completed == ticket).count(), 1, "two under {ticket}");
    let complete = store.rows[&ticket].complete.as_ref().expect("it is complete");
    proves_its_sender(world, office, complete);
    let stored = content(complete);
    let holders = world.apps.iter().filter(|app| holds(world, app.slot, ticket));
    assert!(holders.map(|app| &app.content).any(|sent| *sent == stored), "nobody sent what is stored under {ticket}");
}

/// What is stored with a signed content proves to anybody who sent it.
fn proves_its_sender(world: &World, office: usize, complete: &Complete) {
    let said = complete.receipt.body();
    assert_eq!(said.sender.is_some(), complete.attestation.is_some());
    if let (Some(sender), Some(attestation)) = (said.sender, &complete.attestation) {
        let key = &world.offices[office].policy.keys[&sender];
        assert!(verify_attestation(said, attestation, key), "{sender} could deny its content");
    }
}

/// A sender has just got a receipt: at this moment its content is durable, and the receipt is the stored one.
pub(super) fn receipt(world: &World, app: usize, receipt: &Receipt) {
    let sender = &world.apps[app];
    let slot = &world.slots[sender.slot];
    let ticket = slot.ticket.as_ref().expect("it sent").ticket().body().id;
    let office = &world.offices[slot.office];
    assert!(verify_receipt(receipt, &office.seal.signing_key().public()), "sender {app}");
    let row = &office.store.rows[&ticket];
    let complete =
        row.complete.as_ref().unwrap_or_else(|| panic!("sender {app} has a receipt for what is not durable"));
    assert_eq!(complete.receipt, *receipt, "sender {app} has another receipt than the store");
    assert_eq!(receipt.body().ticket, ticket);
    assert_eq!(receipt.body().length, sender.content.len() as u64);
    assert_eq!(receipt.body().content_hash.0, <[u8; 32]>::from(Sha256::digest(&sender.content)));
    assert_eq!(receipt.body().sender, sender.identity.as_ref().map(|(member, _)| *member));
    assert!(content(complete) == sender.content, "sender {app}: the stored content is another one");
}

/// A sender has just been refused for good: there must be a reason.
pub(super) fn refusal(world: &World, app: usize, reason: Reason) {
    let sender = &world.apps[app];
    let slot = &world.slots[sender.slot];
    let ticket = slot.ticket.as_ref().expect("it sent").ticket();
    let office = &world.offices[slot.office];
    let stored = office.store.rows[&ticket.body().id].complete.as_ref().map(content);
    match reason {
        Reason::AlreadyUsed => assert!(stored.is_some_and(|stored| stored != sender.content), "sender {app}"),
        Reason::Expired => {
            assert!(world.latest_of(Party::Office(slot.office)) > ticket.body().not_after, "sender {app}");
        }
        Reason::NotPermitted => {
            let member = sender.identity.as_ref().map(|(member, _)| *member);
            assert!(member.is_some() && member == office.policy.forbidden, "sender {app}");
        }
        Reason::TooLarge(limit) => assert!(sender.content.len() as u64 > limit, "sender {app}"),
        other => panic!("sender {app} was refused without cause: {other:?}"),
    }
}

/// Nothing happens any more.
pub(super) fn at_end(world: &World) -> Report {
    assert!(world.agents.iter().all(Option::is_none), "a stream never ended");
    let mut receipts: BTreeMap<TicketId, &Receipt> = BTreeMap::new();
    let mut report = Report {
        trace: world.trace.finish(),
        ended_at: world.now,
        events: world.events,
        senders: world.apps.len(),
        receipts: 0,
        refused: 0,
        unanswered: 0,
        tally: world.tally,
    };
    for (app, sender) in world.apps.iter().enumerate() {
        match sender.outcome.as_ref().unwrap_or_else(|| panic!("sender {app} never came to an end")) {
            Outcome::Receipt(found) => {
                receipt(world, app, found);
                let first = receipts.entry(found.body().ticket).or_insert(found);
                assert_eq!(*first, found, "two receipts under one ticket");
                report.receipts += 1;
                report.tally.long += u64::from(found.body().length >= LONG);
            }
            Outcome::Refused(_) => report.refused += 1,
            Outcome::CrowdedOut | Outcome::RefusedEverywhere => {
                unanswered(world, app);
                report.unanswered += 1;
            }
        }
    }
    for (office, party) in world.offices.iter().enumerate() {
        (0..party.store.completed.len()).for_each(|index| completion(world, office, index));
    }
    report
}

/// A patient sender goes away without an answer only where there was nobody to answer: after the submission was deleted, the
/// ticket's routes have ended, or against another holder of its ticket.
fn unanswered(world: &World, app: usize) {
    let sender = &world.apps[app];
    let slot = &world.slots[sender.slot];
    let ticket = slot.ticket.as_ref().expect("it sent").ticket().body();
    let is_deleted = world.offices[slot.office].store.is_deleted(ticket.id);
    let is_over = world.parties().into_iter().any(|party| world.latest_of(party) > ticket.not_after);
    let is_contended = world.apps.iter().filter(|other| other.slot == sender.slot).count() > 1;
    let crowded_out = sender.outcome == Some(Outcome::CrowdedOut) && is_contended;
    assert!(is_deleted || is_over || crowded_out, "sender {app} gave up although it could have delivered");
}

fn holds(world: &World, slot: usize, ticket: TicketId) -> bool {
    world.slots[slot].ticket.as_ref().is_some_and(|held| held.ticket().body().id == ticket)
}

/// What an office reads in its inbox.
fn content(complete: &Complete) -> Vec<u8> {
    let opener = SegmentOpener::new(&complete.key);
    let mut content = Vec::new();
    for (position, ciphertext) in (0..).zip(&complete.segments) {
        content.extend_from_slice(&opener.open_segment(position, ciphertext).expect("it was verified"));
    }
    let position = u32::try_from(complete.segments.len()).expect("few segments");
    let trailer = opener.open_final(position, &complete.last).expect("it was verified");
    assert_eq!(trailer.length, content.len() as u64);
    content
}
