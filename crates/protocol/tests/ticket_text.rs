//! Tickets as mail programs, messengers and people leave them.

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::signed::Signature;
use schleuse_protocol::wire::ticket::text::{may_be_ticket, without_tickets};
use schleuse_protocol::wire::ticket::{OneTimeKey, Route, Ticket, TicketBody, TicketId, TicketSecret, TicketTextError};
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};

fn ticket() -> Ticket {
    let token = RouteToken { epoch: Epoch(700), nonce: RouteNonce([1; 16]), sealed: [2; 48], mac: [3; 16] };
    let body = TicketBody {
        version: 1,
        office: "ga-a".parse().expect("a name"),
        id: TicketId([0x11; 16]),
        key: OneTimeKey::X25519([0x9d; 32]),
        secret: TicketSecret([0xee; 32]),
        not_before: UnixSeconds(1),
        not_after: UnixSeconds(2),
        routes: vec![Route { inner: "inner-1".parse().expect("a name"), token }],
        purpose: None,
    };
    Ticket::assemble(body, &Signature([0x44; 64]))
}

/// A sign after every so many letters.
fn every(letters: usize, sign: &str, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(letters).map(|piece| piece.iter().collect::<String>()).collect::<Vec<_>>().join(sign)
}

#[test]
fn what_mail_does_to_a_ticket_is_undone() {
    let ticket = ticket();
    let uri = ticket.to_uri();
    let letters = &uri[9..];
    let link = ticket.to_link("https://ga.example/t");
    let packed = link.replace(':', "%3A").replace('/', "%2F").replace('#', "%23");
    for (what, text) in [
        ("as it is", uri.clone()),
        ("lower case", uri.to_lowercase()),
        ("folded", every(76, "\r\n", &uri)),
        ("quoted in a reply", every(70, "\n> ", &format!("> {uri}"))),
        ("soft hyphens", every(40, "\u{ad}", &uri)),
        ("zero-width spaces", every(10, "\u{200b}", &uri)),
        ("no-break spaces", every(4, "\u{a0}", &uri)),
        ("full stop", format!("{uri}.")),
        ("angle brackets", format!("<{uri}>")),
        ("quotes", format!("\"{uri}\"")),
        ("German quotes", format!("\u{201e}{uri}\u{201c},")),
        ("byte order mark", format!("\u{feff}{uri}\n")),
        ("in a sentence", format!("Ihr Ticket: {uri} Mit freundlichen Grüßen")),
        ("without the scheme", letters.to_owned()),
        ("link", link.clone()),
        ("http", link.replace("https", "http")),
        ("Markdown", format!("[Ticket]({link})")),
        ("%23", link.replace('#', "%23")),
        ("tracking", format!("{link}&utm_source=mail")),
        ("mail filter", format!("https://eur01.safelinks.example/?url={packed}&data=05%7C02%7Cx&reserved=0")),
        ("mail filter, twice", format!("https://filter.example/?u={}", packed.replace('%', "%25"))),
        (
            "filter of another kind",
            format!("https://defense.example/v2/url?u=https-3A__ga.example_t-23{letters}&d=DwMF"),
        ),
        ("a third kind", format!("https://defense.example/v3/__https://ga.example/t*{letters}__;Iw!!x")),
    ] {
        assert_eq!(text.parse::<Ticket>().as_ref(), Ok(&ticket), "{what}");
        let shown = without_tickets(&text);
        assert!(may_be_ticket(&text), "{what}");
        if !what.contains("zero-width") && !what.contains("no-break") {
            assert!(!shown.contains(&letters[200..220]), "{what}: {shown}");
        }
    }
}

#[test]
fn damage_is_told_from_truncation_and_from_what_is_no_ticket() {
    let uri = ticket().to_uri();
    let read = |text: &str| text.parse::<Ticket>().map(|_| ()).unwrap_err();
    for place in 9..uri.len() {
        let mut changed = uri.clone();
        let other = if &uri[place..=place] == "A" { "B" } else { "A" };
        changed.replace_range(place..=place, other);
        assert!(matches!(read(&changed), TicketTextError::Damaged | TicketTextError::UnknownForm), "{place}");
    }
    for broken in ["0", "ß"] {
        let mut changed = uri.clone();
        changed.replace_range(99..100, broken);
        assert_eq!(read(&changed), TicketTextError::Damaged);
    }
    let all = uri.len() - 9;
    assert_eq!(read(&uri[..109]), TicketTextError::Cut { there: 100, all });
    assert_eq!(read(&format!("{}.", &uri[..uri.len() - 1])), TicketTextError::Cut { there: all - 1, all });
    for text in
        ["", "schleuse", "schleuse:", "https://ga.example/", "https://ga.example/#impressum", "ä", "mailto:a@b.de"]
    {
        assert_eq!(read(text), TicketTextError::NotATicket, "{text:?}");
    }
    assert_eq!(read(&"A".repeat(200_000)), TicketTextError::TooLong);
    assert_eq!(read(&"A".repeat(100)), TicketTextError::UnknownForm);
}

#[test]
fn ordinary_text_is_shown_as_it_is() {
    for text in [
        "cannot read /home/erika/Dokumente/gaesteliste-november.json: No such file or directory",
        "the directory has no member with this signing key (3ad5e0b4c4d9a7e2b3c1d4e6f8a2b3c4d0e6f7a9b3c4d5e1f7a2b3c8d5e6f7a0)",
        "https://ga.example/t#impressum",
        "Donaudampfschifffahrtsgesellschaft",
    ] {
        assert_eq!(without_tickets(text), text);
        assert!(!may_be_ticket(text), "{text}");
    }
    // What was replaced before stays as it is, although a scheme stands before it.
    let replaced = "cannot read SCHLEUSE:<ticket> as a file that is readable by everybody on this machine";
    assert_eq!(without_tickets(replaced), replaced);
}
