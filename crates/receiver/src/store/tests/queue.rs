//! Jobs that share a commit.

use super::fixture::*;
use crate::store::*;

#[tokio::test]
async fn what_is_queued_together_becomes_durable_together() {
    let office = Fixture::new().await;
    let before = office.store.commits();
    let mut answers = Vec::new();
    for number in 0..150 {
        answers.push(
            office.store.push(vec![Command::AddTickets(vec![ticket(number)])], Company::Unexpected).await.unwrap(),
        );
    }
    for answer in answers {
        assert_eq!(answer.await.unwrap().remove(0).unwrap(), Outcome::Done);
    }
    let commits = office.store.commits() - before;
    assert!((1..=10).contains(&commits), "150 commands took {commits} commits");
}

#[tokio::test]
async fn a_job_that_expects_company_is_written_with_whatever_comes_next() {
    let office = Fixture::new().await;
    let before = office.store.commits();
    let mint = |number| vec![Command::AddTickets(vec![ticket(number)])];
    let first = office.store.push(mint(1), Company::Expected).await.unwrap();
    let second = office.store.push(mint(2), Company::Unexpected).await.unwrap();
    for answer in [first, second] {
        assert_eq!(answer.await.unwrap().remove(0).unwrap(), Outcome::Done);
    }
    assert_eq!(office.store.commits() - before, 1);
    // Nobody comes: it is written all the same.
    let alone = office.store.push(mint(3), Company::Expected).await.unwrap();
    assert_eq!(alone.await.unwrap().remove(0).unwrap(), Outcome::Done);
    let mut batch = Vec::new();
    for number in 10..26 {
        batch.push(office.store.push(mint(number), Company::Expected).await.unwrap());
    }
    for answer in batch {
        assert_eq!(answer.await.unwrap().remove(0).unwrap(), Outcome::Done);
    }
    assert_eq!(office.store.commits() - before, 3);
}
