//! The attempts of one sending: sealed anew, or gone on with from a journal.

use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::limits::{MAX_CLOCK_AHEAD, VERSION};
use schleuse_protocol::sender::{SenderAction, SenderEvent, SenderStream, Start};
use schleuse_protocol::wire::hop::Open;
use schleuse_seal::Sender;

use crate::channel::Channel;
use crate::check::Admitted;
use crate::content::{Content, ContentError};
use crate::error::SendError;
use crate::journal::{Journal, JournalError};
use crate::shared::Shared;

/// Makes one attempt after the other.
pub(crate) struct Attempts {
    shared: Arc<Shared>,
    pub(crate) admitted: Admitted,
    journal: Option<Journal>,
    /// How long the content's source may give nothing.
    patience: Duration,
}

/// An attempt, and how its next stream begins.
pub(crate) struct Attempt {
    pub(crate) channel: Channel,
    pub(crate) start: Start,
    /// Length of the content, if it was read to its end already.
    pub(crate) end: Option<u64>,
}

impl Attempts {
    pub(crate) fn new(shared: Arc<Shared>, admitted: Admitted, journal: Option<Journal>, patience: Duration) -> Self {
        Self { shared, admitted, journal, patience }
    }

    /// The attempt of the journal if its content is the same; otherwise a new one.
    pub(crate) async fn first(&mut self, content: &mut Content) -> Result<Attempt, SendError> {
        let number = self.shared.clock.unix_micros();
        let Some(journal) = &mut self.journal else { return self.anew(content, number).await };
        let Some(sender) = journal.restore(&self.admitted, self.shared.member())? else {
            return self.anew(content, number).await;
        };
        let earlier = sender.intro().attempt;
        // An office stores nothing under such a number (protocol.md 8.3). If it is this clock that is wrong now, the office
        // says which number it knows.
        if earlier > number.saturating_add(MAX_CLOCK_AHEAD.as_micros() as u64) {
            tracing::info!("the journal was made when the clock was far ahead: a new attempt begins");
            return self.anew(content, number).await;
        }
        let channel = Channel::new(sender);
        match self.rehearse(&channel, content).await {
            Ok(length) => Ok(Attempt { channel, start: Start::Resume { length: Some(length) }, end: Some(length) }),
            Err(SendError::Content(ContentError::Changed)) => {
                tracing::info!("the content is not that of the journal: a new attempt begins");
                self.anew(content, number.max(earlier.saturating_add(1))).await
            }
            Err(error) => Err(error),
        }
    }

    /// A new attempt under this number. If there is a journal, it is written before anything can be sent.
    pub(crate) async fn anew(&mut self, content: &mut Content, number: u64) -> Result<Attempt, SendError> {
        let sender: Sender = self.shared.seal(&self.admitted, content.length(), number)?;
        let channel = Channel::new(sender);
        let mut end = None;
        if self.journal.is_some() {
            end = Some(self.rehearse(&channel, content).await?);
        }
        if let Some(journal) = &mut self.journal {
            let saved = channel.sender().save().ok_or(ContentError::Changed)?;
            journal.keep(saved).await?;
        }
        Ok(Attempt { channel, start: Start::Fresh, end })
    }

    /// Nothing is left to go on with: it was delivered, or refused for good.
    pub(crate) fn forget(self) {
        if let Some(journal) = self.journal {
            journal.remove();
        }
    }

    /// Seals all of a content and throws the result away; what remains are its tags (docs/cryptography.md 4), or the
    /// certainty that it is the content that was sealed before. Returns its length.
    async fn rehearse(&self, channel: &Channel, content: &mut Content) -> Result<u64, SendError> {
        if !content.is_repeatable() {
            return Err(JournalError::NotRepeatable.into());
        }
        let (clock, route) = (self.shared.clock, &self.admitted.routes[0]);
        let open = Open { version: VERSION, inner: route.inner, token: route.token };
        let mut machine = SenderStream::new(channel.clone(), open, Start::Fresh, clock.now());
        let mut end = 0;
        loop {
            while let Some(action) = machine.poll_action() {
                match action {
                    SenderAction::Send(_) => {}
                    SenderAction::FinishStream => return Ok(end),
                    SenderAction::Event(SenderEvent::Failed(_)) => return Err(ContentError::Changed.into()),
                    SenderAction::Event(_) => unreachable!("nobody answers a rehearsal"),
                }
            }
            let Some(position) = machine.wanted() else { return Err(ContentError::Changed.into()) };
            let segment = tokio::time::timeout(self.patience, content.segment(position)).await;
            let segment = segment.map_err(|_| ContentError::Stalled { patience: self.patience })??;
            end += segment.data.len() as u64;
            let provided = machine.provide(position, &segment.data, segment.last, clock.now());
            provided.map_err(|_| ContentError::Changed)?;
        }
    }
}
