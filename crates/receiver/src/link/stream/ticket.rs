//! What a stream asks of the store about its ticket, and the lease that it takes.

use schleuse_protocol::office::{Found, TicketState};
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;
use schleuse_seal::TicketKeys;

use super::Stream;
use crate::crash;
use crate::leases::Claimed;
use crate::policy::TicketRule;
use crate::store::{Attempt, Progress, StoreError};

impl Stream {
    pub(super) async fn look_up(&mut self, nonce: RouteNonce) {
        if !self.half_open.as_mut().is_some_and(|half_open| half_open.name(nonce)) {
            return self.machine.handle_superseded(self.now());
        }
        let asked_at = self.core.leases.moment();
        let found = self.core.store.live_ticket(nonce).await;
        crash::point("after-lookup", "");
        let now = self.now();
        match found {
            Ok(Some(row)) => match (self.core.vault.open_ticket(&row), row.sender_rule.parse()) {
                (Ok((ticket, keys)), Ok(sender)) => {
                    self.untouched_at = row.is_untouched.then_some(asked_at);
                    self.policy.set_rule(TicketRule { max_bytes: row.max_bytes, sender });
                    self.machine.handle_ticket(Some(Found::<TicketKeys> { ticket, keys }), now);
                }
                (Err(error), _) => {
                    tracing::error!("{error}");
                    self.machine.handle_ticket(None, now);
                }
                (_, Err(error)) => {
                    tracing::error!(ticket = %row.id, "the database holds a damaged ticket: {error}");
                    self.machine.handle_ticket(None, now);
                }
            },
            Ok(None) => {
                self.core.routes.stranger(self.room.inner());
                // It may be a ticket of the other one, or one that both had before they were two.
                match self.core.routes.has_copy() {
                    true => self.machine.handle_superseded(now),
                    false => self.machine.handle_ticket(None, now),
                }
            }
            // It may well be there: the sender shall come again.
            Err(error) => self.give_up(&error),
        }
    }

    pub(super) async fn claim(&mut self, attempt: Attempt) {
        self.half_open = None;
        let claim = match self.core.leases.claim(attempt.ticket, attempt.number, attempt.digest) {
            Claimed::Held { attempt, digest } => {
                return self.machine.handle_claimed(TicketState::Running { attempt, digest }, self.now());
            }
            Claimed::Undecided { digest } => {
                return self.machine.handle_claimed(TicketState::Undecided { digest }, self.now());
            }
            Claimed::Waiting(claim) => claim,
        };
        let is_untouched = self.untouched_at.is_some_and(|moment| claim.is_first_since(moment));
        let Some(lease) = claim.granted().await else { return self.machine.handle_superseded(self.now()) };
        self.lease = Some(lease);
        // After the lease: an older stream of the ticket, which gives way to this one, has its permit given back.
        self.permit = self.room.permit();
        if self.permit.is_none() {
            return self.machine.handle_superseded(self.now());
        }
        self.claimed = Some(attempt);
        crash::point("after-claim", "");
        // Only streams with the lease store something; if the ticket was deleted meanwhile, the store says so at `Begin`.
        let progress = match is_untouched {
            true => Ok(Progress::Open),
            false => self.core.store.progress(attempt.ticket).await,
        };
        match progress {
            Ok(progress) => {
                if matches!(progress, Progress::Complete { .. }) {
                    // Nobody writes for it any more, and whoever only compares keeps nobody from asking for the receipt.
                    self.lease = None;
                } else if let Some(lease) = &self.lease {
                    lease.decide();
                }
                self.supersedes = matches!(&progress, Progress::Unfinished { digest, .. } if *digest != attempt.digest);
                self.machine.handle_claimed(ticket_state(progress), self.now());
            }
            Err(error) => self.give_up(&error),
        }
    }

    pub(super) async fn read_back(&mut self, ticket: TicketId, position: u32) {
        let stored = self.core.store.segment_of_ticket(ticket, position).await;
        let now = self.now();
        match stored {
            Ok(segment) => {
                self.machine.handle_read_back(position, segment.as_ref().map(|segment| &segment.ciphertext[..]), now);
            }
            Err(error) => {
                tracing::error!("cannot read from the database: {error}");
                self.machine.handle_store_failed(Reason::TryLater, now);
            }
        }
    }

    /// Ends the stream with "another time" because the database cannot be read.
    fn give_up(&mut self, error: &StoreError) {
        tracing::error!("cannot read from the database: {error}");
        self.machine.handle_superseded(self.now());
    }
}

fn ticket_state(progress: Progress) -> TicketState {
    match progress {
        Progress::Open => TicketState::Open,
        // No hello has this digest: the same attempt is over, a higher one begins anew.
        Progress::Discarded { attempt } => TicketState::Unfinished { attempt, digest: [0; 32], next: 0 },
        Progress::Unfinished { attempt, digest, next } => TicketState::Unfinished { attempt, digest, next },
        Progress::Complete { attempt, digest, receipt } => {
            let (sender, content_hash) = (receipt.body().sender, receipt.body().content_hash);
            TicketState::Complete { digest, attempt, sender, content_hash, receipt }
        }
        Progress::Gone => TicketState::Revoked,
    }
}
