//! `schleuse ticket …`

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use schleuse_operator::qr;
use schleuse_protocol::wire::ticket::{Purpose, Ticket};

use crate::network::Network;
use crate::{run, with_input};

fn network() -> Network {
    Network::new("127.0.0.1:9")
}

fn purpose() -> Purpose {
    Purpose {
        kind: Some("guest-list".parse().expect("the test is set up")),
        sender: None,
        reference: Some("Az 4711".to_owned()),
        period: None,
        text: Some("Bitte\u{1b}[2J senden".to_owned()),
    }
}

#[test]
fn shows_every_field_but_the_secret() {
    let network = network();
    let ticket = network.ticket(2, (-5, 3600), Some(purpose()));
    let shown = run!("ticket", "show", ticket.to_uri());
    assert_eq!(shown.code, 0, "{shown:?}");
    for expected in ["ga-a", "through inner-a", "valid, unless", "guest-list", "Az 4711", "1: X25519", "not verified"] {
        assert!(shown.stdout.contains(expected), "{expected} is missing in\n{}", shown.stdout);
    }
    assert!(!shown.stdout.contains('\u{1b}'), "a control character got through");
    let json = run!("ticket", "show", ticket.to_uri(), "--json");
    assert_eq!(json.json()["routes"].as_array().unwrap().len(), 2);
    assert_eq!(json.json()["purpose"]["kind"], "guest-list");
    let secret = "ee".repeat(32);
    assert!(!shown.stdout.contains(&secret) && !json.stdout.contains(&secret), "the secret is shown unasked");
    assert!(run!("ticket", "show", ticket.to_uri(), "--secret").stdout.contains(&secret));
}

#[test]
fn reads_files_links_and_standard_input() {
    let network = network();
    let ticket = network.ticket(1, (-5, 3600), None);
    let id = |run: crate::Run| run.json()["ticket"].as_str().unwrap().to_owned();
    let expected = ticket.body().id.to_string();
    assert_eq!(id(run!("ticket", "show", network.ticket_file(), "--json")), expected);
    let link = format!("{}\n", ticket.to_link("https://example.org/t"));
    assert_eq!(id(with_input(["ticket", "show", "-", "--json"], &link)), expected);
    assert_eq!(id(run!("ticket", "show", link.trim(), "--json")), expected);
}

#[test]
fn tells_the_validity_and_verifies_the_signature() {
    let network = network();
    let state = |valid| {
        let ticket = network.ticket(1, valid, None);
        run!("ticket", "show", ticket.to_uri(), "--json").json()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state((-20, -10)), "expired");
    assert_eq!(state((100, 200)), "not valid yet");

    let (directory, roots) = (network.path("directory.json"), network.path("root-keys.toml"));
    let show = |ticket: &Ticket| {
        run!("ticket", "show", ticket.to_uri(), "--directory", directory, "--root-keys", roots, "--json")
    };
    assert_eq!(show(&network.ticket(1, (-5, 3600), None)).json()["signature_verified"], true);
    let forged = show(&Network::new("127.0.0.1:9").ticket(1, (-5, 3600), None));
    assert!(forged.stderr.contains("the ticket's signature is not that of 'ga-a'"), "{forged:?}");
    assert_eq!(forged.code, 1);
}

#[test]
fn what_is_no_ticket_is_told() {
    let network = network();
    let uri = network.ticket(1, (-5, 3600), None).to_uri();
    let cut = run!("ticket", "show", uri[..uri.len() - 8]);
    assert!(cut.error(1).contains("incomplete: "), "{cut:?}");
    let changed = format!("{}{}{}", &uri[..99], if &uri[99..100] == "A" { "B" } else { "A" }, &uri[100..]);
    let changed = run!("ticket", "show", changed);
    assert!(changed.error(1).contains("a character was changed"), "{changed:?}");
    let other = with_input(["ticket", "show", "-"], "hello");
    assert!(other.error(1).contains("standard input: not a ticket"), "{other:?}");
    let absent = run!("ticket", "show", "/nonexistent/ticket");
    assert!(absent.error(74).contains("/nonexistent/ticket"), "{absent:?}");
}

#[test]
fn a_ticket_from_a_mail_is_read_wherever_it_stands() {
    let network = network();
    let ticket = network.ticket(2, (-5, 3600), None);
    let uri = ticket.to_uri();
    for text in [format!(" {uri}"), format!("\"{uri}\""), format!("Ticket: {uri}"), uri[9..].to_owned()] {
        let shown = run!("ticket", "show", text, "--json");
        assert_eq!(shown.json()["ticket"], ticket.body().id.to_string(), "{shown:?}");
    }
}

/// Wherever a ticket, or a piece of one, is typed in the wrong place: no error repeats it.
#[test]
fn no_error_repeats_a_ticket() {
    let network = network();
    let uri = network.ticket(2, (-5, 3600), None).to_uri();
    let piece = &uri[9..uri.len() - 9];
    let list = network.path("list.json");
    std::fs::write(&list, "{\"guests\":[]}").unwrap();
    for text in [uri.clone(), format!(" {piece}"), format!("http://ga.example/t#{piece}"), format!("'{piece}'")] {
        for run in [
            run!(text),
            run!("ticket", "show", text, text),
            run!("ticket", "show", text, "--secret", "--json", "--directory", text, "--root-keys", text),
            run!("ticket", "convert", uri, "--link", text),
            run!("ticket", "convert", uri, "--svg", format!("/proc/nowhere/{text}")),
            run!("send", text, "--ticket", text),
            run!("send", list, "--ticket", text, "--kind", text),
            run!("payload", "check", text),
            run!("payload", "schema", text),
            run!("receipt", "show", text),
            run!("check", text),
            run!("directory", "show", text),
            run!("pki", "show", text),
        ] {
            let said = format!("{}{}", run.stdout, run.stderr);
            let windows = piece.as_bytes().windows(40);
            let repeated = windows.filter(|window| said.as_bytes().windows(40).any(|other| other == *window)).count();
            let is_asked_for = run.code == 0;
            assert!(is_asked_for || repeated == 0, "{said}");
        }
    }
}

#[test]
fn converts_to_uri_and_link() {
    let network = network();
    let ticket = network.ticket(1, (-5, 3600), None);
    let file = network.ticket_file();
    let converted = run!("ticket", "convert", ticket.to_uri(), "--uri", "--link", "https://example.org/t", "--json");
    assert_eq!(converted.json()["uri"], ticket.to_uri());
    assert_eq!(converted.json()["link"], ticket.to_link("https://example.org/t"));
    for base in ["http://example.org", "https://", "https://example.org/#a"] {
        let refused = run!("ticket", "convert", file, "--link", base);
        assert!(refused.error(2).contains("use an https:// address"), "{refused:?}");
    }
}

#[test]
fn a_ticket_without_purpose_is_an_easy_qr_code() {
    let network = network();
    let code = |routes| qr::encode(&network.ticket(routes, (-5, 3600), None)).unwrap();
    // With three routes it is the next larger one, and the command says so.
    assert_eq!([qr::version(&code(2)), qr::version(&code(3))], [14, qr::EASY_VERSION + 1]);
    let code = code(2);
    let drawn = qr::terminal(&code);
    assert!(drawn.lines().count() > code.width() / 2, "{drawn}");
}

#[test]
fn the_pictures_hold_the_ticket() {
    let network = network();
    let ticket = network.ticket(2, (-5, 3600), None);
    let (png, svg) = (network.path("qr.png"), network.path("qr.svg"));
    let done = run!("ticket", "convert", ticket.to_uri(), "--qr", "--png", png, "--svg", svg, "--json").json();
    assert!(done["qr_version"].as_i64().unwrap() <= 15, "{done}");
    assert_eq!(scan(&png), ticket.to_uri());
    let drawing = std::fs::read_to_string(&svg).unwrap();
    assert!(drawing.contains("<svg") && drawing.contains("<path"), "{drawing}");
    for picture in [&png, &svg] {
        assert_eq!(std::fs::metadata(picture).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = run!("ticket", "convert", ticket.to_uri(), "--png", png);
    assert!(again.error(1).contains("exists already"), "{again:?}");
}

#[test]
fn a_ticket_too_long_for_a_qr_code_is_told() {
    let long = Purpose { text: Some("x".repeat(1024)), reference: Some("y".repeat(1024)), ..purpose() };
    let ticket = network().ticket(8, (-5, 3600), Some(long));
    let refused = run!("ticket", "convert", ticket.to_uri(), "--qr");
    assert!(refused.error(1).contains("too long for a QR code"), "{refused:?}");
}

/// What a phone would read from the picture.
fn scan(png: &Path) -> String {
    let picture = image::open(png).expect("the test is set up").to_luma8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| picture.get_pixel(x as u32, y as u32).0[0]);
    let grids = prepared.detect_grids();
    assert_eq!(grids.len(), 1, "one code in the picture");
    grids[0].decode().expect("the test is set up").1
}
