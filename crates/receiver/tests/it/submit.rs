//! One ticket, one submission.

use schleuse_payload::generate::guest_list_json;
use schleuse_protocol::sender::{SenderEvent, SenderFailure};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::{Suite, TicketId};
use schleuse_receiver::{MintRequest, SenderRule};
use schleuse_seal::verify_receipt;

use crate::network::{Network, id, soon, until};
use crate::sender::{Attempt, NAMELESS, VENDOR, Who};

fn request() -> MintRequest {
    MintRequest { reference: Some("Az. 53/2021".into()), ..MintRequest::default() }
}

/// Bytes without a pattern that could hide a mistake in the order of segments.
pub(crate) fn content(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[tokio::test]
async fn a_guest_list_comes_in_and_can_be_read_with_what_was_found_in_it() {
    let network = Network::new().await;
    let office = network.office().await;
    for (suite, guests) in [(Suite::X25519, 30), (Suite::XWing, 1000)] {
        let ticket = office.mint(&MintRequest { suite, ..request() }).await.unwrap();
        let bytes = guest_list_json(guests, 1);
        let receipt = Attempt::new(&network, &ticket, &VENDOR, bytes.clone()).receipt().await;
        assert!(verify_receipt(&receipt, &network.office_key));
        let id = ticket.body().id;
        let submission = until(|| async {
            let submission = office.submission(id).await.unwrap().unwrap();
            submission.findings.is_some().then_some(submission)
        })
        .await;
        assert_eq!(submission.receipt, receipt);
        assert_eq!(submission.sender.unwrap().as_str(), "vendor-1");
        assert_eq!(submission.reference.as_deref(), Some("Az. 53/2021"));
        let findings = submission.findings.unwrap();
        assert_eq!((findings.readable, findings.people), (true, guests));
        assert_eq!(**office.read(id).await.unwrap().unwrap(), bytes);
    }
    assert_eq!(office.all_submissions().await.unwrap().len(), 2);
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn who_was_there_outside_the_period_asked_for_is_flagged() {
    let network = Network::new().await;
    let office = network.office().await;
    // All of the evening of the generated list, and the morning after.
    for (period, flagged) in [((1_795_194_000, 1_795_215_600), 0), ((1_795_244_400, 1_795_251_600), 30)] {
        let period = Some((UnixSeconds(period.0), UnixSeconds(period.1)));
        let ticket = office.mint(&MintRequest { period, ..request() }).await.unwrap();
        Attempt::new(&network, &ticket, &VENDOR, guest_list_json(30, 1)).receipt().await;
        let findings = until(|| async { office.submission(ticket.body().id).await.unwrap().unwrap().findings }).await;
        let group = findings.groups.iter().find(|group| group.code == "outside-requested-period");
        assert_eq!(group.map_or(0, |group| group.count), flagged, "{findings:?}");
    }
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn nothing_of_a_content_is_in_the_files() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&request()).await.unwrap();
    let bytes = b"Gaesteliste mit Frau Adelheid Unverwechselbar".repeat(3000);
    Attempt::new(&network, &ticket, &VENDOR, bytes.clone()).receipt().await;
    soon(office.shutdown()).await;
    for name in ["office.sqlite", "office.sqlite-wal"] {
        let file = std::fs::read(network.path(name)).unwrap_or_default();
        for needle in [&b"Unverwechselbar"[..], b"Az. 53/2021", &ticket.body().secret.0] {
            assert!(!file.windows(needle.len()).any(|window| window == needle), "{name}");
        }
    }
}

#[tokio::test]
async fn an_interrupted_upload_resumes_where_the_store_is() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&request()).await.unwrap();
    let bytes = content(3_000_000);
    let mut attempt = Attempt::new(&network, &ticket, &NAMELESS, bytes.clone());
    let stored = attempt.run_until(|event| matches!(event, SenderEvent::Progress { stored_segments: 5.. })).await;
    assert!(matches!(stored, SenderEvent::Progress { .. }), "{stored:?}");
    // Once the stream breaks, once the whole link.
    attempt.drop_connection();
    let resumed = attempt.run_until(|event| matches!(event, SenderEvent::Accepted { .. })).await;
    assert!(matches!(resumed, SenderEvent::Accepted { next: 5.. }), "{resumed:?}");
    network.inner.cut().await;
    attempt.run().await;
    attempt.drop_connection();
    attempt.receipt().await;
    assert_eq!(**office.read(ticket.body().id).await.unwrap().unwrap(), bytes);
    assert_eq!(office.all_submissions().await.unwrap().len(), 1);
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn a_ticket_works_once_and_its_receipt_can_be_had_again() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&request()).await.unwrap();
    let mut first = Attempt::new(&network, &ticket, &VENDOR, content(200_000));
    let receipt = first.receipt().await;
    // The same bytes again, as after a lost reply.
    first.drop_connection();
    assert_eq!(first.receipt().await, receipt);
    // The same content, sealed anew by a sender that forgot everything.
    let again = Who { attempt: 2, ..VENDOR };
    assert_eq!(Attempt::new(&network, &ticket, &again, content(200_000)).receipt().await, receipt);
    // Another content, another sender, the same length.
    let mut other = content(200_000);
    other[150_000] ^= 1;
    assert_eq!(Attempt::new(&network, &ticket, &again, other).refusal().await, Reason::AlreadyUsed);
    let nameless = Who { attempt: 3, ..NAMELESS };
    let stolen = Attempt::new(&network, &ticket, &nameless, content(200_000)).refusal().await;
    assert_eq!(stolen, Reason::AlreadyUsed);
    assert_eq!(office.all_submissions().await.unwrap().len(), 1);
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn only_whom_ticket_and_directory_permit_may_send() {
    let network = Network::new().await;
    let office = network.office().await;
    let vendor = SenderRule::Member(id("vendor-1"));
    let stranger = Who { signs_as: Some("vendor-2"), ..VENDOR };
    let unknown = Who { signs_as: Some("vendor-9"), ..VENDOR };
    for (rule, who, expected) in [
        (SenderRule::AnyMember, &NAMELESS, Reason::SenderRequired),
        (vendor, &NAMELESS, Reason::SenderRequired),
        (vendor, &stranger, Reason::SenderRequired),
        (SenderRule::Anyone, &stranger, Reason::NotPermitted),
        (SenderRule::AnyMember, &unknown, Reason::NotPermitted),
    ] {
        let ticket = office.mint(&MintRequest { sender: rule, ..request() }).await.unwrap();
        let refusal = Attempt::new(&network, &ticket, who, content(100)).refusal().await;
        assert_eq!(refusal, expected, "{rule:?}");
    }
    let ticket = office.mint(&MintRequest { max_bytes: Some(1000), ..request() }).await.unwrap();
    let refusal = Attempt::new(&network, &ticket, &VENDOR, content(1001)).refusal().await;
    assert_eq!(refusal, Reason::TooLarge(1000));
    let kind = Some("contacts-and-events".parse().unwrap());
    let ticket = office.mint(&MintRequest { kind, ..request() }).await.unwrap();
    assert_eq!(Attempt::new(&network, &ticket, &VENDOR, content(10)).refusal().await, Reason::WrongKind);
    // Nothing of all that is stored, and nobody's ticket is used up by a refusal.
    assert_eq!(office.all_submissions().await.unwrap().len(), 0);
    let ticket = office.mint(&MintRequest { sender: vendor, ..request() }).await.unwrap();
    let nameless = Attempt::new(&network, &ticket, &NAMELESS, content(10)).refusal().await;
    assert_eq!(nameless, Reason::SenderRequired);
    Attempt::new(&network, &ticket, &VENDOR, content(10)).receipt().await;
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn an_attempt_that_was_refused_while_it_ran_leaves_nothing_and_cannot_come_back() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&MintRequest { max_bytes: Some(300_000), ..request() }).await.unwrap();
    // The length is not announced, so that it shows only on the way.
    let mut silent = Attempt::silent(&network, &ticket, &Who { attempt: 5, ..VENDOR }, content(2_000_000));
    assert_eq!(silent.refusal().await, Reason::TooLarge(300_000));
    until(|| async { (office.status().await.unwrap().store.incoming == 0).then_some(()) }).await;
    let older = Who { attempt: 4, ..VENDOR };
    assert_eq!(Attempt::new(&network, &ticket, &older, content(10)).refusal().await, Reason::Superseded(5));
    let newer = Who { attempt: 6, ..VENDOR };
    Attempt::new(&network, &ticket, &newer, content(10)).receipt().await;
    assert_eq!(office.all_submissions().await.unwrap().len(), 1);
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn who_has_no_ticket_is_told_nothing() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&request()).await.unwrap();
    let mut deleted = Attempt::new(&network, &ticket, &VENDOR, content(10));
    deleted.receipt().await;
    assert!(office.delete(ticket.body().id).await.unwrap());
    assert!(!office.delete(ticket.body().id).await.unwrap());
    assert!(!office.delete(TicketId([9; 16])).await.unwrap());
    deleted.drop_connection();
    assert_eq!(deleted.failure().await, SenderFailure::RefusedUniformly);
    assert_eq!(office.read(ticket.body().id).await.unwrap(), None);
    // The inner proxy is told that the token is of no more use.
    let nonce = ticket.body().routes[0].token.nonce;
    until(|| async { network.inner.used().contains(&nonce).then_some(()) }).await;
    // The sender is told the same when it seals for another ticket than the token leads to.
    let (one, other) = (office.mint(&request()).await.unwrap(), office.mint(&request()).await.unwrap());
    let mut body = one.body().clone();
    body.routes = other.body().routes.clone();
    let mixed = schleuse_protocol::wire::ticket::Ticket::assemble(body, &one.signature());
    assert!(schleuse_seal::verify_ticket(&mixed, &network.office_key).is_err(), "a changed ticket must not verify");
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn a_full_store_asks_to_come_again_and_recovers() {
    let network = Network::new().await;
    let mut config = network.config();
    config.limits.max_store_bytes = Some(2 * 1024 * 1024);
    let office = network.office_with(config).await;
    let (big, small) = (office.mint(&request()).await.unwrap(), office.mint(&request()).await.unwrap());
    let mut too_much = Attempt::new(&network, &big, &NAMELESS, content(4_000_000));
    assert_eq!(too_much.refusal().await, Reason::TryLater);
    assert_eq!(office.all_submissions().await.unwrap().len(), 0);
    // Space comes back; the same daemon goes on.
    assert!(office.delete(big.body().id).await.unwrap());
    until(|| async { (office.status().await.unwrap().store.garbage == 0).then_some(()) }).await;
    Attempt::new(&network, &small, &VENDOR, content(500_000)).receipt().await;
    assert_eq!(**office.read(small.body().id).await.unwrap().unwrap(), content(500_000));
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn what_is_stored_outlives_the_daemon() {
    let network = Network::new().await;
    let office = network.office().await;
    let tickets = office.mint_many(&request(), 100).await.unwrap();
    let receipt = Attempt::new(&network, &tickets[0], &VENDOR, content(100_000)).receipt().await;
    let mut half = Attempt::new(&network, &tickets[1], &VENDOR, content(2_000_000));
    half.run_until(|event| matches!(event, SenderEvent::Progress { stored_segments: 3.. })).await;
    half.drop_connection();
    soon(office.shutdown()).await;

    let office = network.office().await;
    assert_eq!(office.submission(tickets[0].body().id).await.unwrap().unwrap().receipt, receipt);
    half.receipt().await;
    let fresh = Attempt::new(&network, &tickets[99], &VENDOR, content(5)).receipt().await;
    assert_eq!(fresh.body().length, 5);
    assert_eq!(**office.read(tickets[1].body().id).await.unwrap().unwrap(), content(2_000_000));
    assert_eq!(office.all_submissions().await.unwrap().len(), 3);
    soon(office.shutdown()).await;
}
