//! The result as data: what `--json` prints.

use std::collections::HashSet;

use schleuse_inner_proxy as inner;
use schleuse_outer_proxy as outer;
use schleuse_protocol::wire::name::MemberId;
use serde::Serialize;

use super::audit::Audit;
use super::network::Records;
use super::offices::Line;
use super::plan::Plan;
use super::traffic::Traffic;

/// Records of one party that are listed one by one; the totals count all.
const SAMPLE: usize = 5;

/// Everything that the demo found out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) offices: usize,
    pub(super) vendors: usize,
    pub(super) submissions: usize,
    pub(super) receipts: usize,
    pub(super) lost: usize,
    pub(super) duplicates: usize,
    /// Bytes of content that were delivered.
    pub(super) bytes: u64,
    /// From the first ticket to the last receipt.
    pub(super) seconds: f64,
    pub(super) offices_used: usize,
    pub(super) vendors_used: usize,
    /// Why sendings failed; the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failures: Vec<String>,
    pub(super) observed: Observed,
}

/// What each party saw, from its own records.
#[derive(Serialize)]
pub(super) struct Observed {
    pub(super) outer: Vec<Party<OuterRecord>>,
    pub(super) inner: Vec<Party<InnerRecord>>,
    pub(super) office: Vec<Party<OfficeRecord>>,
}

/// One party.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Party<R> {
    pub(super) id: MemberName,
    /// Streams of a proxy, submissions of an office.
    pub(super) count: usize,
    pub(super) bytes: u64,
    /// The first ones, one by one.
    pub(super) records: Vec<R>,
}

/// What an outer proxy sees of a stream.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OuterRecord {
    pub(super) sender: String,
    pub(super) inner: Option<MemberName>,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) millis: u128,
    pub(super) ending: String,
}

/// What an inner proxy sees of a stream.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InnerRecord {
    pub(super) outer: MemberName,
    pub(super) office: Option<MemberName>,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) millis: u128,
    pub(super) ending: String,
}

/// What an office sees of a submission: here without the content, which it sees too.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfficeRecord {
    pub(super) vendor: Option<MemberName>,
    pub(super) kind: String,
    pub(super) bytes: u64,
    /// Counted by the office itself, a moment after it has stored the list.
    pub(super) guests: Option<u32>,
    pub(super) flags: Option<u32>,
}

type MemberName = String;

impl Report {
    pub(super) fn new(plan: &Plan, traffic: &Traffic, audit: &Audit, records: &Records) -> Self {
        let delivered = || traffic.sent.iter().filter(|sent| sent.outcome.is_ok());
        Self {
            offices: plan.offices.len(),
            vendors: plan.vendors.len(),
            submissions: plan.submissions,
            receipts: audit.receipts,
            lost: audit.lost,
            duplicates: audit.duplicates,
            bytes: delivered().map(|sent| sent.length).sum(),
            seconds: (traffic.took.as_secs_f64() * 1000.0).round() / 1000.0,
            offices_used: audit.inboxes.iter().filter(|(_, lines)| !lines.is_empty()).count(),
            vendors_used: senders(audit).len(),
            failures: traffic
                .sent
                .iter()
                .filter_map(|sent| sent.outcome.as_ref().err())
                .take(SAMPLE)
                .cloned()
                .collect(),
            observed: Observed {
                outer: records.outers.iter().map(|(id, seen)| outer_party(id, seen)).collect(),
                inner: records.inners.iter().map(|(id, seen)| inner_party(id, seen)).collect(),
                office: audit.inboxes.iter().map(|(id, lines)| office_party(id, lines)).collect(),
            },
        }
    }

    /// Whether everything arrived exactly once and every sender can prove it.
    pub(super) fn is_flawless(&self) -> bool {
        self.lost == 0 && self.duplicates == 0 && self.receipts == self.submissions
    }
}

/// Vendors from whom anything lies in an inbox.
fn senders(audit: &Audit) -> HashSet<MemberId> {
    audit.inboxes.iter().flat_map(|(_, lines)| lines).filter_map(|line| line.sender).collect()
}

fn outer_party(id: &MemberId, seen: &[outer::StreamRecord]) -> Party<OuterRecord> {
    let record = |record: &outer::StreamRecord| OuterRecord {
        sender: record.from.to_string(),
        inner: record.to.map(|inner| inner.to_string()),
        bytes_up: record.bytes_up,
        bytes_down: record.bytes_down,
        millis: record.duration.as_millis(),
        ending: format!("{:?}", record.ending).to_lowercase(),
    };
    party(id, seen, |record| record.bytes_up + record.bytes_down, record)
}

fn inner_party(id: &MemberId, seen: &[inner::StreamRecord]) -> Party<InnerRecord> {
    let record = |record: &inner::StreamRecord| InnerRecord {
        outer: record.from.to_string(),
        office: record.to.map(|office| office.to_string()),
        bytes_up: record.bytes_up,
        bytes_down: record.bytes_down,
        millis: record.duration.as_millis(),
        ending: format!("{:?}", record.ending).to_lowercase(),
    };
    party(id, seen, |record| record.bytes_up + record.bytes_down, record)
}

fn office_party(id: &MemberId, lines: &[Line]) -> Party<OfficeRecord> {
    party(id, lines, |line| line.length, office_record)
}

fn party<S, R>(id: &MemberId, seen: &[S], bytes: impl Fn(&S) -> u64, record: impl Fn(&S) -> R) -> Party<R> {
    let records = seen.iter().take(SAMPLE).map(record).collect();
    Party { id: id.to_string(), count: seen.len(), bytes: seen.iter().map(bytes).sum(), records }
}

/// What an office has of one submission.
pub(super) fn office_record(line: &Line) -> OfficeRecord {
    OfficeRecord {
        vendor: line.sender.map(|sender| sender.to_string()),
        kind: line.kind.to_string(),
        bytes: line.length,
        guests: line.findings.as_ref().map(|found| found.people),
        flags: line.findings.as_ref().map(|found| found.flags),
    }
}
