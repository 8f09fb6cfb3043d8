//! The control stream of a link: tokens are asked for and come, and both sides say what they are about to do.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::limits::HEADER_TIMEOUT;
use schleuse_protocol::office::TokenFault;
use schleuse_protocol::time::{Millis, UnixSeconds};
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::{InnerToOffice, OfficeToInner, RunId};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::token::RouteToken;
use schleuse_transport::framed::{self, Frames};
use schleuse_transport::net::{Connection, ConnectionError, SendStream};
use schleuse_transport::tls::Fingerprint;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::{CLOSED, intake};
use crate::core::Core;
use crate::routes::{Complaint, Connected};

/// How long an answer to a request for tokens may take before its inner proxy is named, and nobody waits for it any more.
/// An honest one hands them out slowly to an office that has asked for thousands, but not so slowly.
const ANSWER: Duration = Duration::from_secs(10);
/// TokenKeys that nobody asked for: so many at once, and one more each time so much time has passed.
const KEYS: (u32, Duration) = (16, Duration::from_secs(4));
/// The same of Contested. An honest inner proxy says it each time a copy of this receiver starts, which may be every second;
/// a copy about which we are silent takes our place.
const CONTESTED: (u32, Duration) = (16, Duration::from_millis(100));

/// One connection to an inner proxy, with its control stream.
pub(super) struct Link {
    pub(super) core: Arc<Core>,
    pub(super) inner: MemberId,
    /// Of the key that it has proved to hold.
    pub(super) key: Fingerprint,
    pub(super) connection: Connection,
    pub(super) send: SendStream,
    pub(super) frames: Frames,
}

/// How a link ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the connection is lost: {0}")]
    Lost(#[from] ConnectionError),
    #[error("the inner proxy drains; running streams go on")]
    Drained,
    /// What is being said may be cut off, and then nothing can follow it.
    #[error("this daemon stops")]
    Stopping { can_say: bool },
    #[error("the directory has it, or its key, no longer")]
    Removed,
    #[error(
        "another receiver that works on a copy of this database was there first, so no streams come here: {}",
        Complaint::Copy
    )]
    Copy,
    #[error("the inner proxy broke the protocol: {0}")]
    Protocol(String),
}

impl Link {
    /// Accepts streams and keeps tokens in stock, until the link is of no more use for new streams.
    pub(super) async fn run(mut self) -> End {
        let Connected { generation, control } = self.core.routes.connected(self.inner);
        let (drained, is_drained) = watch::channel(false);
        // Goes on after a drain: running streams may finish.
        let intake = intake::run(Arc::clone(&self.core), self.inner, self.connection.clone(), is_drained);
        let intake = self.core.tasks.spawn(intake);
        let end = self.converse(generation, control).await;
        self.core.routes.disconnected(self.inner, generation);
        match end {
            End::Removed => self.connection.close(CLOSED, b""),
            End::Protocol(_) => {
                self.core.routes.complain(self.inner, Complaint::Protocol);
                self.connection.close(CLOSED, b"");
            }
            End::Copy => {
                self.core.routes.complain(self.inner, Complaint::Copy);
                self.core.routes.failed(self.inner, end.to_string());
                self.connection.close(CLOSED, b"");
            }
            End::Stopping { can_say } => {
                if can_say {
                    let drain = framed::write_message(&mut self.send, FrameType::Control, &OfficeToInner::Drain);
                    let _ = self.core.shutdown.unless_stopped(timeout(HEADER_TIMEOUT, drain)).await;
                }
                let _ = intake.await;
            }
            End::Drained => {
                // The control stream stays open beside the streams that finish; a new link is dialled meanwhile.
                let tasks = self.core.tasks.clone();
                tasks.spawn(async move {
                    drained.send_replace(true);
                    let _ = intake.await;
                    drop(self);
                });
            }
            End::Lost(_) => {}
        }
        end
    }

    async fn converse(&mut self, generation: u64, mut control: mpsc::UnboundedReceiver<OfficeToInner>) -> End {
        let core = Arc::clone(&self.core);
        let (inner, key) = (self.inner, self.key);
        let mut removed = pin!(core.members.removed(&inner, &key));
        let began = core.clock.millis();
        let (keys, contested) = (Budget::new(KEYS), Budget::new(CONTESTED));
        let mut talk = Talk { generation, has_key: false, asked_at: None, keys, contested };
        loop {
            let due = match (talk.has_key, talk.asked_at) {
                (false, _) => Some(began.after(HEADER_TIMEOUT)),
                (true, asked_at) => asked_at.map(|at: Millis| at.after(ANSWER)),
            };
            tokio::select! {
                () = &mut removed => return End::Removed,
                message = self.frames.next_message(FrameType::Control) => match message {
                    Ok(Some(message)) => if let Some(end) = self.handle(message, &mut talk).await {
                        return end;
                    },
                    Ok(None) => return End::Protocol("it ended the control stream".into()),
                    Err(error) => return self.broken(error.to_string()),
                },
                message = control.recv() => {
                    // The sender is gone when a newer connection took this one's place.
                    let Some(message) = message else { return End::Drained };
                    if matches!(message, OfficeToInner::TokensWanted { .. }) {
                        talk.asked_at = Some(core.clock.millis());
                    }
                    if let Some(end) = self.say(&message).await {
                        return end;
                    }
                }
                () = core.clock.sleep_until_some(core.routes.refill_due(&self.inner)), if talk.asked_at.is_none() => {
                    core.routes.refill();
                }
                () = core.clock.sleep_until_some(due) => match talk.has_key {
                    false => return End::Protocol("it does not say with which key it mints tokens".into()),
                    true => {
                        core.routes.overdue(self.inner, talk.generation);
                        talk.asked_at = None;
                    }
                },
                () = core.shutdown.draining() => return End::Stopping { can_say: true },
            }
        }
    }

    async fn handle(&mut self, message: InnerToOffice, talk: &mut Talk) -> Option<End> {
        let routes = &self.core.routes;
        match message {
            InnerToOffice::Drain => return Some(End::Drained),
            InnerToOffice::Copy { .. } => return Some(End::Copy),
            InnerToOffice::Tokens { .. } if !talk.has_key => {
                return Some(End::Protocol("it sends tokens before it says with which key it mints".into()));
            }
            InnerToOffice::Tokens { not_after, tokens } => return self.take(not_after, tokens, talk).await,
            InnerToOffice::TokenKey(_) if !talk.keys.take(self.core.clock.millis()) => {
                return Some(End::Protocol("it floods the control stream".into()));
            }
            InnerToOffice::TokenKey(key) => {
                talk.has_key = true;
                if routes.key(self.inner, talk.generation, key) {
                    self.count_stranded().await;
                }
            }
            // It is not the inner proxy's fault that copies come, so the rest is passed over.
            InnerToOffice::Contested { .. } if !talk.contested.take(self.core.clock.millis()) => {}
            InnerToOffice::Contested { run } => return self.contest(run).await,
        }
        None
    }

    async fn take(&mut self, not_after: UnixSeconds, tokens: Vec<RouteToken>, talk: &mut Talk) -> Option<End> {
        talk.asked_at = None;
        let nonces = tokens.iter().map(|token| token.nonce).collect();
        // A store that cannot be read is no reason to do without tokens: a ticket is checked again when it is minted.
        let used = self.core.store.nonces_in_tickets(nonces).await.unwrap_or_default();
        match self.core.routes.tokens(self.inner, talk.generation, not_after, tokens, &used) {
            Err(fault @ TokenFault::Unasked) => Some(End::Protocol(fault.to_string())),
            Ok(()) | Err(_) => None,
        }
    }

    /// Says how many tickets in people's hands are worth nothing now, because no other inner proxy was there when they were
    /// minted.
    async fn count_stranded(&self) {
        match self.core.store.tickets_only_over(self.inner).await {
            Ok(0) | Err(_) => {}
            Ok(tickets) => tracing::error!(
                inner = %self.inner, tickets,
                "open tickets have no way any more, because their only route was over this inner proxy: mint new ones"
            ),
        }
    }

    /// Another receiver has come with the id of this store. A daemon that shared its store with others would look for `run`
    /// among them; today none does.
    async fn contest(&mut self, run: RunId) -> Option<End> {
        self.core.routes.complain(self.inner, Complaint::Copy);
        self.say(&OfficeToInner::NotMine { run }).await
    }

    /// Who reads nothing holds nothing up: neither its own removal nor the end of the daemon. A message that is cut off by
    /// that is the last one.
    async fn say(&mut self, message: &OfficeToInner) -> Option<End> {
        let (core, inner, key) = (Arc::clone(&self.core), self.inner, self.key);
        let written = tokio::select! {
            biased;
            written = framed::write_message(&mut self.send, FrameType::Control, message) => written,
            () = core.members.removed(&inner, &key) => return Some(End::Removed),
            () = core.shutdown.draining() => return Some(End::Stopping { can_say: false }),
            () = sleep(HEADER_TIMEOUT) => return Some(End::Protocol("it takes no control messages".into())),
        };
        match written {
            Ok(()) => None,
            Err(error) => Some(self.broken(error.to_string())),
        }
    }

    fn broken(&self, error: String) -> End {
        self.connection.close_reason().map_or(End::Protocol(error), End::Lost)
    }
}

/// What has been said on a control stream so far.
struct Talk {
    generation: u64,
    /// The inner proxy has said with which key it mints tokens.
    has_key: bool,
    /// When tokens were asked for that are not there yet.
    asked_at: Option<Millis>,
    keys: Budget,
    contested: Budget,
}

/// Of messages that nobody asked for.
struct Budget {
    most: u32,
    interval: Duration,
    /// Messages, less what time has forgiven.
    taken: u32,
    since: Millis,
}

impl Budget {
    fn new((most, interval): (u32, Duration)) -> Self {
        Self { most, interval, taken: 0, since: Millis(0) }
    }

    /// Whether one more message is no flood. What is refused does not count.
    fn take(&mut self, now: Millis) -> bool {
        while self.taken > 0 && now.since(self.since) >= self.interval {
            self.taken -= 1;
            self.since = self.since.after(self.interval);
        }
        if self.taken == 0 {
            self.since = now;
        }
        let is_there = self.taken < self.most;
        self.taken += u32::from(is_there);
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_messages_at_once_are_no_flood_and_time_forgives() {
        let mut keys = Budget::new(KEYS);
        assert!((0..16).all(|_| keys.take(Millis(1000))));
        assert!(!keys.take(Millis(1000)));
        assert!(!keys.take(Millis(4999)));
        assert!(keys.take(Millis(5000)));
        assert!(!keys.take(Millis(5000)), "one was forgiven, and those that were refused do not count");
        let mut keys = Budget::new(KEYS);
        assert!((0..1000).all(|time| keys.take(Millis(time * 4000))));
    }

    #[test]
    fn copies_that_start_every_second_are_all_answered() {
        let mut contested = Budget::new(CONTESTED);
        assert!((0..1000).all(|second| (0..8).all(|_| contested.take(Millis(second * 1000)))));
    }
}
