//! The proxies: machines, and the moving of bytes from hop to hop.

use std::cell::RefCell;
use std::rc::Rc;

use rand::CryptoRng;
use schleuse_admission::AdmissionKey;
use schleuse_protocol::inner::{InnerAction, InnerStream, RouteOpener, UsedNonces};
use schleuse_protocol::outer::{Admission, AdmissionRing, OuterAction, OuterStream};
use schleuse_protocol::relay::{Direction, Relay};
use schleuse_protocol::time::{Millis, Now, UnixSeconds};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::{RouteClaims, RouteNonce, RouteToken};
use schleuse_seal::RouteSealer;

use super::mischief::{Mangler, Recording};
use super::net::{Chunk, HopId, Side};
use super::office::OfficeConn;
use super::world::{Agent, AgentId, Party, World};

/// An outer proxy.
pub(super) struct OuterParty {
    pub(super) up: bool,
    pub(super) is_malicious: bool,
    pub(super) ring: Rc<RefCell<AdmissionRing<AdmissionKey>>>,
    pub(super) recordings: Vec<Recording>,
}

/// An inner proxy.
pub(super) struct InnerParty {
    pub(super) id: MemberId,
    pub(super) up: bool,
    pub(super) is_malicious: bool,
    pub(super) cluster_secret: [u8; 32],
    pub(super) keys: Rc<RefCell<InnerKeys>>,
    pub(super) recordings: Vec<Recording>,
}

/// What an inner proxy judges tokens by.
pub(super) struct InnerKeys {
    sealer: RouteSealer,
    cluster_secret: [u8; 32],
    pub(super) used: UsedNonces,
}

impl InnerKeys {
    pub(super) fn new(cluster_secret: [u8; 32]) -> Self {
        Self { sealer: RouteSealer::new(&cluster_secret), cluster_secret, used: UsedNonces::new(100) }
    }

    pub(super) fn mint(&self, claims: &RouteClaims, rng: &mut impl CryptoRng) -> RouteToken {
        let mut token = self.sealer.seal(claims, rng);
        AdmissionKey::derive(&self.cluster_secret, token.epoch).mac(&mut token);
        token
    }
}

/// The outer proxy's keys, shared by its streams.
pub(super) struct SharedRing(Rc<RefCell<AdmissionRing<AdmissionKey>>>);

impl Admission for SharedRing {
    fn admits(&self, inner: &MemberId, token: &RouteToken) -> bool {
        self.0.borrow().key(inner, token.epoch).is_some_and(|key| key.check(token))
    }
}

/// The inner proxy's keys, shared by its streams.
pub(super) struct SharedKeys(Rc<RefCell<InnerKeys>>);

impl RouteOpener for SharedKeys {
    fn open(&self, token: &RouteToken, _: UnixSeconds) -> Option<RouteClaims> {
        let keys = self.0.borrow();
        let admitted = AdmissionKey::derive(&keys.cluster_secret, token.epoch).check(token);
        if admitted { keys.sealer.open(token) } else { None }
    }

    fn is_used(&self, office: &MemberId, nonce: &RouteNonce) -> bool {
        self.0.borrow().used.contains(office, nonce)
    }
}

enum Machine {
    Outer(usize, OuterStream<SharedRing>),
    Inner(usize, InnerStream<SharedKeys>),
}

enum Act {
    Forward { to: MemberId, bytes: Vec<u8> },
    Reset(StreamRefusal),
}

impl Machine {
    fn wants_header(&self) -> bool {
        match self {
            Self::Outer(_, stream) => stream.wants_header(),
            Self::Inner(_, stream) => stream.wants_header(),
        }
    }

    fn handle_header(&mut self, bytes: &[u8], now: Now) {
        match self {
            Self::Outer(_, stream) => stream.handle_header(bytes, now),
            Self::Inner(_, stream) => stream.handle_header(bytes, now),
        }
    }

    fn handle_lost(&mut self, now: Now) {
        match self {
            Self::Outer(_, stream) => stream.handle_lost(now),
            Self::Inner(_, stream) => stream.handle_lost(now),
        }
    }

    fn handle_next_hop(&mut self, is_there: bool, now: Now) {
        match (self, is_there) {
            (Self::Outer(_, stream), true) => stream.handle_opened(now),
            (Self::Outer(_, stream), false) => stream.handle_open_failed(now),
            (Self::Inner(_, stream), true) => stream.handle_opened(now),
            (Self::Inner(_, stream), false) => stream.handle_open_failed(now),
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        match self {
            Self::Outer(_, stream) => stream.handle_timeout(now),
            Self::Inner(_, stream) => stream.handle_timeout(now),
        }
    }

    fn poll(&mut self) -> Option<Act> {
        match self {
            Self::Outer(_, stream) => stream.poll_action().map(|action| match action {
                OuterAction::Forward { inner, bytes } => Act::Forward { to: inner, bytes },
                OuterAction::Reset(refusal) => Act::Reset(refusal),
            }),
            Self::Inner(_, stream) => stream.poll_action().map(|action| match action {
                InnerAction::Forward { office, bytes, .. } => Act::Forward { to: office, bytes },
                InnerAction::Reset(refusal) => Act::Reset(refusal),
            }),
        }
    }

    fn relay(&mut self) -> Option<&mut Relay> {
        match self {
            Self::Outer(_, stream) => stream.relay(),
            Self::Inner(_, stream) => stream.relay(),
        }
    }

    fn poll_timeout(&self) -> Option<Millis> {
        match self {
            Self::Outer(_, stream) => stream.poll_timeout(),
            Self::Inner(_, stream) => stream.poll_timeout(),
        }
    }

    fn is_finished(&self) -> bool {
        match self {
            Self::Outer(_, stream) => stream.is_finished(),
            Self::Inner(_, stream) => stream.is_finished(),
        }
    }
}

/// One stream in a proxy.
pub(super) struct RelayConn {
    machine: Machine,
    near: HopId,
    far: Option<HopId>,
    /// What a malicious proxy does to either direction.
    manglers: Option<[Mangler; 2]>,
    recording: Option<Recording>,
    passed_stop: [bool; 2],
}

impl RelayConn {
    pub(super) fn outer(world: &World, outer: usize, near: HopId) -> Self {
        let party = &world.outers[outer];
        let machine = Machine::Outer(outer, OuterStream::new(SharedRing(party.ring.clone()), world.clock()));
        Self::new(machine, near, party.is_malicious)
    }

    pub(super) fn inner(world: &World, inner: usize, near: HopId) -> Self {
        let party = &world.inners[inner];
        let opener = SharedKeys(party.keys.clone());
        let machine = Machine::Inner(inner, InnerStream::new(party.id, opener, world.clock()));
        Self::new(machine, near, party.is_malicious)
    }

    fn new(machine: Machine, near: HopId, is_malicious: bool) -> Self {
        let manglers = is_malicious.then(Default::default);
        Self { machine, near, far: None, manglers, recording: None, passed_stop: [false; 2] }
    }

    /// Where a direction is read, and where it is written.
    fn ends(&self, direction: Direction) -> Option<[(HopId, Side); 2]> {
        let (near, far) = ((self.near, Side::Server), (self.far?, Side::Client));
        Some(match direction {
            Direction::ToOffice => [near, far],
            Direction::ToSender => [far, near],
        })
    }
}

impl World {
    pub(super) fn step_relay(&mut self, id: AgentId, mut conn: Box<RelayConn>) -> (Option<Agent>, Option<Millis>) {
        conn.machine.handle_timeout(self.clock());
        self.collect_header(&mut conn);
        self.act(id, &mut conn);
        for direction in [Direction::ToOffice, Direction::ToSender] {
            self.move_bytes(&mut conn, direction);
            self.pass_ends(&mut conn, direction);
        }
        if conn.machine.is_finished() {
            self.keep_recording(&mut conn);
            return (None, None);
        }
        let wake = conn.machine.poll_timeout();
        (Some(Agent::Relay(conn)), wake)
    }

    fn collect_header(&mut self, conn: &mut RelayConn) {
        let now = self.clock();
        while conn.machine.wants_header() {
            match self.read(conn.near, Side::Server) {
                Some(Chunk::Data(bytes)) => conn.machine.handle_header(&bytes, now),
                Some(_) => conn.machine.handle_lost(now),
                None => break,
            }
        }
        let hop = &mut self.hops[conn.near];
        if conn.far.is_none() && (hop.is_lost(Side::Server) || hop.was_reset(Side::Server).is_some()) {
            conn.machine.handle_lost(now);
        }
    }

    fn act(&mut self, id: AgentId, conn: &mut RelayConn) {
        while let Some(act) = conn.machine.poll() {
            match act {
                Act::Forward { to, bytes } => {
                    conn.far = self.open_next_hop(id, &conn.machine, to);
                    if let Some(far) = conn.far {
                        conn.recording = conn.manglers.is_some().then(|| Recording::new(to));
                        let bytes = self.tamper(conn, Direction::ToOffice, bytes);
                        self.write(far, Side::Client, &bytes);
                    }
                    conn.machine.handle_next_hop(conn.far.is_some(), self.clock());
                }
                Act::Reset(refusal) => self.reset_both(conn, refusal.code()),
            }
        }
    }

    fn open_next_hop(&mut self, client: AgentId, machine: &Machine, to: MemberId) -> Option<HopId> {
        match machine {
            Machine::Outer(outer, _) => {
                let inner = self.inners.iter().position(|inner| inner.id == to)?;
                self.links.has_outer(*outer, inner).then(|| self.open_to_inner(client, inner))
            }
            Machine::Inner(inner, _) => {
                let office = self.offices.iter().position(|office| office.id == to)?;
                self.links.has_office(*inner, office).then(|| self.open_to_office(client, office))
            }
        }
    }

    pub(super) fn open_to_inner(&mut self, client: AgentId, inner: usize) -> HopId {
        let server = self.spawn(Party::Inner(inner));
        let hop = self.open_hop(client, server);
        self.agents[server] = Some(Agent::Relay(Box::new(RelayConn::inner(self, inner, hop))));
        self.schedule(self.now, super::world::Event::Wake { agent: server });
        hop
    }

    pub(super) fn open_to_office(&mut self, client: AgentId, office: usize) -> HopId {
        let server = self.spawn(Party::Office(office));
        let hop = self.open_hop(client, server);
        self.agents[server] = Some(Agent::Office(Box::new(OfficeConn::new(self, office, hop))));
        self.schedule(self.now, super::world::Event::Wake { agent: server });
        hop
    }

    fn move_bytes(&mut self, conn: &mut RelayConn, direction: Direction) {
        let Some([(from, reader), (to, writer)]) = conn.ends(direction) else { return };
        let now = self.clock();
        while !conn.machine.is_finished() && self.hops[to].can_write(writer) {
            match self.read(from, reader) {
                Some(Chunk::Data(bytes)) => {
                    let count = bytes.len();
                    let bytes = self.tamper(conn, direction, bytes);
                    self.write(to, writer, &bytes);
                    conn.machine.relay().expect("carried").handle_bytes(direction, count, now);
                }
                Some(_) => {
                    self.fin(to, writer);
                    conn.machine.relay().expect("carried").handle_end(direction, now);
                }
                None => return,
            }
        }
    }

    /// Resets, stops and losses go on in their direction.
    fn pass_ends(&mut self, conn: &mut RelayConn, direction: Direction) {
        let Some([(from, reader), (to, writer)]) = conn.ends(direction) else { return };
        let now = self.clock();
        if conn.machine.is_finished() {
            return;
        }
        let lost = self.hops[from].is_lost(reader).then_some(StreamRefusal::Unavailable.code());
        if let Some(code) = self.hops[from].was_reset(reader).or(lost) {
            self.reset_both(conn, code);
            conn.machine.relay().expect("carried").handle_failed(direction, now);
        } else if let Some(code) = self.hops[to].was_stopped(writer)
            && !std::mem::replace(&mut conn.passed_stop[direction as usize], true)
        {
            self.stop(from, reader, code);
            conn.machine.relay().expect("carried").handle_stopped(direction, now);
        }
    }

    fn reset_both(&mut self, conn: &RelayConn, code: u64) {
        self.reset(conn.near, Side::Server, code);
        if let Some(far) = conn.far {
            self.reset(far, Side::Client, code);
        }
    }

    fn tamper(&mut self, conn: &mut RelayConn, direction: Direction, bytes: Vec<u8>) -> Vec<u8> {
        if let (Direction::ToOffice, Some(recording)) = (direction, &mut conn.recording) {
            recording.add(&bytes);
        }
        match &mut conn.manglers {
            Some(manglers) => manglers[direction as usize].pass(self, bytes),
            None => bytes,
        }
    }

    fn keep_recording(&mut self, conn: &mut RelayConn) {
        let Some(recording) = conn.recording.take() else { return };
        let recordings = match conn.machine {
            Machine::Outer(outer, _) => &mut self.outers[outer].recordings,
            Machine::Inner(inner, _) => &mut self.inners[inner].recordings,
        };
        recordings.push(recording);
    }
}
