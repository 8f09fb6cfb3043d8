//! Streams between two parties: ordered within a direction, with a window, a delay, and an end that may come too soon.

use std::collections::VecDeque;

use schleuse_protocol::relay::Direction;

use super::world::{AgentId, Event, World};

/// Bytes that may be under way or unread in one direction.
const WINDOW: usize = 256 * 1024;

pub(super) type HopId = usize;

/// The two ends of a hop's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Opened it; nearer to the sender.
    Client,
    /// Accepted it; nearer to the office.
    Server,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// The direction in which this side writes.
    pub(super) fn writes(self) -> Direction {
        match self {
            Self::Client => Direction::ToOffice,
            Self::Server => Direction::ToSender,
        }
    }

    /// The direction in which this side reads.
    pub(super) fn reads(self) -> Direction {
        self.other().writes()
    }
}

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Chunk {
    Data(Vec<u8>),
    Fin,
    Reset(u64),
    Stop(u64),
}

#[derive(Debug, Default)]
struct Pipe {
    /// Written and not read.
    unread: usize,
    arrived: VecDeque<Chunk>,
    last_arrival: u64,
    reset: Option<u64>,
    stopped: Option<u64>,
}

/// One stream between two parties.
#[derive(Debug)]
pub(super) struct Hop {
    agents: [AgentId; 2],
    pipes: [Pipe; 2],
    /// Nothing arrives any more.
    broken: bool,
    /// Bytes per millisecond.
    speed: u64,
    /// Which sides have noticed.
    lost: [bool; 2],
    /// What each side sent and a partition holds back.
    held: [VecDeque<Chunk>; 2],
}

impl Hop {
    fn new(client: AgentId, server: AgentId, speed: u64) -> Self {
        Self {
            agents: [client, server],
            pipes: Default::default(),
            broken: false,
            speed,
            lost: [false; 2],
            held: Default::default(),
        }
    }

    pub(super) fn agent(&self, side: Side) -> AgentId {
        self.agents[side as usize]
    }

    pub(super) fn held(&mut self, side: Side) -> &mut VecDeque<Chunk> {
        &mut self.held[side as usize]
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    fn pipe(&mut self, direction: Direction) -> &mut Pipe {
        match direction {
            Direction::ToOffice => &mut self.pipes[0],
            Direction::ToSender => &mut self.pipes[1],
        }
    }

    pub(super) fn can_write(&mut self, side: Side) -> bool {
        self.pipe(side.writes()).unread < WINDOW
    }

    pub(super) fn was_reset(&mut self, side: Side) -> Option<u64> {
        self.pipe(side.reads()).reset
    }

    pub(super) fn was_stopped(&mut self, side: Side) -> Option<u64> {
        self.pipe(side.writes()).stopped
    }

    pub(super) fn is_lost(&self, side: Side) -> bool {
        self.lost[side as usize]
    }
}

impl World {
    /// A new stream between two agents. Some lines are slow.
    pub(super) fn open_hop(&mut self, client: AgentId, server: AgentId) -> HopId {
        let speed = if self.chance(0.5) { self.random(10, 100) } else { self.random(100, 5_000) };
        self.hops.push(Hop::new(client, server, speed));
        self.hops.len() - 1
    }

    /// Writes in pieces, each of which may arrive when it likes, in order.
    pub(super) fn write(&mut self, hop: HopId, side: Side, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(self.random(1, 24 * 1024).min(rest.len() as u64) as usize);
            self.hops[hop].pipe(side.writes()).unread += piece.len();
            self.send(hop, side, Chunk::Data(piece.to_vec()));
            rest = tail;
        }
    }

    pub(super) fn fin(&mut self, hop: HopId, side: Side) {
        self.send(hop, side, Chunk::Fin);
    }

    /// Resets what this side writes and stops what it reads.
    pub(super) fn reset(&mut self, hop: HopId, side: Side, code: u64) {
        self.send(hop, side, Chunk::Reset(code));
        self.send(hop, side, Chunk::Stop(code));
    }

    pub(super) fn stop(&mut self, hop: HopId, side: Side, code: u64) {
        self.send(hop, side, Chunk::Stop(code));
    }

    fn send(&mut self, hop: HopId, side: Side, chunk: Chunk) {
        let at = self.now + self.latency();
        let speed = self.hops[hop].speed;
        let pipe = self.hops[hop].pipe(side.writes());
        // A reset or a stop may overtake data, as in QUIC.
        let at = match &chunk {
            Chunk::Data(bytes) => at.max(pipe.last_arrival + bytes.len() as u64 / speed),
            Chunk::Fin => at.max(pipe.last_arrival),
            Chunk::Reset(_) | Chunk::Stop(_) => at,
        };
        if matches!(chunk, Chunk::Data(_) | Chunk::Fin) {
            pipe.last_arrival = at;
        }
        self.schedule(at, Event::Arrive { hop, side, chunk });
    }

    /// What `side` sent arrives.
    pub(super) fn arrive(&mut self, hop: HopId, side: Side, chunk: Chunk) {
        if let Some(chunk) = self.hold_back(hop, side, chunk) {
            self.deliver(hop, side, chunk);
        }
    }

    pub(super) fn deliver(&mut self, hop: HopId, side: Side, chunk: Chunk) {
        if self.hops[hop].broken {
            return;
        }
        let pipe = self.hops[hop].pipe(side.writes());
        match chunk {
            Chunk::Data(_) | Chunk::Fin if pipe.reset.is_none() => pipe.arrived.push_back(chunk),
            Chunk::Data(_) | Chunk::Fin => {}
            Chunk::Reset(code) => {
                pipe.arrived.clear();
                pipe.reset = Some(code);
            }
            Chunk::Stop(code) => self.hops[hop].pipe(side.reads()).stopped = Some(code),
        }
        let reader = self.hops[hop].agent(side.other());
        self.step(reader);
    }

    /// Takes what has arrived at `side`; the writer goes on if it waited for room.
    pub(super) fn read(&mut self, hop: HopId, side: Side) -> Option<Chunk> {
        let writer = self.hops[hop].agent(side.other());
        let pipe = self.hops[hop].pipe(side.reads());
        let chunk = pipe.arrived.pop_front()?;
        if let Chunk::Data(bytes) = &chunk {
            let was_full = pipe.unread >= WINDOW;
            pipe.unread -= bytes.len();
            if was_full && pipe.unread < WINDOW {
                let at = self.now + self.latency();
                self.schedule(at, Event::Wake { agent: writer });
            }
        }
        Some(chunk)
    }

    /// The connection under a hop is gone. Each end notices in its own time.
    pub(super) fn break_hop(&mut self, hop: HopId) {
        if std::mem::replace(&mut self.hops[hop].broken, true) {
            return;
        }
        for side in [Side::Client, Side::Server] {
            let late = if self.chance(0.3) { self.random(0, 40_000) } else { self.random(0, 2_000) };
            self.schedule(self.now + late, Event::Lost { hop, side });
        }
    }

    pub(super) fn notice_loss(&mut self, hop: HopId, side: Side) {
        self.hops[hop].lost[side as usize] = true;
        let agent = self.hops[hop].agent(side);
        self.step(agent);
    }
}
