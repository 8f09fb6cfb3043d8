//! A store in a folder of its own, and rows to put into it.

use std::path::PathBuf;

use schleuse_protocol::limits::VERSION;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::ContentHash;
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::signed::Signature;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_protocol::wire::token::RouteNonce;

use crate::store::*;

pub(in crate::store) struct Fixture {
    folder: tempfile::TempDir,
    pub(in crate::store) store: Store,
}

pub(in crate::store) const WRAPPED_KEY: &[u8; 48] = b"WRAPPED-KEY-OF-ONE-SUBMISSION-THAT-MUST-VANISH!!";
pub(in crate::store) const ONE_TIME_KEY: &[u8; 40] = b"ONE-TIME-PRIVATE-KEY-THAT-MUST-VANISH-2!";

impl Fixture {
    pub(in crate::store) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("office.sqlite"), None).await.unwrap();
        Self { folder, store }
    }

    pub(in crate::store) fn path(&self) -> PathBuf {
        self.folder.path().join("office.sqlite")
    }

    /// Closes the store and opens the same file again.
    pub(in crate::store) async fn reopen(&mut self) {
        self.store.close().await;
        self.store = Store::open(&self.path(), None).await.unwrap();
    }

    pub(in crate::store) async fn mint(&self, number: u8) -> TicketId {
        let id = TicketId([number; 16]);
        assert_eq!(self.store.write(Command::AddTickets(vec![ticket(number)])).await.unwrap(), Outcome::Done);
        id
    }

    /// A whole submission of `segments` segments.
    pub(in crate::store) async fn submit(&self, number: u8, segments: u32) -> Receipt {
        let attempt = attempt(number, 1);
        self.store.write(Command::Begin(upload(attempt))).await.unwrap();
        for position in 0..segments {
            self.store.write(Command::Store(segment(attempt, position))).await.unwrap();
        }
        match self.store.write(Command::Finish(completion(attempt, segments))).await.unwrap() {
            Outcome::Finished(receipt) => receipt,
            other => panic!("{other:?}"),
        }
    }

    /// Every byte of the database's files.
    pub(in crate::store) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        bytes
    }

    pub(in crate::store) fn holds(&self, needle: &[u8]) -> bool {
        self.bytes().windows(needle.len()).any(|window| window == needle)
    }
}

pub(in crate::store) fn ticket(number: u8) -> NewTicket {
    NewTicket {
        id: TicketId([number; 16]),
        ticket_sealed: vec![number; 300],
        key_sealed: ONE_TIME_KEY.to_vec(),
        reference_sealed: Some(b"REFERENCE-SEALED".to_vec()),
        not_after: UnixSeconds(1000 + u64::from(number)),
        minted_at: UnixSeconds(10),
        max_bytes: 1 << 20,
        sender_rule: "anyone".into(),
        routes: vec![
            (RouteNonce([number; 16]), "inner-1".parse().unwrap()),
            (
                RouteNonce([number.wrapping_add(100), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
                "inner-2".parse().unwrap(),
            ),
        ],
    }
}

pub(in crate::store) fn attempt(ticket: u8, number: u64) -> Attempt {
    Attempt { ticket: TicketId([ticket; 16]), number, digest: [number as u8; 32] }
}

pub(in crate::store) fn upload(attempt: Attempt) -> NewUpload {
    NewUpload { attempt, key_sealed: WRAPPED_KEY.to_vec() }
}

pub(in crate::store) fn segment(attempt: Attempt, position: u32) -> NewSegment {
    NewSegment { attempt, position, ciphertext: vec![position as u8 ^ 0x5a; 1000], data_len: 900 }
}

pub(in crate::store) fn completion(attempt: Attempt, position: u32) -> Completion {
    let body = ReceiptBody {
        version: VERSION,
        office: "ga-koeln".parse().unwrap(),
        ticket: attempt.ticket,
        kind: "guest-list".parse().unwrap(),
        sender: Some("vendor-1".parse().unwrap()),
        length: 900 * u64::from(position),
        content_hash: ContentHash([attempt.number as u8; 32]),
        stored_at: UnixSeconds(30 + u64::from(attempt.ticket.0[0])),
    };
    let receipt = Receipt::assemble(body, &Signature([1; 64]));
    let attestation = Attestation {
        ticket_hash: [0x70; 32],
        encapsulated_hash: [attempt.number as u8; 32],
        signature: Signature([2; 64]),
    };
    Completion { attempt, position, ciphertext: vec![0xee; 272], receipt, attestation: Some(Box::new(attestation)) }
}
