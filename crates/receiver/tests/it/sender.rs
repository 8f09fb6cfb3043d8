//! A sender: the protocol's machine with the real seal, over the streams of the stand-in.

use bytes::Bytes;
use schleuse_protocol::limits::{SEGMENT_DATA, VERSION};
use schleuse_protocol::sender::{SenderAction, SenderEvent, SenderFailure, SenderStream, Start};
use schleuse_protocol::wire::frame::{FrameReader, FrameType};
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_seal::{Sender, system_rng, verify_ticket};
use schleuse_transport::net::{ReadError, RecvStream, SendStream};

use crate::network::{Network, id, soon};

/// One attempt of one sender.
pub(crate) struct Attempt<'n> {
    network: &'n Network,
    ticket: Ticket,
    machine: Option<SenderStream<Sender>>,
    streams: Option<(SendStream, RecvStream)>,
    content: Vec<u8>,
}

/// What a sender says of itself.
pub(crate) struct Who {
    pub(crate) attempt: u64,
    pub(crate) kind: &'static str,
    pub(crate) signs_as: Option<&'static str>,
}

pub(crate) const VENDOR: Who = Who { attempt: 1, kind: "guest-list", signs_as: Some("vendor-1") };
pub(crate) const NAMELESS: Who = Who { attempt: 1, kind: "guest-list", signs_as: None };

impl<'n> Attempt<'n> {
    pub(crate) fn new(network: &'n Network, ticket: &Ticket, who: &Who, content: Vec<u8>) -> Self {
        let length = Some(content.len() as u64);
        Self::announcing(network, ticket, who, content, length)
    }

    /// A sender that does not know beforehand how long its content is.
    pub(crate) fn silent(network: &'n Network, ticket: &Ticket, who: &Who, content: Vec<u8>) -> Self {
        Self::announcing(network, ticket, who, content, None)
    }

    fn announcing(network: &'n Network, ticket: &Ticket, who: &Who, content: Vec<u8>, length: Option<u64>) -> Self {
        let verified = verify_ticket(ticket, &network.office_key).expect("the office's signature");
        let intro = Intro {
            attempt: who.attempt,
            kind: who.kind.parse().expect("a kind"),
            sender: who.signs_as.map(id),
            length,
            language: Language::German,
        };
        let identity = who.signs_as.map(|name| (id(name), network.vendor.clone()));
        let sender = Sender::new(&verified, intro, identity, &mut system_rng()).expect("a sealed hello");
        let machine = SenderStream::new(sender, open(ticket), Start::Fresh, network.clock.now());
        Self { network, ticket: ticket.clone(), machine: Some(machine), streams: None, content }
    }

    /// Runs on the current stream until the sender learns something that `wanted` wants, or until it is over. The last segment is
    /// held back meanwhile, so that the upload is still running afterwards, however fast it is.
    pub(crate) async fn run_until(&mut self, wanted: impl Fn(&SenderEvent) -> bool) -> SenderEvent {
        self.advance(true, wanted).await
    }

    async fn advance(&mut self, holds_back: bool, wanted: impl Fn(&SenderEvent) -> bool) -> SenderEvent {
        if self.streams.is_none() {
            let nonce = self.ticket.body().routes[0].token.nonce;
            self.streams = Some(self.network.inner.stream(nonce).await);
        }
        let machine = self.machine.as_mut().expect("it is always put back");
        let (send, recv) = self.streams.as_mut().expect("just opened");
        let given = if holds_back { self.content.len().saturating_sub(1) } else { self.content.len() };
        soon(drive(machine, send, recv, (&self.content, given), self.network, wanted)).await
    }

    /// Runs to the end.
    pub(crate) async fn run(&mut self) -> SenderEvent {
        self.advance(false, |_| false).await
    }

    pub(crate) async fn receipt(&mut self) -> Receipt {
        match self.run().await {
            SenderEvent::Receipt(receipt) => receipt,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn refusal(&mut self) -> Reason {
        match self.run().await {
            SenderEvent::Refused(refusal) => {
                assert!(!refusal.text.is_empty());
                refusal.reason
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn failure(&mut self) -> SenderFailure {
        match self.run().await {
            SenderEvent::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// The next run resumes over another stream; this one stays open and silent as long as the result is kept.
    pub(crate) fn leave_hanging(&mut self) -> Option<(SendStream, RecvStream)> {
        let streams = self.streams.take();
        self.drop_connection();
        streams
    }

    /// The connection breaks; the next run resumes with identical bytes.
    pub(crate) fn drop_connection(&mut self) {
        if let Some((mut send, mut recv)) = self.streams.take() {
            let _ = send.reset(1u32.into());
            let _ = recv.stop(1u32.into());
        }
        let machine = self.machine.take().expect("it is always put back");
        self.machine = Some(machine.reconnect(open(&self.ticket), self.network.clock.now()));
    }
}

fn open(ticket: &Ticket) -> Open {
    let route = ticket.body().routes[0];
    Open { version: VERSION, inner: route.inner, token: route.token }
}

async fn drive(
    machine: &mut SenderStream<Sender>,
    send: &mut SendStream,
    recv: &mut RecvStream,
    (content, given): (&[u8], usize),
    network: &Network,
    wanted: impl Fn(&SenderEvent) -> bool,
) -> SenderEvent {
    let now = || network.clock.now();
    loop {
        if let Some(action) = machine.poll_action() {
            match action {
                // What cannot be written is told by the answer.
                SenderAction::Send(bytes) => drop(send.write_all(without_open(&bytes)).await),
                SenderAction::FinishStream => drop(send.finish()),
                SenderAction::Event(event) if wanted(&event) || machine.is_finished() => return event,
                SenderAction::Event(
                    event @ (SenderEvent::Receipt(_) | SenderEvent::Refused(_) | SenderEvent::Failed(_)),
                ) => {
                    return event;
                }
                SenderAction::Event(_) => {}
            }
            continue;
        }
        let read = recv.read_chunk(4096);
        let segment = |position: u32| {
            let start = (position as usize * SEGMENT_DATA).min(content.len());
            start..(start + SEGMENT_DATA).min(content.len())
        };
        if let Some(position) = machine.wanted().filter(|position| segment(*position).end <= given) {
            // A reply that is there goes first: a refusal or progress must not wait for the end of the content.
            tokio::select! {
                biased;
                chunk = read => replied(machine, chunk, network),
                () = std::future::ready(()) => {
                    let data = &content[segment(position)];
                    let is_last = segment(position).end == content.len();
                    machine.provide(position, data, is_last, now()).expect("what is wanted");
                }
            }
        } else {
            let chunk = read.await;
            replied(machine, chunk, network);
        }
    }
}

fn replied(machine: &mut SenderStream<Sender>, chunk: Result<Option<Bytes>, ReadError>, network: &Network) {
    let now = network.clock.now();
    match chunk {
        Ok(Some(chunk)) => machine.handle_reply(&chunk, now),
        Ok(None) => machine.handle_end(now),
        Err(ReadError::Reset(code)) => machine.handle_reset(code.into_inner(), now),
        Err(_) => machine.handle_lost(now),
    }
}

/// The stand-in has read the `Open` frame and sent `Incoming` in its place.
fn without_open(bytes: &[u8]) -> &[u8] {
    if bytes.first() != Some(&1) {
        return bytes;
    }
    let mut rest = bytes;
    FrameReader::new().read(&mut rest, &[FrameType::Open]).expect("a frame").expect("a whole frame");
    rest
}
