//! What a proxy could tell if it wanted to: its traffic, memory, log and files are searched for what it must not know.
//!
//! A search that finds nothing proves nothing, so every search is also made for something that must be there.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use schleuse_payload::generate::guest_list;
use schleuse_protocol::wire::frame::FrameType;
use schleuse_tests::hostile::{Conduct, Recorded};
use schleuse_tests::network::{Network, Proxy};
use schleuse_tests::search::Words;
use schleuse_tests::wait::{SOON, until};
use schleuse_tests::wire::encode_all;
use serde_json::json;

const REFERENCE: &str = "Aktenzeichen-4711-Quelle";
const TEXT: &str = "Bitte die Gästeliste der Feier vom 19. November";

/// The parts of one delivery that some party must not see.
struct Secrets {
    /// Everything that stands in the guest list or in the ticket's purpose, and the ticket's secret and keys.
    content: Vec<String>,
    ticket_secret: Vec<u8>,
}

impl Secrets {
    fn words(&self) -> Words {
        let words = Words::new().bytes("ticket secret", &self.ticket_secret);
        self.content.iter().fold(words, |words, text| words.text(text))
    }
}

/// Sends a list with names that occur nowhere else, and says what was in it.
fn deliver(network: &Network) -> Secrets {
    let mut list = guest_list(40, 11);
    let guests = list["guests"].as_array_mut().unwrap();
    for (number, guest) in guests.iter_mut().enumerate() {
        guest["firstName"] = format!("Zwölfriede{number}").into();
        guest["lastName"] = format!("O'Quöxenstein-{number}").into();
    }
    let texts =
        |name: &str| guests.iter().filter_map(|guest| guest[name].as_str().map(str::to_owned)).collect::<Vec<_>>();
    let personal = [texts("firstName"), texts("lastName"), texts("email")].concat();
    let bytes = serde_json::to_vec(&list).unwrap();
    let office = network.office(0);
    let ticket = office.mint(&[
        ("kind", json!("guest-list")),
        ("reference", json!(REFERENCE)),
        ("text", json!(TEXT)),
        ("sender", json!("member:vendor-1")),
    ]);
    network.send(0, &ticket, bytes.clone()).unwrap();
    assert_eq!(office.read(&ticket).unwrap(), bytes);
    let mut content = vec![REFERENCE.into(), TEXT.into()];
    content.extend(personal);
    Secrets { content, ticket_secret: ticket.body().secret.0.to_vec() }
}

/// Every file in a folder, those of its subfolders included.
fn files(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.is_file() {
            all.extend(fs::read(&path).unwrap());
        }
    }
    all
}

fn in_memory(proxy: &Proxy, words: &Words) -> Vec<String> {
    let mut found = Vec::new();
    proxy.daemon.memory(words.overlap(), |piece| found.extend(words.find(piece)));
    found.sort();
    found.dedup();
    found
}

/// The proxy's folder has its configuration, its keys and its log.
fn in_files(proxy: &Proxy, words: &Words) -> Vec<String> {
    words.find(&files(&proxy.member.folder))
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[test]
fn proxies_do_not_know_what_they_carry_nor_both_ends_of_it() {
    // Everything that the daemons can log, they log.
    let network = Network::of(1, 1, 1, 1).log("trace").start();
    let (outer, inner) = (network.outer(0), network.inner(0));
    let mentions_before = mentions(inner, b"vendor-1");
    let secrets = deliver(&network);
    let office = network.office(0).member();
    let (content, vendor, kind) = (secrets.words(), Words::new().text("vendor-1"), Words::new().text("guest-list"));
    let office_id = Words::new().text("office-1").bytes("office's key", &office.entry.fingerprints[0].0);

    // The outer proxy knows neither content nor vendor nor office.
    for (words, what) in [(&content, "content"), (&kind, "kind"), (&vendor, "vendor"), (&office_id, "office")] {
        assert_eq!(in_memory(outer, words), nothing(), "{what} in the outer proxy's memory");
        assert_eq!(in_files(outer, words), nothing(), "{what} in the outer proxy's files and log");
    }
    // The inner proxy knows neither content nor sender. It has the directory, in which all vendors stand: the sending
    // must not have added to that.
    assert_eq!(in_memory(inner, &content), nothing(), "content in the inner proxy's memory");
    assert_eq!(in_files(inner, &content), nothing(), "content in the inner proxy's files and log");
    assert_eq!(in_files(inner, &vendor), nothing(), "vendor in the inner proxy's files and log");
    let mentions_after = mentions(inner, b"vendor-1");
    assert!(mentions_before > 0 && mentions_after <= mentions_before, "{mentions_before}, then {mentions_after}");
    assert_eq!(in_files(inner, &kind), nothing(), "kind in the inner proxy's files and log");
    let sender = sender_in_log(outer);
    assert_eq!(
        in_files(inner, &Words::new().text(&sender)),
        nothing(),
        "the sender's address in the inner proxy's log"
    );

    // The way to tell: what each of them must know is found in the same places.
    assert_ne!(in_memory(inner, &office_id), nothing(), "the inner proxy knows the office");
    assert_ne!(in_files(inner, &office_id), nothing(), "the inner proxy logs the office");
    assert_ne!(in_memory(outer, &Words::new().text("inner-1")), nothing(), "the outer proxy knows the inner proxy");
    assert_ne!(in_files(outer, &Words::new().text(&sender)), nothing(), "the outer proxy knows the sender's address");
    // And a guest's name that is put into a proxy's memory is found there.
    outer.daemon.kill();
    outer.daemon.set_env("SCHLEUSE_NOTHING", "Zwölfriede3 O'Quöxenstein-3");
    outer.daemon.start();
    network.wait_linked(outer);
    assert_eq!(in_memory(outer, &content), ["'O'Quöxenstein-3' as it is", "'Zwölfriede3' as it is"]);
}

/// The address of the sender, which an outer proxy logs at debug level.
fn sender_in_log(outer: &Proxy) -> String {
    until("the stream stands in the log", SOON, || {
        let log = outer.daemon.log();
        let from = log.find("from: 127.0.0.1:")? + "from: ".len();
        // The line may be half written.
        log[from..].split_once(',').map(|(sender, _)| sender.to_owned())
    })
}

/// How often a word stands in a proxy's memory.
fn mentions(proxy: &Proxy, word: &[u8]) -> usize {
    let mut count = 0;
    proxy.daemon.memory(0, |piece| count += piece.windows(word.len()).filter(|window| *window == word).count());
    count
}

#[test]
fn the_recorded_traffic_of_no_hop_tells_anything() {
    let network = Network::of(1, 1, 1, 1).tapped().start();
    let secrets = deliver(&network);
    let (outer, inner) = (network.outer(0), network.inner(0));
    let words = secrets.words().text("vendor-1").text("office-1").text("office-1.schleuse.internal");
    for (dialler, listener) in [("sender", outer), ("outer", inner), ("office", inner)] {
        let seen = network.tap(dialler, listener).seen();
        let bytes: usize = seen.iter().map(|datagram| datagram.bytes.len()).sum();
        assert!(bytes > 10_000, "{bytes} bytes on the hop from {dialler}: the list did not pass here");
        for datagram in seen {
            assert_eq!(words.find(&datagram.bytes), nothing(), "on the hop from {dialler}");
        }
    }
}

/// TLS ends at each proxy, so traffic alone says little: this is what an inner proxy has in its hands after TLS.
#[test]
fn what_an_inner_proxy_holds_in_its_hands_tells_nothing() {
    let network = Network::of(1, 1, 1, 1).played_inner().build();
    let proxy = network.play_inner();
    proxy.conduct(Conduct::Honest);
    network.start();
    let secrets = deliver(&network);
    let is_whole = |stream: &Recorded| stream.frames.last().is_some_and(|frame| frame.frame_type == FrameType::Final);
    let recorded = until("the stream is recorded", SOON, || proxy.recorded().into_iter().find(is_whole));
    let bytes = encode_all(&recorded.frames);
    assert!(bytes.len() > 10_000, "the list did not pass here");
    assert_eq!(secrets.words().text("vendor-1").text("office-1").find(&bytes), nothing());
    // The way to tell: it has the token's nonce and the office.
    assert_eq!(recorded.office, network.office(0).member().id);
    let nonce = HEXLOWER.encode(&recorded.nonce.0);
    assert_ne!(nonce, "00".repeat(16));
}

/// The office's disk: the content is sealed at rest, and gone when it is deleted.
#[test]
fn the_offices_disk_has_no_plaintext() {
    let network = Network::of(1, 1, 1, 1).log("trace").start();
    let office = network.office(0);
    let words = deliver(&network).words();
    assert_eq!(words.find(&files(&office.member().folder)), nothing());
    // The way to tell: the vendor stands in the inbox.
    assert_ne!(Words::new().text("vendor-1").find(&files(&office.member().folder)), nothing());
}
