//! The store against its promises, on real files.

mod cut;
pub(super) mod fixture;
mod layouts;
mod queue;

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;

use super::*;
use fixture::*;

fn refused(result: Result<Outcome, StoreError>) -> Refused {
    match result {
        Err(StoreError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_submission_goes_in_and_comes_out_after_reopening() {
    let mut office = Fixture::new().await;
    let id = office.mint(1).await;
    let found = office.store.live_ticket(ticket(1).routes[1].0).await.unwrap().unwrap();
    assert_eq!((found.id, found.max_bytes, found.sender_rule.as_str()), (id, 1 << 20, "anyone"));
    assert_eq!(office.store.progress(id).await.unwrap(), Progress::Open);
    let receipt = office.submit(1, 3).await;
    office.reopen().await;
    let complete = Progress::Complete { attempt: 1, digest: [1; 32], receipt: receipt.clone() };
    assert_eq!(office.store.progress(id).await.unwrap(), complete);
    let inbox = office.store.inbox(None, 10).await.unwrap();
    assert_eq!(inbox.len(), 1);
    assert_eq!((inbox[0].id, inbox[0].length, &inbox[0].receipt), (id, 2700, &receipt));
    assert_eq!(inbox[0].sender.unwrap().as_str(), "vendor-1");
    assert_eq!(inbox[0].reference_sealed.as_deref(), Some(&b"REFERENCE-SEALED"[..]));
    let content = office.store.content(id).await.unwrap().unwrap();
    assert_eq!((content.segments, content.key_sealed.as_slice()), (3, &WRAPPED_KEY[..]));
    let stored = office.store.segment(content.upload, 2).await.unwrap().unwrap();
    assert_eq!((stored.data_len, stored.ciphertext), (900, vec![0x58; 1000]));
    assert_eq!(office.store.segment_of_ticket(id, 2).await.unwrap().unwrap().data_len, 900);
    assert!(office.store.segment(content.upload, 3).await.unwrap().is_none());
    assert_eq!(office.store.last_segment(id).await.unwrap(), Some(vec![0xee; 272]), "the final segment is kept");
}

#[tokio::test]
async fn every_step_may_come_twice() {
    let office = Fixture::new().await;
    office.mint(1).await;
    let first = attempt(1, 1);
    let begin = Command::Begin(upload(first));
    assert_eq!(office.store.write(begin.clone()).await.unwrap(), Outcome::Stored { next: 0 });
    let store = Command::Store(segment(first, 0));
    assert_eq!(office.store.write(store.clone()).await.unwrap(), Outcome::Stored { next: 1 });
    assert_eq!(office.store.write(store.clone()).await.unwrap(), Outcome::Stored { next: 1 });
    assert_eq!(office.store.write(begin).await.unwrap(), Outcome::Stored { next: 1 });
    let finish = Command::Finish(completion(first, 1));
    let receipt = office.store.write(finish.clone()).await.unwrap();
    assert!(matches!(receipt, Outcome::Finished(_)));
    assert_eq!(office.store.write(finish).await.unwrap(), receipt);
    assert_eq!(office.store.write(store).await.unwrap(), Outcome::Stored { next: 1 });
    assert_eq!(office.store.counts().await.unwrap().submissions, 1);
    for expected in [true, false] {
        let outcome = office.store.write(Command::Delete(first.ticket)).await.unwrap();
        assert_eq!(matches!(outcome, Outcome::Deleted(_)), expected, "{outcome:?}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let office = Fixture::new().await;
    office.mint(1).await;
    let (older, newer) = (attempt(1, 5), attempt(1, 6));
    assert_eq!(refused(office.store.write(Command::Store(segment(older, 0))).await), Refused::Gone);
    assert_eq!(refused(office.store.write(Command::Begin(upload(attempt(9, 1)))).await), Refused::Gone);
    office.store.write(Command::Begin(upload(older))).await.unwrap();
    let skipped = office.store.write(Command::Store(segment(older, 1))).await;
    assert_eq!(refused(skipped), Refused::OutOfOrder { next: 0 });
    office.store.write(Command::Store(segment(older, 0))).await.unwrap();
    let early = office.store.write(Command::Finish(completion(older, 0))).await;
    assert_eq!(refused(early), Refused::OutOfOrder { next: 1 });
    office.store.write(Command::Begin(upload(newer))).await.unwrap();
    let late = office.store.write(Command::Store(segment(older, 1))).await;
    assert_eq!(refused(late), Refused::Superseded { attempt: 6 });
    let back = office.store.write(Command::Begin(upload(older))).await;
    assert_eq!(refused(back), Refused::Superseded { attempt: 6 });
    let progress = office.store.progress(newer.ticket).await.unwrap();
    assert_eq!(progress, Progress::Unfinished { attempt: 6, digest: [6; 32], next: 0 });
    office.store.write(Command::Finish(completion(newer, 0))).await.unwrap();
    let second = office.store.write(Command::Begin(upload(attempt(1, 7)))).await;
    assert_eq!(refused(second), Refused::Complete);
    let second = office.store.write(Command::Finish(completion(attempt(1, 7), 0))).await;
    assert_eq!(refused(second), Refused::Complete);
}

#[tokio::test]
async fn a_discarded_attempt_leaves_the_ticket_open_for_a_higher_one() {
    let office = Fixture::new().await;
    let ticket = office.mint(1).await;
    let first = attempt(1, 5);
    office.store.write(Command::Begin(upload(first))).await.unwrap();
    office.store.write(Command::Store(segment(first, 0))).await.unwrap();
    let other = Command::Discard { ticket, attempt: 4 };
    assert_eq!(office.store.write(other).await.unwrap(), Outcome::Nothing);
    for expected in [Outcome::Done, Outcome::Nothing] {
        assert_eq!(office.store.write(Command::Discard { ticket, attempt: 5 }).await.unwrap(), expected);
    }
    assert_eq!(office.store.progress(ticket).await.unwrap(), Progress::Discarded { attempt: 5 });
    assert_eq!(office.store.counts().await.unwrap().garbage, 1);
    for held_back in [1, 5] {
        let late = office.store.write(Command::Begin(upload(attempt(1, held_back)))).await;
        assert_eq!(refused(late), Refused::Superseded { attempt: 5 });
    }
    let second = attempt(1, 6);
    office.store.write(Command::Begin(upload(second))).await.unwrap();
    office.store.write(Command::Finish(completion(second, 0))).await.unwrap();
    assert_eq!(office.store.write(Command::Discard { ticket, attempt: 6 }).await.unwrap(), Outcome::Nothing);
    assert_eq!(office.store.inbox(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_job_is_answered_as_its_commands_one_by_one() {
    let office = Fixture::new().await;
    for number in 1..=4 {
        office.mint(number).await;
    }
    // Ticket 2 has an unfinished attempt, ticket 3 a discarded one: there the commands of a whole job go their own way.
    office.store.write(Command::Begin(upload(attempt(2, 1)))).await.unwrap();
    office.store.write(Command::Store(segment(attempt(2, 1), 0))).await.unwrap();
    office.store.write(Command::Begin(upload(attempt(3, 1)))).await.unwrap();
    office.store.write(Command::Discard { ticket: TicketId([3; 16]), attempt: 1 }).await.unwrap();
    let job = |attempt| {
        let segments = (0..2).map(|position| Command::Store(segment(attempt, position)));
        let mut job = vec![Command::Begin(upload(attempt))];
        job.extend(segments);
        job.push(Command::Finish(completion(attempt, 2)));
        job
    };
    for ticket in 1..=3 {
        let attempt = attempt(ticket, 2);
        for _ in 0..2 {
            let answers = office.store.push(job(attempt), Company::Unexpected).await.unwrap().await.unwrap();
            let outcomes: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
            assert_eq!(outcomes.last(), Some(&Outcome::Finished(completion(attempt, 2).receipt)));
        }
        let content = office.store.content(attempt.ticket).await.unwrap().unwrap();
        let last = office.store.segment(content.upload, 1).await.unwrap().unwrap();
        assert_eq!((content.segments, last.ciphertext[0]), (2, 0x5b));
    }
    // A segment is left out: nothing is complete.
    let mut gap = job(attempt(4, 1));
    gap.remove(1);
    let answers = office.store.push(gap, Company::Unexpected).await.unwrap().await.unwrap();
    assert!(answers[0].is_ok());
    assert_eq!(refused(answers[1].clone()), Refused::OutOfOrder { next: 0 });
    assert_eq!(refused(answers[2].clone()), Refused::OutOfOrder { next: 0 });
    assert_eq!(office.store.inbox(None, 10).await.unwrap().len(), 3);
    let counts = office.store.counts().await.unwrap();
    assert_eq!(counts, Counts { open_tickets: 0, incoming: 1, submissions: 3, garbage: 2 });
}

#[tokio::test]
async fn names_of_uploads_are_not_used_again_after_a_restart() {
    let mut office = Fixture::new().await;
    office.mint(1).await;
    office.mint(2).await;
    office.submit(1, 1).await;
    let first = office.store.content(TicketId([1; 16])).await.unwrap().unwrap().upload;
    office.store.write(Command::Delete(TicketId([1; 16]))).await.unwrap();
    office.reopen().await;
    office.submit(2, 1).await;
    let second = office.store.content(TicketId([2; 16])).await.unwrap().unwrap().upload;
    assert_ne!(first, second, "its segments are cleared away with those of the deleted one");
}

#[tokio::test]
async fn attempt_numbers_keep_all_64_bits() {
    let office = Fixture::new().await;
    office.mint(1).await;
    office.store.write(Command::Begin(upload(attempt(1, u64::MAX - 1)))).await.unwrap();
    office.store.write(Command::Begin(upload(attempt(1, u64::MAX)))).await.unwrap();
    let lower = office.store.write(Command::Begin(upload(attempt(1, 1)))).await;
    assert_eq!(refused(lower), Refused::Superseded { attempt: u64::MAX });
}

#[tokio::test]
async fn a_collision_fails_only_its_own_command() {
    let office = Fixture::new().await;
    office.mint(1).await;
    // The second ticket of the batch has a nonce that exists: none of the batch may stay, all the others must.
    let mut clash = ticket(3);
    clash.routes[1].0 = RouteNonce([1; 16]);
    let mut answers = Vec::new();
    for tickets in [vec![ticket(2)], vec![ticket(4), clash], vec![ticket(5)]] {
        answers.push(office.store.push(vec![Command::AddTickets(tickets)], Company::Unexpected).await.unwrap());
    }
    let mut outcomes = Vec::new();
    for answer in answers {
        outcomes.push(answer.await.unwrap().remove(0));
    }
    assert_eq!(outcomes[0].clone().unwrap(), Outcome::Done);
    assert_eq!(refused(outcomes[1].clone()), Refused::Exists);
    assert_eq!(outcomes[2].clone().unwrap(), Outcome::Done);
    for (number, expected) in [(2, true), (3, false), (4, false), (5, true)] {
        let found = office.store.live_ticket(RouteNonce([number; 16])).await.unwrap();
        assert_eq!(found.is_some(), expected, "{number}");
    }
}

#[tokio::test]
async fn many_writers_are_all_answered() {
    let office = Fixture::new().await;
    office.store.write(Command::AddTickets((0..100).map(ticket).collect())).await.unwrap();
    let submissions = (0..100).map(|number| office.submit(number, 2));
    assert_eq!(futures::future::join_all(submissions).await.len(), 100);
    assert_eq!(office.store.counts().await.unwrap(), Counts { submissions: 100, ..Counts::default() });
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.sqlite");
    let store = Store::open(&path, Some(1024 * 1024)).await.unwrap();
    store.write(Command::AddTickets(vec![ticket(1), ticket(2)])).await.unwrap();
    let (big, small) = (attempt(1, 1), attempt(2, 1));
    store.write(Command::Begin(upload(big))).await.unwrap();
    store.write(Command::Begin(upload(small))).await.unwrap();
    let mut stored = 0;
    let error = loop {
        let mut next = segment(big, stored);
        next.ciphertext = vec![7; 60_000];
        match store.write(Command::Store(next)).await {
            Ok(outcome) => assert_eq!(outcome, Outcome::Stored { next: stored + 1 }),
            Err(error) => break error,
        }
        stored += 1;
        assert!(stored < 100, "the limit of the file's size does not hold");
    };
    assert!(matches!(&error, StoreError::Unavailable(reason) if reason.contains("full")), "{error}");
    let progress = store.progress(big.ticket).await.unwrap();
    assert_eq!(progress, Progress::Unfinished { attempt: 1, digest: [1; 32], next: stored });
    // Space comes back, and the same daemon goes on.
    store.write(Command::Delete(big.ticket)).await.unwrap();
    while store.write(Command::Sweep).await.unwrap() == Outcome::Swept(true) {}
    store.write(Command::Store(segment(small, 0))).await.unwrap();
    store.write(Command::Finish(completion(small, 1))).await.unwrap();
    assert_eq!(store.inbox(None, 10).await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn deleting_shreds_the_keys_in_every_file() {
    let office = Fixture::new().await;
    office.mint(1).await;
    office.submit(1, 40).await;
    assert!(office.holds(WRAPPED_KEY) && office.holds(ONE_TIME_KEY), "the test looks in the wrong place");
    let outcome = office.store.write(Command::Delete(TicketId([1; 16]))).await.unwrap();
    let Outcome::Deleted(routes) = outcome else { panic!("{outcome:?}") };
    assert_eq!(routes.len(), 2);
    assert_eq!(office.store.write(Command::Cut).await.unwrap(), Outcome::Done);
    assert!(!office.holds(WRAPPED_KEY), "the wrapped key is still in a file");
    assert!(!office.holds(ONE_TIME_KEY), "the one-time key is still in a file");
    assert!(!office.holds(b"REFERENCE-SEALED"), "the reference is still in a file");
    assert!(office.holds(&[0x5a; 900]), "the ciphertext goes later, in pieces");
    let mut sweeps = 0;
    while office.store.write(Command::Sweep).await.unwrap() == Outcome::Swept(true) {
        sweeps += 1;
    }
    assert!(sweeps >= 2, "it was cleared in one piece");
    office.store.close().await;
    assert!(!office.holds(&[0x5a; 900]), "the ciphertext is still in a file");
}

#[tokio::test]
async fn ended_tickets_lose_their_keys_and_keep_their_submissions() {
    let office = Fixture::new().await;
    for number in 1..=4 {
        office.mint(number).await;
    }
    office.submit(1, 1).await;
    office.store.write(Command::Begin(upload(attempt(2, 1)))).await.unwrap();
    office.store.write(Command::Store(segment(attempt(2, 1), 0))).await.unwrap();
    // Tickets 1 to 3 end, the upload that runs for the second a round later; the fourth lives on.
    let before = UnixSeconds(1004);
    for (except, expected) in [(vec![TicketId([2; 16])], 2), (vec![], 1), (vec![], 0)] {
        let outcome = office.store.write(Command::EndTickets { before, except }).await.unwrap();
        let Outcome::Ended { tickets, routes } = outcome else { panic!("{outcome:?}") };
        assert_eq!((tickets, routes.len()), (expected, 2 * expected));
    }
    for (number, expected) in [(1, false), (2, false), (3, false), (4, true)] {
        assert_eq!(office.store.live_ticket(RouteNonce([number; 16])).await.unwrap().is_some(), expected);
    }
    assert_eq!(office.store.progress(TicketId([1; 16])).await.unwrap(), Progress::Gone);
    assert_eq!(office.store.inbox(None, 10).await.unwrap().len(), 1);
    assert!(office.store.content(TicketId([1; 16])).await.unwrap().is_some());
    let late = office.store.write(Command::Finish(completion(attempt(2, 1), 1))).await;
    assert_eq!(refused(late), Refused::Gone);
    let counts = office.store.counts().await.unwrap();
    assert_eq!(counts, Counts { open_tickets: 1, incoming: 0, submissions: 1, garbage: 1 });
}

#[tokio::test]
async fn the_inbox_is_paged_newest_first_without_gaps() {
    let office = Fixture::new().await;
    for number in 1..=7 {
        office.mint(number).await;
        office.submit(number, 1).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = office.store.inbox(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Cursor { stored_at: last.stored_at, id: last.id });
        seen.extend(page.iter().map(|row| row.id.0[0]));
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn summaries_and_named_values_are_kept() {
    let office = Fixture::new().await;
    let id = office.mint(1).await;
    let summarise = Command::Summarise(vec![Summary { id, summary: "{\"guests\":30}".into() }]);
    assert_eq!(office.store.write(summarise.clone()).await.unwrap(), Outcome::Nothing);
    office.submit(1, 2).await;
    let unread = office.store.unread(10).await.unwrap();
    assert_eq!((unread.len(), unread[0].id, unread[0].segments.len()), (1, id, 2));
    for _ in 0..2 {
        assert_eq!(office.store.write(summarise.clone()).await.unwrap(), Outcome::Done);
        assert!(office.store.unread(10).await.unwrap().is_empty());
    }
    let row = office.store.submission(id).await.unwrap().unwrap();
    assert_eq!(row.summary.as_deref(), Some("{\"guests\":30}"));
    for value in [b"one".to_vec(), b"two".to_vec()] {
        office.store.write(Command::SetMeta { name: "check", value: value.clone() }).await.unwrap();
        assert_eq!(office.store.meta("check").await.unwrap(), Some(value));
    }
    assert_eq!(office.store.meta("other").await.unwrap(), None);
}

#[tokio::test]
async fn what_fewer_checks_examined_is_queued_once_and_stays_in_the_inbox() {
    let office = Fixture::new().await;
    let found = ["{\"readable\":false}", "{\"checks\":1}", "{\"checks\":2}", "no JSON"];
    for (number, found) in (1..).zip(found) {
        let id = office.mint(number).await;
        office.submit(number, 1).await;
        office.store.write(Command::Summarise(vec![Summary { id, summary: found.into() }])).await.unwrap();
    }
    let again = |checks| office.store.write(Command::ExamineAgain { checks });
    let queued =
        async || office.store.unread(10).await.unwrap().iter().map(|unread| unread.id.0[0]).collect::<Vec<_>>();
    assert_eq!(again(2).await.unwrap(), Outcome::Done);
    assert_eq!(queued().await, [4, 2, 1]);
    assert!(office.store.inbox(None, 10).await.unwrap().iter().all(|row| row.summary.is_some()));
    for number in [1, 2, 4] {
        let summary = "{\"checks\":2}".into();
        office.store.write(Command::Summarise(vec![Summary { id: TicketId([number; 16]), summary }])).await.unwrap();
    }
    assert_eq!(again(2).await.unwrap(), Outcome::Nothing);
    assert!(queued().await.is_empty());
    again(3).await.unwrap();
    assert_eq!(queued().await, [4, 3, 2, 1]);
    office.mint(5).await;
    office.submit(5, 1).await;
    assert_eq!(queued().await, [5, 4, 3, 2, 1], "what comes in waits for none that is examined again");
}

#[tokio::test]
async fn the_queue_is_read_without_a_walk_through_all_tickets() {
    let office = Fixture::new().await;
    let database = Connection::open(office.path()).unwrap();
    let mut plan = database.prepare(&format!("EXPLAIN QUERY PLAN {}", read::UNREAD)).unwrap();
    let steps = plan.query_map([1], |row| row.get::<_, String>(3)).unwrap();
    let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
    let scans: Vec<_> = steps.iter().filter(|step| step.starts_with("SCAN")).collect();
    assert_eq!(scans, ["SCAN u"], "{steps:?}");
    assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "the order is that of the key: {steps:?}");
}

#[tokio::test]
async fn the_page_behind_a_deleted_submission_begins_where_it_was() {
    let office = Fixture::new().await;
    for number in 1..=3 {
        office.mint(number).await;
        office.submit(number, 1).await;
    }
    let row = office.store.submission(TicketId([2; 16])).await.unwrap().unwrap();
    office.store.write(Command::Delete(row.id)).await.unwrap();
    let after = Some(Cursor { stored_at: row.stored_at, id: row.id });
    let page = office.store.inbox(after, 10).await.unwrap();
    assert_eq!(page.iter().map(|row| row.id.0[0]).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let error = Store::open(std::path::Path::new("/nonexistent/office.sqlite"), None).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/office.sqlite"), "{error}");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let office = Fixture::new().await;
    office.store.close().await;
    assert!(matches!(office.store.write(Command::Sweep).await, Err(StoreError::Stopped)));
}

/// Whoever watches the store hears of a thread that ends, by its name.
#[tokio::test]
async fn a_store_whose_threads_have_ended_says_so() {
    let office = Fixture::new().await;
    let moment = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(moment, office.store.stopped()).await.is_err(), "all of them run");
    office.store.close().await;
    assert!(office.store.stopped().await.starts_with("store-"));
}
