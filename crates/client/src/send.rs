//! One content on its way: which route through which outer proxy, what to do when one fails, and when to give up.

use std::collections::HashSet;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use schleuse_protocol::sender::Start;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::reply::{Reason, Refusal};
use schleuse_protocol::wire::ticket::{Route, Ticket};
use schleuse_seal::Sender;
use schleuse_transport::backoff::Backoff;
use tokio_util::sync::CancellationToken;

use crate::attempt::{Attempt, Ended};
use crate::check::{Admitted, admit};
use crate::client::Client;
use crate::content::{Content, ContentError};
use crate::error::{Interruption, SendError};
use crate::progress::{Meter, OnProgress, Progress};
use crate::receipt::Receipt;

/// How long a sending is tried without any progress, unless [`Sending::patience`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the first try waits for the office's first word, which takes one round trip and a look into the office's store.
/// Each try that hears nothing doubles it, so that a slow network or a busy office is not asked ever faster.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// A content that is about to be sent: `.await` it.
#[must_use = "nothing is sent until it is awaited"]
pub struct Sending {
    client: Client,
    ticket: Ticket,
    content: Content,
    kind: Option<String>,
    on_progress: Option<OnProgress>,
    cancel: CancellationToken,
    patience: Duration,
}

impl Sending {
    pub(crate) fn new(client: Client, ticket: Ticket, content: Content) -> Self {
        let (kind, on_progress, cancel) = (None, None, CancellationToken::new());
        Self { client, ticket, content, kind, on_progress, cancel, patience: PATIENCE }
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

    async fn run(self) -> Result<Receipt, SendError> {
        let cancel = self.cancel.clone();
        cancel.run_until_cancelled(self.deliver()).await.unwrap_or(Err(SendError::Cancelled))
    }

    async fn deliver(self) -> Result<Receipt, SendError> {
        let Self { client, ticket, content, kind, on_progress, patience, .. } = self;
        let now = client.shared.clock.unix();
        let directory = client.directory();
        let admitted = admit(&ticket, &directory, client.member(), kind.as_deref(), now)?;
        let channel = client.seal(&admitted, content.length(), client.shared.clock.unix_micros())?;
        let delivery = Delivery {
            office: ticket.body().office,
            meter: Meter::new(content.length(), on_progress),
            ways: Ways::new(admitted.routes.clone()),
            backoff: Backoff::new(Duration::from_millis(200), Duration::from_secs(5)),
            superseded: false,
            answer_within: FIRST_ANSWER,
            end: None,
            client,
            admitted,
            content,
            patience,
        };
        delivery.run(channel).await
    }
}

impl IntoFuture for Sending {
    type Output = Result<Receipt, SendError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// A sending that is under way.
struct Delivery {
    client: Client,
    office: MemberId,
    admitted: Admitted,
    content: Content,
    meter: Meter,
    ways: Ways,
    patience: Duration,
    backoff: Backoff,
    /// Whether an attempt was already begun anew because the office had seen a higher number.
    superseded: bool,
    answer_within: Duration,
    /// Length of the content, once a try has read it to its end.
    end: Option<u64>,
}

/// How a try over one outer proxy ended.
struct Tried {
    ended: Ended,
    outer: MemberId,
}

/// What to do after an attempt.
enum Next {
    /// Identical bytes again, from what the office has stored.
    Again,
    /// Everything anew under this attempt number.
    Anew(u64),
}

impl Delivery {
    async fn run(mut self, mut channel: Sender) -> Result<Receipt, SendError> {
        let mut start = Start::Fresh;
        loop {
            let (back, tried) = self.attempt(channel, start).await;
            (channel, start) = match tried {
                Ok(Tried { ended: Ended::Receipt(receipt), .. }) => {
                    self.meter.complete(receipt.body().length);
                    return Ok(receipt.into());
                }
                Ok(tried) => match self.after(tried).await? {
                    Next::Again => (back, Start::Resume { length: self.end }),
                    Next::Anew(number) => {
                        (self.client.seal(&self.admitted, self.content.length(), number)?, Start::Fresh)
                    }
                },
                Err(error) if error.may_retry() && matches!(error, SendError::Dial(_)) => {
                    self.wait_or(error).await?;
                    (back, start)
                }
                Err(error) => return Err(error),
            };
        }
    }

    /// One try over one way.
    async fn attempt(&mut self, channel: Sender, start: Start) -> (Sender, Result<Tried, SendError>) {
        let shared = self.client.shared.clone();
        let (directory, now) = (self.client.directory(), shared.clock.unix());
        let patience = self.patience.saturating_sub(self.waited());
        let link = match shared.pool.link(&directory, self.ways.avoid, now, patience).await {
            Ok(link) => link,
            Err(error) => return (channel, Err(error.into())),
        };
        let before = self.meter.stored_so_far();
        let route = self.ways.route();
        let (patience, answer_within, clock) = (self.patience, self.answer_within, shared.clock);
        let Self { content, meter, end, .. } = self;
        let attempt = Attempt { link: &link, route, content, meter, end, patience, answer_within, clock };
        let (channel, ended) = attempt.run(channel, start).await;
        if self.meter.stored_so_far() > before {
            self.backoff.reset();
        }
        match ended {
            Ok(Ended::Interrupted(Interruption::ProxySilent)) => shared.pool.forget(&link),
            Ok(Ended::Interrupted(Interruption::NoAnswer)) => self.answer_within *= 2,
            _ => {}
        }
        (channel, ended.map(|ended| Tried { ended, outer: link.outer }))
    }

    /// Since the last progress.
    fn waited(&self) -> Duration {
        self.meter.moved().elapsed()
    }

    async fn after(&mut self, tried: Tried) -> Result<Next, SendError> {
        let Tried { ended, outer } = tried;
        tracing::debug!(%outer, inner = %self.ways.route().inner, ?ended, "a sending was interrupted");
        let interruption = match ended {
            Ended::Receipt(_) => unreachable!("a receipt ends the delivery"),
            Ended::Refused(Refusal { reason: Reason::Superseded(current), .. }) if !self.superseded => {
                self.superseded = true;
                return Ok(Next::Anew(current.saturating_add(1)));
            }
            Ended::Refused(Refusal { reason: Reason::TryLater, .. }) => Interruption::TryLater,
            Ended::Refused(refusal) => return Err(SendError::Office(refusal)),
            Ended::RefusedOnTheWay if self.ways.refused(outer, || self.client.knows_another_outer(outer)) => {
                return Ok(Next::Again);
            }
            Ended::RefusedOnTheWay => return Err(SendError::Refused { office: self.office }),
            Ended::BadReceipt => return Err(SendError::BadAnswer { office: self.office }),
            Ended::ContentChanged => return Err(ContentError::Changed.into()),
            Ended::Interrupted(interruption) => interruption,
        };
        self.ways.interrupted(interruption, outer);
        let (office, patience) = (self.office, self.patience);
        self.wait_or(SendError::Unreachable { office, patience, detail: interruption }).await?;
        Ok(Next::Again)
    }

    /// Waits before the next try: not at all while there are ways that were not tried since the last progress, then
    /// longer each time. `error` when patience is over.
    async fn wait_or(&mut self, error: SendError) -> Result<(), SendError> {
        let delay = if self.ways.take_untried() { Duration::ZERO } else { self.backoff.next_delay() };
        if self.waited() + delay > self.patience {
            return Err(error);
        }
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

/// The routes of the ticket and how they did.
struct Ways {
    routes: Vec<Route>,
    current: usize,
    /// The outer proxy that failed last: used only if there is no other.
    avoid: Option<MemberId>,
    /// Further ways to be tried at once.
    untried: usize,
    /// Which outer proxy refused which route.
    refusals: HashSet<(MemberId, usize)>,
    /// Whether a second outer proxy was asked, because one alone refuses everything.
    second_opinion: bool,
}

impl Ways {
    fn new(routes: Vec<Route>) -> Self {
        let (untried, refusals) = (routes.len(), HashSet::new());
        Self { untried, routes, current: 0, avoid: None, refusals, second_opinion: false }
    }

    fn route(&self) -> Route {
        self.routes[self.current]
    }

    /// This route was refused without a reason, which anybody on the way can do. Final only when every route is refused
    /// over two outer proxies, if there are two (protocol.md 9.1): returns whether there is something left to try.
    fn refused(&mut self, outer: MemberId, is_there_another: impl FnOnce() -> bool) -> bool {
        self.refusals.insert((outer, self.current));
        if self.next_route(outer) {
            return true;
        }
        if self.second_opinion || !is_there_another() {
            return false;
        }
        self.second_opinion = true;
        (self.current, self.avoid) = (0, Some(outer));
        true
    }

    fn interrupted(&mut self, interruption: Interruption, outer: MemberId) {
        match interruption {
            Interruption::TryLater => {}
            // Behind the outer proxy: another inner proxy may have the office. After all of them, another outer one.
            Interruption::OfficeAway => {
                let before = self.current;
                if !self.next_route(outer) || self.current <= before {
                    self.avoid = Some(outer);
                }
            }
            Interruption::ProxySilent => self.avoid = Some(outer),
            Interruption::NoAnswer | Interruption::Lost | Interruption::TimedOut | Interruption::BadAnswer => {
                self.avoid = Some(outer);
                self.next_route(outer);
            }
        }
    }

    /// Turns to the next route that this outer proxy has not refused, in a circle. Returns whether there is one.
    fn next_route(&mut self, outer: MemberId) -> bool {
        let count = self.routes.len();
        let circle = (1..=count).map(|step| (self.current + step) % count);
        let next = circle.into_iter().find(|route| !self.refusals.contains(&(outer, *route)));
        self.current = next.unwrap_or(self.current);
        next.is_some()
    }

    fn take_untried(&mut self) -> bool {
        let some = self.untried > 0;
        self.untried = self.untried.saturating_sub(1);
        some
    }
}

#[cfg(test)]
mod tests;
