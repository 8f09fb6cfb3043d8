//! What the office has received.

use std::sync::Arc;

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::proof::Proof;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::TicketId;
use serde::{Deserialize, Serialize};

use crate::content::{Content, ContentError};
use crate::core::Core;
use crate::findings::Findings;
use crate::routes::LinkStatus;
use crate::store::{Command, Counts, Cursor, InboxRow, Outcome, StoreError};

/// One complete submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Its name: the id of the ticket with which it came.
    pub id: TicketId,
    /// What it was declared to be.
    pub kind: PayloadKind,
    /// Who signed it, if anybody; verified.
    pub sender: Option<MemberId>,
    /// Bytes of content.
    pub length: u64,
    /// SHA-256 of the content.
    pub content_hash: ContentHash,
    /// When it was complete.
    pub stored_at: UnixSeconds,
    /// What was promised for it.
    pub receipt: Receipt,
    /// The office's reference for the ticket.
    pub reference: Option<String>,
    /// What was found in it; `None` until the daemon has looked.
    pub findings: Option<Findings>,
}

/// A page of the inbox, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The submissions.
    pub submissions: Vec<Submission>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Cursor>,
}

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// This office.
    pub office: String,
    /// Every configured inner proxy.
    pub links: Vec<LinkStatus>,
    /// What the store holds.
    pub store: Counts,
    /// Transactions of the store since the start.
    pub commits: u64,
    /// Uploads that run now.
    pub running: u64,
    /// Version of the directory.
    pub directory_version: u64,
    /// Its last second; `None` if it is not believed any more.
    pub directory_holds_until: Option<u64>,
    /// What does not work, in one line; `None` if everything does.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// Most submissions of one page.
pub const MAX_PAGE: u32 = 200;

impl Core {
    pub(crate) async fn inbox(&self, after: Option<Cursor>, limit: u32) -> Result<Page, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let rows = self.store.inbox(after, limit).await?;
        let last = rows.last().map(|row| Cursor { stored_at: row.stored_at, id: row.id });
        let next = last.filter(|_| u32::try_from(rows.len()) == Ok(limit));
        Ok(Page { submissions: rows.into_iter().map(|row| self.submission_of(row)).collect(), next })
    }

    pub(crate) async fn submission(&self, id: TicketId) -> Result<Option<Submission>, StoreError> {
        Ok(self.store.submission(id).await?.map(|row| self.submission_of(row)))
    }

    /// What proves to anybody who sent a submission; the inner `None` if nobody signed it, or before the store kept this.
    pub(crate) async fn proof(&self, id: TicketId) -> Result<Option<Option<Proof>>, StoreError> {
        let found = self.store.proof(id).await?;
        Ok(found.map(|(receipt, attestation)| attestation.map(|attestation| Proof { receipt, attestation })))
    }

    pub(crate) async fn content(&self, id: TicketId) -> Result<Option<Content>, ContentError> {
        Content::open(&self.store, &self.vault, id).await
    }

    /// Shreds a submission, or revokes a ticket that was not used. Returns whether there was one, when no file of the
    /// database holds its keys any more.
    pub(crate) async fn delete(self: &Arc<Self>, id: TicketId) -> Result<bool, StoreError> {
        let core = Arc::clone(self);
        // A task of its own: who asked may go away at any time, and what is deleted is to be reported all the same.
        let shredding = self.tasks.spawn(async move { core.shred(id).await });
        let found = shredding.await.unwrap_or(Err(StoreError::Stopped))?;
        // Another program that reads the database may hold this up for hours, but not the daemon's stop.
        let cut = self.shutdown.unless_draining(self.store.write(Command::Cut)).await;
        cut.unwrap_or(Err(StoreError::Stopped))?;
        Ok(found)
    }

    async fn shred(&self, id: TicketId) -> Result<bool, StoreError> {
        match self.store.write(Command::Delete(id)).await? {
            Outcome::Deleted(routes) => {
                // Nobody can use these tokens for anything any more: the inner proxies need not carry them.
                self.routes.report_used(&routes);
                self.garbage.notify_one();
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(crate) async fn status(&self) -> Result<Status, StoreError> {
        let directory = self.members.newest();
        let now = self.clock.unix();
        Ok(Status {
            office: self.office().to_string(),
            links: self.routes.status(),
            store: self.store.counts().await?,
            commits: self.store.commits(),
            running: self.leases.len() as u64,
            directory_version: directory.version(),
            directory_holds_until: self.members.at(now).map(|directory| directory.holds_until().0),
            trouble: self.trouble(),
        })
    }

    fn submission_of(&self, row: InboxRow) -> Submission {
        let reference = row.reference_sealed.and_then(|wrapped| {
            self.vault.open_reference(row.id, &wrapped).inspect_err(|error| tracing::error!("{error}")).ok()
        });
        let findings = row.summary.and_then(|json| serde_json::from_str(&json).ok());
        Submission {
            id: row.id,
            kind: row.kind,
            sender: row.sender,
            length: row.length,
            content_hash: row.content_hash,
            stored_at: row.stored_at,
            receipt: row.receipt,
            reference,
            findings,
        }
    }
}
