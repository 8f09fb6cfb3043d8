//! What was found in a submission, for the inbox: counts and flags, nothing out of the content.
//!
//! It is found out after the receipt, a page of submissions at a time. Submissions that come in go first: while there are
//! any, one page is looked at every now and then (256 contents a second), and the rest once it is calm. To keep up with more
//! would cost the senders a tenth of their throughput (docs/performance.md, "Tried"). A content that cannot be
//! read is kept all the same.

use std::sync::Arc;
use std::time::Duration;

use schleuse_payload::{CHECKS, Expectations, Limits, PayloadError, Period, examine};
use schleuse_protocol::wire::ticket::TicketId;
use serde::{Deserialize, Serialize};

use crate::content::{Content, ContentError};
use crate::core::Core;
use crate::store::{Command, Outcome, StoreError, Summary, Unread};

/// Submissions that are looked at together.
const PAGE: u32 = 64;
/// How long to wait for company of a submission, and from page to page while uploads run: so they do not keep the inbox
/// from being filled in, and hardly notice.
const GATHER: Duration = Duration::from_millis(250);
/// How long to wait after the store failed.
const RETRY: Duration = Duration::from_secs(30);

/// What was found in one submission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// Number of the checks that were made (`schleuse_payload::CHECKS`); 0 before they had one.
    pub checks: u32,
    /// Whether it has the form of its kind.
    pub readable: bool,
    /// If not: a code that says why (`too-large`, `not-json`, …).
    pub reason: Option<String>,
    /// Guests, contact persons or employees.
    pub people: u32,
    /// Events of a case.
    pub events: u32,
    /// First day that it says it covers, `2021-11-19`.
    pub from: Option<String>,
    /// Last day.
    pub to: Option<String>,
    /// How many flags there are, listed or not.
    pub flags: u32,
    /// The flags by code; what should be looked at first comes first.
    pub groups: Vec<FoundGroup>,
}

/// Everything that was flagged with one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundGroup {
    /// What: a code of `schleuse_payload::FlagCode`.
    pub code: String,
    /// How often.
    pub count: u32,
    /// The first places.
    pub places: Vec<FoundPlace>,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundPlace {
    /// `guests[3].phone`; the first is 0.
    pub path: String,
    /// Line in the content; the first is 1.
    pub line: u32,
}

impl Findings {
    fn unreadable(reason: &str) -> Self {
        Self { checks: CHECKS, readable: false, reason: Some(reason.to_owned()), ..Self::default() }
    }

    /// Examines a content.
    fn of(kind: &str, bytes: &[u8], expectations: &Expectations) -> Self {
        let examined = match examine(kind, bytes, &Limits::default(), expectations) {
            Ok(examined) => examined,
            Err(error) => return Self::unreadable(error.code()),
        };
        let summary = examined.summary;
        let (from, to) = summary.period.map_or((None, None), |days| (Some(days.from), Some(days.to)));
        Self {
            checks: CHECKS,
            readable: true,
            reason: None,
            people: summary.people,
            events: summary.events,
            from,
            to,
            flags: summary.flags,
            groups: examined.flags.groups.into_iter().map(FoundGroup::from).collect(),
        }
    }
}

impl From<schleuse_payload::Group> for FoundGroup {
    fn from(group: schleuse_payload::Group) -> Self {
        let places = group.places.into_iter().map(|place| FoundPlace { path: place.path, line: place.line });
        Self { code: group.code.as_str().to_owned(), count: group.count, places: places.collect() }
    }
}

/// Looks into every submission that nobody has looked into, as they come.
pub(crate) async fn run(core: Arc<Core>) {
    // What older checks found, or could not read, is looked at again.
    if let Err(error) = core.store.write(Command::ExamineAgain { checks: CHECKS }).await {
        tracing::warn!("submissions that an older version examined are not examined again: {error}");
    }
    loop {
        let again = match look_into_page(&core).await {
            Ok(is_full) => is_full,
            Err(error) => {
                tracing::warn!("cannot look into new submissions: {error}");
                if core.shutdown.unless_draining(tokio::time::sleep(RETRY)).await.is_none() {
                    return;
                }
                true
            }
        };
        let more = async {
            if !again {
                core.completed.notified().await;
            }
            if !again || core.leases.len() > 0 {
                tokio::time::sleep(GATHER).await;
            }
        };
        if core.shutdown.unless_draining(more).await.is_none() {
            return;
        }
    }
}

/// One read and one commit for a page. Returns whether there may be more.
async fn look_into_page(core: &Arc<Core>) -> Result<bool, StoreError> {
    let page = core.store.unread(PAGE).await?;
    if page.is_empty() {
        return Ok(false);
    }
    let is_full = u32::try_from(page.len()) == Ok(PAGE);
    let looking = Arc::clone(core);
    // Thousands of guests take a moment; the streams must not wait for it.
    let found = tokio::task::spawn_blocking(move || look_into(&looking, page)).await;
    let summaries = found.unwrap_or(Err(StoreError::Stopped))?;
    match core.store.write(Command::Summarise(summaries)).await? {
        Outcome::Done | Outcome::Nothing => Ok(is_full),
        other => unreachable!("summaries are answered by {other:?}"),
    }
}

/// Reads and parses. Meant for a thread on which waiting for the store is allowed.
fn look_into(core: &Core, page: Vec<Unread>) -> Result<Vec<Summary>, StoreError> {
    let mut summaries = Vec::with_capacity(page.len());
    for unread in page {
        let id = unread.id;
        if core.shutdown.is_draining() {
            break;
        }
        let Some(findings) = findings(core, unread)? else { continue };
        let summary = serde_json::to_string(&findings).expect("text and numbers can be written as JSON");
        summaries.push(Summary { id, summary });
    }
    Ok(summaries)
}

/// What is found in one submission; `None` if it was deleted meanwhile.
fn findings(core: &Core, unread: Unread) -> Result<Option<Findings>, StoreError> {
    let (kind, length) = (unread.content.kind, unread.content.length);
    let max = Limits::default().max_bytes;
    if length > max {
        let error = PayloadError::TooLarge { len: length, max };
        return Ok(Some(Findings::unreadable(error.code())));
    }
    let requested = unread.ticket_sealed.as_ref().and_then(|sealed| requested(core, unread.id, sealed));
    let runtime = tokio::runtime::Handle::current();
    let content = Content::of(&core.store, &core.vault, unread.id, unread.content, unread.segments);
    let read = content.map_err(ContentError::from).and_then(|content| runtime.block_on(content.read_to_end()));
    match read {
        Ok(bytes) => {
            let expectations = Expectations { now: Some(core.clock.unix().0), requested };
            Ok(Some(Findings::of(kind.as_str(), &bytes, &expectations)))
        }
        Err(ContentError::Damaged { .. } | ContentError::Key(_)) => Ok(Some(Findings::unreadable("damaged"))),
        Err(ContentError::Deleted(_)) => Ok(None),
        Err(ContentError::Store(error)) => Err(error),
    }
}

/// The period that the ticket asks for. A ticket that does not open has been reported by whoever needs it.
fn requested(core: &Core, id: TicketId, sealed: &[u8]) -> Option<Period> {
    let purpose = core.vault.open_purpose(id, sealed).ok()??;
    purpose.period.map(|(from, to)| Period { from: from.0, to: to.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_count_and_hold_nothing_of_the_content() {
        let bytes = schleuse_payload::generate::guest_list_json(30, 1);
        let findings = Findings::of("guest-list", &bytes, &Expectations::default());
        assert!(findings.readable);
        assert_eq!(findings.people, 30);
        let json = serde_json::to_string(&findings).unwrap();
        assert_eq!(serde_json::from_str::<Findings>(&json).unwrap(), findings);
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let text = parsed.to_string();
        let name = text.split("\"lastName\":\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(!name.is_empty() && !json.contains(name), "{name} in {json}");
    }

    #[test]
    fn what_cannot_be_read_is_flagged_with_a_code() {
        let none = Expectations::default();
        for (kind, bytes, reason) in [
            ("guest-list", &b"{"[..], "not-json"),
            ("guest-list", b"", "empty"),
            ("guest-list", b"{\"guests\":[{\"lastName\":\"M\xfcller\"}]}", "windows-1252"),
            ("guest-list", b"\x1f\x8b\x08", "gzip"),
            ("holiday-photos", b"{}", "unknown-kind"),
        ] {
            let findings = Findings::of(kind, bytes, &none);
            assert!(!findings.readable);
            assert_eq!(findings.reason.as_deref(), Some(reason));
        }
    }

    #[test]
    fn findings_of_the_first_version_are_still_understood() {
        let json = r#"{"readable":true,"people":3,"flags":1,"list":[{"path":"guests[0].phone","code":"too-long"}]}"#;
        let findings: Findings = serde_json::from_str(json).unwrap();
        assert_eq!((findings.checks, findings.people, findings.groups.len()), (0, 3, 0));
    }

    #[test]
    fn the_longest_list_with_thirty_fields_each_is_readable() {
        let mut list = schleuse_payload::generate::guest_list(schleuse_payload::MAX_GUESTS, 1);
        for guest in list["guests"].as_array_mut().unwrap() {
            for number in 0..14 {
                guest[format!("zusatz{number}")] = format!("wert {number}").into();
            }
        }
        let findings = Findings::of("guest-list", format!("{list:#}").as_bytes(), &Expectations::default());
        assert_eq!((findings.readable, findings.people), (true, schleuse_payload::MAX_GUESTS));
    }
}
