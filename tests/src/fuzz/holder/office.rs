//! The office's daemon around the machine: streams, the lease of the ticket, the queue of the store. Each machine runs
//! beside its reference; what they do must be the same after every event.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use schleuse_protocol::lease::{ClaimId, Claimed, LeaseEvent, Leases};
use schleuse_protocol::limits::{IDLE_TIMEOUT, MAX_SEGMENT_BODY, MAX_UNSTORED_SEGMENTS, VERSION};
use schleuse_protocol::office::TicketState;
use schleuse_protocol::time::{Millis, Now, UnixSeconds};
use schleuse_protocol::wire::frame::{FRAME_HEAD, FrameType, encode_frame};
use schleuse_protocol::wire::hop::Incoming;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::{Reason, Reply};

use super::deed::Deed;
use super::known::{KnownTicket, NONCE, office_key};
use super::reference::Hellos;
use super::script::PLACES;
use super::store::{Answer, Attempt, Command, Store};
use super::stream::{Event, Stream};
use super::tally::Tally;

/// When the store does what it is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    AtOnce,
    ReadsAtOnce,
    WhenTold,
}

/// The office.
pub(super) struct Office {
    known: &'static KnownTicket,
    hellos: Hellos,
    seal: Arc<schleuse_seal::Office>,
    now: Now,
    /// Bytes that are read from a stream at a time.
    piece: usize,
    pace: Pace,
    streams: [Option<Stream>; PLACES as usize],
    opened: u64,
    leases: Leases,
    /// The stream of each claim that is not released.
    claims: BTreeMap<ClaimId, u64>,
    store: Store,
    queue: VecDeque<(u64, Command)>,
    /// The next write fails,
    is_failing: bool,
    /// and all after it of the same stream.
    failed: Option<u64>,
    first_receipt: Option<Receipt>,
    pub(super) tally: Tally,
}

impl Office {
    pub(super) fn new(
        known: &'static KnownTicket,
        hellos: Hellos,
        time: UnixSeconds,
        piece: usize,
        pace: Pace,
    ) -> Self {
        let seal = schleuse_seal::Office::new(office_key(), ChaCha20Rng::seed_from_u64(2));
        Self {
            known,
            hellos,
            seal: Arc::new(seal),
            now: Now { millis: Millis(1_000), unix: time },
            piece,
            pace,
            streams: Default::default(),
            opened: 0,
            leases: Leases::new(),
            claims: BTreeMap::new(),
            store: Store::new(known),
            queue: VecDeque::new(),
            is_failing: false,
            failed: None,
            first_receipt: None,
            tally: Tally::default(),
        }
    }

    /// A new stream, as far as the inner proxy begins it.
    pub(super) fn open(&mut self, place: usize) {
        self.apply(place, Event::Lost);
        self.opened += 1;
        self.streams[place] = Some(Stream::new(self.opened, self.known, &self.hellos, &self.seal, self.now));
        let header = encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce: NONCE });
        self.send(place, &header);
    }

    /// What comes from the sender.
    pub(super) fn send(&mut self, place: usize, bytes: &[u8]) {
        if let Some(stream) = &mut self.streams[place] {
            stream.inbox.extend(bytes);
        }
    }

    pub(super) fn end(&mut self, place: usize) {
        if let Some(stream) = &mut self.streams[place] {
            stream.has_end = true;
        }
    }

    pub(super) fn lose(&mut self, place: usize) {
        self.apply(place, Event::Lost);
        self.streams[place] = None;
    }

    /// Where the office said that the sender shall go on.
    pub(super) fn accepted(&self, place: usize) -> u32 {
        self.streams[place].as_ref().map_or(0, |stream| stream.accepted)
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now = Now { millis: self.now.millis.after(time), unix: self.now.unix.after(time) };
        (0..self.streams.len()).for_each(|place| self.apply(place, Event::Time));
    }

    pub(super) fn damage(&mut self, position: usize, is_lost: bool) {
        // While somebody writes, a disk that loses what it has stored is found out by whoever reads it.
        if self.leases.is_empty() {
            self.store.damage(position, is_lost);
        }
    }

    pub(super) fn fail(&mut self) {
        self.is_failing = true;
    }

    pub(super) fn delete(&mut self) {
        self.store.delete();
    }

    pub(super) fn crash(&mut self) {
        self.streams = Default::default();
        self.queue.clear();
        self.leases = Leases::new();
        self.claims.clear();
    }

    /// Everything goes on as far as it can.
    pub(super) fn go_on(&mut self) {
        loop {
            (0..self.streams.len()).for_each(|place| self.read(place));
            if self.pace != Pace::AtOnce || self.queue.is_empty() {
                return;
            }
            self.commit(0);
        }
    }

    /// Reads from a stream as long as its machine wants it.
    fn read(&mut self, place: usize) {
        while let Some(stream) = self.streams[place].as_mut().filter(|stream| stream.wants_data()) {
            if let Some(piece) = stream.next_piece(self.piece) {
                self.apply(place, Event::Data(piece));
            } else if stream.has_end {
                self.apply(place, Event::End);
            } else {
                return;
            }
            let held = self.streams[place].as_ref().map_or(0, |stream| stream.reference.held());
            assert!(held < self.piece + FRAME_HEAD + MAX_SEGMENT_BODY, "{held} bytes are held");
        }
    }

    /// The store does so many of its commands, all with 0; then it answers.
    pub(super) fn commit(&mut self, count: usize) {
        let count = if count == 0 { self.queue.len() } else { count.min(self.queue.len()) };
        let mut answers: Vec<(u64, Answer)> = Vec::new();
        for (stream, command) in self.queue.drain(..count).collect::<Vec<_>>() {
            let answer = self.perform(stream, command);
            let told_before = matches!((answers.last(), &answer), (Some((to, Answer::Stored(_))), Answer::Stored(_)) if *to == stream);
            // Of segments that become durable together, the last says it for all.
            if told_before && count.is_multiple_of(2) {
                answers.pop();
            }
            answers.push((stream, answer));
        }
        assert!(self.store.completions <= 1, "two submissions under one ticket");
        for (stream, answer) in answers {
            self.answer(stream, answer);
        }
        self.settle();
    }

    fn perform(&mut self, stream: u64, command: Command) -> Answer {
        if command.is_read() {
            return self.store.apply(command);
        }
        if std::mem::take(&mut self.is_failing) {
            self.failed = Some(stream);
        }
        match command {
            command if self.failed != Some(stream) => self.store.apply(command),
            Command::Discard { .. } => Answer::Silent,
            Command::Finish { .. } => Answer::Finished(Err(Reason::TryLater)),
            _ => Answer::Failed(Reason::TryLater),
        }
    }

    fn answer(&mut self, stream: u64, answer: Answer) {
        let Some(place) = self.place(stream) else { return };
        match answer {
            Answer::Ticket(is_there) => self.apply(place, Event::Ticket(is_there)),
            Answer::State(state) => {
                self.decide(stream, &state);
                self.apply(place, Event::Claimed(state));
            }
            Answer::ReadBack(position, segment) => self.apply(place, Event::ReadBack(position, segment)),
            Answer::Stored(next) => self.apply(place, Event::Stored(next)),
            Answer::Failed(reason) => self.apply(place, Event::Failed(reason)),
            Answer::Finished(outcome) => self.apply(place, Event::Finished(outcome)),
            Answer::Silent => {}
        }
    }

    fn place(&self, id: u64) -> Option<usize> {
        self.streams.iter().position(|stream| stream.as_ref().is_some_and(|stream| stream.id == id))
    }

    /// Tells a stream's machine and its reference the same, and does what both say.
    fn apply(&mut self, place: usize, event: Event) {
        let now = self.now;
        let Some(stream) = &mut self.streams[place] else { return };
        stream.handle(event, now);
        let id = stream.id;
        for (deed, receipt) in stream.deeds(now) {
            self.obey(id, deed, receipt);
        }
        self.settle();
    }

    fn obey(&mut self, id: u64, deed: Deed, receipt: Option<Receipt>) {
        let Some(stream) = self.place(id).and_then(|place| self.streams[place].as_mut()) else { return };
        let write = |attempt| stream.write(attempt);
        match deed {
            Deed::LookUp => self.ask(id, Command::LookUp),
            Deed::Claim { attempt, digest } => self.claim(id, Attempt { number: attempt, digest }),
            Deed::ReadBack(position) => {
                self.tally.read_back += 1;
                self.ask(id, Command::ReadBack(position));
            }
            Deed::Begin { attempt, key, .. } => {
                let command = Command::Begin { who: write(attempt), key };
                self.queue.push_back((id, command));
            }
            Deed::Store { attempt, position, ciphertext, .. } => {
                stream.asked = position + 1;
                assert!((stream.asked - stream.told) as usize <= MAX_UNSTORED_SEGMENTS, "too much waits for the store");
                let command = Command::Store { who: stream.write(attempt), position, ciphertext: ciphertext.0 };
                self.queue.push_back((id, command));
            }
            Deed::Finish { attempt, position, ciphertext, .. } => {
                let receipt = receipt.expect("a final has its receipt");
                let command = Command::Finish { who: write(attempt), position, ciphertext: ciphertext.0, receipt };
                self.queue.push_back((id, command));
            }
            Deed::Discard { attempt } => {
                write(attempt);
                self.queue.push_back((id, Command::Discard { attempt }));
            }
            Deed::Say(reply) => self.said(id, &reply),
            Deed::EndStream => {}
            Deed::Reset(_) => self.tally.resets += 1,
        }
    }

    /// Asks the store something.
    fn ask(&mut self, id: u64, command: Command) {
        if self.pace == Pace::WhenTold {
            self.queue.push_back((id, command));
            return;
        }
        let answer = self.store.apply(command);
        self.answer(id, answer);
    }

    /// protocol.md 8.3: the lease.
    fn claim(&mut self, id: u64, Attempt { number, digest }: Attempt) {
        let state = match self.leases.handle_claim(self.known.ticket.body().id, number, digest) {
            Claimed::Waiting(claim) => {
                self.claims.insert(claim, id);
                return self.settle();
            }
            Claimed::Undecided { digest } => {
                self.tally.undecided += 1;
                TicketState::Undecided { digest }
            }
            Claimed::Held { attempt, digest } => TicketState::Running { attempt, digest },
        };
        let place = self.place(id).expect("it has just claimed");
        self.apply(place, Event::Claimed(state));
    }

    /// protocol.md 8.3: the stream knows the ticket's state. Of a complete one it gives the lease back.
    fn decide(&mut self, id: u64, state: &TicketState) {
        let Some(claim) = self.claims.iter().find(|(_, stream)| **stream == id).map(|(claim, _)| *claim) else {
            return;
        };
        match state {
            TicketState::Complete { .. } => {
                self.claims.remove(&claim);
                self.leases.handle_released(claim);
            }
            _ => self.leases.handle_decided(claim),
        }
    }

    /// Who is over, and has nothing to be written any more, releases its claim; and what follows from that.
    fn settle(&mut self) {
        loop {
            let over: Vec<ClaimId> =
                self.claims.iter().filter(|(_, stream)| self.is_settled(**stream)).map(|(claim, _)| *claim).collect();
            for claim in over {
                self.claims.remove(&claim);
                self.leases.handle_released(claim);
            }
            let Some(event) = self.leases.poll_event() else { return };
            let (LeaseEvent::Granted(claim) | LeaseEvent::Superseded(claim)) = event;
            let Some(&stream) = self.claims.get(&claim) else { continue };
            match event {
                LeaseEvent::Granted(_) => self.ask(stream, Command::ReadState),
                LeaseEvent::Superseded(_) => {
                    self.tally.taken_over += 1;
                    if let Some(place) = self.place(stream) {
                        self.apply(place, Event::Superseded);
                    }
                }
            }
        }
    }

    fn is_settled(&self, id: u64) -> bool {
        let runs = self.place(id).and_then(|place| self.streams[place].as_ref());
        let writes = self.queue.iter().any(|(stream, command)| *stream == id && !command.is_read());
        !writes && runs.is_none_or(|stream| stream.machine.is_finished())
    }

    /// What the sender reads.
    fn said(&mut self, id: u64, reply: &Reply) {
        self.tally.count(reply);
        let place = self.place(id).expect("it has just spoken");
        let stream = self.streams[place].as_mut().expect("it is there");
        match reply {
            Reply::Accepted { next } => (stream.accepted, stream.asked, stream.told) = (*next, *next, *next),
            Reply::Progress { stored } => {
                assert!(*stored <= stream.durable, "progress of what is not durable");
                stream.told = *stored;
            }
            Reply::Receipt(bytes) => {
                // protocol.md 8.6: only what is durable is promised, and it is promised once for all.
                let stored = self.store.receipt.as_ref().expect("a receipt for what is not durable");
                assert_eq!(stored.as_bytes(), bytes, "another receipt than the stored one");
                let first = self.first_receipt.get_or_insert_with(|| stored.clone());
                assert_eq!(first.as_bytes(), bytes, "two receipts under one ticket");
            }
            Reply::Refusal(_) => {}
        }
    }

    /// The senders have no more to say: every stream ends.
    pub(super) fn close(&mut self) {
        (0..self.streams.len()).for_each(|place| self.end(place));
        while !self.queue.is_empty() || self.can_read() {
            self.go_on();
            self.commit(0);
        }
        self.wait(IDLE_TIMEOUT + Duration::from_millis(1));
        for stream in self.streams.iter().flatten() {
            assert!(stream.machine.is_finished() && stream.reference.is_over(), "a stream has no end");
        }
    }

    fn can_read(&self) -> bool {
        self.streams.iter().flatten().any(Stream::wants_data)
    }
}
