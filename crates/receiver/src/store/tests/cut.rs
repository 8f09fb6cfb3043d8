//! Deleting while another program reads the database, and so keeps its log from being cut.

use std::time::Duration;

use rusqlite::Connection;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::ticket::TicketId;
use tokio::sync::oneshot::error::TryRecvError;

use super::fixture::*;
use crate::store::*;

const SUBMISSION: TicketId = TicketId([1; 16]);

/// Shorter than statements wait for other programs.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(4), what).await.expect("it takes too long")
}

/// A second program that has begun to read.
fn backup(office: &Fixture) -> Connection {
    let connection = Connection::open(office.path()).unwrap();
    connection.execute_batch("BEGIN; SELECT count(*) FROM ticket").unwrap();
    connection
}

async fn gone(office: &Fixture, key: &[u8]) {
    soon(async {
        while office.holds(key) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_cut_is_answered_when_deleted_keys_are_in_no_file_and_holds_up_nobody() {
    let office = Fixture::new().await;
    office.mint(1).await;
    office.submit(1, 2).await;
    let backup = backup(&office);
    let mut cuts = Vec::new();
    for found in [true, false] {
        let outcome = soon(office.store.write(Command::Delete(SUBMISSION))).await.unwrap();
        assert_eq!(matches!(outcome, Outcome::Deleted(_)), found, "{outcome:?}");
        cuts.push(office.store.push(vec![Command::Cut], Company::Unexpected).await.unwrap());
    }
    for number in 2..10 {
        soon(office.mint(number)).await;
    }
    assert!(office.store.submission(SUBMISSION).await.unwrap().is_none(), "it is deleted for whoever asks");
    assert!(office.holds(WRAPPED_KEY), "the backup does not keep the log: the test shows nothing");
    for cut in &mut cuts {
        assert_eq!(cut.try_recv().unwrap_err(), TryRecvError::Empty, "answered while the key was in a file");
    }
    backup.execute_batch("COMMIT").unwrap();
    // No other command comes by.
    let outcomes = soon(futures::future::try_join_all(cuts)).await.unwrap();
    assert!(!office.holds(WRAPPED_KEY), "the wrapped key is still in a file");
    for outcome in outcomes {
        assert!(matches!(outcome[..], [Ok(Outcome::Done)]), "{outcome:?}");
    }
}

#[tokio::test]
async fn keys_of_ended_tickets_leave_the_log_without_another_command() {
    let office = Fixture::new().await;
    office.mint(1).await;
    let backup = backup(&office);
    let end = Command::EndTickets { before: UnixSeconds(2000), except: Vec::new() };
    let outcome = soon(office.store.write(end)).await.unwrap();
    assert!(matches!(outcome, Outcome::Ended { tickets: 1, .. }), "{outcome:?}");
    assert!(office.holds(ONE_TIME_KEY), "the backup does not keep the log: the test shows nothing");
    backup.execute_batch("COMMIT").unwrap();
    gone(&office, ONE_TIME_KEY).await;
}

#[tokio::test]
async fn who_asks_does_not_wait_a_minute_for_the_key_of_a_discarded_attempt() {
    let office = Fixture::new().await;
    let ticket = office.mint(1).await;
    office.store.write(Command::Cut).await.unwrap();
    office.store.write(Command::Begin(upload(attempt(1, 5)))).await.unwrap();
    office.store.write(Command::Discard { ticket, attempt: 5 }).await.unwrap();
    assert!(office.holds(WRAPPED_KEY), "the test shows nothing");
    assert_eq!(soon(office.store.write(Command::Cut)).await.unwrap(), Outcome::Done);
    assert!(!office.holds(WRAPPED_KEY), "the wrapped key is still in a file");
}

#[tokio::test]
async fn what_a_stop_left_in_the_log_is_cut_at_the_next_start() {
    let mut office = Fixture::new().await;
    office.mint(1).await;
    office.submit(1, 2).await;
    let backup = backup(&office);
    soon(office.store.write(Command::Delete(SUBMISSION))).await.unwrap();
    let cut = office.store.push(vec![Command::Cut], Company::Unexpected).await.unwrap();
    // It stays open, so that the engine does not clear the log away with the last connection.
    let (stopped, ()) = tokio::join!(cut, office.store.close());
    assert!(stopped.is_err(), "answered while the key was in a file");
    backup.execute_batch("COMMIT").unwrap();
    assert!(office.holds(WRAPPED_KEY));
    office.reopen().await;
    gone(&office, WRAPPED_KEY).await;
    assert!(office.store.submission(SUBMISSION).await.unwrap().is_none());
}
