//! The office's side of the seal over a plain table in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use schleuse_client::{SigningKey, Ticket};
use schleuse_protocol::channel::{OfficeChannel, OfficeSeal};
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::wire::frame::{FrameType, encode_raw};
use schleuse_protocol::wire::hello::{Hello, Intro, Trailer};
use schleuse_protocol::wire::hop::Open;
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::{Reason, Refusal, Reply};
use schleuse_protocol::wire::token::RouteNonce;
use schleuse_seal::{Connection, Office, SegmentOpener, StorageKey, TicketKeys, system_rng};
use schleuse_transport::clock::Clock;
use schleuse_transport::framed::Frames;
use schleuse_transport::net::{Code, RecvStream, SendStream, WriteError};
use tokio_util::sync::CancellationToken;

use super::outer::Act;

/// What the office has of one ticket.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) digest: [u8; 32],
    pub(crate) intro: Option<Intro>,
    pub(crate) content: Vec<u8>,
    pub(crate) trailer: Option<Trailer>,
    segments: Vec<Vec<u8>>,
    receipt: Option<Receipt>,
    /// Segment frames that came over the network, all streams together.
    pub(crate) received: u32,
    /// Hellos that opened.
    pub(crate) hellos: u32,
}

struct Known {
    ticket: Ticket,
    keys: TicketKeys,
    stored: Stored,
    /// Cancelled when a later stream takes the place of the one that has it (protocol.md 8.3).
    lease: CancellationToken,
}

pub(crate) struct FakeOffice {
    seal: Office,
    known: Mutex<Vec<Known>>,
    /// Whether segments are kept. Not for contents that are only to flow through.
    keep: Mutex<bool>,
}

impl FakeOffice {
    pub(crate) fn new(key: SigningKey) -> Self {
        Self { seal: Office::new(key, system_rng()), known: Mutex::default(), keep: Mutex::new(true) }
    }

    pub(crate) fn keep_nothing(&self) {
        *self.keep.lock().expect("no test panicked") = false;
    }

    pub(crate) fn expect(&self, ticket: Ticket, keys: TicketKeys) {
        self.known().push(Known { ticket, keys, stored: Stored::default(), lease: CancellationToken::new() });
    }

    /// Looks at what came under a ticket.
    pub(crate) fn look<T>(&self, ticket: &Ticket, look: impl FnOnce(&Stored) -> T) -> T {
        let known = self.known();
        look(&known.iter().find(|known| known.ticket == *ticket).expect("a ticket of this office").stored)
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().expect("no test panicked")
    }

    fn with<T>(&self, nonce: RouteNonce, work: impl FnOnce(&mut Known) -> T) -> Option<T> {
        let mut known = self.known();
        let routed = |known: &&mut Known| known.ticket.body().routes.iter().any(|route| route.token.nonce == nonce);
        known.iter_mut().find(routed).map(work)
    }

    /// Serves one stream as `act` says. Any oddity of the sender's bytes panics the task and so fails the test by
    /// leaving the sender without an answer.
    pub(crate) async fn serve(&self, act: Act, mut send: SendStream, recv: RecvStream) {
        let mut frames = Frames::new(recv);
        let Ok(Some(open)) = frames.next(&[FrameType::Open]).await else { return };
        let open: Open = open.decode().expect("the first frame is Open");
        let reset = |send: &mut SendStream, code: u64| {
            let _ = send.reset(Code::from_u64(code).expect("a small code"));
        };
        if let Act::Reset(refusal) = act {
            return reset(&mut send, refusal.code());
        }
        let Ok(Some(hello)) = frames.next(&[FrameType::Hello]).await else { return };
        let hello: Hello = hello.decode().expect("the second frame is Hello");
        match act {
            Act::Mute => {
                let _ = send.stopped().await;
                return;
            }
            Act::Babble => {
                let _ = send.write_all(&encode_raw(FrameType::ReplyStart, &[&[7; 32]])).await;
                let _ = send.stopped().await;
                return;
            }
            Act::Late { up, .. } => tokio::time::sleep(up).await,
            _ => {}
        }
        let Some((mut channel, storage, next, lease)) = self.open(open.token.nonce, &hello, act) else {
            return reset(&mut send, StreamRefusal::Refused.code());
        };
        let served = self.answer(act, open.token.nonce, &mut channel, storage, next, frames, &mut send);
        // In this order: whoever has lost the lease stores nothing more.
        let kept = tokio::select! {
            biased;
            () = lease.cancelled() => false,
            () = served => true,
        };
        if !kept {
            reset(&mut send, StreamRefusal::Unavailable.code());
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call")]
    async fn answer(
        &self,
        act: Act,
        nonce: RouteNonce,
        channel: &mut Connection,
        storage: StorageKey,
        next: u32,
        frames: Frames,
        send: &mut SendStream,
    ) {
        if let Act::Late { down, .. } = act {
            tokio::time::sleep(down).await;
        }
        let salt = channel.start_replies();
        let _ = send.write_all(&encode_raw(FrameType::ReplyStart, &[&salt])).await;
        if let Some(reason) = self.refusal(nonce, act) {
            let refusal = Refusal { reason, text: "so says the office".to_owned() };
            let _ = reply(channel, send, &Reply::Refusal(refusal)).await;
            let _ = send.finish();
            return;
        }
        let receipt = self.with(nonce, |known| known.stored.receipt.clone()).flatten();
        if let Some(receipt) = receipt.filter(|_| act == Act::Deliver) {
            let _ = reply(channel, send, &Reply::Receipt(receipt.as_bytes().to_vec())).await;
            let _ = send.finish();
            return;
        }
        if act == Act::Stale {
            let _ = reply(channel, send, &Reply::Accepted { next: 0 }).await;
            let _ = send.stopped().await;
            return;
        }
        let _ = reply(channel, send, &Reply::Accepted { next }).await;
        self.receive(act, nonce, channel, storage, frames, send).await;
    }

    /// Opens the hello and takes in again what is stored already.
    fn open(
        &self,
        nonce: RouteNonce,
        hello: &Hello,
        act: Act,
    ) -> Option<(Connection, StorageKey, u32, CancellationToken)> {
        self.with(nonce, |known| {
            let opened = self.seal.open_hello(&known.ticket, &known.keys, hello).ok()?;
            if opened.digest != known.stored.digest && !matches!(act, Act::Refuse(_)) {
                let Stored { received, hellos, .. } = known.stored;
                known.stored = Stored { received, hellos, ..Stored::default() };
            }
            known.stored.hellos += 1;
            std::mem::replace(&mut known.lease, CancellationToken::new()).cancel();
            known.stored.digest = opened.digest;
            known.stored.intro = Some(opened.intro);
            let mut channel = opened.channel;
            for (position, ciphertext) in known.stored.segments.iter().enumerate() {
                channel.open_segment(position as u32, ciphertext).expect("it was opened before");
            }
            Some((channel, opened.storage_key, known.stored.segments.len() as u32, known.lease.clone()))
        })?
    }

    fn refusal(&self, nonce: RouteNonce, act: Act) -> Option<Reason> {
        match act {
            Act::Refuse(reason) => Some(reason),
            Act::Supersede(current) => self
                .with(nonce, |known| known.stored.intro.as_ref().is_some_and(|intro| intro.attempt <= current))
                .filter(|superseded| *superseded)
                .map(|_| Reason::Superseded(current)),
            _ => None,
        }
    }

    async fn receive(
        &self,
        act: Act,
        nonce: RouteNonce,
        channel: &mut Connection,
        storage: StorageKey,
        mut frames: Frames,
        send: &mut SendStream,
    ) {
        let opener = SegmentOpener::new(&storage);
        let mut here = 0;
        while let Ok(Some(frame)) = frames.next(&[FrameType::Segment, FrameType::Final]).await {
            let (position, ciphertext) = frame.segment().expect("segments follow");
            if frame.frame_type == FrameType::Final {
                if act == Act::MuteAtTheEnd {
                    let _ = send.stopped().await;
                    return;
                }
                let trailer = channel.open_final(position, ciphertext).expect("an honest sender");
                let receipt = self.finish(act, nonce, trailer);
                let _ = reply(channel, send, &Reply::Receipt(receipt.as_bytes().to_vec())).await;
                let _ = send.finish();
                let _ = send.stopped().await;
                return;
            }
            if matches!(act, Act::MuteAfter(segments) if here >= segments) {
                let _ = send.stopped().await;
                return;
            }
            // A stream that began before another one has stored something sends what is not wanted any more.
            if channel.open_segment(position, ciphertext).is_err() {
                let _ = send.reset(Code::from_u64(StreamRefusal::Refused.code()).expect("a small code"));
                return;
            }
            self.store(nonce, position, ciphertext, &opener);
            here += 1;
            let _ = reply(channel, send, &Reply::Progress { stored: position + 1 }).await;
            if matches!(act, Act::CutAfter(segments) if here >= segments) {
                let _ = send.reset(Code::from_u64(StreamRefusal::Unavailable.code()).expect("a small code"));
                return;
            }
        }
    }

    fn store(&self, nonce: RouteNonce, position: u32, ciphertext: &[u8], opener: &SegmentOpener) {
        let keep = *self.keep.lock().expect("no test panicked");
        self.with(nonce, |known| {
            known.stored.received += 1;
            if keep {
                assert_eq!(known.stored.segments.len(), position as usize);
                known.stored.segments.push(ciphertext.to_vec());
                let data = opener.open_segment(position, ciphertext).expect("it was opened before");
                known.stored.content.extend_from_slice(&data);
            }
        });
    }

    fn finish(&self, act: Act, nonce: RouteNonce, trailer: Trailer) -> Receipt {
        let finish = |known: &mut Known| {
            let intro = known.stored.intro.clone().expect("a hello came before");
            let length = if act == Act::WrongReceipt { trailer.length + 1 } else { trailer.length };
            let body = ReceiptBody {
                version: VERSION,
                office: known.ticket.body().office,
                ticket: known.ticket.body().id,
                kind: intro.kind,
                sender: intro.sender,
                length,
                content_hash: trailer.content_hash,
                stored_at: Clock::start().unix(),
            };
            known.stored.trailer = Some(trailer.clone());
            known.stored.receipt.get_or_insert_with(|| self.seal.sign_receipt(body)).clone()
        };
        self.with(nonce, finish).expect("the ticket was found before")
    }

    /// How many contents are complete.
    pub(crate) fn complete(&self) -> usize {
        self.known().iter().filter(|known| known.stored.receipt.is_some()).count()
    }

    /// The attempt numbers seen last, by ticket.
    pub(crate) fn attempts(&self) -> HashMap<String, u64> {
        let known = self.known();
        let attempt = |known: &Known| Some((known.ticket.body().id.to_string(), known.stored.intro.as_ref()?.attempt));
        known.iter().filter_map(attempt).collect()
    }
}

async fn reply(channel: &mut Connection, send: &mut SendStream, reply: &Reply) -> Result<(), WriteError> {
    let sealed = channel.seal_reply(reply);
    send.write_all(&encode_raw(FrameType::Reply, &[&sealed])).await
}
