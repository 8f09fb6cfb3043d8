//! Two streams at a time: for one ticket, above the limit, and while the daemon drains.

use schleuse_protocol::sender::{SenderEvent, SenderFailure};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::Reason;
use schleuse_receiver::MintRequest;
use schleuse_transport::net::ReadError;
use tokio::sync::Notify;

use crate::network::{Network, soon};
use crate::program::{mint, slow_daemon};
use crate::sender::{Attempt, NAMELESS, VENDOR, Who};
use crate::submit::content;

fn progressed(event: &SenderEvent) -> bool {
    matches!(event, SenderEvent::Progress { stored_segments: 3.. })
}

#[tokio::test]
async fn a_newer_attempt_takes_a_running_upload_over() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&MintRequest::default()).await.unwrap();
    let mut older = Attempt::new(&network, &ticket, &NAMELESS, content(3_000_000));
    older.run_until(progressed).await;
    let newer = Who { attempt: 9, ..NAMELESS };
    let mut newer = Attempt::new(&network, &ticket, &newer, content(1_000_000));
    let receipt = newer.receipt().await;
    assert_eq!(older.failure().await, SenderFailure::Lost);
    older.drop_connection();
    assert_eq!(older.refusal().await, Reason::AlreadyUsed);
    assert_eq!(receipt.body().length, 1_000_000);
    assert_eq!(**office.read(ticket.body().id).await.unwrap().unwrap(), content(1_000_000));
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn an_older_attempt_does_not_disturb_a_running_upload() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&MintRequest::default()).await.unwrap();
    let running = Who { attempt: 9, ..NAMELESS };
    let mut running = Attempt::new(&network, &ticket, &running, content(3_000_000));
    running.run_until(progressed).await;
    let mut replayed = Attempt::new(&network, &ticket, &NAMELESS, content(10));
    assert_eq!(replayed.refusal().await, Reason::Superseded(9));
    running.receipt().await;
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn the_same_upload_goes_on_over_another_stream_while_the_first_hangs() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&MintRequest::default()).await.unwrap();
    let bytes = content(3_000_000);
    let mut hanging = Attempt::new(&network, &ticket, &NAMELESS, bytes.clone());
    hanging.run_until(progressed).await;
    let old_streams = hanging.leave_hanging();
    hanging.receipt().await;
    drop(old_streams);
    assert_eq!(**office.read(ticket.body().id).await.unwrap().unwrap(), bytes);
    assert_eq!(office.all_submissions().await.unwrap().len(), 1);
    soon(office.shutdown()).await;
}

/// A hello that would not be admitted now takes the lease from nobody. What it is told leaves room for the receipt that
/// the stream with the lease may just be about to bring about.
#[tokio::test]
async fn a_hello_that_is_no_longer_welcome_meets_a_running_upload() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&MintRequest::default()).await.unwrap();
    let mut running = Attempt::new(&network, &ticket, &Who { attempt: 9, ..VENDOR }, content(3_000_000));
    running.run_until(progressed).await;
    network.publish(|directory| {
        directory.version = 8;
        directory.permissions.clear();
    });
    office.reload_directory().await.unwrap();
    let old_streams = running.leave_hanging();
    assert_eq!(running.refusal().await, Reason::TryLater, "the identical hello may come again");
    for attempt in [8, 9, 10] {
        let mut other = Attempt::new(&network, &ticket, &Who { attempt, ..VENDOR }, content(10));
        assert_eq!(other.refusal().await, Reason::NotPermitted, "attempt {attempt}");
    }
    let mut replayed = Attempt::new(&network, &ticket, &NAMELESS, content(10));
    assert_eq!(replayed.refusal().await, Reason::Superseded(9), "this one would be welcome, but comes too late");
    assert_eq!(office.status().await.unwrap().running, 1, "nobody has taken the lease");
    network.publish(|directory| directory.version = 9);
    office.reload_directory().await.unwrap();
    running.drop_connection();
    running.receipt().await;
    drop(old_streams);
    soon(office.shutdown()).await;
}

/// The last commit of an upload is under way on a slow disk when a newer attempt takes it over. Until it is through, nobody
/// knows whose content has come first, and nobody is refused for good.
#[tokio::test]
async fn who_gives_way_during_its_last_commit_gets_its_receipt() {
    let network = Network::new().await;
    let (_daemon, disk) = slow_daemon(&network, "before-commit-finish").await;
    let ticket = mint(&network).await;
    let attempt = |attempt, bytes| Attempt::new(&network, &ticket, &Who { attempt, ..NAMELESS }, content(bytes));
    let (mut older, mut newer) = (attempt(5, 100_000), attempt(7, 200_000));
    let commits = Notify::new();
    let in_between = async {
        let (commit, _) = tokio::join!(
            async {
                let commit = soon(disk.accept()).await.unwrap();
                commits.notify_one();
                commit
            },
            older.failure()
        );
        older.drop_connection();
        assert_eq!(older.refusal().await, Reason::TryLater, "it may just be complete");
        assert_eq!(attempt(6, 10).refusal().await, Reason::TryLater, "nothing is decided");
        let barred = Who { attempt: 6, signs_as: Some("vendor-2"), ..VENDOR };
        let barred = Attempt::new(&network, &ticket, &barred, content(10)).refusal().await;
        assert_eq!(barred, Reason::NotPermitted, "whatever is decided");
        drop(commit);
    };
    let (refused, ()) = tokio::join!(
        async {
            commits.notified().await;
            newer.refusal().await
        },
        in_between
    );
    assert_eq!(refused, Reason::AlreadyUsed);
    older.drop_connection();
    assert_eq!(older.receipt().await.body().length, 100_000);
}

#[tokio::test]
async fn a_receipt_can_be_asked_for_while_another_attempt_is_compared() {
    let network = Network::new().await;
    let office = network.office().await;
    let ticket = office.mint(&MintRequest::default()).await.unwrap();
    let mut first = Attempt::new(&network, &ticket, &Who { attempt: 5, ..NAMELESS }, content(3_000_000));
    let receipt = first.receipt().await;
    let mut other = content(3_000_000);
    other[2_999_999] ^= 1;
    let mut newer = Attempt::new(&network, &ticket, &Who { attempt: 7, ..NAMELESS }, other);
    newer.run_until(|event| matches!(event, SenderEvent::Accepted { .. })).await;
    first.drop_connection();
    assert_eq!(first.receipt().await, receipt);
    assert_eq!(newer.refusal().await, Reason::AlreadyUsed, "it is not disturbed");
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn above_the_limit_of_streams_senders_are_asked_to_come_again() {
    let network = Network::new().await;
    let mut config = network.config();
    config.limits.max_streams = 1;
    let office = network.office_with(config).await;
    let tickets = office.mint_many(&MintRequest::default(), 2).await.unwrap();
    let mut running = Attempt::new(&network, &tickets[0], &NAMELESS, content(3_000_000));
    running.run_until(progressed).await;
    let mut second = Attempt::new(&network, &tickets[1], &NAMELESS, content(10));
    assert_eq!(second.failure().await, SenderFailure::Unavailable);
    running.receipt().await;
    // The permit comes back a moment after the receipt: the last word is sent first.
    let receipt = soon(async {
        loop {
            second.drop_connection();
            if let SenderEvent::Receipt(receipt) = second.run().await {
                return receipt;
            }
        }
    });
    assert_eq!(receipt.await.body().length, 10);
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn silent_streams_keep_nobody_out() {
    let network = Network::new().await;
    let mut config = network.config();
    config.limits.max_streams = 2;
    let office = network.office_with(config).await;
    let tickets = office.mint_many(&MintRequest::default(), 2).await.unwrap();
    // Room for eight strangers, of whom one token may bring four.
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(network.inner.stream(tickets[0].body().routes[0].token.nonce).await);
    }
    let refused = soon(silent[5].1.read_chunk(1)).await;
    let unavailable = StreamRefusal::Unavailable.code();
    assert!(matches!(refused, Err(ReadError::Reset(code)) if code.into_inner() == unavailable), "{refused:?}");
    Attempt::new(&network, &tickets[1], &NAMELESS, content(100_000)).receipt().await;
    soon(office.shutdown()).await;
}

#[tokio::test]
async fn a_running_upload_ends_well_while_the_daemon_drains() {
    let network = Network::new().await;
    let office = network.office().await;
    let tickets = office.mint_many(&MintRequest::default(), 2).await.unwrap();
    let mut running = Attempt::new(&network, &tickets[0], &NAMELESS, content(3_000_000));
    running.run_until(progressed).await;
    office.signal().drain();
    let mut late = Attempt::new(&network, &tickets[1], &NAMELESS, content(10));
    assert_eq!(late.failure().await, SenderFailure::Unavailable);
    let (receipt, ()) = tokio::join!(running.receipt(), soon(office.shutdown()));
    let office = network.office().await;
    assert_eq!(office.submission(tickets[0].body().id).await.unwrap().unwrap().receipt, receipt);
    assert_eq!(office.all_submissions().await.unwrap().len(), 1);
    late.drop_connection();
    late.receipt().await;
    soon(office.shutdown()).await;
}
