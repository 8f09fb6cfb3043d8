//! Everything that goes wrong: lost connections, crashes, and proxies that tamper and replay.

use schleuse_protocol::wire::frame::{FrameReader, FrameType, encode_raw};
use schleuse_protocol::wire::name::MemberId;

use super::FAULTS_END;
use super::net::{HopId, Side};
use super::proxies::InnerKeys;
use super::world::{Agent, Event, Party, World};

/// What a malicious proxy does to one direction of one stream, frame by frame.
#[derive(Default)]
pub(super) struct Mangler {
    frames: FrameReader,
    held: Option<Vec<u8>>,
    /// Another one was here before: what comes is no sequence of frames.
    confused: bool,
}

impl Mangler {
    pub(super) fn pass(&mut self, world: &mut World, bytes: Vec<u8>) -> Vec<u8> {
        if self.confused {
            return bytes;
        }
        let (mut rest, mut out) = (bytes.as_slice(), Vec::new());
        loop {
            match self.frames.read(&mut rest, &FrameType::ALL) {
                Ok(Some(frame)) => self.pass_frame(world, encode_raw(frame.frame_type, &[&frame.body]), &mut out),
                Ok(None) => return out,
                Err(_) => {
                    self.confused = true;
                    return out;
                }
            }
        }
    }

    fn pass_frame(&mut self, world: &mut World, mut frame: Vec<u8>, out: &mut Vec<u8>) {
        let dice = if world.is_calm() { 999 } else { world.random(0, 79) };
        world.tally.tampered += u64::from(dice < 6);
        match dice {
            0 | 1 => {
                let bit = world.random(0, frame.len() as u64 * 8 - 1) as usize;
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            2 => return,
            3 => out.extend_from_slice(&frame.clone()),
            4 if self.held.is_none() => {
                self.held = Some(frame);
                return;
            }
            5 => frame.truncate(world.random(0, frame.len() as u64) as usize),
            _ => {}
        }
        out.extend_from_slice(&frame);
        // The one that was held back follows: the two are swapped.
        out.extend(self.held.take().unwrap_or_default());
    }
}

/// What a malicious proxy kept of a stream towards the office.
#[derive(Clone)]
pub(super) struct Recording {
    to: MemberId,
    bytes: Vec<u8>,
}

impl Recording {
    const MOST: usize = 400_000;

    pub(super) fn new(to: MemberId) -> Self {
        Self { to, bytes: Vec::new() }
    }

    /// The hello that was sent, if it is whole: it tells two attempts apart.
    pub(super) fn hello(&self) -> Option<Vec<u8>> {
        let (mut frames, mut rest) = (FrameReader::new(), self.bytes.as_slice());
        while let Some(frame) = frames.read(&mut rest, &FrameType::ALL).ok()? {
            if frame.frame_type == FrameType::Hello {
                return Some(frame.body);
            }
        }
        None
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let room = Self::MOST.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

impl World {
    /// One misfortune, and the next one after a while.
    pub(super) fn trouble(&mut self) {
        if self.is_calm() {
            return;
        }
        match self.random(0, 12) {
            0..=3 => self.lose_a_stream(),
            4 => self.lose_a_link(),
            5..=6 => self.crash_somebody(),
            7 => self.part_two(),
            8 => self.set_a_clock(),
            _ => self.replay_something(),
        }
        let next = self.now + self.random(50, 5_000);
        if next < FAULTS_END {
            self.schedule(next, Event::Trouble);
        }
    }

    fn set_a_clock(&mut self) {
        let parties = self.parties();
        let party = parties[self.random(0, parties.len() as u64 - 1) as usize];
        self.tally.clock_jumps += 1;
        self.set_clock(party);
    }

    fn lose_a_stream(&mut self) {
        let live: Vec<HopId> = (0..self.hops.len()).filter(|hop| self.is_live(*hop)).collect();
        if !live.is_empty() {
            let hop = live[self.random(0, live.len() as u64 - 1) as usize];
            self.break_hop(hop);
        }
    }

    fn lose_a_link(&mut self) {
        let inner = self.random(0, self.inners.len() as u64 - 1) as usize;
        let office = self.random(0, self.offices.len() as u64 - 1) as usize;
        self.unlink_offices(|of, to| (of, to) == (inner, office));
        self.break_hops(|owners| owners == [Party::Inner(inner), Party::Office(office)]);
    }

    fn crash_somebody(&mut self) {
        let choices = [self.apps.len(), self.outers.len(), self.inners.len(), self.offices.len()];
        let kind = self.random(0, 3) as usize;
        let mut which = self.random(0, choices[kind] as u64 - 1) as usize;
        if kind == 0 {
            // Rather one that is sending.
            which = (0..choices[0]).find(|app| self.apps[*app].is_sending()).unwrap_or(which);
        }
        let constructors = [Party::Sender, Party::Outer, Party::Inner, Party::Office];
        self.crash(constructors[kind](which));
    }

    /// Whatever the party had in memory is gone.
    pub(super) fn crash(&mut self, party: Party) {
        let is_up = match party {
            Party::Sender(app) => self.apps[app].up && self.apps[app].outcome.is_none(),
            Party::Outer(outer) => self.outers[outer].up,
            Party::Inner(inner) => self.inners[inner].up,
            Party::Office(office) => self.offices[office].up,
        };
        if !is_up {
            return;
        }
        self.tally.crashes += 1;
        self.trace.note(self.now, &format!("crash of {party:?}"));
        if let Party::Sender(app) = party {
            self.crash_app(app);
        }
        for (agent, _) in self.owners.iter().enumerate().filter(|(_, owner)| **owner == party) {
            self.agents[agent] = None;
        }
        self.break_hops(|owners| owners.contains(&party));
        self.forget(party);
        self.schedule_in(100, 20_000, Event::Restart { party });
    }

    /// What a party that is no sender had in memory besides its streams.
    fn forget(&mut self, party: Party) {
        match party {
            Party::Sender(_) => {}
            Party::Outer(outer) => {
                self.outers[outer].up = false;
                self.outers[outer].ring = Default::default();
                self.links.drop_outer(|of, _| of == outer);
            }
            Party::Inner(inner) => {
                self.inners[inner].up = false;
                let keys = InnerKeys::new(self.inners[inner].cluster_secret);
                *self.inners[inner].keys.borrow_mut() = keys;
                self.links.drop_outer(|_, to| to == inner);
                self.unlink_offices(|of, _| of == inner);
            }
            Party::Office(office) => {
                self.crash_office(office);
                self.unlink_offices(|_, to| to == office);
            }
        }
    }

    pub(super) fn restart(&mut self, party: Party) {
        match party {
            Party::Sender(app) => {
                self.apps[app].up = true;
                self.schedule(self.now, Event::Connect { app });
            }
            Party::Outer(outer) => self.outers[outer].up = true,
            Party::Inner(inner) => self.inners[inner].up = true,
            Party::Office(office) => self.offices[office].up = true,
        }
    }

    pub(super) fn unlink_offices(&mut self, gone: impl Fn(usize, usize) -> bool) {
        for (inner, office) in self.links.drop_office(gone) {
            let id = self.inners[inner].id;
            self.offices[office].pool.handle_disconnected(&id);
        }
    }

    pub(super) fn break_hops(&mut self, concerned: impl Fn([Party; 2]) -> bool) {
        for hop in 0..self.hops.len() {
            let owners = [Side::Client, Side::Server].map(|side| self.owners[self.hops[hop].agent(side)]);
            if concerned(owners) {
                self.break_hop(hop);
            }
        }
    }

    fn is_live(&self, hop: HopId) -> bool {
        let ends = [Side::Client, Side::Server].map(|side| self.agents[self.hops[hop].agent(side)].is_some());
        !self.hops[hop].is_broken() && ends.contains(&true)
    }

    /// A malicious proxy opens a stream of its own with what it recorded, whole or in part.
    fn replay_something(&mut self) {
        let from_outer = self.chance(0.5);
        let parties = if from_outer { self.outers.len() } else { self.inners.len() };
        let party = self.random(0, parties as u64 - 1) as usize;
        let (owner, recordings) = match from_outer {
            true => (Party::Outer(party), self.outers[party].recordings.clone()),
            false => (Party::Inner(party), self.inners[party].recordings.clone()),
        };
        if recordings.is_empty() {
            return;
        }
        let Recording { to, mut bytes } = recordings[self.random(0, recordings.len() as u64 - 1) as usize].clone();
        if self.chance(0.5) {
            bytes.truncate(self.random(0, bytes.len() as u64) as usize);
        }
        let client = self.spawn(owner);
        let hop = match owner {
            Party::Outer(outer) => self.replay_to_inner(client, outer, to),
            _ => self.replay_to_office(client, party, to),
        };
        let Some(hop) = hop else { return };
        self.tally.replays += 1;
        self.agents[client] = Some(Agent::Replayer { hop });
        self.write(hop, Side::Client, &bytes);
        if self.chance(0.7) {
            self.fin(hop, Side::Client);
        }
    }

    fn replay_to_inner(&mut self, client: usize, outer: usize, to: MemberId) -> Option<HopId> {
        let inner = self.inners.iter().position(|inner| inner.id == to)?;
        self.links.has_outer(outer, inner).then(|| self.open_to_inner(client, inner))
    }

    fn replay_to_office(&mut self, client: usize, inner: usize, to: MemberId) -> Option<HopId> {
        let office = self.offices.iter().position(|office| office.id == to)?;
        self.links.has_office(inner, office).then(|| self.open_to_office(client, office))
    }

    /// It has sent everything; the answers tell it nothing.
    pub(super) fn step_replayer(&mut self, hop: HopId) -> Option<Agent> {
        let mut ended = false;
        while let Some(chunk) = self.read(hop, Side::Client) {
            ended |= matches!(chunk, super::net::Chunk::Fin);
        }
        let state = &mut self.hops[hop];
        let over = ended || state.is_lost(Side::Client) || state.was_reset(Side::Client).is_some();
        (!over).then_some(Agent::Replayer { hop })
    }
}
