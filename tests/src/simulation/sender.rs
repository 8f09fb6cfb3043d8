//! One connection of a sender.

use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::sender::{SenderAction, SenderEvent, SenderStream};
use schleuse_protocol::time::Millis;
use schleuse_protocol::wire::refusal::STOP_ENOUGH;
use schleuse_seal::Sender;

use super::net::{Chunk, HopId, Side};
use super::world::{Agent, AgentId, Party, World};

/// The near end of the whole way.
pub(super) struct SenderConn {
    pub(super) app: usize,
    pub(super) hop: HopId,
    pub(super) stream: SenderStream<Sender>,
    /// The event that ended it.
    last: Option<SenderEvent>,
}

impl SenderConn {
    pub(super) fn new(app: usize, hop: HopId, stream: SenderStream<Sender>) -> Self {
        Self { app, hop, stream, last: None }
    }
}

impl World {
    pub(super) fn step_sender(&mut self, id: AgentId, mut conn: Box<SenderConn>) -> (Option<Agent>, Option<Millis>) {
        let now = self.clock_of(Party::Sender(conn.app));
        conn.stream.handle_timeout(now);
        self.hear(&mut conn);
        self.obey_sender(&mut conn);
        while self.hops[conn.hop].can_write(Side::Client) {
            let Some(position) = conn.stream.wanted() else { break };
            self.provide(&mut conn, position);
            self.obey_sender(&mut conn);
        }
        if conn.stream.is_finished() {
            let SenderConn { app, stream, last, .. } = *conn;
            self.conclude(app, id, stream, last.expect("a stream ends with an event"));
            return (None, None);
        }
        let wake = conn.stream.poll_timeout();
        (Some(Agent::Sender(conn)), wake)
    }

    fn hear(&mut self, conn: &mut SenderConn) {
        let now = self.clock_of(Party::Sender(conn.app));
        while let Some(chunk) = self.read(conn.hop, Side::Client) {
            match chunk {
                Chunk::Data(bytes) => conn.stream.handle_reply(&bytes, now),
                _ => conn.stream.handle_end(now),
            }
        }
        let hop = &mut self.hops[conn.hop];
        let stopped = hop.was_stopped(Side::Client).filter(|code| *code != STOP_ENOUGH);
        if let Some(code) = hop.was_reset(Side::Client).or(stopped) {
            conn.stream.handle_reset(code, now);
        }
        if self.hops[conn.hop].is_lost(Side::Client) {
            conn.stream.handle_lost(now);
        }
    }

    fn obey_sender(&mut self, conn: &mut SenderConn) {
        // Whatever is there goes out; the window stops the making of more.
        while let Some(action) = conn.stream.poll_action() {
            match action {
                SenderAction::Send(bytes) => {
                    self.write(conn.hop, Side::Client, &bytes);
                    conn.stream.handle_sent(self.clock_of(Party::Sender(conn.app)));
                }
                SenderAction::FinishStream => self.fin(conn.hop, Side::Client),
                SenderAction::Event(event) => {
                    self.trace.note(self.now, &format!("sender {}: {event:?}", conn.app));
                    conn.last = Some(event);
                }
            }
        }
    }

    fn provide(&mut self, conn: &mut SenderConn, position: u32) {
        let now = self.clock_of(Party::Sender(conn.app));
        let content = &self.apps[conn.app].content;
        let rest = content.get(position as usize * SEGMENT_DATA..).unwrap_or_default();
        let (piece, last) = match rest.split_at_checked(SEGMENT_DATA) {
            Some((piece, tail)) if !tail.is_empty() => (piece, false),
            _ => (rest, true),
        };
        conn.stream.provide(position, piece, last, now).expect("the same content every time");
    }
}
