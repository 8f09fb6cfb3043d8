//! What an office's machine does, in a form in which it can be compared.

use schleuse_protocol::wire::hello::{Language, Trailer};
use schleuse_protocol::wire::name::{MemberId, PayloadKind};
use schleuse_protocol::wire::receipt::ReceiptBody;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::Reply;

/// An action of the machine, as far as it can be compared.
#[derive(Debug, PartialEq)]
pub(super) enum Deed {
    LookUp,
    Claim {
        attempt: u64,
        digest: [u8; 32],
    },
    Begin {
        attempt: u64,
        digest: [u8; 32],
        kind: PayloadKind,
        sender: Option<MemberId>,
        language: Language,
        key: [u8; 32],
    },
    ReadBack(u32),
    Store {
        attempt: u64,
        position: u32,
        ciphertext: Sealed,
        data_len: u32,
    },
    Finish {
        attempt: u64,
        position: u32,
        ciphertext: Sealed,
        trailer: Trailer,
        receipt: ReceiptBody,
    },
    Discard {
        attempt: u64,
    },
    Say(Reply),
    EndStream,
    Reset(StreamRefusal),
}

/// A ciphertext, of which nobody wants to read more than how long it is.
#[derive(PartialEq)]
pub(super) struct Sealed(pub(super) Vec<u8>);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
