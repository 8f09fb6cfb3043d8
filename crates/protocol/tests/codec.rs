//! The codec's rules, for every wire type: what is read is what was written, byte for byte, and nothing else is read.

use std::fmt::Debug;

use proptest::prelude::*;
use schleuse_protocol::limits::{MAX_TOKEN_BATCH, MAX_USED_BATCH, VERSION};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::{
    ContentHash, Encapsulated, Hello, Identity, Intro, Language, Trailer, unpad_fixed,
};
use schleuse_protocol::wire::hop::OuterToInner;
use schleuse_protocol::wire::hop::{
    AdmissionKeyBytes, Incoming, InnerToOffice, InnerToOuter, OfficeToInner, Open, RunId,
};
use schleuse_protocol::wire::name::{MemberId, Name, PayloadKind};
use schleuse_protocol::wire::proof::ProofBody;
use schleuse_protocol::wire::receipt::{Receipt, ReceiptBody};
use schleuse_protocol::wire::reply::{Reason, Refusal, Reply};
use schleuse_protocol::wire::signed::Signature;
use schleuse_protocol::wire::ticket::text::{may_be_ticket, without_tickets};
use schleuse_protocol::wire::ticket::{
    OneTimeKey, Purpose, Route, Ticket, TicketBody, TicketId, TicketSecret, TicketTextError,
};
use schleuse_protocol::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken, StoreId, TokenKeyId};
use schleuse_protocol::wire::{Wire, WireError};

fn member() -> impl Strategy<Value = MemberId> {
    "[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?".prop_map(|name| name.parse().expect("the pattern makes names"))
}

fn kind() -> impl Strategy<Value = PayloadKind> {
    "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?".prop_map(|name| name.parse().expect("the pattern makes names"))
}

fn seconds() -> impl Strategy<Value = UnixSeconds> {
    any::<u64>().prop_map(UnixSeconds)
}

fn bytes<const N: usize>() -> impl Strategy<Value = [u8; N]> {
    any::<u64>().prop_map(|seed| std::array::from_fn(|index| (seed >> (index % 57)) as u8))
}

fn nonce() -> impl Strategy<Value = RouteNonce> {
    bytes().prop_map(RouteNonce)
}

fn token() -> impl Strategy<Value = RouteToken> {
    (any::<u32>(), nonce(), bytes(), bytes()).prop_map(|(epoch, nonce, sealed, mac)| RouteToken {
        epoch: Epoch(epoch),
        nonce,
        sealed,
        mac,
    })
}

fn key() -> impl Strategy<Value = OneTimeKey> {
    prop_oneof![bytes().prop_map(OneTimeKey::X25519), bytes().prop_map(|key| OneTimeKey::XWing(Box::new(key)))]
}

fn purpose() -> impl Strategy<Value = Purpose> {
    let period = (any::<u32>(), any::<u32>()).prop_map(|(first, more)| {
        let first = u64::from(first);
        (UnixSeconds(first), UnixSeconds(first + u64::from(more)))
    });
    (
        prop::option::of(kind()),
        prop::option::of(member()),
        prop::option::of("\\PC{0,100}"),
        prop::option::of(period),
        prop::option::of("\\PC{0,100}"),
    )
        .prop_map(|(kind, sender, reference, period, text)| Purpose { kind, sender, reference, period, text })
}

fn ticket_body() -> impl Strategy<Value = TicketBody> {
    let route = (member(), token()).prop_map(|(inner, token)| Route { inner, token });
    let routes = prop::collection::vec(route, 1..=8);
    let validity = (any::<u32>(), any::<u32>());
    (member(), bytes(), key(), bytes(), validity, routes, prop::option::of(purpose())).prop_map(
        |(office, id, key, secret, (first, more), routes, purpose)| TicketBody {
            version: VERSION,
            office,
            id: TicketId(id),
            key,
            secret: TicketSecret(secret),
            not_before: UnixSeconds(u64::from(first)),
            not_after: UnixSeconds(u64::from(first) + u64::from(more)),
            routes,
            purpose,
        },
    )
}

fn hello() -> impl Strategy<Value = Hello> {
    let encapsulated =
        prop_oneof![bytes().prop_map(Encapsulated::X25519), bytes().prop_map(|enc| Encapsulated::XWing(Box::new(enc)))];
    (encapsulated, bytes(), bytes()).prop_map(|(encapsulated, commitment, sealed_intro)| Hello {
        encapsulated,
        commitment,
        sealed_intro,
    })
}

fn intro() -> impl Strategy<Value = Intro> {
    let language = prop_oneof![Just(Language::German), Just(Language::English)];
    (any::<u64>(), kind(), prop::option::of(member()), prop::option::of(any::<u64>()), language)
        .prop_map(|(attempt, kind, sender, length, language)| Intro { attempt, kind, sender, length, language })
}

fn trailer() -> impl Strategy<Value = Trailer> {
    let identity = (member(), bytes()).prop_map(|(member, bytes)| Identity { member, signature: Signature(bytes) });
    (any::<u64>(), bytes(), prop::option::of(identity)).prop_map(|(length, hash, identity)| Trailer {
        length,
        content_hash: ContentHash(hash),
        identity,
    })
}

fn receipt_body() -> impl Strategy<Value = ReceiptBody> {
    (member(), bytes(), kind(), prop::option::of(member()), any::<u64>(), bytes(), seconds()).prop_map(
        |(office, ticket, kind, sender, length, hash, stored_at)| ReceiptBody {
            version: VERSION,
            office,
            ticket: TicketId(ticket),
            kind,
            sender,
            length,
            content_hash: ContentHash(hash),
            stored_at,
        },
    )
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        any::<u64>().prop_map(Reason::NotYetValid),
        any::<u64>().prop_map(Reason::Superseded),
        any::<u64>().prop_map(Reason::TooLarge),
        prop::sample::select(vec![
            Reason::Expired,
            Reason::AlreadyUsed,
            Reason::Revoked,
            Reason::WrongKind,
            Reason::SenderRequired,
            Reason::NotPermitted,
            Reason::BadIdentity,
            Reason::Malformed,
            Reason::TryLater,
        ]),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    let receipt = (receipt_body(), bytes())
        .prop_map(|(body, signature)| Receipt::assemble(body, &Signature(signature)).as_bytes().to_vec());
    let refusal = (reason(), "\\PC{0,50}").prop_map(|(reason, text)| Refusal { reason, text });
    prop_oneof![
        any::<u32>().prop_map(|next| Reply::Accepted { next }),
        any::<u32>().prop_map(|stored| Reply::Progress { stored }),
        receipt.prop_map(Reply::Receipt),
        refusal.prop_map(Reply::Refusal),
    ]
}

fn inner_to_outer() -> impl Strategy<Value = InnerToOuter> {
    let keys = (any::<u32>(), bytes(), any::<u32>(), bytes()).prop_map(|(epoch, key, other_epoch, other)| {
        InnerToOuter::AdmissionKeys([
            (Epoch(epoch), AdmissionKeyBytes(key)),
            (Epoch(other_epoch), AdmissionKeyBytes(other)),
        ])
    });
    prop_oneof![keys, Just(InnerToOuter::Drain)]
}

fn office_to_inner() -> impl Strategy<Value = OfficeToInner> {
    prop_oneof![
        (bytes(), bytes()).prop_map(|(store, run)| OfficeToInner::Hello {
            version: VERSION,
            store: StoreId(store),
            run: RunId(run)
        }),
        (1..=MAX_TOKEN_BATCH as u16, seconds())
            .prop_map(|(count, not_after)| OfficeToInner::TokensWanted { count, not_after }),
        prop::collection::vec(nonce(), 0..=MAX_USED_BATCH).prop_map(OfficeToInner::Used),
        Just(OfficeToInner::Drain),
        bytes().prop_map(|run| OfficeToInner::NotMine { run: RunId(run) }),
    ]
}

fn inner_to_office() -> impl Strategy<Value = InnerToOffice> {
    prop_oneof![
        (seconds(), prop::collection::vec(token(), 0..=MAX_TOKEN_BATCH))
            .prop_map(|(not_after, tokens)| InnerToOffice::Tokens { not_after, tokens }),
        Just(InnerToOffice::Drain),
        bytes().prop_map(|key| InnerToOffice::TokenKey(TokenKeyId(key))),
        bytes().prop_map(|run| InnerToOffice::Contested { run: RunId(run) }),
        bytes().prop_map(|run| InnerToOffice::Copy { run: RunId(run) }),
    ]
}

/// Every rule of the codec at once, for one value and one place to damage it.
fn obeys<T: Wire + PartialEq + Debug>(value: &T, place: usize, bit: u8) {
    let encoded = value.to_wire();
    assert!(encoded.len() <= T::MAX, "{} of {}", encoded.len(), T::MAX);
    assert_eq!(T::from_wire(&encoded).as_ref(), Ok(value));

    let place = place % encoded.len();
    assert!(T::from_wire(&encoded[..place]).is_err(), "cut at {place}");
    assert!(T::from_wire(&[&encoded[..], &[bit]].concat()).is_err(), "one byte more");
    let mut flipped = encoded.clone();
    flipped[place] ^= 1 << (bit % 8);
    if let Ok(other) = T::from_wire(&flipped) {
        assert_eq!(other.to_wire(), flipped, "one value, one encoding");
        assert_ne!(&other, value);
    }
}

/// Arbitrary bytes are refused, or are the one encoding of their value.
fn survives<T: Wire + Debug>(bytes: &[u8]) {
    if let Ok(value) = T::from_wire(bytes) {
        assert_eq!(value.to_wire(), bytes);
    }
}

proptest! {
    #[test]
    fn tickets(value in ticket_body(), place: usize, bit: u8) { obeys(&value, place, bit) }
    #[test]
    fn tokens(value in token(), place: usize, bit: u8) { obeys(&value, place, bit) }
    #[test]
    fn claims(office in member(), store: [u8; 8], not_after in seconds(), place: usize, bit: u8) {
        obeys(&RouteClaims { office, store: StoreId(store), not_after }, place, bit);
    }
    #[test]
    fn opens(inner in member(), token in token(), place: usize, bit: u8) {
        obeys(&Open { version: VERSION, inner, token }, place, bit);
    }
    #[test]
    fn incomings(nonce in nonce(), place: usize, bit: u8) { obeys(&Incoming { version: VERSION, nonce }, place, bit) }
    #[test]
    fn hellos(value in hello(), place: usize, bit: u8) { obeys(&value, place, bit) }
    #[test]
    fn intros(value in intro(), place: usize, bit: u8) { obeys(&value, place, bit) }
    #[test]
    fn trailers(value in trailer(), place: usize, bit: u8) { obeys(&value, place, bit) }
    #[test]
    fn receipts(value in receipt_body(), place: usize, bit: u8) { obeys(&value, place, bit) }
    #[test]
    fn replies(value in reply(), place: usize, bit: u8) { obeys(&value, place, bit) }
    #[test]
    fn control(
        to_outer in inner_to_outer(),
        from_office in office_to_inner(),
        to_office in inner_to_office(),
        place: usize,
        bit: u8,
    ) {
        obeys(&OuterToInner::Hello(VERSION), place, bit);
        obeys(&to_outer, place, bit);
        obeys(&from_office, place, bit);
        obeys(&to_office, place, bit);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..400)) {
        survives::<TicketBody>(&bytes);
        survives::<RouteToken>(&bytes);
        survives::<RouteClaims>(&bytes);
        survives::<Open>(&bytes);
        survives::<Incoming>(&bytes);
        survives::<Hello>(&bytes);
        survives::<Intro>(&bytes);
        survives::<Trailer>(&bytes);
        survives::<ReceiptBody>(&bytes);
        survives::<ProofBody>(&bytes);
        survives::<Reply>(&bytes);
        survives::<OuterToInner>(&bytes);
        survives::<InnerToOuter>(&bytes);
        survives::<OfficeToInner>(&bytes);
        survives::<InnerToOffice>(&bytes);
        let _ = unpad_fixed::<Reply>(&bytes);
        if let Ok(ticket) = Ticket::from_bytes(bytes.clone()) {
            prop_assert_eq!(ticket.as_bytes(), bytes);
        }
    }

    #[test]
    fn arbitrary_text_is_a_ticket_or_an_error(text in "(schleuse:|https://a#)?[A-Za-z2-7#:/ ]{0,300}") {
        let _ = text.parse::<Ticket>();
    }

    #[test]
    fn a_ticket_survives_its_text(body in ticket_body(), signature in bytes()) {
        let ticket = Ticket::assemble(body, &Signature(signature));
        prop_assert_eq!(&ticket.to_uri().parse::<Ticket>().unwrap(), &ticket);
    }

    #[test]
    fn a_changed_letter_is_damage_and_a_missing_end_is_told(
        body in ticket_body(),
        signature in bytes(),
        place in any::<prop::sample::Index>(),
        letter in "[A-Z2-7]",
    ) {
        let uri = Ticket::assemble(body, &Signature(signature)).to_uri();
        let first = Ticket::SCHEME.len();
        let place = first + place.index(uri.len() - first);
        let mut changed = uri.clone();
        changed.replace_range(place..=place, &letter);
        match changed.parse::<Ticket>() {
            Ok(_) => prop_assert_eq!(&changed, &uri),
            Err(error) => {
                let is_told = matches!(error, TicketTextError::Damaged | TicketTextError::UnknownForm);
                prop_assert!(is_told, "{}: {}", place - first, error);
            }
        }
        if place - first >= 16 {
            let cut = TicketTextError::Cut { there: place - first, all: uri.len() - first };
            prop_assert_eq!(uri[..place].parse::<Ticket>(), Err(cut));
        }
    }

    #[test]
    fn what_could_be_a_ticket_is_not_repeated(
        body in ticket_body(),
        signature in bytes(),
        before in "[ a-z.:'\"]{0,20}",
        after in "[ .:'\"][ a-z.:'\"]{0,20}",
    ) {
        let uri = Ticket::assemble(body, &Signature(signature)).to_uri();
        let letters = &uri[Ticket::SCHEME.len()..];
        for text in [format!("{before}{uri}{after}"), format!("{before}.{letters}{after}"), format!("{before}.{}", &letters[30..90])] {
            let shown = without_tickets(&text);
            prop_assert!(may_be_ticket(&text) && shown.contains("<ticket>"), "{}", shown);
            prop_assert!(!letters.as_bytes().windows(20).any(|piece| shown.as_bytes().windows(20).any(|other| other == piece)));
        }
    }

    #[test]
    fn padding_is_zeros(value in reply(), place in 0usize..512) {
        let padded = schleuse_protocol::wire::hello::pad_fixed(&value, 512).unwrap();
        prop_assert_eq!(unpad_fixed::<Reply>(&padded), Ok(value.clone()));
        if place >= 2 + value.to_wire().len() {
            let mut dirty = padded;
            dirty[place] = 1;
            prop_assert_eq!(unpad_fixed::<Reply>(&dirty), Err(WireError::NotCanonical));
        }
    }

    #[test]
    fn names_are_what_they_say(bytes: [u8; 16]) {
        if let Ok(name) = Name::<16>::from_bytes(bytes) {
            prop_assert_eq!(name.as_str().parse::<MemberId>(), Ok(name));
        }
    }
}

#[test]
fn hostile_lengths_are_refused_before_anything_is_reserved() {
    // A length field of 2^64-1 and of 2^40, where a list stands.
    for length in [u64::MAX, 1 << 40, 1 << 28] {
        let length = length.to_le_bytes();
        assert_eq!(OfficeToInner::from_wire(&[&[2, 0, 0, 0][..], &length].concat()), Err(WireError::Malformed));
        let tokens = [&[0; 12][..], &length].concat();
        assert_eq!(InnerToOffice::from_wire(&tokens), Err(WireError::Malformed));
        assert_eq!(Reply::from_wire(&[&[2, 0, 0, 0][..], &length].concat()), Err(WireError::Malformed));
        let refusal = [&[3, 0, 0, 0, 1, 0, 0, 0][..], &length].concat();
        assert_eq!(Reply::from_wire(&refusal), Err(WireError::Malformed));
    }
    assert_eq!(Reply::from_wire(&vec![0; 1_000_000]), Err(WireError::TooLong));
}

#[test]
fn the_rules_of_each_type_hold() {
    let invalid = |result: Result<OfficeToInner, WireError>| assert!(matches!(result, Err(WireError::Invalid(_))));
    let end = UnixSeconds(0);
    let oversized = MAX_TOKEN_BATCH as u16 + 1;
    invalid(OfficeToInner::from_wire(&OfficeToInner::TokensWanted { count: 0, not_after: end }.to_wire()));
    invalid(OfficeToInner::from_wire(&OfficeToInner::TokensWanted { count: oversized, not_after: end }.to_wire()));
    invalid(OfficeToInner::from_wire(&OfficeToInner::Used(vec![RouteNonce([0; 16]); MAX_USED_BATCH + 1]).to_wire()));
    invalid(OfficeToInner::from_wire(
        &OfficeToInner::Hello { version: 2, store: StoreId([0; 8]), run: RunId([0; 8]) }.to_wire(),
    ));
    let refusal = |length| Reply::Refusal(Refusal { reason: Reason::Expired, text: "x".repeat(length) }).to_wire();
    assert!(Reply::from_wire(&refusal(200)).is_ok());
    assert!(matches!(Reply::from_wire(&refusal(201)), Err(WireError::Invalid(_))));
    assert!(Reply::from_wire(&Reply::Receipt(vec![1; 100]).to_wire()).is_err(), "not a receipt");
}
