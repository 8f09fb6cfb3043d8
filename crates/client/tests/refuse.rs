//! What does not arrive: each failure has a type that says whether trying again is worth it.

mod support;

use std::time::{Duration, Instant, SystemTime};

use schleuse_client::{
    BuildError, CancellationToken, Client, Content, ContentError, DialError, DialProblem, SendError, SigningKey,
    TicketError,
};
use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::{Purpose, Ticket};
use support::{Act, Net, OFFICE, VENDOR, id, route, sample};

const SHORT: Duration = Duration::from_millis(400);

fn ticket_error(error: SendError) -> TicketError {
    match error {
        SendError::Ticket(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_ticket_that_does_not_fit_is_told_without_dialling() {
    let mut net = Net::new();
    let outer = net.outer(|_| Act::Deliver);
    let client = net.client();
    let (past, far) = (UnixSeconds(1), UnixSeconds(u64::from(u32::MAX)));
    let kind = "contacts-and-events";
    let for_other = Purpose { sender: Some(id("somebody-else")), ..Purpose::default() };
    let cases: Vec<(Ticket, Option<&str>, TicketError)> = vec![
        (net.ticket_with(|body| (body.not_before, body.not_after) = (past, past)), None, TicketError::Expired(past)),
        (net.ticket_with(|body| (body.not_before, body.not_after) = (far, far)), None, TicketError::NotYetValid(far)),
        (net.ticket_with(|body| body.office = id("ga-bonn")), None, TicketError::UnknownOffice(id("ga-bonn"))),
        (net.ticket_with(|body| body.office = id(VENDOR)), None, TicketError::UnknownOffice(id(VENDOR))),
        (net.ticket_with(|body| body.routes = vec![route("inner-9")]), None, TicketError::NoRoute),
        (net.ticket_with(|body| body.purpose = None), None, TicketError::KindMissing),
        (
            net.ticket(),
            Some(kind),
            TicketError::WrongKind { wanted: "guest-list".parse().unwrap(), given: kind.parse().unwrap() },
        ),
        (
            net.ticket_with(|body| body.purpose = Some(for_other)),
            Some("guest-list"),
            TicketError::WrongSender { wanted: id("somebody-else"), given: Some(id(VENDOR)) },
        ),
    ];
    for (ticket, kind, expected) in cases {
        let mut sending = client.send(&ticket, sample(10));
        if let Some(kind) = kind {
            sending = sending.kind(kind);
        }
        let error = ticket_error(sending.await.unwrap_err());
        let own_fault = matches!(error, TicketError::WrongKind { .. } | TicketError::WrongSender { .. });
        assert!(!(own_fault && error.may_retry()), "{error}");
        assert_eq!(error, expected);
    }
    let bad_kind = client.send(&net.ticket(), sample(10)).kind("Guest List").await.unwrap_err();
    assert!(matches!(ticket_error(bad_kind), TicketError::BadKind(_)));
    assert_eq!(outer.connections(), 0);
}

#[tokio::test]
async fn a_ticket_with_any_other_byte_is_forged() {
    let mut net = Net::new();
    let outer = net.outer(|_| Act::Deliver);
    let (client, ticket) = (net.client(), net.ticket());
    let mut bytes = ticket.as_bytes().to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let error = client.send(&Ticket::from_bytes(bytes).unwrap(), sample(10)).await.unwrap_err();
    assert!(!error.may_retry());
    assert_eq!(ticket_error(error), TicketError::Forged(id(OFFICE)));
    assert_eq!(outer.connections(), 0);
}

#[tokio::test]
async fn a_refusal_on_every_way_is_final() {
    let mut net = Net::new();
    let outer = net.outer(|_| Act::Reset(StreamRefusal::Refused));
    let error = net.client().send(&net.ticket(), sample(10)).await.unwrap_err();
    assert!(matches!(error, SendError::Refused { office } if office == id(OFFICE)), "{error}");
    assert!(!error.may_retry());
    assert_eq!(outer.streams(), 2);
}

/// A client that has its connection: a short patience might be over before a busy machine has made one.
async fn connected(net: &Net) -> Client {
    let client = net.client();
    client.send(&net.ticket(), sample(10)).await.expect("it delivers");
    client
}

#[tokio::test]
async fn an_office_that_stays_away_ends_the_patience() {
    let mut net = Net::new();
    net.outer(|stream| if stream == 0 { Act::Deliver } else { Act::Reset(StreamRefusal::Unavailable) });
    let client = connected(&net).await;
    let error = client.send(&net.ticket(), sample(10)).patience(SHORT).await.unwrap_err();
    assert!(matches!(error, SendError::Unreachable { .. }), "{error}");
    assert!(error.may_retry());
}

#[tokio::test]
async fn patience_also_ends_dialling_and_a_silent_office() {
    let mut net = Net::new();
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    net.list_outer("outer-0", silent.local_addr().unwrap(), [9; 32]);
    let begun = Instant::now();
    let error = net.client().send(&net.ticket(), sample(10)).patience(SHORT).await.unwrap_err();
    assert!(matches!(error, SendError::Dial(_)) && error.may_retry(), "{error}");
    assert!(begun.elapsed() < 8 * SHORT, "{:?}", begun.elapsed());

    let mut net = Net::new();
    net.outer(|stream| if stream == 0 { Act::Deliver } else { Act::Mute });
    let client = connected(&net).await;
    let begun = Instant::now();
    let error = client.send(&net.ticket(), sample(10)).patience(SHORT).await.unwrap_err();
    assert!(matches!(error, SendError::Unreachable { .. }), "{error}");
    assert!(begun.elapsed() < 8 * SHORT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_office_s_reason_is_passed_on() {
    let cases = [(Reason::AlreadyUsed, false), (Reason::NotPermitted, false), (Reason::NotYetValid(7), true)];
    for (reason, may_retry) in cases {
        let mut net = Net::new();
        let outer = net.outer(move |_| Act::Refuse(reason));
        let error = net.client().send(&net.ticket(), sample(500_000)).await.unwrap_err();
        assert!(matches!(&error, SendError::Office(refusal) if refusal.reason == reason), "{error}");
        assert_eq!(error.may_retry(), may_retry);
        assert_eq!(error.to_string(), "the office refuses: so says the office");
        assert_eq!(outer.streams(), 1);
    }
}

#[tokio::test]
async fn two_senders_with_one_ticket_do_not_chase_each_other() {
    let mut net = Net::new();
    let outer = net.outer(|_| Act::Supersede(u64::MAX));
    let error = net.client().send(&net.ticket(), sample(10)).await.unwrap_err();
    assert!(matches!(&error, SendError::Office(refusal) if matches!(refusal.reason, Reason::Superseded(_))), "{error}");
    assert_eq!(outer.streams(), 2);
}

#[tokio::test]
async fn a_receipt_for_something_else_is_not_accepted() {
    let mut net = Net::new();
    net.outer(|_| Act::WrongReceipt);
    let error = net.client().send(&net.ticket(), sample(10)).await.unwrap_err();
    assert!(matches!(error, SendError::BadAnswer { .. }), "{error}");
}

#[tokio::test]
async fn a_cancelled_sending_hands_nothing_over() {
    let mut net = Net::new();
    let outer = net.outer(|_| Act::Deliver);
    let (client, cancel, ticket) = (net.client(), CancellationToken::new(), net.ticket());
    // A reader that never ends: only a cancellation can end this.
    let (_writer, reader) = tokio::io::duplex(16);
    let sending = client.send(&ticket, Content::reader(reader)).cancel(cancel.clone());
    let sending = tokio::spawn(async move { sending.await });
    while outer.streams() == 0 {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    let error = sending.await.unwrap().unwrap_err();
    assert!(matches!(error, SendError::Cancelled), "{error}");
    assert_eq!(net.office.complete(), 0);
    // The ticket is as good as new.
    client.send(&ticket, sample(10)).await.unwrap();
}

#[tokio::test]
async fn dropping_a_sending_ends_it() {
    let mut net = Net::new();
    net.outer(|_| Act::Mute);
    let (client, ticket) = (net.client(), net.ticket());
    let dropped = tokio::time::timeout(SHORT, client.send(&ticket, sample(100_000))).await;
    assert!(dropped.is_err());
    assert_eq!(net.office.complete(), 0);
}

#[tokio::test]
async fn a_proxy_with_another_key_is_not_used() {
    let mut net = Net::new();
    let outer = net.outer(|_| Act::Deliver);
    // Right name, right CA, a key that the directory does not have.
    net.pin(0, [0xee; 32]);
    let error = net.client().send(&net.ticket(), sample(10)).await.unwrap_err();
    let SendError::Dial(DialError::NoneReached { failures }) = &error else { panic!("{error}") };
    assert_eq!(failures[0].problem, DialProblem::WrongKey);
    assert!(!error.may_retry());
    assert_eq!(outer.streams(), 0);
}

#[tokio::test]
async fn a_network_without_outer_proxies_is_told() {
    let net = Net::new();
    let error = net.client().send(&net.ticket(), sample(10)).await.unwrap_err();
    assert!(matches!(error, SendError::Dial(DialError::NoOuterProxy)), "{error}");
}

#[tokio::test]
async fn a_content_that_changes_between_two_tries_is_told() {
    let mut net = Net::new();
    net.outer(|_| Act::CutAfter(2));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sample(6 * SEGMENT_DATA)).unwrap();
    file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let path = file.path().to_owned();
    let mut changed = false;
    let sending = net.client().send(&net.ticket(), Content::file(file.path()).unwrap()).on_progress(move |progress| {
        if progress.stored > 0 && !std::mem::replace(&mut changed, true) {
            std::fs::write(&path, vec![0; 6 * SEGMENT_DATA]).unwrap();
        }
    });
    let error = sending.await.unwrap_err();
    assert!(matches!(error, SendError::Content(ContentError::Changed)), "{error}");
}

#[tokio::test]
async fn a_client_that_cannot_work_is_not_built() {
    let net = Net::new();
    let key = || SigningKey::from_bytes(&[7; 32]);
    let unknown = net.anonymous().identity(id("nobody"), key()).build().unwrap_err();
    assert!(matches!(unknown, BuildError::UnknownMember(_)), "{unknown}");
    let wrong = net.anonymous().identity(id(VENDOR), key()).build().unwrap_err();
    assert!(matches!(wrong, BuildError::WrongSigningKey(_)), "{wrong}");
    let bare = schleuse_client::Client::builder(net.directory()).build().unwrap_err();
    assert!(matches!(bare, BuildError::RootsMissing), "{bare}");
}
