//! The offices: machines, leases of tickets, one writer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use schleuse_protocol::lease::{ClaimId, Claimed, LeaseEvent, Leases};
use schleuse_protocol::office::{OfficeAction, OfficePolicy, OfficeStream, TicketState, TokenPool};
use schleuse_protocol::time::{Millis, UnixSeconds};
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::STOP_ENOUGH;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::{TicketBody, TicketId};
use schleuse_seal::Office;

use super::check;
use super::net::{Chunk, HopId, Side};
use super::store::{Answer, Command, Store};
use super::world::{Agent, AgentId, Event, Party, World};

/// An office.
pub(super) struct OfficeParty {
    pub(super) id: MemberId,
    pub(super) up: bool,
    /// How often it has started: answers of an earlier life reach nobody.
    pub(super) life: u32,
    pub(super) seal: Arc<Office>,
    pub(super) policy: Arc<Policy>,
    pub(super) pool: TokenPool,
    pub(super) store: Store,
    desk: Desk,
    is_committing: bool,
    /// What the writer has done and not told yet; some commands need no answer.
    answers: VecDeque<(AgentId, Option<Answer>)>,
}

/// The leases, and what they wait for.
#[derive(Default)]
struct Desk {
    leases: Leases,
    claims: BTreeMap<ClaimId, (AgentId, TicketId)>,
    /// How many commands of a stream are not answered yet: so long it keeps its lease.
    unanswered: BTreeMap<AgentId, usize>,
}

impl Desk {
    fn claim_of(&self, agent: AgentId) -> Option<ClaimId> {
        self.claims.iter().find(|(_, (owner, _))| *owner == agent).map(|(claim, _)| *claim)
    }

    fn release(&mut self, agent: AgentId) {
        if let Some(claim) = self.claim_of(agent) {
            self.claims.remove(&claim);
            self.leases.handle_released(claim);
        }
    }

    /// The stream knows the ticket's state. A complete ticket needs no lease.
    fn decide(&mut self, agent: AgentId, state: &TicketState) {
        match self.claim_of(agent) {
            Some(_) if matches!(state, TicketState::Complete { .. }) => self.release(agent),
            Some(claim) => self.leases.handle_decided(claim),
            None => {}
        }
    }

    /// A command of this stream is answered.
    fn answered(&mut self, agent: AgentId) {
        if let Some(count) = self.unanswered.get_mut(&agent) {
            *count -= 1;
            if *count == 0 {
                self.unanswered.remove(&agent);
            }
        }
    }
}

/// Who may send what.
pub(super) struct Policy {
    pub(super) keys: BTreeMap<MemberId, [u8; 32]>,
    pub(super) forbidden: Option<MemberId>,
    pub(super) max_length: u64,
}

impl OfficePolicy for Policy {
    fn admit(&self, _: &TicketBody, intro: &Intro, _: UnixSeconds) -> Result<u64, Reason> {
        if intro.sender.is_some() && intro.sender == self.forbidden {
            return Err(Reason::NotPermitted);
        }
        Ok(self.max_length)
    }

    fn signing_key(&self, member: &MemberId) -> Option<[u8; 32]> {
        self.keys.get(member).copied()
    }

    fn refusal_text(&self, reason: Reason, _: Language) -> String {
        format!("{reason:?}")
    }
}

/// One stream at an office.
pub(super) struct OfficeConn {
    office: usize,
    hop: HopId,
    stream: OfficeStream<Arc<Office>, Arc<Policy>>,
}

impl OfficeConn {
    pub(super) fn new(world: &World, office: usize, hop: HopId) -> Self {
        let party = &world.offices[office];
        let stream = OfficeStream::new(party.seal.clone(), party.policy.clone(), world.clock_of(Party::Office(office)));
        Self { office, hop, stream }
    }
}

impl OfficeParty {
    pub(super) fn new(id: MemberId, seal: Arc<Office>, policy: Arc<Policy>) -> Self {
        Self {
            id,
            up: true,
            life: 0,
            seal,
            policy,
            pool: TokenPool::new(4),
            store: Store::default(),
            desk: Desk::default(),
            is_committing: false,
            answers: VecDeque::new(),
        }
    }
}

impl World {
    pub(super) fn step_office(&mut self, id: AgentId, mut conn: Box<OfficeConn>) -> (Option<Agent>, Option<Millis>) {
        let now = self.clock_of(Party::Office(conn.office));
        conn.stream.handle_timeout(now);
        while conn.stream.wants_data() {
            match self.read(conn.hop, Side::Server) {
                Some(Chunk::Data(bytes)) => conn.stream.handle_data(&bytes, now),
                Some(_) => conn.stream.handle_end(now),
                None => break,
            }
            self.obey(id, &mut conn);
        }
        let hop = &mut self.hops[conn.hop];
        if hop.was_reset(Side::Server).is_some() || hop.is_lost(Side::Server) {
            conn.stream.handle_lost(now);
        }
        self.obey(id, &mut conn);
        if conn.stream.is_finished() {
            // As in the daemon: the next stream of the ticket reads a settled state.
            if !self.offices[conn.office].desk.unanswered.contains_key(&id) {
                self.offices[conn.office].desk.release(id);
                self.tell_leases(conn.office);
            }
            return (None, None);
        }
        let wake = conn.stream.poll_timeout();
        (Some(Agent::Office(conn)), wake)
    }

    fn obey(&mut self, id: AgentId, conn: &mut OfficeConn) {
        while let Some(action) = conn.stream.poll_action() {
            match action {
                OfficeAction::Claim { ticket, attempt, digest } => self.claim(id, conn, ticket, attempt, digest),
                OfficeAction::Send(bytes) => self.write(conn.hop, Side::Server, &bytes),
                OfficeAction::FinishStream => {
                    self.fin(conn.hop, Side::Server);
                    self.stop(conn.hop, Side::Server, STOP_ENOUGH);
                }
                OfficeAction::Reset(refusal) => self.reset(conn.hop, Side::Server, refusal.code()),
                for_the_store => {
                    let command = command(for_the_store);
                    self.tally.read_back += u64::from(matches!(command, Command::ReadBack(..)));
                    self.queue_command(id, conn.office, command);
                }
            }
        }
    }

    /// Everything goes through the one writer, in order.
    fn queue_command(&mut self, id: AgentId, office: usize, command: Command) {
        *self.offices[office].desk.unanswered.entry(id).or_default() += 1;
        self.offices[office].store.queue(id, command);
        if !std::mem::replace(&mut self.offices[office].is_committing, true) {
            // Now and then the disk takes so long that a sender is back before it.
            let slow = match self.is_calm() {
                true => 5,
                false if self.chance(0.1) => 6_000,
                false => 60,
            };
            self.schedule_in(1, slow, Event::Commit { office });
        }
    }

    fn claim(&mut self, id: AgentId, conn: &mut OfficeConn, ticket: TicketId, attempt: u64, digest: [u8; 32]) {
        let now = self.clock_of(Party::Office(conn.office));
        let desk = &mut self.offices[conn.office].desk;
        match desk.leases.handle_claim(ticket, attempt, digest) {
            Claimed::Waiting(claim) => {
                desk.claims.insert(claim, (id, ticket));
            }
            Claimed::Held { attempt, digest } => {
                conn.stream.handle_claimed(TicketState::Running { attempt, digest }, now);
            }
            Claimed::Undecided { digest } => {
                self.tally.undecided += 1;
                conn.stream.handle_claimed(TicketState::Undecided { digest }, now);
            }
        }
        self.tell_leases(conn.office);
    }

    /// Who has the lease now reads the ticket's state; who lost it stops.
    fn tell_leases(&mut self, office: usize) {
        let now = self.clock_of(Party::Office(office));
        while let Some(event) = self.offices[office].desk.leases.poll_event() {
            let (LeaseEvent::Granted(claim) | LeaseEvent::Superseded(claim)) = event;
            let Some(&(agent, ticket)) = self.offices[office].desk.claims.get(&claim) else { continue };
            match event {
                LeaseEvent::Granted(_) => self.queue_command(agent, office, Command::ReadState(ticket)),
                LeaseEvent::Superseded(_) => {
                    self.tally.taken_over += 1;
                    if let Some(Agent::Office(older)) = &mut self.agents[agent] {
                        older.stream.handle_superseded(now);
                        self.schedule(self.now, Event::Wake { agent });
                    }
                }
            }
        }
    }

    /// The writer's transaction: from here on its content survives a crash; that it did is told later.
    pub(super) fn commit(&mut self, office: usize) {
        let disk_is_full = !self.is_calm() && self.chance(0.01);
        let party = &mut self.offices[office];
        party.is_committing = false;
        let before = party.store.completed.len();
        let answers = party.store.commit(|| disk_is_full);
        party.answers.extend(answers);
        let life = party.life;
        for index in before..self.offices[office].store.completed.len() {
            check::completion(self, office, index);
            if self.chance(0.05) {
                self.schedule_in(1_000, 100_000, Event::Delete { office });
            }
        }
        self.schedule_in(1, 20, Event::Answer { office, life });
    }

    pub(super) fn answer(&mut self, office: usize, life: u32) {
        if self.offices[office].life != life {
            return;
        }
        let now = self.clock_of(Party::Office(office));
        while let Some((agent, answer)) = self.offices[office].answers.pop_front() {
            let desk = &mut self.offices[office].desk;
            desk.answered(agent);
            match (&mut self.agents[agent], answer) {
                (Some(Agent::Office(conn)), Some(answer)) => match answer {
                    Answer::Ticket(found) => conn.stream.handle_ticket(found, now),
                    Answer::State(state) => {
                        desk.decide(agent, &state);
                        conn.stream.handle_claimed(state, now);
                    }
                    Answer::ReadBack(position, segment) => {
                        conn.stream.handle_read_back(position, segment.as_deref(), now);
                    }
                    Answer::Stored(next) => conn.stream.handle_stored(next, now),
                    Answer::StoreFailed(reason) => conn.stream.handle_store_failed(reason, now),
                    Answer::Finished(outcome) => conn.stream.handle_finished(outcome, now),
                },
                (None, _) if !desk.unanswered.contains_key(&agent) => desk.release(agent),
                _ => {}
            }
            self.tell_leases(office);
            self.step(agent);
        }
    }

    /// The office deletes its oldest submission, and tells the inner proxies that its tokens have done their work.
    pub(super) fn delete_one(&mut self, office: usize) {
        let store = &mut self.offices[office].store;
        let ticket = store.completed.iter().copied().find(|ticket| !store.is_deleted(*ticket));
        let Some(ticket) = ticket else { return };
        let nonces = store.delete(ticket);
        let (now, id) = (self.clock().unix, self.offices[office].id);
        for (inner, nonce) in (0..self.inners.len()).flat_map(|inner| nonces.iter().map(move |nonce| (inner, *nonce))) {
            if self.links.has_office(inner, office) {
                self.inners[inner].keys.borrow_mut().used.report(id, nonce, now);
            }
        }
    }

    pub(super) fn crash_office(&mut self, office: usize) {
        let party = &mut self.offices[office];
        party.up = false;
        party.life += 1;
        party.store.crash();
        party.answers.clear();
        party.desk = Desk::default();
        party.pool = TokenPool::new(4);
    }
}

fn command(action: OfficeAction<Arc<Office>>) -> Command {
    match action {
        OfficeAction::LookUp { nonce } => Command::LookUp(nonce),
        OfficeAction::ReadBack { ticket, position } => Command::ReadBack(ticket, position),
        OfficeAction::Begin { ticket, attempt, digest, storage_key, .. } => {
            Command::Begin { ticket, attempt, digest, key: storage_key }
        }
        OfficeAction::Store { ticket, attempt, position, ciphertext, .. } => {
            Command::Store { ticket, attempt, position, ciphertext }
        }
        OfficeAction::Finish { ticket, attempt, position, ciphertext, trailer, attestation, receipt } => {
            Command::Finish { ticket, attempt, position, ciphertext, trailer, attestation, receipt }
        }
        OfficeAction::Discard { ticket, attempt } => Command::Discard { ticket, attempt },
        OfficeAction::Claim { .. } | OfficeAction::Send(_) | OfficeAction::FinishStream | OfficeAction::Reset(_) => {
            unreachable!("nothing for the store")
        }
    }
}
