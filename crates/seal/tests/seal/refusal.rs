//! What does not belong together is refused: tickets, secrets, keys, suites and offices.

use schleuse_protocol::channel::{ChannelError, OfficeSeal, SenderChannel};
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::hello::{Encapsulated, Hello};
use schleuse_protocol::wire::ticket::{OneTimeKey, Suite, Ticket};
use schleuse_seal::{OneTimeSecret, SealError, Sender, TicketError, TicketKeys, sign_ticket, verify_ticket};

use crate::common::*;

fn refused(ticket: &Ticket, keys: &TicketKeys, hello: &Hello) -> bool {
    office().open_hello(ticket, keys, hello).err() == Some(ChannelError::NotAuthentic)
}

#[test]
fn a_hello_opens_under_its_own_ticket_and_key_only() {
    for suite in SUITES {
        let (minted, other) = (mint(suite, 1), mint(suite, 2));
        let sender = sender(&minted, 1);
        assert!(open(&minted, &sender).is_ok());
        assert!(refused(other.raw(), &minted.keys, sender.hello()), "another ticket");
        assert!(refused(minted.raw(), &other.keys, sender.hello()), "another private key");
        assert!(refused(other.raw(), &other.keys, sender.hello()), "another ticket with its key");
    }
}

#[test]
fn every_part_of_the_ticket_is_bound() {
    let (secret, key) = OneTimeSecret::generate(Suite::X25519, &mut rng(1));
    let keys = TicketKeys::new(secret);
    let original = sign_ticket(body(key.clone(), 1), &office_key());
    let verified = verify_ticket(&original, &office_key().public()).unwrap();
    let sender = Sender::new(&verified, intro(None, 1), None, &mut rng(1)).unwrap();
    assert!(office().open_hello(&original, &keys, sender.hello()).is_ok());

    let changes: [fn(&mut schleuse_protocol::wire::ticket::TicketBody); 6] = [
        |body| body.office = "ga-bonn".parse().unwrap(),
        |body| body.id.0[0] ^= 1,
        |body| body.secret.0[31] ^= 0x80,
        |body| body.not_after.0 += 1,
        |body| body.routes[0].token.nonce.0[0] ^= 1,
        |body| body.purpose = Some(Default::default()),
    ];
    for change in changes {
        let mut changed = body(key.clone(), 1);
        change(&mut changed);
        assert!(refused(&sign_ticket(changed, &office_key()), &keys, sender.hello()));
    }
    let resigned = sign_ticket(body(key, 1), &vendor_key());
    assert!(refused(&resigned, &keys, sender.hello()), "another office's signature");
}

#[test]
fn suites_do_not_mix() {
    let (small, large) = (mint(Suite::X25519, 1), mint(Suite::XWing, 1));
    let (to_small, to_large) = (sender(&small, 1), sender(&large, 1));
    assert!(refused(small.raw(), &small.keys, to_large.hello()));
    assert!(refused(large.raw(), &large.keys, to_small.hello()));
    assert!(refused(small.raw(), &large.keys, to_small.hello()));
    assert!(refused(large.raw(), &small.keys, to_large.hello()));
    assert!(refused(small.raw(), &large.keys, to_large.hello()));
}

#[test]
fn hostile_encapsulations_are_refused_without_harm() {
    let minted = mint(Suite::X25519, 1);
    let large = mint(Suite::XWing, 1);
    for fill in [0, 1, 0x7f, 0xff] {
        let mut hello = sender(&minted, 1).hello().clone();
        hello.encapsulated = Encapsulated::X25519([fill; 32]);
        assert!(refused(minted.raw(), &minted.keys, &hello), "fill {fill}");
        let mut hello = sender(&large, 1).hello().clone();
        hello.encapsulated = Encapsulated::XWing(Box::new([fill; 1120]));
        assert!(refused(large.raw(), &large.keys, &hello), "fill {fill}");
    }
    // A wrong commitment alone is enough, although the intro would open.
    let mut hello = sender(&minted, 1).hello().clone();
    hello.commitment[31] ^= 1;
    assert!(refused(minted.raw(), &minted.keys, &hello));
    // And so is a wrong intro behind a right commitment.
    let mut hello = sender(&minted, 1).hello().clone();
    hello.sealed_intro[0] ^= 1;
    assert!(refused(minted.raw(), &minted.keys, &hello));
}

#[test]
fn nothing_is_sealed_to_an_unusable_key() {
    let unusable = [
        OneTimeKey::X25519([0; 32]),
        OneTimeKey::X25519({
            let mut one = [0; 32];
            one[0] = 1;
            one
        }),
        // ML-KEM coefficients of 4095 are not reduced (FIPS 203 section 7.2).
        OneTimeKey::XWing(Box::new([0xff; 1216])),
    ];
    for key in unusable {
        let ticket = sign_ticket(body(key, 1), &office_key());
        let ticket = verify_ticket(&ticket, &office_key().public()).unwrap();
        let result = Sender::new(&ticket, intro(None, 1), None, &mut rng(1));
        assert_eq!(result.err(), Some(SealError::UnusableKey));
    }
}

#[test]
fn a_forged_ticket_is_refused_at_every_bit() {
    let minted = mint(Suite::X25519, 1);
    let bytes = minted.raw().as_bytes().to_vec();
    let public = office_key().public();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(ticket) = Ticket::from_bytes(flipped) else { continue };
        assert_eq!(verify_ticket(&ticket, &public).err(), Some(TicketError::Forged), "bit {bit}");
    }
    assert!(verify_ticket(minted.raw(), &vendor_key().public()).is_err(), "another office's key");
    assert!(verify_ticket(minted.raw(), &[0; 32]).is_err());
}

#[test]
fn secrets_survive_storage() {
    for suite in SUITES {
        let (secret, key) = OneTimeSecret::generate(suite, &mut rng(9));
        let restored = OneTimeSecret::from_bytes(suite, &secret.to_bytes());
        assert!(restored.public() == key && key.suite() == suite);
    }
}

#[test]
fn a_truncated_hello_is_refused() {
    for suite in SUITES {
        let minted = mint(suite, 1);
        let bytes = sender(&minted, 1).hello().to_wire();
        for length in 0..bytes.len() {
            assert!(Hello::from_wire(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}
