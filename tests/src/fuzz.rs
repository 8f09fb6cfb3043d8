//! What is fuzzed: every parser that meets bytes from outside. One table serves cargo-fuzz (`tests/fuzz`) and the replay of
//! the corpora in the suite (`tests/tests/fuzz_corpus.rs`).

use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::FrameReader;
use schleuse_protocol::wire::hello::{Hello, Intro, Trailer, unpad_fixed};
use schleuse_protocol::wire::hop::{Incoming, InnerToOffice, InnerToOuter, OfficeToInner, Open, OuterToInner};
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::reply::Reply;
use schleuse_protocol::wire::ticket::Ticket;
use schleuse_protocol::wire::token::RouteToken;

/// A named parser. It must return for every input; what it accepted it must be able to reproduce.
pub struct Target {
    /// Name of the corpus folder and of the cargo-fuzz target.
    pub name: &'static str,
    /// Runs the parser and its checks.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "wire", run: wire },
    Target { name: "frames", run: frames },
    Target { name: "ticket_text", run: ticket_text },
];

/// The first byte chooses the wire type, the rest is its encoding.
pub fn wire(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    match choice % 14 {
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
        _ => {
            if let Ok(receipt) = Receipt::from_bytes(bytes.to_vec()) {
                assert_eq!(receipt.as_bytes(), bytes);
                assert_eq!(receipt.body().to_wire(), receipt.signed_bytes());
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
            match reader.read(&mut piece) {
                Ok(Some(frame)) => frames.push((frame.frame_type as u8, frame.body)),
                Ok(None) => {}
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// Ticket texts: what is read can be written and read again as the same ticket.
pub fn ticket_text(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(ticket) = text.parse::<Ticket>() {
        assert_eq!(ticket.to_uri().parse::<Ticket>().expect("reads what it writes"), ticket);
    }
}
