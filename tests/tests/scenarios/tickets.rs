//! A ticket works once, for whom, for what and when it says so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schleuse_client::{SendError, SigningKey, Ticket, TicketError};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::TicketBody;
use schleuse_seal::{sign_ticket, system_rng};
use schleuse_tests::network::Network;
use schleuse_tests::office::Office;
use schleuse_tests::sealed::{Declared, Sealed};
use schleuse_tests::wait::{SOON, until_true};
use schleuse_tests::wire::{Outcome, dial_as_sender};
use serde_json::json;

use crate::{REFUSED, assert_nothing_stored};

fn small() -> Network {
    Network::of(1, 1, 2, 2).start()
}

/// The key under which tickets of this office verify.
fn public(office: &Office) -> [u8; 32] {
    office.member().signing_key().public()
}

/// Says it to the outer proxy, as a program would that checks nothing.
fn say(network: &Network, bytes: Vec<u8>) -> Outcome {
    let (address, roots) = (network.outer(0).address, network.roots());
    network.background().run(async move { dial_as_sender(address, "outer-1", &roots).await.say(&bytes).await })
}

/// The ticket with another body, signed with this key.
fn changed(ticket: &Ticket, key: &SigningKey, change: impl FnOnce(&mut TicketBody)) -> Ticket {
    let mut body = ticket.body().clone();
    change(&mut body);
    sign_ticket(body, key)
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_ticket_works_once_and_its_receipt_can_be_asked_for_again() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let first = network.send(0, &ticket, "the list").unwrap();
    // The same content again, from the same process and from a new one: the same receipt.
    let again = network.send(0, &ticket, "the list").unwrap();
    let fresh = network.new_client(Some(network.vendor(0)));
    let sending = fresh.send(&ticket, "the list").kind("guest-list").patience(SOON);
    let fresh = network.background().run(async move { sending.await }).unwrap();
    assert_eq!(first.wire().as_bytes(), again.wire().as_bytes());
    assert_eq!(first.wire().as_bytes(), fresh.wire().as_bytes());
    // Another content, or the same one by somebody else: refused.
    for (vendor, content) in [(0, "the lisT"), (0, ""), (0, "the list and more"), (1, "the list")] {
        let error = network.send(vendor, &ticket, content).unwrap_err();
        let SendError::Office(refusal) = &error else { panic!("{error}") };
        assert_eq!(refusal.reason, Reason::AlreadyUsed, "vendor {vendor}, {content:?}");
        assert!(!error.may_retry());
    }
    assert_eq!(office.inbox().len(), 1);
    assert_eq!(office.read(&ticket).unwrap(), b"the list");
}

#[test]
fn a_deleted_submission_takes_its_ticket_with_it() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    network.send(0, &ticket, "the list").unwrap();
    assert_eq!(office.delete(&ticket), 200);
    let error = network.send(0, &ticket, "the list").unwrap_err();
    assert!(matches!(error, SendError::Refused { .. } | SendError::Office(_)), "{error}");
    assert!(!error.may_retry());
    assert_nothing_stored(office);
}

#[test]
fn an_expired_ticket_is_refused_by_the_client_and_by_the_office() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[("valid_seconds", json!(1))]);
    let sealed = Sealed::new(&ticket, &public(office), Declared::guest_list(), b"too late");
    until_true("the ticket has expired", SOON, || unix_now() > ticket.body().not_after.0);
    let error = network.send(0, &ticket, "too late").unwrap_err();
    assert!(matches!(error, SendError::Ticket(TicketError::Expired(_))), "{error}");
    assert_eq!(sealed.refusal(&say(&network, sealed.to_outer(0))), Reason::Expired);
    assert_nothing_stored(office);
}

/// An office's own tickets are valid from the start, so this one is changed and signed with the office's key.
#[test]
fn a_ticket_that_is_not_yet_valid_is_refused_by_the_client_and_by_the_office() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let tomorrow = UnixSeconds(unix_now()).after(Duration::from_secs(86_400));
    let early = changed(&ticket, &office.member().signing_key(), |body| body.not_before = tomorrow);
    let error = network.send(0, &early, "too early").unwrap_err();
    assert!(matches!(error, SendError::Ticket(TicketError::NotYetValid(from)) if from == tomorrow), "{error}");
    // Not the ticket that the office minted: it does not even open the hello.
    let sealed = Sealed::new(&early, &public(office), Declared::guest_list(), b"too early");
    assert_eq!(say(&network, sealed.to_outer(0)), REFUSED);
    assert_nothing_stored(office);
    network.send(0, &ticket, "in time").unwrap();
}

#[test]
fn a_forged_ticket_is_refused_by_the_client_and_by_the_office() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    for bit in 0..64 * 8 {
        let mut bytes = ticket.as_bytes().to_vec();
        let at = bytes.len() - 64 + bit / 8;
        bytes[at] ^= 1 << (bit % 8);
        let forged = Ticket::from_bytes(bytes).unwrap();
        let error = network.send(0, &forged, "x").unwrap_err();
        assert!(matches!(error, SendError::Ticket(TicketError::Forged(_))), "bit {bit}: {error}");
    }
    // Somebody who saw the ticket changes it and signs it himself.
    let key = SigningKey::generate(&mut system_rng());
    let forged = changed(&ticket, &key, |body| body.not_after = body.not_after.after(Duration::from_secs(3600)));
    let sealed = Sealed::new(&forged, &key.public(), Declared::guest_list(), b"x");
    assert_eq!(say(&network, sealed.to_outer(0)), REFUSED);
    // Somebody who has a route, but not the ticket's secret.
    let guessed = changed(&ticket, &key, |body| body.secret.0[0] ^= 1);
    let sealed = Sealed::new(&guessed, &key.public(), Declared::guest_list(), b"x");
    assert_eq!(say(&network, sealed.to_outer(0)), REFUSED);
    assert_nothing_stored(office);
    network.send(0, &ticket, "honest").unwrap();
}

#[test]
fn a_ticket_of_another_office_opens_nothing() {
    let network = small();
    let (one, two) = (network.office(0), network.office(1));
    let (ticket, other) = (one.mint(&[]), two.mint(&[]));
    // The route leads to the second office, the seal is for the first.
    let crossed = changed(&ticket, &one.member().signing_key(), |body| body.routes = other.body().routes.clone());
    let sealed = Sealed::new(&crossed, &public(one), Declared::guest_list(), b"x");
    assert_eq!(say(&network, sealed.to_outer(0)), REFUSED);
    // The second office re-labels a ticket of the first as its own.
    let stolen = changed(&ticket, &two.member().signing_key(), |body| body.office = two.member().id);
    let sealed = Sealed::new(&stolen, &public(two), Declared::guest_list(), b"x");
    assert_eq!(say(&network, sealed.to_outer(0)), REFUSED);
    assert_nothing_stored(one);
    assert_nothing_stored(two);
    network.send(0, &ticket, "for one").unwrap();
    network.send(0, &other, "for two").unwrap();
    assert_eq!(one.read(&ticket).unwrap(), b"for one");
    assert_eq!(two.read(&other).unwrap(), b"for two");
}

#[test]
fn an_unknown_office_is_told_before_anything_is_dialled() {
    let network = small();
    let office = network.office(0);
    let key = office.member().signing_key();
    let ticket = changed(&office.mint(&[]), &key, |body| body.office = "ga-nowhere".parse().unwrap());
    let error = network.send(0, &ticket, "x").unwrap_err();
    assert!(matches!(error, SendError::Ticket(TicketError::UnknownOffice(_))), "{error}");
    assert!(error.to_string().contains("'ga-nowhere'"), "{error}");
}

#[test]
fn a_vendor_without_permission_is_refused() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[]);
    let sending = network.barred_client().send(&ticket, "x").kind("guest-list");
    let error = network.background().run(async move { sending.await }).unwrap_err();
    assert_reason(&error, Reason::NotPermitted);
    // A permitted vendor, but a kind that no rule permits.
    let sending = network.client(0).send(&ticket, "x").kind("vaccinations");
    let error = network.background().run(async move { sending.await }).unwrap_err();
    assert_reason(&error, Reason::NotPermitted);
    assert_nothing_stored(office);
    network.send(0, &ticket, "permitted").unwrap();
}

#[test]
fn somebody_else_than_the_ticket_names_is_refused() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[("sender", json!("member:vendor-1"))]);
    let error = network.send(1, &ticket, "x").unwrap_err();
    assert!(matches!(error, SendError::Ticket(TicketError::WrongSender { .. })), "{error}");
    let impostor = network.vendor(1);
    let one = network.vendor(0);
    for (sender, reason) in [
        (None, Reason::SenderRequired),
        (Some((impostor.id, impostor.signing_key())), Reason::SenderRequired),
        // Says that it is the vendor, and signs with another key.
        (Some((one.id, impostor.signing_key())), Reason::BadIdentity),
    ] {
        let declared = Declared { sender, ..Declared::guest_list() };
        let sealed = Sealed::new(&ticket, &public(office), declared, b"x");
        assert_eq!(sealed.refusal(&say(&network, sealed.to_outer(0))), reason);
    }
    assert_nothing_stored(office);
    network.send(0, &ticket, "from the right one").unwrap();
}

#[test]
fn another_kind_than_the_ticket_asks_for_is_refused() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[("kind", json!("contacts-and-events"))]);
    let error = network.send(0, &ticket, "x").unwrap_err();
    assert!(matches!(error, SendError::Ticket(TicketError::WrongKind { .. })), "{error}");
    let sealed = Sealed::new(&ticket, &public(office), Declared::guest_list(), b"x");
    assert_eq!(sealed.refusal(&say(&network, sealed.to_outer(0))), Reason::WrongKind);
    assert_nothing_stored(office);
}

#[test]
fn a_content_that_is_larger_than_the_office_accepts_is_refused() {
    let network = small();
    let office = network.office(0);
    let ticket = office.mint(&[("max_bytes", json!(100_000))]);
    let error = network.send(0, &ticket, vec![7; 100_001]).unwrap_err();
    assert_reason(&error, Reason::TooLarge(100_000));
    assert_nothing_stored(office);
    network.send(0, &ticket, vec![7; 100_000]).unwrap();
}

#[test]
fn no_part_of_a_ticket_is_a_ticket() {
    let network = small();
    let uri = network.office(0).mint(&[]).to_uri();
    for length in 0..uri.len() {
        assert!(uri[..length].parse::<Ticket>().is_err(), "{length} of {} characters", uri.len());
    }
    assert!(uri.parse::<Ticket>().is_ok());
}

fn assert_reason(error: &SendError, reason: Reason) {
    let SendError::Office(refusal) = error else { panic!("{error}") };
    assert_eq!(refusal.reason, reason);
    assert!(!refusal.text.is_empty(), "a person is told why");
    assert!(!error.may_retry());
}
