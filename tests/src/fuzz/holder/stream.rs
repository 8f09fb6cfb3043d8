//! One stream: the machine and its reference, told the same.

use std::collections::VecDeque;
use std::sync::Arc;

use schleuse_protocol::limits::{HEADER_TIMEOUT, IDLE_TIMEOUT};
use schleuse_protocol::office::{Found, OfficeAction, OfficePolicy as _, OfficeStream, TicketState};
use schleuse_protocol::time::{Millis, Now};
use schleuse_protocol::wire::frame::{Frame, FrameReader, FrameType};
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::{Reason, Reply};
use schleuse_seal::{Office, verify_attestation, verify_receipt};

use super::deed::{Deed, Sealed};
use super::known::{KnownTicket, NONCE, Policy};
use super::reference::{Hellos, Reference};
use super::seal::Replies;
use super::store::Attempt;

type Action = OfficeAction<Arc<Office>>;

/// What happens to a stream.
pub(super) enum Event {
    Data(Vec<u8>),
    End,
    Lost,
    Superseded,
    Time,
    Ticket(bool),
    Claimed(TicketState),
    ReadBack(u32, Option<Vec<u8>>),
    Stored(u32),
    Failed(Reason),
    Finished(Result<Receipt, Reason>),
}

/// A stream.
pub(super) struct Stream {
    pub(super) id: u64,
    known: &'static KnownTicket,
    office_public: [u8; 32],
    pub(super) machine: OfficeStream<Arc<Office>, Policy>,
    pub(super) reference: Reference,
    opened: Millis,
    /// What the sender has said and the office has not read.
    pub(super) inbox: VecDeque<u8>,
    /// The sender has ended it.
    pub(super) has_end: bool,
    answers: FrameReader,
    replies: Option<Replies>,
    claimed: Option<Attempt>,
    /// Where the sender was told to begin.
    pub(super) accepted: u32,
    /// Segments that the store was asked to take, of which the machine was told, and of which the sender was told.
    pub(super) asked: u32,
    pub(super) durable: u32,
    pub(super) told: u32,
}

impl Stream {
    pub(super) fn new(id: u64, known: &'static KnownTicket, hellos: &Hellos, seal: &Arc<Office>, now: Now) -> Self {
        Self {
            id,
            known,
            office_public: seal.signing_key().public(),
            machine: OfficeStream::new(seal.clone(), Policy, now),
            reference: Reference::new(known, hellos.clone()),
            opened: now.millis,
            inbox: VecDeque::new(),
            has_end: false,
            answers: FrameReader::new(),
            replies: None,
            claimed: None,
            accepted: 0,
            asked: 0,
            durable: 0,
            told: 0,
        }
    }

    /// Whether there is something to read and it is wanted.
    pub(super) fn wants_data(&self) -> bool {
        self.machine.wants_data() && (self.has_end || !self.inbox.is_empty())
    }

    pub(super) fn next_piece(&mut self, size: usize) -> Option<Vec<u8>> {
        let size = size.min(self.inbox.len());
        (size > 0).then(|| self.inbox.drain(..size).collect())
    }

    pub(super) fn handle(&mut self, event: Event, now: Now) {
        let (machine, reference) = (&mut self.machine, &mut self.reference);
        match event {
            Event::Data(bytes) => {
                machine.handle_data(&bytes, now);
                reference.data(&bytes, now.unix);
            }
            Event::End => {
                machine.handle_end(now);
                reference.end(now.unix);
            }
            Event::Lost => {
                machine.handle_lost(now);
                reference.lost();
            }
            Event::Superseded => {
                machine.handle_superseded(now);
                reference.superseded();
            }
            Event::Time => {
                if machine.poll_timeout().is_some_and(|deadline| deadline <= now.millis) {
                    reference.timeout();
                }
                machine.handle_timeout(now);
            }
            Event::Ticket(is_there) => {
                let found = || Found { ticket: self.known.ticket.clone(), keys: self.known.private() };
                machine.handle_ticket(is_there.then(found), now);
                reference.found(is_there, now.unix);
            }
            Event::Claimed(state) => {
                reference.claimed(&state, now.unix);
                machine.handle_claimed(state, now);
            }
            Event::ReadBack(position, segment) => {
                machine.handle_read_back(position, segment.as_deref(), now);
                reference.read_back(segment.as_deref(), now.unix);
            }
            Event::Stored(next) => {
                self.durable = next;
                machine.handle_stored(next, now);
                reference.stored(next, now.unix);
            }
            Event::Failed(reason) => {
                machine.handle_store_failed(reason, now);
                reference.store_failed(reason);
            }
            Event::Finished(outcome) => {
                reference.finished(&outcome);
                machine.handle_finished(outcome, now);
            }
        }
    }

    /// What the machine has done, which is what the reference has done; and the receipts that it has signed.
    pub(super) fn deeds(&mut self, now: Now) -> Vec<(Deed, Option<Receipt>)> {
        let mut deeds = Vec::new();
        let mut expected = std::mem::take(&mut self.reference.deeds).into_iter();
        while let Some(action) = self.machine.poll_action() {
            let (deed, receipt) = self.deed(action);
            assert_eq!(Some(&deed), expected.next().as_ref(), "the machine, and the protocol");
            deeds.push((deed, receipt));
        }
        assert_eq!(expected.next(), None, "the machine has not done this");
        assert_eq!(self.machine.is_finished(), self.reference.is_over());
        assert_eq!(self.machine.wants_data(), self.reference.wants_data());
        self.check_deadline(now);
        deeds
    }

    /// protocol.md 9.3.
    fn check_deadline(&self, now: Now) {
        let Some(deadline) = self.machine.poll_timeout() else { return };
        match self.reference.key {
            None => assert_eq!(deadline, self.opened.after(HEADER_TIMEOUT)),
            Some(_) => assert!(now.millis <= deadline && deadline <= now.millis.after(IDLE_TIMEOUT)),
        }
    }

    fn deed(&mut self, action: Action) -> (Deed, Option<Receipt>) {
        let id = self.known.ticket.body().id;
        let deed = match action {
            OfficeAction::LookUp { nonce } => {
                assert_eq!(nonce, NONCE);
                Deed::LookUp
            }
            OfficeAction::Claim { ticket, attempt, digest } => {
                assert_eq!(ticket, id);
                self.claimed = Some(Attempt { number: attempt, digest });
                Deed::Claim { attempt, digest }
            }
            OfficeAction::Begin { ticket, attempt, digest, kind, sender, storage_key, language } => {
                assert_eq!(ticket, id);
                Deed::Begin { attempt, digest, kind, sender, language, key: *storage_key.to_bytes() }
            }
            OfficeAction::ReadBack { ticket, position } => {
                assert_eq!(ticket, id);
                Deed::ReadBack(position)
            }
            OfficeAction::Store { ticket, attempt, position, ciphertext, data_len } => {
                assert_eq!(ticket, id);
                Deed::Store { attempt, position, ciphertext: Sealed(ciphertext), data_len }
            }
            OfficeAction::Finish { ticket, attempt, position, ciphertext, trailer, attestation, receipt } => {
                assert_eq!(ticket, id);
                assert!(verify_receipt(&receipt, &self.office_public), "a receipt without a valid signature");
                assert_eq!(receipt.body().sender.is_some(), attestation.is_some());
                if let (Some(sender), Some(attestation)) = (receipt.body().sender, attestation) {
                    let key = Policy.signing_key(&sender).expect("it was verified");
                    assert!(verify_attestation(receipt.body(), &attestation, &key), "{sender} could deny its content");
                }
                let (body, ciphertext) = (receipt.body().clone(), Sealed(ciphertext));
                return (Deed::Finish { attempt, position, ciphertext, trailer, receipt: body }, Some(receipt));
            }
            OfficeAction::Discard { ticket, attempt } => {
                assert_eq!(ticket, id);
                Deed::Discard { attempt }
            }
            OfficeAction::Send(bytes) => Deed::Say(self.read_reply(&bytes)),
            OfficeAction::FinishStream => Deed::EndStream,
            OfficeAction::Reset(refusal) => Deed::Reset(refusal),
        };
        (deed, None)
    }

    /// One reply, after the salt if it is the first.
    fn read_reply(&mut self, mut bytes: &[u8]) -> Reply {
        let key = self.reference.key.expect("replies are sealed for a holder of the ticket");
        let replies = self.replies.get_or_insert_with(|| {
            let start = next(&mut self.answers, &mut bytes, FrameType::ReplyStart);
            Replies::new(&self.known.keys[key], &start.body)
        });
        let reply = next(&mut self.answers, &mut bytes, FrameType::Reply);
        assert!(bytes.is_empty(), "more than a reply");
        replies.open(&reply.body)
    }

    /// The attempt for which it writes: the one for which it has claimed the ticket.
    pub(super) fn write(&self, attempt: u64) -> Attempt {
        let claimed = self.claimed.expect("who writes has claimed");
        assert_eq!(claimed.number, attempt, "it writes for another attempt than it has claimed");
        claimed
    }
}

fn next(frames: &mut FrameReader, bytes: &mut &[u8], wanted: FrameType) -> Frame {
    frames.read(bytes, &[wanted]).expect("a frame").expect("a whole frame")
}
