//! The store of one ticket, exactly: what is durable, and what becomes of each command. That a completion is what the protocol
//! promises is checked here, from the stored bytes alone.

use schleuse_protocol::office::TicketState;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Reason;

use super::known::KnownTicket;
use super::rules::Content;
use super::seal;

/// What a stream wants.
pub(super) enum Command {
    LookUp,
    ReadState,
    ReadBack(u32),
    Begin { who: Attempt, key: [u8; 32] },
    Store { who: Attempt, position: u32, ciphertext: Vec<u8> },
    Finish { who: Attempt, position: u32, ciphertext: Vec<u8>, receipt: Receipt },
    Discard { attempt: u64 },
}

impl Command {
    /// Whether it only asks.
    pub(super) fn is_read(&self) -> bool {
        matches!(self, Self::LookUp | Self::ReadState | Self::ReadBack(_))
    }
}

/// Which attempt a stream writes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) number: u64,
    pub(super) digest: [u8; 32],
}

/// What a stream gets.
pub(super) enum Answer {
    Ticket(bool),
    State(TicketState),
    ReadBack(u32, Option<Vec<u8>>),
    Stored(u32),
    Failed(Reason),
    Finished(Result<Receipt, Reason>),
    /// Nothing that a stream is told.
    Silent,
}

/// What is durable.
pub(super) struct Store {
    known: &'static KnownTicket,
    row: Row,
    /// How often a submission became complete.
    pub(super) completions: u32,
    /// The receipt that became durable with it, whatever was deleted since.
    pub(super) receipt: Option<Receipt>,
}

enum Row {
    Open,
    Unfinished { who: Attempt, key: [u8; 32], segments: Vec<Vec<u8>> },
    Discarded { attempt: u64 },
    Complete { who: Attempt, receipt: Receipt },
    Gone,
}

impl Store {
    pub(super) fn new(known: &'static KnownTicket) -> Self {
        Self { known, row: Row::Open, completions: 0, receipt: None }
    }

    pub(super) fn delete(&mut self) {
        self.row = Row::Gone;
    }

    /// The disk loses a segment, or has another one in its place.
    pub(super) fn damage(&mut self, position: usize, is_lost: bool) {
        let Row::Unfinished { segments, .. } = &mut self.row else { return };
        match segments.get_mut(position) {
            Some(segment) if is_lost => segment.clear(),
            Some(segment) => segment.reverse(),
            None => {}
        }
    }

    pub(super) fn apply(&mut self, command: Command) -> Answer {
        match command {
            Command::LookUp => Answer::Ticket(!matches!(self.row, Row::Gone)),
            Command::ReadState => Answer::State(self.state()),
            Command::ReadBack(position) => Answer::ReadBack(position, self.segment(position)),
            Command::Begin { who, key } => self.begin(who, key).map_or_else(Answer::Failed, |()| Answer::Silent),
            Command::Store { who, position, ciphertext } => {
                self.store(who, position, ciphertext).map_or_else(Answer::Failed, Answer::Stored)
            }
            Command::Finish { who, position, ciphertext, receipt } => {
                Answer::Finished(self.finish(who, position, &ciphertext, receipt))
            }
            Command::Discard { attempt } => {
                if matches!(&self.row, Row::Unfinished { who, .. } if who.number == attempt) {
                    self.row = Row::Discarded { attempt };
                }
                Answer::Silent
            }
        }
    }

    fn state(&self) -> TicketState {
        match &self.row {
            Row::Open => TicketState::Open,
            Row::Unfinished { who: Attempt { number, digest }, segments, .. } => TicketState::Unfinished {
                attempt: *number,
                digest: *digest,
                next: u32::try_from(segments.len()).expect("few segments"),
            },
            Row::Discarded { attempt } => TicketState::Unfinished { attempt: *attempt, digest: [0; 32], next: 0 },
            Row::Complete { who: Attempt { number, digest }, receipt } => TicketState::Complete {
                digest: *digest,
                attempt: *number,
                sender: receipt.body().sender,
                content_hash: receipt.body().content_hash,
                receipt: receipt.clone(),
            },
            Row::Gone => TicketState::Revoked,
        }
    }

    fn segment(&self, position: u32) -> Option<Vec<u8>> {
        match &self.row {
            Row::Unfinished { segments, .. } => {
                segments.get(position as usize).filter(|found| !found.is_empty()).cloned()
            }
            _ => None,
        }
    }

    fn begin(&mut self, who: Attempt, key: [u8; 32]) -> Result<(), Reason> {
        match &self.row {
            Row::Gone => return Err(Reason::Revoked),
            Row::Complete { .. } => return Err(Reason::AlreadyUsed),
            Row::Discarded { attempt } if *attempt >= who.number => return Err(Reason::Superseded(*attempt)),
            Row::Unfinished { who: known, .. } if known.number >= who.number => {
                return Err(Reason::Superseded(known.number));
            }
            _ => self.row = Row::Unfinished { who, key, segments: Vec::new() },
        }
        Ok(())
    }

    /// The attempt's segments, if it is the current one.
    fn current(&mut self, who: Attempt) -> Result<(&[u8; 32], &mut Vec<Vec<u8>>), Reason> {
        match &mut self.row {
            Row::Unfinished { who: known, key, segments } if *known == who => Ok((key, segments)),
            Row::Unfinished { who: Attempt { number: attempt, .. }, .. } | Row::Discarded { attempt } => {
                Err(Reason::Superseded(*attempt))
            }
            Row::Complete { .. } => Err(Reason::AlreadyUsed),
            Row::Gone => Err(Reason::Revoked),
            Row::Open => Err(Reason::TryLater),
        }
    }

    fn store(&mut self, who: Attempt, position: u32, ciphertext: Vec<u8>) -> Result<u32, Reason> {
        let (_, segments) = self.current(who)?;
        assert_eq!(position as usize, segments.len(), "a segment that is not the next one is to be stored");
        segments.push(ciphertext);
        Ok(position + 1)
    }

    fn finish(&mut self, who: Attempt, position: u32, last: &[u8], receipt: Receipt) -> Result<Receipt, Reason> {
        let known = self.known;
        let (key, segments) = self.current(who)?;
        assert_eq!(position as usize, segments.len(), "a final that is not at the next position");
        check(known, key, segments, last, &receipt);
        self.completions += 1;
        self.receipt = Some(receipt.clone());
        self.row = Row::Complete { who, receipt: receipt.clone() };
        Ok(receipt)
    }
}

/// What the office would read in its inbox is what the receipt says, in the one shape that it may have.
fn check(known: &KnownTicket, key: &[u8; 32], segments: &[Vec<u8>], last: &[u8], receipt: &Receipt) {
    let mut content = Content::default();
    for (position, ciphertext) in (0..).zip(segments) {
        let plaintext = seal::open(key, position, false, ciphertext).expect("what is stored opens");
        content.segment(&plaintext).expect("what is stored keeps to protocol.md 6.3");
    }
    let trailer = seal::open(key, content.next, true, last).expect("the final opens");
    content.trailer(&trailer).expect("the final keeps to protocol.md 6.4");
    let said = receipt.body();
    assert_eq!((said.length, said.content_hash), (content.length, content.hash()), "a receipt for another content");
    assert_eq!(said.ticket, known.ticket.body().id);
}
