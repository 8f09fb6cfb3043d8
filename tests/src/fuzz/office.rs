//! An office's machine, with the real seal, on a hostile stream. The first input byte says how the stream is cut; the rest
//! is what follows the inner proxy's header. A seed in the corpus is a whole valid submission, so mutations reach deep.

use std::sync::{Arc, LazyLock};

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use schleuse_protocol::channel::SenderChannel;
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::office::{Found, OfficeAction, OfficePolicy, OfficeStream, TicketState};
use schleuse_protocol::time::{Millis, Now, UnixSeconds};
use schleuse_protocol::wire::frame::{FrameType, encode_frame, encode_segment};
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::hop::Incoming;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::{Route, Suite, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};
use schleuse_seal::{Office, OneTimeSecret, Sender, SigningKey, TicketKeys, sign_ticket, verify_ticket};

/// The content of the valid submission.
const CONTENT: &[u8] = b"{\"guests\":[]}";
const NOW: Now = Now { millis: Millis(1_000), unix: UnixSeconds(1_790_000_010) };

/// Everybody may send up to 1 MiB.
struct Open;

impl OfficePolicy for Open {
    fn admit(&self, _: &TicketBody, _: &Intro, _: UnixSeconds) -> Result<u64, Reason> {
        Ok(1024 * 1024)
    }

    fn signing_key(&self, _: &MemberId) -> Option<[u8; 32]> {
        None
    }

    fn refusal_text(&self, _: Reason, _: Language) -> String {
        String::new()
    }
}

pub(super) struct Known {
    pub(super) office: Arc<Office>,
    pub(super) office_public: [u8; 32],
    pub(super) ticket: Ticket,
    one_time: zeroize::Zeroizing<[u8; 32]>,
}

/// One ticket, always the same, so that the corpus stays valid.
pub(super) static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let signing = SigningKey::from_bytes(&[1; 32]);
    let office_public = signing.public();
    let (secret, key) = OneTimeSecret::generate(Suite::X25519, &mut rng);
    let token = RouteToken { epoch: Epoch(690), nonce: RouteNonce([1; 16]), sealed: [2; 48], mac: [3; 16] };
    let body = TicketBody {
        version: VERSION,
        office: "ga-koeln".parse().expect("a valid id"),
        id: TicketId([7; 16]),
        key,
        secret: TicketSecret([8; 32]),
        not_before: UnixSeconds(1_790_000_000),
        not_after: UnixSeconds(1_790_086_400),
        routes: vec![Route { inner: "inner-1".parse().expect("a valid id"), token }],
        purpose: None,
    };
    let ticket = sign_ticket(body, &signing);
    let office = Arc::new(Office::new(signing, ChaCha20Rng::seed_from_u64(2)));
    Known { office, office_public, ticket, one_time: secret.to_bytes() }
});

/// The private half of the known ticket.
pub(super) fn keys() -> TicketKeys {
    TicketKeys::new(OneTimeSecret::from_bytes(Suite::X25519, &KNOWN.one_time))
}

/// Runs the machine to its end. What it stores must be what the valid submission would store.
pub fn run(input: &[u8]) {
    let Some((cut, stream)) = input.split_first() else { return };
    let known = &*KNOWN;
    let mut machine = OfficeStream::new(known.office.clone(), Open, NOW);
    machine.handle_data(
        &encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce: RouteNonce([1; 16]) }),
        NOW,
    );
    answer(&mut machine);
    for piece in stream.chunks(usize::from(*cut).max(1)) {
        machine.handle_data(piece, NOW);
        answer(&mut machine);
    }
    machine.handle_end(NOW);
    answer(&mut machine);
}

fn answer(machine: &mut OfficeStream<Arc<Office>, Open>) {
    let known = &*KNOWN;
    while let Some(action) = machine.poll_action() {
        match action {
            OfficeAction::LookUp { .. } => {
                let found = Found { ticket: known.ticket.clone(), keys: keys() };
                machine.handle_ticket(Some(found), NOW);
            }
            OfficeAction::Claim { .. } => machine.handle_claimed(TicketState::Open, NOW),
            OfficeAction::Store { position, .. } => machine.handle_stored(position + 1, NOW),
            OfficeAction::Finish { trailer, receipt, .. } => {
                // Whoever fuzzes has no ticket: only the corpus' own submission can complete.
                assert_eq!(trailer.length, CONTENT.len() as u64);
                machine.handle_finished(Ok(receipt), NOW);
            }
            _ => {}
        }
    }
}

/// The valid submission, for the corpus.
pub fn submission() -> Vec<u8> {
    let known = &*KNOWN;
    let ticket = verify_ticket(&known.ticket, &known.office_public).expect("signed above");
    let intro = Intro {
        attempt: 1,
        kind: "guest-list".parse().expect("a valid kind"),
        sender: None,
        length: Some(CONTENT.len() as u64),
        language: Language::German,
    };
    let mut sender = Sender::new(&ticket, intro, None, &mut ChaCha20Rng::seed_from_u64(3)).expect("a usable key");
    let hello = encode_frame(FrameType::Hello, sender.hello());
    let padding =
        usize::try_from(schleuse_protocol::padding::padded_len(CONTENT.len() as u64)).expect("small") - CONTENT.len();
    let segment = sender.seal_segment(0, CONTENT, padding).expect("sealable");
    let last = sender.seal_final(1).expect("sealable");
    let segment = encode_segment(FrameType::Segment, 0, &segment);
    [vec![200], hello, segment, encode_segment(FrameType::Final, 1, &last)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_seed_is_a_submission_that_completes() {
        let known = &*KNOWN;
        let mut machine = OfficeStream::new(known.office.clone(), Open, NOW);
        machine.handle_data(
            &encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce: RouteNonce([1; 16]) }),
            NOW,
        );
        answer(&mut machine);
        machine.handle_data(&submission()[1..], NOW);
        let mut finished = false;
        while let Some(action) = machine.poll_action() {
            match action {
                OfficeAction::Claim { .. } => machine.handle_claimed(TicketState::Open, NOW),
                OfficeAction::Store { position, .. } => machine.handle_stored(position + 1, NOW),
                OfficeAction::Finish { .. } => finished = true,
                _ => {}
            }
        }
        assert!(finished);
    }
}
