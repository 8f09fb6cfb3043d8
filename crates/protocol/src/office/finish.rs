//! The end of a stream: the receipt, or a refusal inside the seal (protocol.md 8.6 and 9).

use super::OfficeStream;
use super::action::{OfficeAction, OfficePolicy};
use super::session::{Session, cut_text};
use super::state::{Receiving, State};
use crate::channel::{OfficeChannel, OfficeSeal};
use crate::limits::VERSION;
use crate::time::Now;
use crate::wire::hello::Trailer;
use crate::wire::receipt::{Receipt, ReceiptBody};
use crate::wire::reply::{Reason, Refusal, Reply};

impl<S: OfficeSeal, P: OfficePolicy> OfficeStream<S, P> {
    /// The final frame: verify the whole, then have it made durable together with its receipt.
    pub(super) fn finish(&mut self, mut receiving: Receiving<S>, ciphertext: &[u8], now: Now) {
        let trailer = match receiving.session.channel.open_final(receiving.expected, ciphertext) {
            Ok(trailer) => trailer,
            Err(error) => return self.fail_receiving(receiving.session, error),
        };
        let Receiving { session, expected, length, .. } = receiving;
        let announced = session.intro.length.unwrap_or(trailer.length);
        if trailer.length != length || announced != length {
            return self.reject(session, Reason::Malformed);
        }
        if !self.is_vouched(&session, &trailer) {
            return self.reject(session, Reason::BadIdentity);
        }
        let receipt = self.seal.sign_receipt(receipt_body(&session, &trailer, now));
        self.actions.push_back(OfficeAction::Finish {
            ticket: session.id(),
            attempt: session.intro.attempt,
            position: expected,
            ciphertext: ciphertext.to_vec(),
            attestation: trailer.identity.as_ref().map(|identity| session.channel.attestation(identity)),
            trailer,
            receipt,
        });
        self.state = State::Finishing(session);
    }

    /// Sends a receipt. Only ever called with one that is durable.
    pub(super) fn promise(&mut self, mut session: Session<S>, receipt: Receipt) {
        self.send(&mut session, &Reply::Receipt(receipt.as_bytes().to_vec()));
        self.actions.push_back(OfficeAction::FinishStream);
        self.state = State::Done;
    }

    /// protocol.md 8.6: refuses what was received for good, and keeps nothing of it.
    pub(super) fn reject(&mut self, session: Session<S>, reason: Reason) {
        self.actions.push_back(OfficeAction::Discard { ticket: session.id(), attempt: session.intro.attempt });
        self.refuse(session, reason);
    }

    /// protocol.md 9.2: refuses inside the seal.
    pub(super) fn refuse(&mut self, mut session: Session<S>, reason: Reason) {
        let text = cut_text(self.policy.refusal_text(reason, session.intro.language));
        self.send(&mut session, &Reply::Refusal(Refusal { reason, text }));
        self.actions.push_back(OfficeAction::FinishStream);
        self.state = State::Done;
    }

    pub(super) fn send(&mut self, session: &mut Session<S>, reply: &Reply) {
        let bytes = session.reply(reply);
        self.actions.push_back(OfficeAction::Send(bytes));
    }

    pub(super) fn is_vouched(&self, session: &Session<S>, trailer: &Trailer) -> bool {
        let key = session.intro.sender.and_then(|sender| self.policy.signing_key(&sender));
        session.vouched(trailer.identity.as_ref(), &trailer.content_hash, key)
    }
}

fn receipt_body<S: OfficeSeal>(session: &Session<S>, trailer: &Trailer, now: Now) -> ReceiptBody {
    ReceiptBody {
        version: VERSION,
        office: session.ticket.body().office,
        ticket: session.id(),
        kind: session.intro.kind,
        sender: session.intro.sender,
        length: trailer.length,
        content_hash: trailer.content_hash,
        stored_at: now.unix,
    }
}
