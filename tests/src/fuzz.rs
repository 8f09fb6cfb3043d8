//! What is fuzzed: every parser that meets bytes from outside; an office's machine, against somebody without a ticket
//! ([`office`]) and with one ([`holder`]); and a sender's machine against any network and office ([`sender`]). One table serves cargo-fuzz (`tests/fuzz`) and the replay of the corpora in the suite
//! (`tests/tests/fuzz_corpus.rs`).

use std::path::Path;

use schleuse_directory::{Directory, RootKeys};
use schleuse_payload::Limits;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::{FrameReader, FrameType};
use schleuse_protocol::wire::hello::{Hello, Intro, Trailer, unpad_fixed};
use schleuse_protocol::wire::hop::{Incoming, InnerToOffice, InnerToOuter, OfficeToInner, Open, OuterToInner};
use schleuse_protocol::wire::proof::Proof;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Reply;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_protocol::wire::ticket::text::{may_be_ticket, without_tickets};
use schleuse_protocol::wire::token::RouteToken;

pub mod holder;
pub mod office;
pub mod sender;

/// A named parser or play. It must return for every input; what a parser accepted it must be able to reproduce.
pub struct Target {
    /// Name of the corpus folder and of the cargo-fuzz target.
    pub name: &'static str,
    /// Runs it and its checks.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "wire", run: wire },
    Target { name: "frames", run: frames },
    Target { name: "ticket_text", run: ticket_text },
    Target { name: "office", run: office::run },
    Target { name: "holder", run: holder::run },
    Target { name: "sender", run: sender::run },
    Target { name: "payload", run: payload },
    Target { name: "directory", run: directory },
    Target { name: "configuration", run: configuration },
];

/// The first byte chooses the wire type, the rest is its encoding.
pub fn wire(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    match choice % 15 {
        0 => canonical::<Open>(bytes),
        1 => canonical::<Incoming>(bytes),
        2 => canonical::<OuterToInner>(bytes),
        3 => canonical::<InnerToOuter>(bytes),
        4 => canonical::<OfficeToInner>(bytes),
        5 => canonical::<InnerToOffice>(bytes),
        6 => canonical::<Hello>(bytes),
        7 => canonical::<Intro>(bytes),
        8 => canonical::<Trailer>(bytes),
        9 => canonical::<Reply>(bytes),
        10 => canonical::<RouteToken>(bytes),
        11 => drop(unpad_fixed::<Reply>(bytes)),
        12 => {
            if let Ok(ticket) = Ticket::from_bytes(bytes.to_vec()) {
                assert_eq!(ticket.as_bytes(), bytes);
                assert_eq!(ticket.body().to_wire(), ticket.signed_bytes());
            }
        }
        13 => {
            if let Ok(receipt) = Receipt::from_bytes(bytes.to_vec()) {
                assert_eq!(receipt.as_bytes(), bytes);
                assert_eq!(receipt.body().to_wire(), receipt.signed_bytes());
            }
        }
        _ => {
            if let Ok(proof) = Proof::from_bytes(bytes) {
                assert_eq!(proof.to_bytes(), bytes);
            }
        }
    }
}

fn canonical<T: Wire>(bytes: &[u8]) {
    if let Ok(value) = T::from_wire(bytes) {
        assert_eq!(value.to_wire(), bytes, "accepted an encoding that is not the only one");
    }
}

/// Frames do not depend on how the stream is cut. The first byte says where.
pub fn frames(input: &[u8]) {
    let Some((cut, stream)) = input.split_first() else { return };
    let whole = read_all(std::iter::once(stream));
    let in_pieces = read_all(stream.chunks(usize::from(*cut).max(1)));
    assert_eq!(whole, in_pieces);
}

/// All frames, and whether the stream ended in an error.
fn read_all<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<(u8, Vec<u8>)>, bool) {
    let mut reader = FrameReader::new();
    let mut frames = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match reader.read(&mut piece, &FrameType::ALL) {
                Ok(Some(frame)) => frames.push((frame.frame_type as u8, frame.body)),
                Ok(None) => {}
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// Ticket texts: what is read can be written and read again as the same ticket, and is never shown.
pub fn ticket_text(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let shown = without_tickets(text);
    assert_eq!(without_tickets(&shown), shown);
    if let Ok(ticket) = text.parse::<Ticket>() {
        assert_eq!(ticket.to_uri().parse::<Ticket>().expect("reads what it writes"), ticket);
        assert!(may_be_ticket(text), "it would be shown");
    }
}

/// Payloads of each kind: what is read and written again is read the same; examining finds what reading finds.
pub fn payload(input: &[u8]) {
    let limits = Limits::default();
    for kind in schleuse_payload::KINDS {
        let read = schleuse_payload::parse(kind, input, &limits);
        let examined = schleuse_payload::examine(kind, input, &limits, &schleuse_payload::Expectations::default());
        assert_eq!(read.as_ref().map(|parsed| &parsed.flags), examined.as_ref().map(|examined| &examined.flags));
        if let Ok(parsed) = read {
            let written = serde_json::to_vec(&parsed.to_json()).expect("JSON");
            let again = schleuse_payload::parse(kind, &written, &limits).expect("reads what it writes");
            assert_eq!(again.to_json(), parsed.to_json());
            let _ = schleuse_payload::export::plain::render(&parsed);
            let _ = schleuse_payload::export::csv::tables(&parsed, schleuse_payload::export::csv::Style::default());
        }
    }
}

/// The signed directory, its source, and the root keys. No input is signed by the pinned key.
pub fn directory(input: &[u8]) {
    let roots = RootKeys::new(1, vec![schleuse_seal::SigningKey::from_bytes(&[0x5e; 32]).public()]).expect("one key");
    assert!(Directory::verify(input, &roots, UnixSeconds(1_790_000_000), None).is_err());
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = RootKeys::parse(text);
    if let Ok(directory) = Directory::from_toml(text) {
        let written = directory.to_toml().expect("writable");
        assert_eq!(Directory::from_toml(&written).expect("reads what it writes"), directory);
    }
}

/// Configuration files: an error, never a panic.
pub fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let path = Path::new("fuzz.toml");
    let _ = schleuse_outer_proxy::Settings::parse(path, text);
    let _ = schleuse_inner_proxy::Settings::parse(path, text);
    let _ = schleuse_receiver::Config::parse(path, text);
}
