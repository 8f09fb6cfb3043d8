//! The bytes of every wire type, one field per line (docs/protocol.md sections 2 to 6). A change here is a change of the
//! protocol.

use std::fmt::Debug;

use hex_literal::hex;
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::{FrameType, encode_frame, encode_segment};
use schleuse_protocol::wire::hello::{
    ContentHash, Encapsulated, Hello, Identity, Intro, Language, Trailer, pad_fixed, unpad_fixed,
};
use schleuse_protocol::wire::hop::OuterToInner;
use schleuse_protocol::wire::hop::{
    AdmissionKeyBytes, Incoming, InnerToOffice, InnerToOuter, OfficeToInner, Open, RunId,
};
use schleuse_protocol::wire::proof::{Attestation, Proof};
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::reply::{Reason, Refusal, Reply};
use schleuse_protocol::wire::signed::Signature;
use schleuse_protocol::wire::ticket::{OneTimeKey, Purpose, Route, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_protocol::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken, StoreId, TokenKeyId};

fn golden<T: Wire + PartialEq + Debug>(value: T, bytes: &[u8]) {
    assert_eq!(value.to_wire(), bytes);
    assert_eq!(T::from_wire(bytes), Ok(value));
}

fn token(number: u8) -> RouteToken {
    RouteToken { epoch: Epoch(694), nonce: RouteNonce([number; 16]), sealed: [0xb0; 48], mac: [0xc0; 16] }
}

/// `token(0xa1)`, which several types carry.
const TOKEN: [u8; 84] = hex!(
    "b6020000"                                                                         // epoch 694
    "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"                                                 // nonce
    "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0" // sealed
    "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"                                                 // mac
);

fn body(key: OneTimeKey, routes: Vec<Route>, purpose: Option<Purpose>) -> TicketBody {
    TicketBody {
        version: VERSION,
        office: "ga-koeln".parse().expect("a name"),
        id: TicketId([0x11; 16]),
        key,
        secret: TicketSecret([0x33; 32]),
        not_before: UnixSeconds(1_800_000_000),
        not_after: UnixSeconds(1_800_086_400),
        routes,
        purpose,
    }
}

fn route(inner: &str, number: u8) -> Route {
    Route { inner: inner.parse().expect("a name"), token: token(number) }
}

#[test]
fn route_token_and_claims() {
    golden(token(0xa1), &TOKEN);
    golden(
        RouteClaims {
            office: "ga-koeln".parse().unwrap(),
            store: StoreId([0xa2; 8]),
            not_after: UnixSeconds(1_800_086_400),
        },
        &hex!(
            "67612d6b6f656c6e0000000000000000" // office "ga-koeln"
            "a2a2a2a2a2a2a2a2"                 // store
            "80234b6b00000000"                 // not after 1,800,086,400
        ),
    );
    assert_eq!(token(0xa1).authenticated_bytes(), TOKEN[..68]);
}

#[test]
fn ticket_suite_1() {
    let head = hex!(
        "01"                                                               // version
        "67612d6b6f656c6e0000000000000000"                                 // office "ga-koeln"
        "11111111111111111111111111111111"                                 // ticket id
        "00000000"                                                         // key: variant 0, X25519
        "2222222222222222222222222222222222222222222222222222222222222222" // one-time public key
        "3333333333333333333333333333333333333333333333333333333333333333" // secret
        "00d2496b00000000"                                                 // not before 1,800,000,000
        "80234b6b00000000"                                                 // not after 1,800,086,400
        "0100000000000000"                                                 // 1 route
        "696e6e65722d31000000000000000000"                                 // inner proxy "inner-1"
    );
    let purpose = hex!(
        "01"                                                               // a purpose
        "01"                                                               // a kind
        "67756573742d6c69737400000000000000000000000000000000000000000000" // "guest-list"
        "01"                                                               // a sender
        "76656e646f7200000000000000000000"                                 // "vendor"
        "01"                                                               // a reference
        "0400000000000000"                                                 // 4 bytes
        "412d3137"                                                         // "A-17"
        "01"                                                               // a period
        "0100000000000000"                                                 // first second
        "0200000000000000"                                                 // last second
        "00"                                                               // no text
    );
    let key = OneTimeKey::X25519([0x22; 32]);
    let asked = Purpose {
        kind: Some("guest-list".parse().unwrap()),
        sender: Some("vendor".parse().unwrap()),
        reference: Some("A-17".into()),
        period: Some((UnixSeconds(1), UnixSeconds(2))),
        text: None,
    };
    let full = body(key.clone(), vec![route("inner-1", 0xa1)], Some(asked));
    golden(full, &[&head[..], &TOKEN, &purpose].concat());
    let plain = body(key, vec![route("inner-1", 0xa1)], None);
    golden(plain.clone(), &[&head[..], &TOKEN, &[0]].concat());

    let ticket = Ticket::assemble(plain, &Signature([0x44; 64]));
    assert_eq!(ticket.as_bytes(), [&head[..], &TOKEN, &[0], &[0x44; 64]].concat());
    assert_eq!(Ticket::from_bytes(ticket.as_bytes().to_vec()).unwrap(), ticket);
}

#[test]
fn ticket_suite_2() {
    let head = hex!(
        "01"                               // version
        "67612d6b6f656c6e0000000000000000" // office "ga-koeln"
        "11111111111111111111111111111111" // ticket id
        "01000000"                         // key: variant 1, X-Wing
    );
    let middle = hex!(
        "3333333333333333333333333333333333333333333333333333333333333333" // secret
        "00d2496b00000000"                                                 // not before
        "80234b6b00000000"                                                 // not after
        "0100000000000000"                                                 // 1 route
        "696e6e65722d31000000000000000000"                                 // inner proxy "inner-1"
    );
    let ticket = body(OneTimeKey::XWing(Box::new([0x22; 1216])), vec![route("inner-1", 0xa1)], None);
    golden(ticket, &[&head[..], &[0x22; 1216], &middle, &TOKEN, &[0]].concat());
}

#[test]
fn a_small_ticket_fits_a_qr_code_that_phones_read() {
    let routes = vec![route("a-name-of-16-let", 1), route("another-of-16-le", 2)];
    let ticket = Ticket::assemble(body(OneTimeKey::X25519([0x22; 32]), routes, None), &Signature([0x44; 64]));
    let uri = ticket.to_uri();
    // ISO/IEC 18004, table 7: version 15, level L, alphanumeric mode
    assert!(uri.len() <= 758, "{} characters", uri.len());
    assert!(uri.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" $%*+-./:".contains(&byte)));
    assert_eq!(uri.parse::<Ticket>().unwrap(), ticket);
    assert_eq!(format!(" {}\n", uri.to_lowercase()).parse::<Ticket>().unwrap(), ticket);
    let link = ticket.to_link("https://ga.example/s");
    assert!(link.starts_with("https://ga.example/s#"));
    assert_eq!(link.parse::<Ticket>().unwrap(), ticket);
}

#[test]
fn a_ticket_as_text() {
    let ticket = Ticket::assemble(
        body(OneTimeKey::X25519([0x22; 32]), vec![route("inner-1", 0xa1)], None),
        &Signature([0x44; 64]),
    );
    let text = ticket.to_uri();
    let letters = text.strip_prefix("SCHLEUSE:").unwrap();
    let bytes = data_encoding::BASE32_NOPAD.decode(letters.as_bytes()).unwrap();
    let (head, rest) = bytes.split_at(3);
    let (inside, check) = rest.split_at(rest.len() - 4);
    assert_eq!(
        head,
        hex!(
            "01"   // form
            "0122" // bytes of the ticket, big endian
        )
    );
    assert_eq!(inside, ticket.as_bytes());
    assert_eq!(check, hex!("bebc15b6")); // CRC-32 (IEEE 802.3) of all before
}

#[test]
fn hop_headers() {
    let open = Open::over(&route("inner-1", 0xa1));
    let head = hex!(
        "01"                               // version
        "696e6e65722d31000000000000000000" // inner proxy "inner-1"
    );
    golden(open, &[&head[..], &TOKEN].concat());
    let frame_head = hex!(
        "01"       // frame type Open
        "65000000" // 101 bytes
    );
    assert_eq!(encode_frame(FrameType::Open, &open), [&frame_head[..], &head, &TOKEN].concat());
    golden(
        Incoming { version: VERSION, nonce: RouteNonce([0xa1; 16]) },
        &hex!(
            "01"                               // version
            "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1" // nonce
        ),
    );
}

#[test]
fn control_messages() {
    golden(OuterToInner::Hello(VERSION), &hex!("00000000" "01"));
    let keys = InnerToOuter::AdmissionKeys([
        (Epoch(694), AdmissionKeyBytes([0xd0; 32])),
        (Epoch(695), AdmissionKeyBytes([0xd1; 32])),
    ]);
    golden(
        keys,
        &hex!(
            "00000000"                                                         // variant 0, AdmissionKeys
            "b6020000"                                                         // epoch 694
            "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0" // its key
            "b7020000"                                                         // epoch 695
            "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1" // its key
        ),
    );
    golden(InnerToOuter::Drain, &hex!("01000000"));
    golden(
        OfficeToInner::Hello { version: VERSION, store: StoreId([0xa2; 8]), run: RunId([0xa3; 8]) },
        &hex!(
            "00000000"         // variant 0, Hello
            "01"               // version
            "a2a2a2a2a2a2a2a2" // store
            "a3a3a3a3a3a3a3a3" // run
        ),
    );
    golden(
        OfficeToInner::TokensWanted { count: 48, not_after: UnixSeconds(1_800_086_400) },
        &hex!(
            "01000000"         // variant 1, TokensWanted
            "3000"             // 48
            "80234b6b00000000" // not after
        ),
    );
    golden(
        OfficeToInner::Used(vec![RouteNonce([0xa1; 16])]),
        &hex!(
            "02000000"                         // variant 2, Used
            "0100000000000000"                 // 1 nonce
            "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1" // nonce
        ),
    );
    golden(OfficeToInner::Drain, &hex!("03000000"));
    golden(OfficeToInner::NotMine { run: RunId([0xa3; 8]) }, &hex!("04000000" "a3a3a3a3a3a3a3a3"));
    let tokens = InnerToOffice::Tokens { not_after: UnixSeconds(1_800_086_400), tokens: vec![token(0xa1)] };
    let head = hex!(
        "00000000"         // variant 0, Tokens
        "80234b6b00000000" // not after
        "0100000000000000" // 1 token
    );
    golden(tokens, &[&head[..], &TOKEN].concat());
    golden(InnerToOffice::Drain, &hex!("01000000"));
    golden(InnerToOffice::TokenKey(TokenKeyId([0xa4; 8])), &hex!("02000000" "a4a4a4a4a4a4a4a4"));
    golden(InnerToOffice::Contested { run: RunId([0xa3; 8]) }, &hex!("03000000" "a3a3a3a3a3a3a3a3"));
    golden(InnerToOffice::Copy { run: RunId([0xa3; 8]) }, &hex!("04000000" "a3a3a3a3a3a3a3a3"));
}

#[test]
fn hello() {
    let head = hex!(
        "00000000"                                                         // variant 0, X25519
        "e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0" // enc
        "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0" // commitment
    );
    let small =
        Hello { encapsulated: Encapsulated::X25519([0xe0; 32]), commitment: [0xf0; 32], sealed_intro: [0x77; 144] };
    golden(small.clone(), &[&head[..], &[0x77; 144]].concat());
    let encapsulated = Encapsulated::XWing(Box::new([0xe0; 1120]));
    golden(
        Hello { encapsulated, ..small },
        &[&hex!("01000000")[..], &[0xe0; 1120], &[0xf0; 32], &[0x77; 144]].concat(),
    );
}

#[test]
fn intro() {
    let intro = Intro {
        attempt: 0x0102_0304_0506_0708,
        kind: "guest-list".parse().unwrap(),
        sender: Some("vendor".parse().unwrap()),
        length: Some(1000),
        language: Language::English,
    };
    let bytes = hex!(
        "0807060504030201"                                                 // attempt
        "67756573742d6c69737400000000000000000000000000000000000000000000" // "guest-list"
        "01"                                                               // a sender
        "76656e646f7200000000000000000000"                                 // "vendor"
        "01"                                                               // a length
        "e803000000000000"                                                 // 1,000
        "01000000"                                                         // English
    );
    golden(intro.clone(), &bytes);
    let padded = pad_fixed(&intro, 128).unwrap();
    assert_eq!(padded, [&hex!("4600")[..], &bytes, &[0; 56]].concat());
    assert_eq!(unpad_fixed(&padded), Ok(intro));
}

#[test]
fn trailer() {
    let head = hex!(
        "e803000000000000"                                                 // length 1,000
        "8888888888888888888888888888888888888888888888888888888888888888" // content hash
    );
    let plain = Trailer { length: 1000, content_hash: ContentHash([0x88; 32]), identity: None };
    golden(plain.clone(), &[&head[..], &[0]].concat());
    let identity = Identity { member: "vendor".parse().unwrap(), signature: Signature([0x99; 64]) };
    let member = hex!(
        "01"                               // an identity
        "76656e646f7200000000000000000000" // "vendor"
    );
    golden(Trailer { identity: Some(identity), ..plain }, &[&head[..], &member, &[0x99; 64]].concat());
}

#[test]
fn receipt() {
    let body = ReceiptBody {
        version: VERSION,
        office: "ga-koeln".parse().unwrap(),
        ticket: TicketId([0x11; 16]),
        kind: "guest-list".parse().unwrap(),
        sender: Some("vendor".parse().unwrap()),
        length: 1000,
        content_hash: ContentHash([0x88; 32]),
        stored_at: UnixSeconds(1_800_000_000),
    };
    let bytes = hex!(
        "01"                                                               // version
        "67612d6b6f656c6e0000000000000000"                                 // office "ga-koeln"
        "11111111111111111111111111111111"                                 // ticket id
        "67756573742d6c69737400000000000000000000000000000000000000000000" // "guest-list"
        "01"                                                               // a sender
        "76656e646f7200000000000000000000"                                 // "vendor"
        "e803000000000000"                                                 // length 1,000
        "8888888888888888888888888888888888888888888888888888888888888888" // content hash
        "00d2496b00000000"                                                 // stored at 1,800,000,000
    );
    golden(body.clone(), &bytes);
    let receipt = Receipt::assemble(body, &Signature([0x99; 64]));
    let whole = [&bytes[..], &[0x99; 64]].concat();
    assert_eq!(receipt.as_bytes(), whole);
    assert_eq!(receipt.signed_bytes(), bytes);
    assert_eq!(Receipt::from_bytes(whole.clone()), Ok(receipt));
    let head = hex!(
        "02000000"         // variant 2, Receipt
        "c200000000000000" // 194 bytes
    );
    golden(Reply::Receipt(whole.clone()), &[&head[..], &whole].concat());

    let attestation =
        Attestation { ticket_hash: [0x44; 32], encapsulated_hash: [0x55; 32], signature: Signature([0x66; 64]) };
    let head = hex!(
        "01"               // version
        "c200000000000000" // 194 bytes of receipt
    );
    let proof = [&head[..], &whole, &[0x44; 32], &[0x55; 32], &[0x66; 64]].concat();
    let known = Proof { receipt: Receipt::from_bytes(whole).unwrap(), attestation };
    assert_eq!(known.to_bytes(), proof);
    assert_eq!(Proof::from_bytes(&proof), Ok(known));
    assert_eq!(proof.len(), 331);
}

#[test]
fn replies() {
    golden(Reply::Accepted { next: 7 }, &hex!("00000000" "07000000"));
    golden(Reply::Progress { stored: 7 }, &hex!("01000000" "07000000"));
    let reasons: [(Reason, &[u8]); 12] = [
        (Reason::NotYetValid(1_800_000_000), &hex!("00000000" "00d2496b00000000")),
        (Reason::Expired, &hex!("01000000")),
        (Reason::AlreadyUsed, &hex!("02000000")),
        (Reason::Revoked, &hex!("03000000")),
        (Reason::Superseded(258), &hex!("04000000" "0201000000000000")),
        (Reason::WrongKind, &hex!("05000000")),
        (Reason::SenderRequired, &hex!("06000000")),
        (Reason::NotPermitted, &hex!("07000000")),
        (Reason::BadIdentity, &hex!("08000000")),
        (Reason::TooLarge(1000), &hex!("09000000" "e803000000000000")),
        (Reason::Malformed, &hex!("0a000000")),
        (Reason::TryLater, &hex!("0b000000")),
    ];
    for (reason, bytes) in reasons {
        let text = hex!(
            "0400000000000000" // 4 bytes of text
            "4e65696e"         // "Nein"
        );
        let refusal = Reply::Refusal(Refusal { reason, text: "Nein".into() });
        golden(refusal, &[&hex!("03000000")[..], bytes, &text].concat());
    }
}

#[test]
fn segment_frame() {
    let bytes = hex!(
        "11"       // frame type Segment
        "07000000" // 7 bytes
        "03000000" // position 3
        "aabbcc"   // ciphertext and tag
    );
    assert_eq!(encode_segment(FrameType::Segment, 3, &[0xaa, 0xbb, 0xcc]), bytes);
}
