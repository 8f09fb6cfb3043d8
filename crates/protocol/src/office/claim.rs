//! From the ticket's state to what this stream may do (protocol.md 8.3).

use super::OfficeStream;
use super::action::{OfficeAction, OfficePolicy, TicketState};
use super::session::Session;
use super::state::{AwaitClaim, Comparing, ReadingBack, Receiving, State};
use crate::channel::{OfficeChannel, OfficeSeal};
use crate::limits::MAX_CLOCK_AHEAD;
use crate::time::{Now, UnixSeconds};
use crate::wire::hello::Intro;
use crate::wire::receipt::Receipt;
use crate::wire::reply::{Reason, Reply};

impl<S: OfficeSeal, P: OfficePolicy> OfficeStream<S, P> {
    /// The hello is authentic: its sender holds the ticket. That alone does not make it welcome.
    pub(super) fn claim(&mut self, session: Session<S>, storage_key: S::StorageKey, now: Now) {
        let Intro { attempt, .. } = session.intro;
        // protocol.md 8.3: a number from the far future would leave nobody else a higher one
        let latest = now.unix.after(MAX_CLOCK_AHEAD).0.saturating_mul(1_000_000);
        if attempt > latest {
            return self.refuse(session, Reason::TryLater);
        }
        let admitted = self.admit(&session, now.unix);
        self.actions.push_back(OfficeAction::Claim {
            ticket: session.id(),
            // protocol.md 8.3: attempt 0 takes the lease from nobody
            attempt: if admitted.is_ok() { attempt } else { 0 },
            digest: session.digest,
        });
        self.state = State::AwaitClaim(AwaitClaim { session, storage_key, admitted });
    }

    /// The one decision that binds a ticket to an attempt.
    pub(super) fn decide(&mut self, claim: AwaitClaim<S>, ticket: TicketState) {
        let session = &claim.session;
        match ticket {
            TicketState::Revoked => self.refuse(claim.session, Reason::Revoked),
            // protocol.md 8.3: a lost receipt may be asked for again, even after the ticket has ended
            TicketState::Complete { digest, receipt, .. } if digest == session.digest => {
                self.promise(claim.session, receipt);
            }
            TicketState::Complete { receipt, .. } => {
                let announced = session.intro.length.unwrap_or(receipt.body().length);
                if announced == receipt.body().length {
                    self.start_comparing(claim.session, receipt);
                } else {
                    self.refuse(claim.session, Reason::AlreadyUsed);
                }
            }
            TicketState::Open => self.begin(claim),
            // The attempt may be about to complete; then there will be a receipt.
            TicketState::Running { digest, .. } | TicketState::Undecided { digest } if digest == session.digest => {
                self.refuse(claim.session, Reason::TryLater);
            }
            // An older stream may have completed the ticket, and this may be its hello.
            TicketState::Undecided { .. } => {
                let reason = claim.admitted.err().unwrap_or(Reason::TryLater);
                self.refuse(claim.session, reason);
            }
            TicketState::Running { attempt, .. } => {
                let reason = claim.admitted.err().unwrap_or(Reason::Superseded(attempt));
                self.refuse(claim.session, reason);
            }
            TicketState::Unfinished { digest, next, .. } if digest == session.digest => {
                self.resume(claim, next);
            }
            TicketState::Unfinished { attempt, .. } if attempt >= session.intro.attempt => {
                self.refuse(claim.session, Reason::Superseded(attempt));
            }
            TicketState::Unfinished { .. } => self.begin(claim),
        }
    }

    fn begin(&mut self, claim: AwaitClaim<S>) {
        let AwaitClaim { session, storage_key, admitted } = claim;
        let max_length = match admitted {
            Ok(max_length) => max_length,
            Err(reason) => return self.refuse(session, reason),
        };
        self.actions.push_back(OfficeAction::Begin {
            ticket: session.id(),
            attempt: session.intro.attempt,
            digest: session.digest,
            kind: session.intro.kind,
            sender: session.intro.sender,
            storage_key,
            language: session.intro.language,
        });
        self.start_receiving(Receiving { session, expected: 0, durable: 0, length: 0, max_length });
    }

    fn resume(&mut self, claim: AwaitClaim<S>, next: u32) {
        let AwaitClaim { session, admitted, .. } = claim;
        match admitted {
            Err(reason) => self.refuse(session, reason),
            Ok(max_length) if next == 0 => {
                self.start_receiving(Receiving { session, expected: 0, durable: 0, length: 0, max_length });
            }
            Ok(max_length) => {
                self.read_back(ReadingBack { session, position: 0, next, length: 0, max_length });
            }
        }
    }

    fn read_back(&mut self, reading: ReadingBack<S>) {
        self.actions.push_back(OfficeAction::ReadBack { ticket: reading.session.id(), position: reading.position });
        self.state = State::ReadingBack(reading);
    }

    /// A stored segment has been read back.
    pub(super) fn reopen(&mut self, mut reading: ReadingBack<S>, position: u32, ciphertext: Option<&[u8]>) {
        if position != reading.position {
            self.state = State::ReadingBack(reading);
            return;
        }
        let opened = ciphertext.and_then(|ciphertext| reading.session.channel.open_segment(position, ciphertext).ok());
        let Some(data_len) = opened else {
            // Our own disk lost or changed a segment: this attempt cannot go on, a new one can.
            let attempt = reading.session.intro.attempt;
            return self.refuse(reading.session, Reason::Superseded(attempt));
        };
        reading.length += u64::from(data_len);
        reading.position += 1;
        if reading.position < reading.next {
            return self.read_back(reading);
        }
        let ReadingBack { session, next, length, max_length, .. } = reading;
        self.start_receiving(Receiving { session, expected: next, durable: next, length, max_length });
    }

    fn start_receiving(&mut self, mut receiving: Receiving<S>) {
        self.send(&mut receiving.session, &Reply::Accepted { next: receiving.expected });
        self.state = State::Receiving(receiving);
    }

    fn start_comparing(&mut self, mut session: Session<S>, receipt: Receipt) {
        self.send(&mut session, &Reply::Accepted { next: 0 });
        self.state = State::Comparing(Comparing { session, expected: 0, length: 0, receipt });
    }

    /// protocol.md 8.4: what the ticket says, then what the office's policy says.
    fn admit(&self, session: &Session<S>, now: UnixSeconds) -> Result<u64, Reason> {
        let (body, intro) = (session.ticket.body(), &session.intro);
        if now < body.not_before {
            return Err(Reason::NotYetValid(body.not_before.0));
        }
        if now > body.not_after {
            return Err(Reason::Expired);
        }
        let purpose = body.purpose.as_ref();
        if purpose.and_then(|purpose| purpose.kind).is_some_and(|kind| kind != intro.kind) {
            return Err(Reason::WrongKind);
        }
        if purpose.and_then(|purpose| purpose.sender).is_some_and(|sender| Some(sender) != intro.sender) {
            return Err(Reason::SenderRequired);
        }
        let max_length = self.policy.admit(body, intro, now)?;
        if intro.length.is_some_and(|length| length > max_length) {
            return Err(Reason::TooLarge(max_length));
        }
        Ok(max_length)
    }
}
