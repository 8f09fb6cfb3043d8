//! A model of an office's store: commands queue up, a commit makes all of them durable at once, a crash loses the queue.

use std::collections::{BTreeMap, VecDeque};

use schleuse_protocol::office::{Found, TicketState};
use schleuse_protocol::wire::hello::Trailer;
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::{Ticket, TicketId};
use schleuse_protocol::wire::token::RouteNonce;
use schleuse_seal::{OneTimeSecret, StorageKey, TicketKeys};

use super::world::AgentId;

/// What a stream wants of the store.
#[expect(clippy::large_enum_variant, reason = "a model: nobody counts its bytes")]
pub(super) enum Command {
    LookUp(RouteNonce),
    ReadState(TicketId),
    ReadBack(TicketId, u32),
    Begin {
        ticket: TicketId,
        attempt: u64,
        digest: [u8; 32],
        key: StorageKey,
    },
    Store {
        ticket: TicketId,
        attempt: u64,
        position: u32,
        ciphertext: Vec<u8>,
    },
    Finish {
        ticket: TicketId,
        attempt: u64,
        position: u32,
        ciphertext: Vec<u8>,
        trailer: Trailer,
        attestation: Option<Attestation>,
        receipt: Receipt,
    },
    Discard {
        ticket: TicketId,
        attempt: u64,
    },
}

/// What it gets.
pub(super) enum Answer {
    Ticket(Option<Found<TicketKeys>>),
    State(TicketState),
    ReadBack(u32, Option<Vec<u8>>),
    Stored(u32),
    StoreFailed(Reason),
    Finished(Result<Receipt, Reason>),
}

/// One ticket and what came under it.
pub(super) struct Row {
    pub(super) ticket: Ticket,
    /// Deleted when the submission is.
    secret: Option<OneTimeSecret>,
    attempt: Option<Attempt>,
    pub(super) complete: Option<Complete>,
}

struct Attempt {
    number: u64,
    digest: [u8; 32],
    key: StorageKey,
    segments: Vec<Vec<u8>>,
}

/// A submission.
pub(super) struct Complete {
    number: u64,
    digest: [u8; 32],
    pub(super) key: StorageKey,
    pub(super) segments: Vec<Vec<u8>>,
    pub(super) last: Vec<u8>,
    pub(super) attestation: Option<Attestation>,
    pub(super) receipt: Receipt,
}

/// What is durable, and what is not yet.
#[derive(Default)]
pub(super) struct Store {
    pub(super) rows: BTreeMap<TicketId, Row>,
    nonces: BTreeMap<RouteNonce, TicketId>,
    queue: VecDeque<(AgentId, Command)>,
    /// Tickets in the order in which their submissions became durable.
    pub(super) completed: Vec<TicketId>,
}

impl Store {
    /// A ticket is durable before anybody sees it.
    pub(super) fn insert(&mut self, ticket: Ticket, secret: OneTimeSecret) {
        let id = ticket.body().id;
        self.nonces.extend(ticket.body().routes.iter().map(|route| (route.token.nonce, id)));
        self.rows.insert(id, Row { ticket, secret: Some(secret), attempt: None, complete: None });
    }

    pub(super) fn queue(&mut self, agent: AgentId, command: Command) {
        self.queue.push_back((agent, command));
    }

    /// What was not committed is lost.
    pub(super) fn crash(&mut self) {
        self.queue.clear();
    }

    /// Applies all that is queued; the answers, one for each command, are for after the fsync. `is_full` is asked for every segment.
    pub(super) fn commit(&mut self, mut is_full: impl FnMut() -> bool) -> Vec<(AgentId, Option<Answer>)> {
        let mut answers = Vec::new();
        while let Some((agent, command)) = self.queue.pop_front() {
            let answer = match command {
                Command::Store { .. } if is_full() => Some(Answer::StoreFailed(Reason::TryLater)),
                command => self.apply(command),
            };
            answers.push((agent, answer));
        }
        answers
    }

    /// The office deletes a submission, and with it everything that could open it.
    pub(super) fn delete(&mut self, ticket: TicketId) -> Vec<RouteNonce> {
        let row = self.rows.get_mut(&ticket).expect("it is there");
        row.secret = None;
        row.ticket.body().routes.iter().map(|route| route.token.nonce).collect()
    }

    pub(super) fn is_deleted(&self, ticket: TicketId) -> bool {
        self.rows.get(&ticket).is_some_and(|row| row.secret.is_none())
    }

    fn apply(&mut self, command: Command) -> Option<Answer> {
        match command {
            Command::LookUp(nonce) => Some(Answer::Ticket(self.find(nonce))),
            Command::ReadState(ticket) => Some(Answer::State(self.rows.get(&ticket)?.state())),
            Command::ReadBack(ticket, position) => {
                let segment = self.rows.get(&ticket)?.attempt.as_ref()?.segments.get(position as usize).cloned();
                Some(Answer::ReadBack(position, segment))
            }
            Command::Begin { ticket, attempt, digest, key } => {
                self.rows.get_mut(&ticket)?.begin(attempt, digest, key);
                None
            }
            Command::Store { ticket, attempt, position, ciphertext } => {
                let stored = self.rows.get_mut(&ticket)?.store(attempt, position, ciphertext);
                Some(stored.map_or_else(Answer::StoreFailed, Answer::Stored))
            }
            Command::Finish { ticket, attempt, position, ciphertext, trailer, attestation, receipt } => {
                let row = self.rows.get_mut(&ticket)?;
                assert_eq!(trailer.content_hash, receipt.body().content_hash);
                let was_open = row.complete.is_none();
                let finished = row.finish(attempt, position, ciphertext, attestation, receipt);
                if was_open && finished.is_ok() {
                    self.completed.push(ticket);
                }
                Some(Answer::Finished(finished))
            }
            Command::Discard { ticket, attempt } => {
                let row = self.rows.get_mut(&ticket)?;
                if let Some(current) = row.attempt.as_mut().filter(|current| current.number == attempt) {
                    current.digest = [0; 32];
                    current.segments.clear();
                }
                None
            }
        }
    }

    fn find(&self, nonce: RouteNonce) -> Option<Found<TicketKeys>> {
        let row = self.rows.get(self.nonces.get(&nonce)?)?;
        let secret = row.secret.as_ref()?;
        let keys = TicketKeys::new(OneTimeSecret::from_bytes(secret.suite(), &secret.to_bytes()));
        Some(Found { ticket: row.ticket.clone(), keys })
    }
}

impl Row {
    fn state(&self) -> TicketState {
        match (&self.complete, &self.attempt) {
            (Some(complete), _) => TicketState::Complete {
                digest: complete.digest,
                attempt: complete.number,
                sender: complete.receipt.body().sender,
                content_hash: complete.receipt.body().content_hash,
                receipt: complete.receipt.clone(),
            },
            (None, Some(attempt)) => TicketState::Unfinished {
                attempt: attempt.number,
                digest: attempt.digest,
                next: u32::try_from(attempt.segments.len()).expect("few segments"),
            },
            (None, None) => TicketState::Open,
        }
    }

    fn begin(&mut self, number: u64, digest: [u8; 32], key: StorageKey) {
        let is_higher = self.attempt.as_ref().is_none_or(|current| current.number < number);
        if self.complete.is_none() && is_higher {
            self.attempt = Some(Attempt { number, digest, key, segments: Vec::new() });
        }
    }

    fn store(&mut self, number: u64, position: u32, ciphertext: Vec<u8>) -> Result<u32, Reason> {
        let current = self.attempt.as_mut().filter(|current| current.number == number);
        let segments = &mut current.ok_or(Reason::TryLater)?.segments;
        match segments.get(position as usize) {
            Some(stored) if *stored == ciphertext => Ok(position + 1),
            None if segments.len() == position as usize => {
                segments.push(ciphertext);
                Ok(position + 1)
            }
            _ => Err(Reason::TryLater),
        }
    }

    fn finish(
        &mut self,
        number: u64,
        position: u32,
        last: Vec<u8>,
        attestation: Option<Attestation>,
        receipt: Receipt,
    ) -> Result<Receipt, Reason> {
        if let Some(complete) = &self.complete {
            return if complete.number == number { Ok(complete.receipt.clone()) } else { Err(Reason::AlreadyUsed) };
        }
        let is_whole = |current: &mut Attempt| current.number == number && current.segments.len() == position as usize;
        let Attempt { number, digest, key, segments } = self.attempt.take_if(is_whole).ok_or(Reason::TryLater)?;
        self.complete = Some(Complete { number, digest, key, segments, last, attestation, receipt: receipt.clone() });
        Ok(receipt)
    }
}
