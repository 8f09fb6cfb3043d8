//! A sending as the caller puts it together: what, with which ticket, and how patiently.

use std::future::IntoFuture;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::wire::ticket::Ticket;
use tokio_util::sync::CancellationToken;

use crate::attempts::Attempts;
use crate::check::admit;
use crate::content::Content;
use crate::delivery::Delivery;
use crate::error::SendError;
use crate::journal::Journal;
use crate::progress::{Meter, OnProgress, Progress};
use crate::receipt::Receipt;
use crate::shared::Shared;

/// How long a sending is tried without any progress, unless [`Sending::patience`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// A content that is about to be sent: `.await` it.
#[must_use = "nothing is sent until it is awaited"]
pub struct Sending {
    shared: Arc<Shared>,
    ticket: Ticket,
    content: Content,
    kind: Option<String>,
    on_progress: Option<OnProgress>,
    cancel: CancellationToken,
    patience: Duration,
    journal: Option<PathBuf>,
}

impl Sending {
    pub(crate) fn new(shared: Arc<Shared>, ticket: Ticket, content: Content) -> Self {
        let (kind, on_progress, journal, cancel) = (None, None, None, CancellationToken::new());
        Self { shared, ticket, content, kind, on_progress, cancel, patience: PATIENCE, journal }
    }

    /// What the content is, e.g. `guest-list`. Not needed if the ticket says what it asks for.
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Calls `callback` whenever something was handed over or stored. It must not block.
    pub fn on_progress(mut self, callback: impl FnMut(Progress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(callback));
        self
    }

    /// Gives up when `token` is cancelled. Dropping the future has the same effect.
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// How long to go on without any progress before giving up: 60 s if not set. What makes progress has no deadline.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Keeps in this file what is needed to go on where this sending was if the program ends before the receipt is there:
    /// call `send` again with the same ticket, content and journal. Without one, all of the content is sent again.
    ///
    /// The file is written before anything is sent, for which the content is read once more, so it must be bytes or a file.
    /// Only its owner can read it; it holds the keys under which this content is sealed, and is deleted when the receipt is
    /// there or the office has refused for good. A content that is not that of the journal is sent anew.
    pub fn journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = Some(path.into());
        self
    }

    async fn run(self) -> Result<Receipt, SendError> {
        let cancel = self.cancel.clone();
        cancel.run_until_cancelled(self.deliver()).await.unwrap_or(Err(SendError::Cancelled))
    }

    async fn deliver(self) -> Result<Receipt, SendError> {
        let Self { shared, ticket, content, kind, on_progress, patience, journal, .. } = self;
        let directory = shared.directory();
        let admitted = admit(&ticket, &directory, shared.member(), kind.as_deref(), shared.clock.unix())?;
        let journal = journal.map(|path| Journal::open(&path)).transpose()?;
        let office = ticket.body().office;
        let attempts = Attempts::new(shared.clone(), admitted, journal, patience);
        let meter = Meter::new(content.length(), on_progress);
        let (attempts, result) = Delivery::run(shared, office, attempts, content, meter, patience).await;
        if result.as_ref().err().is_none_or(SendError::is_final_for_the_ticket) {
            attempts.forget();
        }
        result
    }
}

impl IntoFuture for Sending {
    type Output = Result<Receipt, SendError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
