//! A database that an earlier version of this program has made.

use rusqlite::{Connection, params};

use super::*;

const FIRST: &str = include_str!("../../../migrations/0001_store.sql");
const SECOND: &str = include_str!("../../../migrations/0002_submissions_appended.sql");

/// What the first layout held of a ticket: complete (with or without findings) or with one segment so far.
enum Was {
    Read,
    Unread,
    Unfinished,
}

fn add(database: &Connection, number: u8, upload: i64, was: &Was) {
    let new = ticket(number);
    let add = |sql: &str, values: &[&dyn rusqlite::ToSql]| database.execute(sql, values).unwrap();
    add(
        "INSERT INTO ticket (number, id, state, not_after, minted_at, max_bytes, sender_rule, routes, ticket_sealed, \
         key_sealed) VALUES (?1, ?2, 0, 1000, 10, 1048576, 'anyone', x'', ?3, ?4)",
        params![number, new.id.0, new.ticket_sealed, new.key_sealed],
    );
    add("INSERT INTO route (nonce, ticket) VALUES (?1, ?2)", params![new.routes[0].0.0, number]);
    let begun = attempt(number, 1);
    let end = completion(begun, 1);
    let end = if matches!(was, Was::Unfinished) { None } else { Some(&end) };
    add(
        "INSERT INTO submission (ticket, upload, attempt, digest, key_sealed, stored_at, segments, receipt, \
         last_segment) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            number,
            upload,
            begun.digest,
            &WRAPPED_KEY[..],
            end.map(|end| read::signed(end.receipt.body().stored_at)),
            end.map(|end| end.position),
            end.map(|end| end.receipt.as_bytes()),
            end.map(|end| &end.ciphertext),
        ],
    );
    let first = segment(begun, 0);
    add(
        "INSERT INTO segment (name, data_len, ciphertext) VALUES (?1, ?2, ?3)",
        params![UploadId(upload).segment(0), first.data_len, first.ciphertext],
    );
    match was {
        Was::Read => add("INSERT INTO finding (ticket, summary) VALUES (?1, 'two guests')", params![number]),
        Was::Unread => add("INSERT INTO unread (ticket) VALUES (?1)", params![number]),
        Was::Unfinished => 0,
    };
}

#[tokio::test]
async fn the_first_layout_is_brought_up_to_date_with_all_that_is_in_it() {
    is_brought_up_to_date(1, "").await;
}

#[tokio::test]
async fn the_second_layout_is_brought_up_to_date_with_all_that_is_in_it() {
    is_brought_up_to_date(2, SECOND).await;
}

/// `later` are the steps from the first layout on.
async fn is_brought_up_to_date(layout: i64, later: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("office.sqlite");
    let database = Connection::open(&path).unwrap();
    database.execute_batch(&format!("PRAGMA page_size = 8192; {FIRST}; PRAGMA user_version = 1;")).unwrap();
    // The order of the tickets is not that of the uploads.
    add(&database, 1, 9, &Was::Read);
    add(&database, 2, 4, &Was::Unread);
    add(&database, 3, 12, &Was::Unfinished);
    database.execute_batch(&format!("{later}; PRAGMA user_version = {layout};")).unwrap();
    drop(database);

    let store = Store::open(&path, None).await.unwrap();
    let inbox = store.inbox(None, 10).await.unwrap();
    let listed: Vec<_> = inbox.iter().map(|row| (row.id.0[0], row.summary.as_deref())).collect();
    assert_eq!(listed, [(2, None), (1, Some("two guests"))]);
    let unread: Vec<_> = store.unread(10).await.unwrap().iter().map(|row| row.id.0[0]).collect();
    assert_eq!(unread, [2]);
    let content = store.content(inbox[1].id).await.unwrap().unwrap();
    assert_eq!((content.upload, content.segments), (UploadId(9), 1));
    assert_eq!(store.segment(content.upload, 0).await.unwrap().unwrap().data_len, 900);
    let unfinished = Progress::Unfinished { attempt: 1, digest: [1; 32], next: 1 };
    assert_eq!(store.progress(TicketId([3; 16])).await.unwrap(), unfinished);

    let finished = store.write(Command::Finish(completion(attempt(3, 1), 1))).await.unwrap();
    assert!(matches!(finished, Outcome::Finished(_)), "{finished:?}");
    let (receipt, attestation) = store.proof(TicketId([3; 16])).await.unwrap().unwrap();
    assert_eq!(attestation, completion(attempt(3, 1), 1).attestation.map(|kept| *kept), "what comes now is kept");
    assert_eq!(receipt, completion(attempt(3, 1), 1).receipt);
    assert_eq!(store.proof(inbox[0].id).await.unwrap().unwrap().1, None, "what came before was not");
    store.write(Command::AddTickets(vec![ticket(4)])).await.unwrap();
    assert_eq!(store.write(Command::Begin(upload(attempt(4, 1)))).await.unwrap(), Outcome::Stored { next: 0 });
    assert!(matches!(store.write(Command::Delete(inbox[1].id)).await.unwrap(), Outcome::Deleted(_)));
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.submissions, counts.incoming, counts.garbage), (2, 1, 1));
    let id = store.id();
    store.close().await;
    assert_eq!(Store::open(&path, None).await.unwrap().id(), id, "a store has one name");
}

#[tokio::test]
async fn every_store_has_a_name_and_only_its_copies_have_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other, copy] = ["one", "other", "copy"].map(|name| folder.path().join(name));
    let id = |path: std::path::PathBuf| async move {
        let store = Store::open(&path, None).await.unwrap();
        let id = store.id();
        store.close().await;
        id
    };
    let first = id(one.clone()).await;
    std::fs::copy(&one, &copy).unwrap();
    assert_ne!(first, id(other).await);
    assert_eq!(first, id(copy).await);
}
