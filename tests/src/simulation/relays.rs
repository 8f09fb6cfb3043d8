//! The proxies' streams: machines, and the moving of bytes from hop to hop.

use schleuse_protocol::hop::{AwaitHeader, AwaitNextHop, Header};
use schleuse_protocol::inner;
use schleuse_protocol::outer;
use schleuse_protocol::relay::{Direction, Relay};
use schleuse_protocol::time::Millis;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;

use super::mischief::{Mangler, Recording};
use super::net::{Chunk, HopId, Side};
use super::office::OfficeConn;
use super::proxies::{Answers, InnerParty, Ring};
use super::world::{Agent, AgentId, Party, World};

/// Which proxy carries a stream.
#[derive(Clone, Copy)]
enum At {
    Outer(usize),
    Inner(usize),
}

impl At {
    fn party(self) -> Party {
        match self {
            Self::Outer(outer) => Party::Outer(outer),
            Self::Inner(inner) => Party::Inner(inner),
        }
    }
}

/// Where a stream stands, as in the proxies' daemons.
enum State {
    AwaitHeader(AwaitHeader),
    /// Since it was asked for, the link has given no stream.
    AwaitNextHop(AwaitNextHop, Onward),
    Relaying(Relay),
    Refused,
}

/// What a malicious proxy does to an answer as a whole.
enum Answer {
    /// None of it has come.
    Awaited,
    /// It is passed on, and kept.
    Kept(Vec<u8>),
    /// An earlier one was given in its place.
    Exchanged,
}

/// Where a stream goes, and what is written first.
struct Onward {
    to: MemberId,
    bytes: Vec<u8>,
    /// When the link gives a stream.
    from: u64,
}

impl State {
    fn relay(&mut self) -> Option<&mut Relay> {
        match self {
            Self::Relaying(relay) => Some(relay),
            _ => None,
        }
    }

    fn poll_timeout(&self) -> Option<Millis> {
        match self {
            Self::AwaitHeader(awaited) => awaited.poll_timeout(),
            Self::AwaitNextHop(awaited, onward) => Some(awaited.poll_timeout().min(Millis(onward.from))),
            Self::Relaying(relay) => relay.poll_timeout(),
            Self::Refused => None,
        }
    }

    fn is_finished(&self) -> bool {
        match self {
            Self::Relaying(relay) => relay.end().is_some(),
            Self::Refused => true,
            Self::AwaitHeader(_) | Self::AwaitNextHop(..) => false,
        }
    }
}

/// One stream in a proxy.
pub(super) struct RelayConn {
    at: At,
    state: State,
    near: HopId,
    far: Option<HopId>,
    /// What a malicious proxy does to either direction.
    manglers: Option<[Mangler; 2]>,
    recording: Option<Recording>,
    answer: Answer,
    passed_stop: [bool; 2],
}

impl RelayConn {
    pub(super) fn outer(world: &World, outer: usize, near: HopId) -> Self {
        Self::new(world, At::Outer(outer), near, world.outers[outer].is_malicious)
    }

    pub(super) fn inner(world: &World, inner: usize, near: HopId) -> Self {
        Self::new(world, At::Inner(inner), near, world.inners[inner].is_malicious)
    }

    fn new(world: &World, at: At, near: HopId, is_malicious: bool) -> Self {
        let state = State::AwaitHeader(AwaitHeader::new(world.clock_of(at.party())));
        let manglers = is_malicious.then(Default::default);
        Self { at, state, near, far: None, manglers, recording: None, answer: Answer::Awaited, passed_stop: [false; 2] }
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
        self.collect_header(&mut conn);
        self.go_onward(id, &mut conn);
        self.check_standstill(&mut conn);
        for direction in [Direction::ToOffice, Direction::ToSender] {
            self.move_bytes(&mut conn, direction);
            self.pass_ends(&mut conn, direction);
        }
        if conn.state.is_finished() {
            self.keep_recording(&mut conn);
            return (None, None);
        }
        let wake = conn.state.poll_timeout();
        (Some(Agent::Relay(conn)), wake)
    }

    fn collect_header(&mut self, conn: &mut RelayConn) {
        let now = self.clock_of(conn.at.party());
        let State::AwaitHeader(awaited) = &mut conn.state else { return };
        awaited.handle_timeout(now);
        while awaited.wants_bytes() {
            match self.read(conn.near, Side::Server) {
                Some(Chunk::Data(bytes)) => awaited.handle_bytes(&bytes),
                Some(_) => awaited.handle_lost(),
                None => break,
            }
        }
        if self.is_gone(conn.near) {
            awaited.handle_lost();
        }
        let Some(verdict) = awaited.poll_verdict() else { return };
        match verdict.and_then(|header| self.judge(conn.at, header)) {
            Ok(onward) => conn.state = State::AwaitNextHop(AwaitNextHop::new(now), onward),
            Err(refusal) => self.refuse(conn, refusal),
        }
    }

    fn judge(&mut self, at: At, header: Header) -> Result<Onward, StreamRefusal> {
        let (to, bytes) = match at {
            At::Outer(outer) => {
                let keys = self.outers[outer].ring.borrow();
                let ring = Ring { keys: &keys, now: self.clock_of(at.party()).unix, configured: &self.inners };
                let outer::Forward { inner, bytes } = outer::judge(&ring, header)?;
                (inner, bytes)
            }
            At::Inner(inner) => {
                let InnerParty { id, keys, .. } = &self.inners[inner];
                let inner::Forward { office, bytes, .. } =
                    inner::judge(*id, &*keys.borrow(), header, self.clock_of(at.party()))?;
                (office, bytes)
            }
        };
        // Now and then a link is at its limit of streams.
        let is_full = !self.is_calm() && self.chance(0.05);
        let from = self.now + if is_full { self.random(1, 20_000) } else { 0 };
        self.tally.waited_for_a_link += u64::from(is_full);
        Ok(Onward { to, bytes, from })
    }

    fn go_onward(&mut self, id: AgentId, conn: &mut RelayConn) {
        let now = self.clock_of(conn.at.party());
        let State::AwaitNextHop(awaited, Onward { to, bytes, from }) = &mut conn.state else { return };
        if let Some(refusal) = awaited.handle_timeout(now) {
            return self.refuse(conn, refusal);
        }
        if *from > self.now {
            return;
        }
        let (to, bytes, relay) = (*to, std::mem::take(bytes), awaited.handle_opened(now));
        let Some(far) = self.open_next_hop(id, conn.at, to) else {
            return self.refuse(conn, StreamRefusal::Unavailable);
        };
        conn.far = Some(far);
        conn.state = State::Relaying(relay);
        conn.recording = conn.manglers.is_some().then(|| Recording::new(to));
        let bytes = self.tamper(conn, Direction::ToOffice, bytes);
        self.write(far, Side::Client, &bytes);
    }

    /// protocol.md 7.3.
    fn check_standstill(&mut self, conn: &mut RelayConn) {
        let Some(relay) = conn.state.relay() else { return };
        relay.handle_timeout(self.clock_of(conn.at.party()));
        if relay.end().is_some() {
            self.reset_both(conn, StreamRefusal::Unavailable.code());
        }
    }

    fn refuse(&mut self, conn: &mut RelayConn, refusal: StreamRefusal) {
        conn.state = State::Refused;
        self.reset_both(conn, refusal.code());
    }

    fn is_gone(&mut self, near: HopId) -> bool {
        let hop = &mut self.hops[near];
        hop.is_lost(Side::Server) || hop.was_reset(Side::Server).is_some()
    }

    fn open_next_hop(&mut self, client: AgentId, at: At, to: MemberId) -> Option<HopId> {
        match at {
            At::Outer(outer) => {
                let inner = self.inners.iter().position(|inner| inner.id == to)?;
                self.links.has_outer(outer, inner).then(|| self.open_to_inner(client, inner))
            }
            At::Inner(inner) => {
                let office = self.offices.iter().position(|office| office.id == to)?;
                self.links.has_office(inner, office).then(|| self.open_to_office(client, office))
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
        let now = self.clock_of(conn.at.party());
        while !conn.state.is_finished() && self.hops[to].can_write(writer) {
            match self.read(from, reader) {
                Some(Chunk::Data(bytes)) => {
                    let count = bytes.len();
                    let bytes = self.tamper(conn, direction, bytes);
                    self.write(to, writer, &bytes);
                    conn.state.relay().expect("carried").handle_bytes(direction, count, now);
                }
                Some(_) => {
                    self.fin(to, writer);
                    conn.state.relay().expect("carried").handle_end(direction, now);
                }
                None => return,
            }
        }
    }

    /// Resets, stops and losses go on in their direction.
    fn pass_ends(&mut self, conn: &mut RelayConn, direction: Direction) {
        let Some([(from, reader), (to, writer)]) = conn.ends(direction) else { return };
        let now = self.clock_of(conn.at.party());
        if conn.state.is_finished() {
            return;
        }
        let lost = self.hops[from].is_lost(reader).then_some(StreamRefusal::Unavailable.code());
        if let Some(code) = self.hops[from].was_reset(reader).or(lost) {
            self.reset_both(conn, code);
            conn.state.relay().expect("carried").handle_failed(direction, now);
        } else if let Some(code) = self.hops[to].was_stopped(writer)
            && !std::mem::replace(&mut conn.passed_stop[direction as usize], true)
        {
            self.stop(from, reader, code);
            conn.state.relay().expect("carried").handle_stopped(direction, now);
        }
    }

    fn reset_both(&mut self, conn: &RelayConn, code: u64) {
        self.reset(conn.near, Side::Server, code);
        if let Some(far) = conn.far {
            self.reset(far, Side::Client, code);
        }
    }

    fn tamper(&mut self, conn: &mut RelayConn, direction: Direction, bytes: Vec<u8>) -> Vec<u8> {
        let bytes = match (direction, &mut conn.recording) {
            (Direction::ToOffice, Some(recording)) => {
                recording.add(&bytes);
                bytes
            }
            (Direction::ToSender, Some(_)) => self.exchange_answer(conn, bytes),
            (_, None) => bytes,
        };
        match &mut conn.manglers {
            Some(manglers) => manglers[direction as usize].pass(self, bytes),
            None => bytes,
        }
    }

    /// Gives the recorded answer of an earlier stream of the same attempt, now and then, from the first byte on.
    fn exchange_answer(&mut self, conn: &mut RelayConn, bytes: Vec<u8>) -> Vec<u8> {
        match &mut conn.answer {
            Answer::Kept(kept) => kept.extend_from_slice(&bytes),
            Answer::Exchanged => return Vec::new(),
            Answer::Awaited => {
                let wants = !self.is_calm() && self.chance(0.5);
                let hello = conn.recording.as_ref().and_then(Recording::hello).filter(|_| wants);
                if let Some(earlier) = hello.and_then(|hello| self.answers(conn.at).get(&hello).cloned()) {
                    self.tally.answers_replayed += 1;
                    conn.answer = Answer::Exchanged;
                    return earlier;
                }
                conn.answer = Answer::Kept(bytes.clone());
            }
        }
        bytes
    }

    fn answers(&mut self, at: At) -> &mut Answers {
        match at {
            At::Outer(outer) => &mut self.outers[outer].answers,
            At::Inner(inner) => &mut self.inners[inner].answers,
        }
    }

    fn keep_recording(&mut self, conn: &mut RelayConn) {
        let Some(recording) = conn.recording.take() else { return };
        if let (Some(hello), Answer::Kept(answer)) =
            (recording.hello(), std::mem::replace(&mut conn.answer, Answer::Exchanged))
        {
            self.answers(conn.at).insert(hello, answer);
        }
        let recordings = match conn.at {
            At::Outer(outer) => &mut self.outers[outer].recordings,
            At::Inner(inner) => &mut self.inners[inner].recordings,
        };
        recordings.push(recording);
    }
}
