//! Writes the first entries of the fuzz corpora: one well-formed value of each type, so that a fuzzer begins inside the
//! formats. `cargo run -p schleuse-tests --example seed_corpus`

use std::fs;
use std::path::Path;

use schleuse_protocol::limits::{INTRO_PLAINTEXT, TAG, VERSION};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::{FrameType, encode_frame, encode_raw, encode_segment};
use schleuse_protocol::wire::hello::{ContentHash, Encapsulated, Hello, Identity, Intro, Language, Trailer, pad_fixed};
use schleuse_protocol::wire::hop::{
    AdmissionKeyBytes, Incoming, InnerToOffice, InnerToOuter, OfficeToInner, Open, OuterToInner,
};
use schleuse_protocol::wire::name::Name;
use schleuse_protocol::wire::proof::{Attestation, Proof};
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::reply::{Reason, Refusal, Reply};
use schleuse_protocol::wire::signed::Signature;
use schleuse_protocol::wire::ticket::{OneTimeKey, Purpose, Route, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};

fn name<const N: usize>(text: &str) -> Name<N> {
    text.parse().expect("a valid name")
}

fn token() -> RouteToken {
    RouteToken { epoch: Epoch(690), nonce: RouteNonce([1; 16]), sealed: [2; 48], mac: [3; 16] }
}

fn open() -> Open {
    Open { version: VERSION, inner: name("inner-1"), token: token() }
}

fn hello(encapsulated: Encapsulated) -> Hello {
    Hello { encapsulated, commitment: [5; 32], sealed_intro: [6; INTRO_PLAINTEXT + TAG] }
}

fn ticket(key: OneTimeKey, purpose: Option<Purpose>) -> Ticket {
    let body = TicketBody {
        version: VERSION,
        office: name("ga-koeln"),
        id: TicketId([7; 16]),
        key,
        secret: TicketSecret([8; 32]),
        not_before: UnixSeconds(1_790_000_000),
        not_after: UnixSeconds(1_790_086_400),
        routes: vec![
            Route { inner: name("inner-1"), token: token() },
            Route { inner: name("inner-2"), token: token() },
        ],
        purpose,
    };
    Ticket::assemble(body, &Signature([9; 64]))
}

fn receipt() -> Receipt {
    let body = ReceiptBody {
        version: VERSION,
        office: name("ga-koeln"),
        ticket: TicketId([7; 16]),
        kind: name("guest-list"),
        sender: Some(name("vendor-1")),
        length: 2048,
        content_hash: ContentHash([10; 32]),
        stored_at: UnixSeconds(1_790_000_100),
    };
    Receipt::assemble(body, &Signature([11; 64]))
}

fn attestation() -> Attestation {
    Attestation { ticket_hash: [16; 32], encapsulated_hash: [17; 32], signature: Signature([12; 64]) }
}

fn purpose() -> Purpose {
    Purpose {
        kind: Some(name("guest-list")),
        sender: Some(name("vendor-1")),
        reference: Some("2026-0815".to_owned()),
        period: Some((UnixSeconds(1_789_000_000), UnixSeconds(1_789_086_400))),
        text: Some("Gäste vom 19. November".to_owned()),
    }
}

fn intro() -> Intro {
    Intro {
        attempt: 1_790_000_000_000_000,
        kind: name("guest-list"),
        sender: Some(name("vendor-1")),
        length: Some(2048),
        language: Language::German,
    }
}

fn trailer() -> Trailer {
    let identity = Identity { member: name("vendor-1"), signature: Signature([12; 64]) };
    Trailer { length: 2048, content_hash: ContentHash([10; 32]), identity: Some(identity) }
}

fn wire_entries() -> Vec<(u8, &'static str, Vec<u8>)> {
    let keys = [(Epoch(690), AdmissionKeyBytes([1; 32])), (Epoch(691), AdmissionKeyBytes([2; 32]))];
    let refusal = Reply::Refusal(Refusal { reason: Reason::TooLarge(4096), text: "zu groß".to_owned() });
    let tokens = InnerToOffice::Tokens { not_after: UnixSeconds(1_790_000_000), tokens: vec![token(); 2] };
    vec![
        (0, "open", open().to_wire()),
        (1, "incoming", Incoming { version: VERSION, nonce: RouteNonce([1; 16]) }.to_wire()),
        (2, "outer-hello", OuterToInner::Hello(VERSION).to_wire()),
        (3, "admission-keys", InnerToOuter::AdmissionKeys(keys).to_wire()),
        (3, "drain", InnerToOuter::Drain.to_wire()),
        (4, "tokens-wanted", OfficeToInner::TokensWanted { count: 8, not_after: UnixSeconds(1_790_000_000) }.to_wire()),
        (4, "used", OfficeToInner::Used(vec![RouteNonce([4; 16]); 3]).to_wire()),
        (5, "tokens", tokens.to_wire()),
        (6, "hello-1", hello(Encapsulated::X25519([4; 32])).to_wire()),
        (6, "hello-2", hello(Encapsulated::XWing(Box::new([4; 1120]))).to_wire()),
        (7, "intro", intro().to_wire()),
        (8, "trailer", trailer().to_wire()),
        (9, "accepted", Reply::Accepted { next: 3 }.to_wire()),
        (9, "receipt", Reply::Receipt(receipt().as_bytes().to_vec()).to_wire()),
        (9, "refusal", refusal.to_wire()),
        (10, "token", token().to_wire()),
        (11, "padded-reply", pad_fixed(&Reply::Progress { stored: 7 }, 512).expect("fits")),
        (12, "ticket-1", ticket(OneTimeKey::X25519([4; 32]), None).as_bytes().to_vec()),
        (12, "ticket-2", ticket(OneTimeKey::XWing(Box::new([4; 1216])), Some(purpose())).as_bytes().to_vec()),
        (13, "receipt-alone", receipt().as_bytes().to_vec()),
        (14, "proof", Proof { receipt: receipt(), attestation: attestation() }.to_bytes()),
    ]
}

fn frame_stream() -> Vec<u8> {
    let hello = hello(Encapsulated::X25519([4; 32]));
    let mut stream = vec![7]; // how the target cuts the stream
    stream.extend(encode_frame(FrameType::Open, &open()));
    stream.extend(encode_frame(FrameType::Hello, &hello));
    stream.extend(encode_segment(FrameType::Segment, 0, &[13; 1040]));
    stream.extend(encode_segment(FrameType::Final, 1, &[14; 272]));
    stream.extend(encode_raw(FrameType::ReplyStart, &[&[15; 32]]));
    stream
}

const CONTACTS: &str = r#"{"contacts":{"startDate":"2021-11-10","endDate":"2021-11-24","contactPersons":[{"firstName":"Ada",
"lastName":"O'Brien","phone":"=1+1","contactInformation":{"contactCategory":"HIGH_RISK"}}]},"events":{"startDate":"2021-11-10",
"endDate":"2021-11-24","events":[{"name":"Fest"}]},"dataProvider":{"firstName":"Ada","lastName":"Löwe"}}"#;

/// What is read although it is not as the format says.
const ODD: &str = r#"{"guestList":{"startDate":1637341200000,"guests":[null,{"FirstName":null,"lastName":"M\ud83dÃ¼ller",
"phone":4930231250,"phone":"k.A.","mobilPhone":"Frau Meier, +49 30 23125117","identityChecked":"ja","sex":"female","address":"Köln",
"attendanceInformation":{"attendFrom":"19.11.2021 18:00","x":[1e999,{"y":1,"y":2}]}}]},"token":7}"#;

/// Target, entry, and the file of the repository that is the entry.
const FILES: [(&str, &str, &str); 6] = [
    ("directory", "source", "deploy/directory.toml"),
    ("directory", "signed", "certs-example/directory.json"),
    ("directory", "roots", "certs-example/root-keys.toml"),
    ("configuration", "outer", "deploy/outer.toml"),
    ("configuration", "inner", "deploy/inner.toml"),
    ("configuration", "receiver", "deploy/receiver.toml"),
];

fn write(target: &str, entry: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    fs::create_dir_all(&folder).expect("the corpus folder can be made");
    fs::write(folder.join(entry), bytes).expect("the corpus can be written");
}

fn main() {
    for (choice, entry, bytes) in wire_entries() {
        write("wire", entry, &[&[choice], bytes.as_slice()].concat());
    }
    write("frames", "submission", &frame_stream());
    let ticket = ticket(OneTimeKey::X25519([4; 32]), None);
    write("ticket_text", "uri", ticket.to_uri().as_bytes());
    write("ticket_text", "mail", format!("> Ticket: <{}>.", ticket.to_uri().replace("EE", "E\u{ad}\n> E")).as_bytes());
    let packed = ticket.to_link("https://ga.example/t").replace(':', "%3A").replace('/', "%2F").replace('#', "%23");
    write("ticket_text", "packed", format!("https://filter.example/?url={packed}&data=1").as_bytes());
    write("office", "submission", &schleuse_tests::fuzz::office::submission());
    for (entry, script) in schleuse_tests::fuzz::holder::seeds() {
        write("holder", entry, &script);
    }
    for (entry, script) in schleuse_tests::fuzz::sender::step::seeds() {
        write("sender", entry, &script);
    }
    for kind in schleuse_payload::KINDS {
        write("payload", &format!("example-{kind}"), schleuse_payload::example(kind).expect("a kind").as_bytes());
    }
    write("payload", "odd", ODD.as_bytes());
    write("payload", "guest-list", &schleuse_payload::generate::guest_list_json(2, 1));
    write("payload", "contacts", CONTACTS.as_bytes());
    for (target, entry, path) in FILES {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        write(target, entry, &fs::read(root.join(path)).expect("a file of this repository"));
    }
    write("ticket_text", "link", ticket.to_link("https://schleuse.example/t").as_bytes());
}
