//! Virtual time, and who is there.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schleuse_protocol::time::{Millis, Now, UnixSeconds};

use super::apps::{App, TicketSlot};
use super::check::Tally;
use super::clocks::Clocks;
use super::links::Links;
use super::net::{Chunk, Hop, HopId, Side};
use super::office::{OfficeConn, OfficeParty};
use super::partitions::Partitions;
use super::proxies::{InnerParty, OuterParty};
use super::relays::RelayConn;
use super::sender::SenderConn;
use super::trace::Trace;
use super::{FAULTS_END, LATEST_END, MOST_EVENTS};

pub(super) type AgentId = usize;

/// Who owns an agent, and can crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    Sender(usize),
    Outer(usize),
    Inner(usize),
    Office(usize),
}

/// What can happen next.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// What `side` sent comes to the other one.
    Arrive { hop: HopId, side: Side, chunk: Chunk },
    /// `side` notices that the connection is gone.
    Lost { hop: HopId, side: Side },
    /// A timer, or room to write.
    Wake { agent: AgentId },
    /// A sender begins, or tries again.
    Connect { app: usize },
    /// An office's writer commits what is queued.
    Commit { office: usize },
    /// The writer's answers reach the streams.
    Answer { office: usize, life: u32 },
    /// An office's request for tokens reaches an inner proxy.
    Tokens { inner: usize, office: usize, request: Vec<u8> },
    /// If an outer and an inner proxy are up, so is their link; and its keys are renewed.
    LinkOuter { outer: usize, inner: usize },
    /// If an office and an inner proxy are up, so is their link; and tokens are asked for.
    LinkOffice { inner: usize, office: usize },
    /// The network misbehaves in some way.
    Trouble,
    /// A party is back.
    Restart { party: Party },
    /// A submission is deleted by its office.
    Delete { office: usize },
    /// Two parties reach each other again.
    Heal { between: [Party; 2] },
    /// Two parties have not reached each other for too long.
    GiveUp { between: [Party; 2] },
}

/// One end of a stream, with its machine.
pub(super) enum Agent {
    Sender(Box<SenderConn>),
    Relay(Box<RelayConn>),
    Office(Box<OfficeConn>),
    /// A malicious proxy that sends what it recorded.
    Replayer {
        hop: HopId,
    },
}

pub(super) struct World {
    pub(super) now: u64,
    pub(super) events: u64,
    pub(super) trace: Trace,
    pub(super) rng: ChaCha8Rng,
    begin: UnixSeconds,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    /// When each agent's next wake is due.
    armed: BTreeMap<AgentId, u64>,
    pub(super) hops: Vec<Hop>,
    /// `None` while an agent steps, and when it is over.
    pub(super) agents: Vec<Option<Agent>>,
    pub(super) owners: Vec<Party>,
    pub(super) outers: Vec<OuterParty>,
    pub(super) inners: Vec<InnerParty>,
    pub(super) offices: Vec<OfficeParty>,
    pub(super) apps: Vec<App>,
    pub(super) slots: Vec<TicketSlot>,
    pub(super) links: Links,
    pub(super) clocks: Clocks,
    pub(super) partitions: Partitions,
    pub(super) tally: Tally,
}

impl World {
    pub(super) fn new(seed: u64, begin: UnixSeconds) -> Self {
        Self {
            now: 0,
            events: 0,
            trace: Trace::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            begin,
            queue: BTreeMap::new(),
            scheduled: 0,
            armed: BTreeMap::new(),
            hops: Vec::new(),
            agents: Vec::new(),
            owners: Vec::new(),
            outers: Vec::new(),
            inners: Vec::new(),
            offices: Vec::new(),
            apps: Vec::new(),
            slots: Vec::new(),
            links: Links::default(),
            clocks: Clocks::default(),
            partitions: Partitions::default(),
            tally: Tally::default(),
        }
    }

    /// Both clocks, right.
    pub(super) fn clock(&self) -> Now {
        Now { millis: Millis(self.now), unix: UnixSeconds(self.begin.0 + self.now / 1000) }
    }

    /// Until nothing happens any more.
    pub(super) fn run(&mut self) {
        while let Some(((at, _), event)) = self.queue.pop_first() {
            self.now = at;
            self.events += 1;
            assert!(self.now < LATEST_END, "the run does not end in time");
            assert!(self.events < MOST_EVENTS, "the run does not end");
            self.note(&event);
            self.handle(event);
        }
    }

    pub(super) fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at.max(self.now), self.scheduled), event);
    }

    pub(super) fn schedule_in(&mut self, earliest: u64, latest: u64, event: Event) {
        let at = self.now + self.random(earliest, latest);
        self.schedule(at, event);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrive { hop, side, chunk } => self.arrive(hop, side, chunk),
            Event::Lost { hop, side } => self.notice_loss(hop, side),
            Event::Wake { agent } => self.step(agent),
            Event::Connect { app } => self.connect(app),
            Event::Commit { office } => self.commit(office),
            Event::Answer { office, life } => self.answer(office, life),
            Event::Tokens { inner, office, request } => self.mint_tokens(inner, office, request),
            Event::LinkOuter { outer, inner } => self.link_outer(outer, inner),
            Event::LinkOffice { inner, office } => self.link_office(inner, office),
            Event::Trouble => self.trouble(),
            Event::Restart { party } => self.restart(party),
            Event::Delete { office } => self.delete_one(office),
            Event::Heal { between } => self.heal(between),
            Event::GiveUp { between } => self.give_up(between),
        }
    }

    fn note(&mut self, event: &Event) {
        if let Event::Arrive { hop, side, chunk: Chunk::Data(bytes) } = event {
            self.trace.note(self.now, &format!("data on {hop} from {side:?}: {}", bytes.len()));
            self.trace.bytes(bytes);
        } else {
            self.trace.note(self.now, &format!("{event:?}"));
        }
    }

    /// Lets an agent work, if it is still there.
    pub(super) fn step(&mut self, id: AgentId) {
        let Some(agent) = self.agents[id].take() else { return };
        let (agent, wake) = match agent {
            Agent::Sender(conn) => self.step_sender(id, conn),
            Agent::Relay(conn) => self.step_relay(id, conn),
            Agent::Office(conn) => self.step_office(id, conn),
            Agent::Replayer { hop } => (self.step_replayer(hop), None),
        };
        if let (Some(_), Some(Millis(at))) = (&agent, wake) {
            self.wake_at(id, at);
        }
        self.agents[id] = agent;
    }

    /// Renewed timers would fill the queue: a wake that is too early re-arms itself.
    fn wake_at(&mut self, agent: AgentId, at: u64) {
        let armed = self.armed.get(&agent).is_some_and(|armed| *armed > self.now && *armed <= at);
        if !armed && at > self.now {
            self.armed.insert(agent, at);
            self.schedule(at, Event::Wake { agent });
        }
    }

    pub(super) fn spawn(&mut self, owner: Party) -> AgentId {
        self.agents.push(None);
        self.owners.push(owner);
        self.agents.len() - 1
    }

    /// A number between the two, both included.
    pub(super) fn random(&mut self, low: u64, high: u64) -> u64 {
        self.rng.random_range(low..=high)
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    pub(super) fn is_calm(&self) -> bool {
        self.now >= FAULTS_END
    }

    /// How long something takes from one party to the next.
    pub(super) fn latency(&mut self) -> u64 {
        match (self.is_calm(), self.random(0, 999)) {
            (false, 0) => self.random(1_000, 45_000),
            (false, 1..=30) => self.random(100, 2_000),
            _ => self.random(1, 40),
        }
    }
}
