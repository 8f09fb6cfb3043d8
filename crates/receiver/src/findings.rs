//! What was found in a submission, for the inbox: counts and flags, nothing out of the content.
//!
//! It is found out after the receipt, beside the streams. A content that cannot be read is kept all the same.

use std::sync::Arc;
use std::time::Duration;

use schleuse_payload::{Expectations, Limits, PayloadError, parse_expecting};
use schleuse_protocol::wire::ticket::TicketId;
use serde::{Deserialize, Serialize};

use crate::content::{Content, ContentError};
use crate::core::Core;
use crate::store::{Command, Outcome};

/// Largest content that is parsed: the parsed form takes a few times as much memory.
const MAX_PARSED: u64 = 8 * 1024 * 1024;
/// Most JSON values of one content.
const MAX_VALUES: u32 = 250_000;
/// Submissions looked at before asking the store for more.
const PAGE: u32 = 32;
/// How long to wait after the store failed.
const RETRY: Duration = Duration::from_secs(30);

/// What was found in one submission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// Whether it has the form of its kind.
    pub readable: bool,
    /// If not: a code that says why (`too-large`, `not-json`, …).
    pub reason: Option<String>,
    /// Guests or contact persons.
    pub people: u32,
    /// Events of a case.
    pub events: u32,
    /// First day that it says it covers, `2021-11-19`.
    pub from: Option<String>,
    /// Last day.
    pub to: Option<String>,
    /// How many flags there are, listed or not.
    pub flags: u32,
    /// The first flags.
    pub list: Vec<Finding>,
}

/// One thing that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where: `guests[3].phone`.
    pub path: String,
    /// What: a code of `schleuse_payload::FlagCode`.
    pub code: String,
}

impl Findings {
    fn unreadable(reason: &str) -> Self {
        Self { readable: false, reason: Some(reason.to_owned()), ..Self::default() }
    }

    /// Parses a content.
    fn of(kind: &str, bytes: &[u8], expectations: &Expectations) -> Self {
        let limits = Limits { max_bytes: MAX_PARSED, max_values: MAX_VALUES, ..Limits::default() };
        let parsed = match parse_expecting(kind, bytes, &limits, expectations) {
            Ok(parsed) => parsed,
            Err(error) => return Self::unreadable(error.code()),
        };
        let summary = parsed.summary();
        let (from, to) = summary.period.map_or((None, None), |days| (Some(days.from), Some(days.to)));
        let finding =
            |flag: &schleuse_payload::Flag| Finding { path: flag.path.clone(), code: flag.code.as_str().to_owned() };
        Self {
            readable: true,
            reason: None,
            people: summary.people,
            events: summary.events,
            from,
            to,
            flags: summary.flags,
            list: parsed.flags.list.iter().map(finding).collect(),
        }
    }
}

/// Looks into every submission that nobody has looked into, one after the other, as they come.
pub(crate) async fn run(core: Arc<Core>) {
    loop {
        let mut pause = None;
        match core.store.without_summary(PAGE).await {
            Ok(ids) => {
                let full = ids.len() as u32 == PAGE;
                for id in ids {
                    if let Err(error) = look_into(&core, id).await {
                        tracing::warn!(submission = %id, "cannot look into a submission: {error}");
                        pause = Some(RETRY);
                    }
                    if core.shutdown.is_draining() {
                        return;
                    }
                }
                if full && pause.is_none() {
                    continue;
                }
            }
            Err(error) => {
                tracing::warn!("cannot look for new submissions: {error}");
                pause = Some(RETRY);
            }
        }
        let more = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => core.completed.notified().await,
            }
        };
        if core.shutdown.unless_draining(more).await.is_none() {
            return;
        }
    }
}

async fn look_into(core: &Core, id: TicketId) -> Result<(), ContentError> {
    let Some(content) = Content::open(&core.store, &core.vault, id).await? else { return Ok(()) };
    let kind = content.kind();
    let findings = if content.length() > MAX_PARSED {
        Findings::unreadable(PayloadError::TooLarge { len: content.length(), max: MAX_PARSED }.code())
    } else {
        let expectations = Expectations { now: Some(core.clock.unix().0), ..Expectations::default() };
        match content.read_to_end().await {
            // Thousands of guests take a moment; the streams must not wait for it.
            Ok(bytes) => tokio::task::spawn_blocking(move || Findings::of(kind.as_str(), &bytes, &expectations))
                .await
                .unwrap_or_else(|_| Findings::unreadable("internal-error")),
            Err(ContentError::Damaged { .. }) => Findings::unreadable("damaged"),
            Err(ContentError::Deleted(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
    };
    let summary = serde_json::to_string(&findings).expect("text and numbers can be written as JSON");
    match core.store.write(Command::Summarise { id, summary }).await? {
        Outcome::Done | Outcome::Nothing => Ok(()),
        other => unreachable!("a summary is answered by {other:?}"),
    }
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
            ("guest-list", b"\xff", "not-utf8"),
            ("holiday-photos", b"{}", "unknown-kind"),
        ] {
            let findings = Findings::of(kind, bytes, &none);
            assert!(!findings.readable);
            assert_eq!(findings.reason.as_deref(), Some(reason));
        }
    }
}
