//! What arrived: every inbox is read, every content in it opened and hashed, and compared with what was sent. Nothing is
//! believed because a receipt says it.

use std::collections::HashMap;

use futures::future::try_join_all;
use schleuse_client::verify_receipt;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::TicketId;

use super::offices::{Line, Offices};
use super::traffic::{Delivered, Sent, Traffic};

/// The result.
pub(super) struct Audit {
    /// Receipts that are genuine and say what was sent.
    pub(super) receipts: usize,
    /// Lists that are not in the inbox of their office as they were sent.
    pub(super) lost: usize,
    /// Lines in inboxes beyond one for each list.
    pub(super) duplicates: usize,
    /// All inboxes.
    pub(super) inboxes: Vec<(MemberId, Vec<Line>)>,
}

/// Which content came under which ticket to which office.
type Key = (MemberId, TicketId, ContentHash);

pub(super) async fn run(traffic: &Traffic, offices: &Offices) -> anyhow::Result<Audit> {
    let read = offices.desks().iter().map(|desk| async { anyhow::Ok((desk.office, desk.settled_inbox().await?)) });
    let inboxes = try_join_all(read).await?;
    let there = inboxes.iter().flat_map(|(office, lines)| lines.iter().map(|line| (*office, line.id, line.read_back)));
    let (lost, duplicates) = compare(traffic.sent.iter().map(expected), there);
    let receipts = traffic.sent.iter().filter(|sent| is_proven(sent, traffic)).count();
    Ok(Audit { receipts, lost, duplicates, inboxes })
}

/// Where a list must be; none if its vendor has no receipt for it.
fn expected(sent: &Sent) -> Option<Key> {
    let done = sent.outcome.as_ref().ok()?;
    Some((sent.office, done.ticket.body().id, sent.content))
}

fn is_proven(sent: &Sent, traffic: &Traffic) -> bool {
    sent.outcome.as_ref().is_ok_and(|Delivered { ticket, receipt }| {
        receipt.content_hash() == sent.content && verify_receipt(receipt, ticket, &traffic.directory).is_ok()
    })
}

/// Counts what is missing and what is too much.
fn compare(sent: impl Iterator<Item = Option<Key>>, there: impl Iterator<Item = Key>) -> (usize, usize) {
    let mut unmatched: HashMap<Key, usize> = HashMap::new();
    there.for_each(|key| *unmatched.entry(key).or_default() += 1);
    let mut lost = 0;
    for key in sent {
        match key.and_then(|key| unmatched.get_mut(&key)).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => lost += 1,
        }
    }
    (lost, unmatched.into_values().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(office: &str, ticket: u8, content: u8) -> Key {
        (office.parse().unwrap(), TicketId([ticket; 16]), ContentHash([content; 32]))
    }

    #[test]
    fn what_arrived_once_is_neither_lost_nor_double() {
        let all = [key("office-1", 1, 1), key("office-2", 2, 2)];
        assert_eq!(compare(all.iter().copied().map(Some), all.into_iter()), (0, 0));
    }

    #[test]
    fn what_is_missing_altered_elsewhere_or_twice_is_counted() {
        let sent = || [Some(key("office-1", 1, 1)), Some(key("office-1", 2, 2))].into_iter();
        let first = key("office-1", 1, 1);
        assert_eq!(compare(sent(), [first].into_iter()), (1, 0));
        assert_eq!(compare(sent(), [first, key("office-1", 2, 3)].into_iter()), (1, 1));
        assert_eq!(compare(sent(), [first, key("office-2", 2, 2)].into_iter()), (1, 1));
        assert_eq!(compare(sent(), [first, first, key("office-1", 2, 2)].into_iter()), (0, 1));
        assert_eq!(compare([None].into_iter(), [first].into_iter()), (1, 1));
    }
}
