//! One stream of a sender: the office's machine, driven against the store.
//!
//! Commands go into the store's queue in the machine's order; their answers come back in the same order. What comes in one
//! burst goes as one job, which is handed over before the stream waits for anything. The lease is held until the last
//! command is answered, so that the next stream of the ticket reads a settled state. A complete ticket needs none.

mod ticket;

use std::sync::Arc;

use bytes::Bytes;
use schleuse_protocol::lease::Moment;
use schleuse_protocol::limits::IDLE_TIMEOUT;
use schleuse_protocol::office::{OfficeAction, OfficeStream};
use schleuse_protocol::time::Now;
use schleuse_protocol::wire::refusal::{STOP_ENOUGH, StreamRefusal};
use schleuse_protocol::wire::reply::Reason;
use schleuse_seal::Office;
use schleuse_transport::net::{Code, RecvStream, SendStream};
use schleuse_transport::relay::refusal_code;

use super::writes::{Answered, Kind, Writes};
use crate::core::Core;
use crate::crash;
use crate::leases::Lease;
use crate::policy::StreamPolicy;
use crate::room::{HalfOpen, InnerRoom, SendPermit};
use crate::store::{Attempt, Command, Company, Completion, NewSegment, NewUpload, Outcome, Refused, StoreError};

/// Bytes taken from the stream at a time.
const CHUNK: usize = 64 * 1024;
/// From so many uploads on they share commits: each then waits a moment for the others, and all are done sooner.
const MANY: usize = 16;

type Machine = OfficeStream<Arc<Office>, Arc<StreamPolicy>>;
type Action = OfficeAction<Arc<Office>>;

/// Serves a stream to its end.
pub(super) async fn serve(
    core: Arc<Core>,
    room: Arc<InnerRoom>,
    send: SendStream,
    recv: RecvStream,
    half_open: HalfOpen,
) {
    let policy = Arc::new(StreamPolicy::new(Arc::clone(&core.members), core.office(), core.clock));
    let machine = OfficeStream::new(Arc::clone(&core.seal), Arc::clone(&policy), core.clock.now());
    let mut stream = Stream {
        core,
        machine,
        policy,
        send,
        recv,
        replies: Vec::new(),
        writes: Writes::default(),
        untouched_at: None,
        supersedes: false,
        claimed: None,
        room,
        half_open: Some(half_open),
        lease: None,
        permit: None,
        answered_with: None,
    };
    stream.run().await;
    stream.settle().await;
    stream.flush().await;
}

struct Stream {
    core: Arc<Core>,
    machine: Machine,
    policy: Arc<StreamPolicy>,
    send: SendStream,
    recv: RecvStream,
    /// Replies that wait for a moment with nothing else to do: each write can become packets of its own on every hop.
    replies: Vec<Bytes>,
    writes: Writes,
    /// When nothing of the ticket was stored.
    untouched_at: Option<Moment>,
    /// Whether an unfinished earlier attempt gives way to this one.
    supersedes: bool,
    /// The attempt that the lease is for.
    claimed: Option<Attempt>,
    /// For streams of the same inner proxy.
    room: Arc<InnerRoom>,
    /// The place among the strangers, until the hello is authentic.
    half_open: Option<HalfOpen>,
    lease: Option<Lease>,
    /// The place among those who may send.
    permit: Option<SendPermit>,
    answered_with: Option<LastWord>,
}

/// How the office ended its side of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastWord {
    Refusal,
    Receipt,
}

/// What woke the stream.
enum Event {
    Answers(Answered),
    Data(Bytes),
    End,
    Lost,
    Superseded,
    Timeout,
    /// Nothing else is at hand, and commands wait for being handed to the store.
    Push,
    /// Nothing else is at hand, and replies are waiting to be sent.
    Write,
}

impl Stream {
    async fn run(&mut self) {
        loop {
            if self.lease.as_ref().is_some_and(Lease::is_superseded) {
                self.machine.handle_superseded(self.now());
            }
            if let Some(action) = self.machine.poll_action() {
                self.perform(action).await;
                continue;
            }
            if self.machine.is_finished() {
                return;
            }
            match self.event().await {
                Event::Push => self.push().await,
                Event::Write => self.write().await,
                event => self.handle(event),
            }
        }
    }

    async fn event(&mut self) -> Event {
        let Self { core, machine, recv, writes, lease, replies, .. } = self;
        let deadline = machine.poll_timeout();
        // Once the whole content is with the store, what is to be said before its answer goes with the last word.
        let may_write = !replies.is_empty() && !writes.is_whole();
        let may_push = writes.has_job();
        tokio::select! {
            biased;
            answers = writes.answer(), if writes.has_answers_to_come() => Event::Answers(answers),
            () = superseded(lease.as_ref()) => Event::Superseded,
            () = core.shutdown.stopped() => Event::Lost,
            chunk = recv.read_chunk(CHUNK), if machine.wants_data() => match chunk {
                Ok(Some(chunk)) => Event::Data(chunk),
                Ok(None) => Event::End,
                Err(_) => Event::Lost,
            },
            () = std::future::ready(()), if may_push => Event::Push,
            () = std::future::ready(()), if may_write => Event::Write,
            () = core.clock.sleep_until_some(deadline) => Event::Timeout,
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Answers(answers) => self.answered(answers),
            Event::Data(bytes) => self.machine.handle_data(&bytes, now),
            Event::End => self.machine.handle_end(now),
            Event::Lost => self.machine.handle_lost(now),
            Event::Superseded => self.machine.handle_superseded(now),
            Event::Timeout => self.machine.handle_timeout(now),
            Event::Push | Event::Write => {}
        }
    }

    fn answered(&mut self, answers: Answered) {
        for (kind, answer) in answers {
            self.answered_one(kind, answer);
        }
    }

    fn answered_one(&mut self, kind: Kind, answer: Result<Outcome, StoreError>) {
        let now = self.now();
        match (kind, answer) {
            (Kind::Store, Ok(Outcome::Stored { next })) => self.machine.handle_stored(next, now),
            (Kind::Finish, Ok(Outcome::Finished(receipt))) => {
                self.core.completed.notify_one();
                crash::point("before-receipt", "");
                self.answered_with = Some(LastWord::Receipt);
                self.machine.handle_finished(Ok(receipt), now);
            }
            (Kind::Finish, Err(error)) => self.machine.handle_finished(Err(reason(&error)), now),
            (Kind::Begin | Kind::Store, Err(error)) => self.machine.handle_store_failed(reason(&error), now),
            (Kind::Discard, _) => self.core.garbage.notify_one(),
            (Kind::Begin, Ok(_)) if self.supersedes => self.core.garbage.notify_one(),
            (Kind::Begin | Kind::Store | Kind::Finish, Ok(_)) => {}
        }
    }

    async fn perform(&mut self, action: Action) {
        match action {
            OfficeAction::LookUp { nonce } => self.look_up(nonce).await,
            OfficeAction::Claim { ticket, attempt, digest } => {
                self.claim(Attempt { ticket, number: attempt, digest }).await;
            }
            OfficeAction::ReadBack { ticket, position } => self.read_back(ticket, position).await,
            OfficeAction::Send(bytes) => self.replies.push(bytes.into()),
            OfficeAction::FinishStream => {
                self.push().await;
                self.write().await;
                self.answered_with.get_or_insert(LastWord::Refusal);
                let _ = self.send.finish();
                let _ = self.recv.stop(Code::from_u64(STOP_ENOUGH).expect("a small number"));
            }
            OfficeAction::Reset(refusal) => {
                let _ = self.send.reset(refusal_code(refusal));
                let _ = self.recv.stop(refusal_code(refusal));
            }
            store => {
                let Some(command) = self.command(store) else { return };
                if self.writes.add(command) {
                    self.push().await;
                }
            }
        }
    }

    async fn push(&mut self) {
        let company = match self.core.leases.len() >= MANY {
            true => Company::Expected,
            false => Company::Unexpected,
        };
        if let Err(answers) = self.writes.push(&self.core.store, company).await {
            self.answered(answers);
        }
    }

    /// The store's command for an action.
    fn command(&self, action: Action) -> Option<Command> {
        let attempt = self.claimed?;
        Some(match action {
            OfficeAction::Begin { ticket, storage_key, .. } => {
                let key_sealed = self.core.vault.wrap_segment_key(ticket, &storage_key);
                Command::Begin(NewUpload { attempt, key_sealed })
            }
            OfficeAction::Store { position, ciphertext, data_len, .. } => {
                Command::Store(NewSegment { attempt, position, ciphertext, data_len })
            }
            OfficeAction::Finish { position, ciphertext, receipt, attestation, .. } => {
                let attestation = attestation.map(Box::new);
                Command::Finish(Completion { attempt, position, ciphertext, receipt, attestation })
            }
            OfficeAction::Discard { ticket, attempt } => Command::Discard { ticket, attempt },
            _ => return None,
        })
    }

    /// Replies are small; a peer that does not take them for so long is gone. A newer stream does not wait for it.
    async fn write(&mut self) {
        let mut replies = std::mem::take(&mut self.replies);
        let written = tokio::select! {
            written = tokio::time::timeout(IDLE_TIMEOUT, self.send.write_all_chunks(&mut replies)) => matches!(written, Ok(Ok(()))),
            () = superseded(self.lease.as_ref()) => false,
            () = self.core.shutdown.stopped() => false,
        };
        if !written {
            let _ = self.send.reset(refusal_code(StreamRefusal::Unavailable));
            self.machine.handle_lost(self.now());
        }
    }

    /// Waits for every answer that is still to come, then lets the next stream of the ticket in.
    async fn settle(&mut self) {
        self.push().await;
        while self.writes.has_answers_to_come() {
            let answers = self.writes.answer().await;
            self.answered(answers);
        }
        self.half_open = None;
        self.permit = None;
        self.lease = None;
    }

    /// Waits until the peer has the last word: a daemon that stops closes its connections after its streams.
    async fn flush(&mut self) {
        // A reset stream is never acknowledged as a whole.
        let Some(last_word) = self.answered_with else { return };
        let flushed = self.core.shutdown.unless_stopped(self.send.stopped());
        let _ = tokio::time::timeout(IDLE_TIMEOUT, flushed).await;
        if last_word == LastWord::Receipt {
            crash::point("after-receipt-sent", "");
        }
    }

    fn now(&self) -> Now {
        self.core.clock.now()
    }
}

async fn superseded(lease: Option<&Lease>) {
    match lease {
        Some(lease) => lease.superseded().await,
        None => std::future::pending().await,
    }
}

/// What a sender is told of a store's error.
fn reason(error: &StoreError) -> Reason {
    match error {
        StoreError::Refused(Refused::Gone) => Reason::Revoked,
        StoreError::Refused(Refused::Complete) => Reason::AlreadyUsed,
        StoreError::Refused(Refused::Superseded { attempt }) => Reason::Superseded(*attempt),
        _ => Reason::TryLater,
    }
}
