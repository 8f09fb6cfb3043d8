//! What drives the senders: a patient application that wants its content delivered, and keeps what it needs for that.

use std::sync::Arc;

use rand::Rng;
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::sender::{SenderEvent, SenderFailure, SenderStream, Start};
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::{Reason, Refusal};
use schleuse_protocol::wire::ticket::{Suite, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_seal::{OneTimeSecret, Sender, SigningKey, VerifiedTicket, sign_ticket, verify_ticket};

use super::check;
use super::relays::RelayConn;
use super::sender::SenderConn;
use super::world::{Agent, AgentId, Event, Party, World};

/// A ticket that an office mints when it is asked for it.
pub(super) struct TicketSlot {
    pub(super) office: usize,
    pub(super) suite: Suite,
    /// Seconds from now at which it begins and ends.
    pub(super) validity: (u64, u64),
    pub(super) ticket: Option<VerifiedTicket>,
}

/// How it ended for a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Receipt(Receipt),
    Refused(Reason),
    /// Every route refused uniformly, again and again, also when the network was well.
    RefusedEverywhere,
    /// Another holder of the ticket always came first.
    CrowdedOut,
}

/// One sender with one content.
pub(super) struct App {
    pub(super) slot: usize,
    pub(super) content: Vec<u8>,
    pub(super) kind: PayloadKind,
    pub(super) identity: Option<(MemberId, Arc<SigningKey>)>,
    pub(super) announces_length: bool,
    pub(super) up: bool,
    /// How wrong its clock is, in microseconds.
    pub(super) clock_ahead: u64,
    pub(super) outcome: Option<Outcome>,
    active: Option<AgentId>,
    /// The attempt between two connections.
    parked: Option<SenderStream<Sender>>,
    next_attempt: Option<u64>,
    turn: usize,
    refused: u32,
    superseded: u32,
}

impl App {
    pub(super) fn new(slot: usize, content: Vec<u8>, kind: PayloadKind) -> Self {
        Self {
            slot,
            content,
            kind,
            identity: None,
            announces_length: false,
            up: true,
            clock_ahead: 0,
            outcome: None,
            active: None,
            parked: None,
            next_attempt: None,
            turn: 0,
            refused: 0,
            superseded: 0,
        }
    }
}

impl App {
    pub(super) fn is_sending(&self) -> bool {
        self.active.is_some()
    }
}

impl World {
    /// Tries the next route, if the sender is there and idle.
    pub(super) fn connect(&mut self, app: usize) {
        if !self.apps[app].up || self.apps[app].active.is_some() || self.apps[app].outcome.is_some() {
            return;
        }
        let Some(ticket) = self.ticket(self.apps[app].slot) else {
            return self.schedule_in(500, 3_000, Event::Connect { app });
        };
        let turn = self.apps[app].turn;
        self.apps[app].turn += 1;
        let routes = &ticket.ticket().body().routes;
        let outer = turn % self.outers.len();
        let open = Open::over(&routes[(turn / self.outers.len()) % routes.len()]);
        if !self.outers[outer].up {
            return self.schedule_in(200, 1_000, Event::Connect { app });
        }
        let now = self.clock_of(Party::Sender(app));
        let stream = match self.apps[app].parked.take() {
            Some(stream) => stream.reconnect(open, now),
            None => SenderStream::new(self.new_attempt(app, &ticket), open, Start::Fresh, now),
        };
        let (client, server) = (self.spawn(Party::Sender(app)), self.spawn(Party::Outer(outer)));
        let hop = self.open_hop(client, server);
        self.agents[server] = Some(Agent::Relay(Box::new(RelayConn::outer(self, outer, hop))));
        self.agents[client] = Some(Agent::Sender(Box::new(SenderConn::new(app, hop, stream))));
        self.apps[app].active = Some(client);
        self.schedule(self.now, Event::Wake { agent: server });
        self.step(client);
    }

    fn new_attempt(&mut self, app: usize, ticket: &VerifiedTicket) -> Sender {
        let clock = self.clock_of(Party::Sender(app)).unix.0 * 1_000_000 + self.now % 1000 * 1000;
        let sender = &mut self.apps[app];
        let attempt = sender.next_attempt.take().unwrap_or(clock + sender.clock_ahead);
        let intro = Intro {
            attempt,
            kind: sender.kind,
            sender: sender.identity.as_ref().map(|(member, _)| *member),
            length: sender.announces_length.then_some(sender.content.len() as u64),
            language: Language::German,
        };
        self.tally.attempts += 1;
        Sender::new(ticket, intro, sender.identity.clone(), &mut self.rng).expect("the ticket's key is valid")
    }

    /// The ticket of a slot: minted at the first request for which the office has a route.
    fn ticket(&mut self, slot: usize) -> Option<VerifiedTicket> {
        if let Some(ticket) = &self.slots[slot].ticket {
            return Some(ticket.clone());
        }
        let TicketSlot { office, suite, validity: (from, until), .. } = self.slots[slot];
        if !self.offices[office].up {
            return None;
        }
        let now = self.clock_of(Party::Office(office)).unix;
        let not_after = schleuse_protocol::time::UnixSeconds(now.0 + until);
        let routes = self.offices[office].pool.take_routes(not_after).ok()?;
        let (mut id, mut psk) = (TicketId([0; 16]), TicketSecret([0; 32]));
        self.rng.fill_bytes(&mut id.0);
        self.rng.fill_bytes(&mut psk.0);
        let (secret, key) = OneTimeSecret::generate(suite, &mut self.rng);
        let party = &mut self.offices[office];
        let body = TicketBody {
            version: VERSION,
            office: party.id,
            id,
            key,
            secret: psk,
            not_before: schleuse_protocol::time::UnixSeconds(now.0 + from),
            not_after,
            routes,
            purpose: None,
        };
        let ticket = sign_ticket(body, party.seal.signing_key());
        party.store.insert(ticket.clone(), secret);
        // As it travels to the sender: a text.
        let read: Ticket = ticket.to_uri().parse().expect("a ticket survives its text form");
        let verified = verify_ticket(&read, &party.seal.signing_key().public()).expect("the office signed it");
        self.slots[slot].ticket = Some(verified.clone());
        Some(verified)
    }

    /// A connection is over: what now?
    pub(super) fn conclude(&mut self, app: usize, _: AgentId, stream: SenderStream<Sender>, last: SenderEvent) {
        self.apps[app].active = None;
        match last {
            SenderEvent::Receipt(receipt) => {
                check::receipt(self, app, &receipt);
                self.apps[app].outcome = Some(Outcome::Receipt(receipt));
            }
            SenderEvent::Refused(refusal) => self.handle_refusal(app, stream, &refusal),
            SenderEvent::Failed(failure) => self.handle_failure(app, stream, failure),
            SenderEvent::Accepted { .. } | SenderEvent::Progress { .. } => panic!("{last:?} ends nothing"),
        }
    }

    fn handle_refusal(&mut self, app: usize, stream: SenderStream<Sender>, refusal: &Refusal) {
        let sender = &mut self.apps[app];
        match refusal.reason {
            Reason::Superseded(_) if sender.superseded == 8 => sender.outcome = Some(Outcome::CrowdedOut),
            Reason::Superseded(current) => {
                self.tally.superseded += 1;
                sender.superseded += 1;
                sender.next_attempt = Some(current + 1);
                self.schedule_in(10, 20_000, Event::Connect { app });
            }
            Reason::NotYetValid(_) | Reason::TryLater => {
                sender.parked = Some(stream);
                self.schedule_in(1_000, 10_000, Event::Connect { app });
            }
            reason => {
                check::refusal(self, app, reason);
                self.apps[app].outcome = Some(Outcome::Refused(reason));
            }
        }
    }

    fn handle_failure(&mut self, app: usize, stream: SenderStream<Sender>, failure: SenderFailure) {
        let patience = 3 * self.outers.len() * self.inners.len();
        let is_calm = self.is_calm();
        let sender = &mut self.apps[app];
        match failure {
            SenderFailure::BadReceipt | SenderFailure::ContentChanged => panic!("sender {app}: {failure:?}"),
            SenderFailure::RefusedUniformly if is_calm => sender.refused += 1,
            _ => {}
        }
        if sender.refused as usize > patience {
            sender.outcome = Some(Outcome::RefusedEverywhere);
            return;
        }
        sender.parked = Some(stream);
        self.schedule_in(20, 6_000, Event::Connect { app });
    }

    /// Half of the senders keep their attempt, the others know no more than their content and their ticket, and some of
    /// those wake up with another clock.
    pub(super) fn crash_app(&mut self, app: usize) {
        self.apps[app].up = false;
        let agent = self.apps[app].active.take().and_then(|agent| self.agents[agent].take());
        if let Some(Agent::Sender(conn)) = agent {
            self.apps[app].parked = Some(conn.stream);
        }
        if self.chance(0.5) {
            self.tally.forgot += 1;
            self.apps[app].parked = None;
            self.apps[app].next_attempt = None;
            self.apps[app].clock_ahead = self.random(0, 100_000_000);
        }
    }
}
