//! What a sending waits for.

use std::future::pending;
use std::pin::Pin;

use tokio::time::{Instant, sleep_until};

use super::Delivery;
use crate::content::Content;
use crate::dial::{Candidate, DialError};
use crate::lane::{Happened, Lane};
use crate::pool::Opened;
use crate::ways::Way;

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Front,
    Second,
}

/// A stream that is being opened.
pub(super) struct Opening {
    pub(super) opened: Pin<Box<dyn Future<Output = Result<Opened, DialError>> + Send>>,
    /// What the front uses, so that this one uses something else.
    pub(super) busy: Option<Way>,
    /// Who was asked.
    pub(super) to: Vec<Candidate>,
}

/// What happened first.
pub(super) enum Event {
    Happened(Which, Happened),
    Opened(Result<Opened, DialError>),
    OpenDue,
    /// It is time for a second stream, or for another second one.
    HedgeDue,
    /// Another sending found out that something does not work.
    FoundOut,
    /// To see whether its patience is over.
    LookDue,
}

impl Delivery {
    /// Dropping the future loses nothing.
    pub(super) async fn next_event(&mut self) -> Event {
        let hedge_at = self.hedge_at();
        let next_look = self.patience.next_look();
        let Self { front, second, opening, content, open_at, findings, .. } = self;
        tokio::select! {
            happened = advance(front, Some(content)) => Event::Happened(Which::Front, happened),
            happened = advance(second, None) => Event::Happened(Which::Second, happened),
            opened = opened(opening) => Event::Opened(opened),
            () = sleep_until_some(*open_at) => Event::OpenDue,
            () = sleep_until_some(hedge_at) => Event::HedgeDue,
            // The other end is in what this sending holds.
            Ok(()) = findings.changed() => Event::FoundOut,
            () = sleep_until(next_look) => Event::LookDue,
        }
    }
}

async fn advance(lane: &mut Option<Lane>, content: Option<&mut Content>) -> Happened {
    match lane {
        Some(lane) => lane.advance(content).await,
        None => pending().await,
    }
}

async fn opened(opening: &mut Option<Opening>) -> Result<Opened, DialError> {
    match opening {
        Some(opening) => opening.opened.as_mut().await,
        None => pending().await,
    }
}

async fn sleep_until_some(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
