//! One content on its way: which stream carries it, what to do when that fails or is slow, and when to give up.
//!
//! A sending has one stream, the *front*, which is given the content. When the office owes an answer for longer than usual, a
//! *second* stream is opened beside it, over another outer proxy and another route where there are any. It sends the identical
//! hello and waits until the office says what it has (protocol.md 8.8); whichever of the two the office answers is gone on
//! with. The office lets the later hello take over, so from the moment at which the second is accepted, the first is of no use;
//! and until then it is not touched, so a second stream that leads nowhere costs nothing.

mod event;
mod findings;
mod hedge;

use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::sender::Start;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::reply::{Reason, Refusal};
use schleuse_transport::backoff::Backoff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::attempts::{Attempt, Attempts};
use crate::content::{Content, ContentError};
use crate::dial::DialError;
use crate::error::{Interruption, SendError};
use crate::lane::{Ended, Happened, Lane};
use crate::patience::Patience;
use crate::pool::Opened;
use crate::progress::Meter;
use crate::receipt::Receipt;
use crate::shared::Shared;
use crate::ways::{Way, Ways};
use event::{Event, Opening, Which};
use hedge::Hedge;

/// The first wait after a failure with no other way left, and the longest.
const BACKOFF: [Duration; 2] = [Duration::from_millis(150), Duration::from_secs(5)];

/// A sending that is under way.
pub(crate) struct Delivery {
    shared: Arc<Shared>,
    office: MemberId,
    attempts: Attempts,
    attempt: Attempt,
    content: Content,
    meter: Meter,
    patience: Patience,
    ways: Ways,
    backoff: Backoff,
    front: Option<Lane>,
    second: Option<Lane>,
    opening: Option<Opening>,
    /// When to open a stream, while there is none.
    open_at: Option<Instant>,
    hedge: Hedge,
    findings: watch::Receiver<()>,
    /// Whether an attempt was already begun anew because the office had seen a higher number.
    superseded: bool,
    /// The proxy that was the last to say that it is being stopped.
    drained: Option<MemberId>,
    /// What went wrong last.
    problem: Option<Problem>,
}

enum Problem {
    Dial(DialError),
    Interrupted(Interruption),
}

impl Delivery {
    /// Sends all of it. Returns the attempts as well, because their journal outlives a failure that may be repeated.
    pub(crate) async fn run(
        shared: Arc<Shared>,
        office: MemberId,
        mut attempts: Attempts,
        mut content: Content,
        meter: Meter,
        patience: Duration,
    ) -> (Attempts, Result<Receipt, SendError>) {
        let attempt = match attempts.first(&mut content).await {
            Ok(attempt) => attempt,
            Err(error) => return (attempts, Err(error)),
        };
        let mut delivery = Self {
            ways: Ways::new(office, attempts.admitted.routes.clone()),
            backoff: Backoff::new(BACKOFF[0], BACKOFF[1]),
            patience: Patience::new(patience),
            findings: shared.findings(),
            hedge: Hedge::default(),
            open_at: Some(Instant::now()),
            front: None,
            second: None,
            opening: None,
            superseded: false,
            drained: None,
            problem: None,
            shared,
            office,
            attempts,
            attempt,
            content,
            meter,
        };
        let result = loop {
            let event = delivery.next_event().await;
            match delivery.handle(event).await {
                Ok(None) => {}
                Ok(Some(receipt)) => break Ok(receipt),
                Err(error) => break Err(error),
            }
        };
        (delivery.attempts, result)
    }

    async fn handle(&mut self, event: Event) -> Result<Option<Receipt>, SendError> {
        match event {
            Event::Happened(which, happened) => return self.on_happened(which, happened).await,
            Event::Opened(opened) => self.on_opened(opened)?,
            Event::OpenDue => self.open(),
            Event::HedgeDue => self.on_hedge_due(),
            // When the hedge is due is looked up anew.
            Event::FoundOut => {}
            Event::LookDue if self.patience.look() => return Err(self.out_of_patience()),
            Event::LookDue => {}
        }
        Ok(None)
    }

    async fn on_happened(&mut self, which: Which, happened: Happened) -> Result<Option<Receipt>, SendError> {
        match happened {
            Happened::Handed(bytes) => self.patience.handed(bytes),
            Happened::Sent { end, last } => {
                self.meter.sent(end);
                if last {
                    self.attempt.end = Some(end);
                    self.second.iter_mut().for_each(|second| second.know_length(end));
                }
            }
            // A proxy can replay an earlier answer of this attempt, and what is stored stays so (protocol.md 6.6, 8.8).
            Happened::Stored { segments, .. } if self.patience.is_stale(segments) => {
                return self.on_ended(which, Ended::Interrupted(Interruption::BadAnswer)).await;
            }
            Happened::Stored { segments, first } => self.on_stored(which, segments, first),
            Happened::Ended(ended) => return self.on_ended(which, ended).await,
            Happened::Failed(error) => return Err(error),
        }
        Ok(None)
    }

    fn on_opened(&mut self, opened: Result<Opened, DialError>) -> Result<(), SendError> {
        let tried = self.opening.take().map(|opening| opening.busy);
        match opened {
            Ok(opened) => {
                let outer = opened.link.outer;
                let busy = tried.flatten();
                let Some(route) = self.shared.health(|health| self.ways.best_route(outer, busy, health)) else {
                    self.try_again(false);
                    return Ok(());
                };
                self.ways.tried((outer, route));
                let on = (route, self.ways.route(route));
                let start = match self.attempt.start {
                    Start::Fresh => Start::Fresh,
                    Start::Resume { .. } => Start::Resume { length: self.attempt.end },
                };
                let lane = Lane::begin(opened, self.attempt.channel.clone(), start, on, self.shared.clock);
                self.attempt.start = Start::Resume { length: self.attempt.end };
                let place = if self.front.is_none() { &mut self.front } else { &mut self.second };
                *place = Some(lane);
            }
            // While there is a stream, nothing is over.
            Err(DialError::NoOuterProxy) if self.front.is_none() && self.ways.are_all_refused(self.shared.outers()) => {
                return Err(SendError::Refused { office: self.office });
            }
            Err(error) => {
                self.not_reached(&error);
                if self.front.is_none() && !error.may_retry() {
                    return Err(error.into());
                }
                self.problem = Some(Problem::Dial(error));
                self.try_again(false);
            }
        }
        Ok(())
    }

    /// The office's own word: the stream on which it came is the one that counts.
    fn on_stored(&mut self, which: Which, segments: u32, first: bool) {
        if which == Which::Second {
            self.second_has_won();
        }
        self.content.release(segments);
        self.meter.stored(u64::from(segments) * SEGMENT_DATA as u64);
        if self.patience.stored(segments) {
            self.backoff.reset();
            self.ways.progressed();
            self.hedge.progressed();
            self.drained = None;
        }
        if first {
            self.was_answered();
        }
    }

    fn second_has_won(&mut self) {
        let (Some(front), Some(second)) = (self.front.take(), self.second.take()) else { return };
        if front.waiting_since().is_some() {
            self.blame(&front, &second);
        }
        self.front = Some(second);
    }

    fn way_of(&self, lane: &Lane) -> Way {
        (lane.link().outer, lane.route())
    }

    async fn on_ended(&mut self, which: Which, ended: Ended) -> Result<Option<Receipt>, SendError> {
        let lane = match which {
            Which::Front => self.front.take(),
            Which::Second => self.second.take(),
        };
        let Some(lane) = lane else { return Ok(None) };
        let way = self.way_of(&lane);
        tracing::debug!(outer = %way.0, inner = %self.ways.route(way.1).inner, ?ended, "a stream of a sending has ended");
        match ended {
            Ended::Receipt(receipt) => return Ok(Some(self.on_receipt(lane, receipt).await)),
            Ended::Refused(refusal) => self.on_refusal(which, lane, refusal).await?,
            Ended::RefusedOnTheWay => {
                self.ways.refused(way);
                if self.front.is_none() && self.second.is_none() && self.ways.are_all_refused(self.shared.outers()) {
                    return Err(SendError::Refused { office: self.office });
                }
                self.problem = Some(Problem::Interrupted(Interruption::OfficeAway));
                self.go_on(true);
            }
            Ended::BadReceipt => return Err(SendError::BadAnswer { office: self.office }),
            Ended::ContentChanged => return Err(ContentError::Changed.into()),
            Ended::Interrupted(interruption) => self.on_interrupted(which, &lane, interruption),
        }
        Ok(None)
    }

    async fn on_receipt(&mut self, lane: Lane, receipt: schleuse_protocol::wire::receipt::Receipt) -> Receipt {
        self.meter.complete(receipt.body().length);
        let was_first = !lane.is_answered();
        if let Some(silent) = self.front.take().filter(|front| front.waiting_since().is_some()) {
            self.blame(&silent, &lane);
        }
        (self.second, self.opening) = (None, None);
        let finish = if was_first {
            self.front = Some(lane);
            self.was_answered();
            self.front.take()
        } else {
            Some(lane)
        };
        if let Some(lane) = finish {
            lane.finish().await;
        }
        receipt.into()
    }

    /// What the office says inside the seal is final, unless it says itself that it may be otherwise later.
    async fn on_refusal(&mut self, which: Which, lane: Lane, refusal: Refusal) -> Result<(), SendError> {
        // The first stream was accepted and goes on: the office has only told the second that it came too late.
        if which == Which::Second && self.front.as_ref().is_some_and(Lane::is_answered) {
            self.hedge.failed();
            return Ok(());
        }
        match refusal.reason {
            Reason::Superseded(current) if !self.superseded => {
                self.superseded = true;
                self.begin_anew(current.saturating_add(1)).await
            }
            Reason::TryLater => {
                self.on_interrupted(which, &lane, Interruption::TryLater);
                Ok(())
            }
            _ => Err(SendError::Office(refusal)),
        }
    }

    async fn begin_anew(&mut self, number: u64) -> Result<(), SendError> {
        (self.front, self.second, self.opening) = (None, None, None);
        self.attempt = self.attempts.anew(&mut self.content, number).await?;
        self.patience.begin_again();
        self.ways.progressed();
        self.hedge = Hedge::default();
        self.open();
        Ok(())
    }

    fn on_interrupted(&mut self, which: Which, lane: &Lane, interruption: Interruption) {
        let way = self.way_of(lane);
        // A source that gives nothing makes everybody on the way give up; and the office ends the first stream for the second.
        let is_own_doing = lane.hungry_since().is_some() || (which == Which::Front && self.second.is_some());
        self.note(way, lane.link(), interruption, is_own_doing);
        self.problem = Some(Problem::Interrupted(interruption));
        let is_first_drain = interruption == Interruption::ProxyDrains && self.drained.replace(way.0) != Some(way.0);
        if is_first_drain {
            self.patience.renew();
        }
        self.go_on(is_first_drain);
    }

    /// A stream has ended: the other one goes on, or the next is opened.
    fn go_on(&mut self, at_once: bool) {
        if self.front.is_none() {
            self.front = self.second.take();
        }
        self.try_again(at_once);
    }

    /// Opens the next stream if there is none: at once while there are ways that were not tried since the last progress, then
    /// after waiting longer each time.
    fn try_again(&mut self, at_once: bool) {
        if self.front.is_some() {
            return self.hedge.failed();
        }
        if self.opening.is_some() {
            return;
        }
        if at_once || self.ways.may_try_at_once() {
            return self.open();
        }
        self.open_at = Some(Instant::now() + self.backoff.next_delay());
    }

    fn open(&mut self) {
        self.open_at = None;
        let busy = self.front.as_ref().map(|front| (self.way_of(front), front.link().id()));
        let directory = self.shared.directory();
        let now = (&*directory, self.shared.clock.unix());
        let pool = &self.shared.pool;
        let busy_way = busy.map(|(way, _)| way);
        let candidates = self.shared.health(|health| self.ways.candidates(now, pool, health, busy_way));
        let to = candidates.clone();
        let opened = pool.clone().open(candidates, busy.map(|(_, link)| link));
        self.opening = Some(Opening { opened: Box::pin(opened), busy: busy_way, to });
    }
}
