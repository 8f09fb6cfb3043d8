//! The JSON of the API; the command line reads the same types.

use std::time::Duration;

use data_encoding::BASE64;
use jiff::Timestamp;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::ticket::{Suite, Ticket};
use serde::{Deserialize, Serialize};

use crate::findings::Findings;
use crate::inbox::{Page, Submission};
use crate::mint::{MintError, MintRequest};
use crate::store::{Cursor, parse_ticket_id};

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// For programs.
    pub error: String,
    /// For people.
    pub message: String,
}

/// What to mint. All fields may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MintBody {
    /// How many tickets, all alike but for their keys: 1 to [`MAX_COUNT`](crate::MAX_COUNT); 1 if it is left out.
    pub count: Option<usize>,
    /// 1 (X25519, small) or 2 (X-Wing, post-quantum).
    pub suite: Option<u8>,
    /// Validity in seconds.
    pub valid_seconds: Option<u64>,
    /// The only payload kind that is accepted.
    pub kind: Option<String>,
    /// `anyone`, `any-member` or `member:ID`.
    pub sender: Option<String>,
    /// The office's reference; the sender sees it.
    pub reference: Option<String>,
    /// First moment of the period asked for, RFC 3339.
    pub from: Option<String>,
    /// Last moment.
    pub to: Option<String>,
    /// Text for a person.
    pub text: Option<String>,
    /// Longest content in bytes.
    pub max_bytes: Option<u64>,
}

impl MintBody {
    /// The checked request.
    pub(crate) fn request(&self) -> Result<MintRequest, MintError> {
        let invalid = |error: String| MintError::Invalid(error);
        let suite = match self.suite {
            None | Some(1) => Suite::X25519,
            Some(2) => Suite::XWing,
            Some(other) => return Err(invalid(format!("there is no suite {other}: write 1 or 2"))),
        };
        let kind = self.kind.as_deref().map(str::parse).transpose();
        let sender = self.sender.as_deref().map(str::parse).transpose();
        let period = match (&self.from, &self.to) {
            (None, None) => None,
            (Some(from), Some(to)) => Some((parse_time(from)?, parse_time(to)?)),
            _ => return Err(invalid("a period has both from and to".into())),
        };
        Ok(MintRequest {
            suite,
            validity: self.valid_seconds.map(Duration::from_secs),
            kind: kind.map_err(|error: schleuse_protocol::wire::name::NameError| invalid(error.to_string()))?,
            sender: sender
                .map_err(|error: crate::policy::SenderRuleError| invalid(error.to_string()))?
                .unwrap_or_default(),
            reference: self.reference.clone(),
            period,
            text: self.text.clone(),
            max_bytes: self.max_bytes,
        })
    }
}

/// What was minted: as many as were asked for, also if that is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintedView {
    /// The tickets.
    pub tickets: Vec<TicketView>,
}

impl MintedView {
    pub(crate) fn of(tickets: &[Ticket]) -> Self {
        Self { tickets: tickets.iter().map(TicketView::of).collect() }
    }
}

/// A minted ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketView {
    /// Its id; the submission that comes with it has the same.
    pub id: String,
    /// The ticket as a URI. Whoever has it may send.
    pub ticket: String,
    /// Last second of validity, RFC 3339.
    pub not_after: String,
    /// Number of routes.
    pub routes: usize,
}

impl TicketView {
    pub(crate) fn of(ticket: &Ticket) -> Self {
        let body = ticket.body();
        Self {
            id: body.id.to_string(),
            ticket: ticket.to_uri(),
            not_after: time(body.not_after),
            routes: body.routes.len(),
        }
    }
}

/// A page of the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageView {
    /// Newest first.
    pub submissions: Vec<SubmissionView>,
    /// `after` of the next page, if there may be one.
    pub next: Option<String>,
}

impl PageView {
    pub(crate) fn of(page: &Page) -> Self {
        Self {
            submissions: page.submissions.iter().map(SubmissionView::of).collect(),
            next: page.next.map(|cursor| format!("{}-{}", cursor.stored_at.0, cursor.id)),
        }
    }
}

/// Reads the `next` of a page.
pub(crate) fn parse_cursor(text: &str) -> Option<Cursor> {
    let (time, id) = text.split_once('-')?;
    Some(Cursor { stored_at: UnixSeconds(time.parse().ok()?), id: parse_ticket_id(id)? })
}

/// One submission, without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionView {
    /// Its name.
    pub id: String,
    /// What it was declared to be.
    pub kind: String,
    /// Who signed it; verified.
    pub sender: Option<String>,
    /// Bytes of content.
    pub bytes: u64,
    /// SHA-256 of the content, hex.
    pub content_hash: String,
    /// When it was complete, RFC 3339.
    pub stored_at: String,
    /// The office's reference.
    pub reference: Option<String>,
    /// What was found in it; null until the daemon has looked: a moment after it came. While uploads run without a pause, the
    /// daemon looks into at most 256 a second, so that senders need not wait, and into the rest once it is calm.
    pub findings: Option<Findings>,
    /// The receipt, Base64 of its binary form.
    pub receipt: String,
}

impl SubmissionView {
    pub(crate) fn of(submission: &Submission) -> Self {
        Self {
            id: submission.id.to_string(),
            kind: submission.kind.to_string(),
            sender: submission.sender.map(|sender| sender.to_string()),
            bytes: submission.length,
            content_hash: submission.content_hash.to_string(),
            stored_at: time(submission.stored_at),
            reference: submission.reference.clone(),
            findings: submission.findings.clone(),
            receipt: BASE64.encode(submission.receipt.as_bytes()),
        }
    }
}

/// What was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedView {
    /// Its name.
    pub deleted: String,
}

/// RFC 3339 in UTC.
pub(crate) fn time(time: UnixSeconds) -> String {
    let seconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |timestamp| timestamp.to_string())
}

fn parse_time(text: &str) -> Result<UnixSeconds, MintError> {
    let timestamp: Option<Timestamp> = text.parse().ok();
    let seconds = timestamp.and_then(|timestamp| u64::try_from(timestamp.as_second()).ok());
    seconds
        .map(UnixSeconds)
        .ok_or_else(|| MintError::Invalid("from and to are times such as 2021-11-19T18:00:00+01:00".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::SenderRule;

    #[test]
    fn a_request_is_checked_field_by_field() {
        let request = MintBody::default().request().unwrap();
        assert_eq!(request, MintRequest::default());
        let body = MintBody {
            suite: Some(2),
            sender: Some("member:vendor-1".into()),
            kind: Some("guest-list".into()),
            from: Some("2021-11-19T18:00:00+01:00".into()),
            to: Some("2021-11-20T04:00:00Z".into()),
            ..MintBody::default()
        };
        let request = body.request().unwrap();
        assert_eq!(request.suite, Suite::XWing);
        assert_eq!(request.sender, SenderRule::Member("vendor-1".parse().unwrap()));
        assert_eq!(request.period, Some((UnixSeconds(1_637_341_200), UnixSeconds(1_637_380_800))));
        for bad in [
            MintBody { suite: Some(3), ..MintBody::default() },
            MintBody { kind: Some("Gäste".into()), ..MintBody::default() },
            MintBody { sender: Some("all".into()), ..MintBody::default() },
            MintBody { from: Some("2021-11-19T18:00:00Z".into()), ..MintBody::default() },
            MintBody { from: Some("gestern".into()), to: Some("heute".into()), ..MintBody::default() },
        ] {
            assert!(matches!(bad.request(), Err(MintError::Invalid(_))), "{bad:?}");
        }
    }

    #[test]
    fn cursors_and_times_read_back() {
        let id = "000102030405060708090a0b0c0d0e0f";
        let cursor = parse_cursor(&format!("1637341200-{id}")).unwrap();
        assert_eq!((cursor.stored_at.0, cursor.id.to_string().as_str()), (1_637_341_200, id));
        for bad in ["", "1", "x-y", "1-00"] {
            assert!(parse_cursor(bad).is_none());
        }
        assert_eq!(time(UnixSeconds(1_637_341_200)), "2021-11-19T17:00:00Z");
    }
}
