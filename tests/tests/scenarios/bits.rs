//! A bit flipped at every position of a recorded stream.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schleuse_client::Ticket;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_tests::background::Running;
use schleuse_tests::hostile::{HostileInner, Recorded, incoming};
use schleuse_tests::wire::{Outcome, encode_all};

use crate::attacks::{is_reset, played, record};

/// Every byte of a recorded stream with one bit flipped, the first 200 bytes with each.
///
/// What comes before the final is stored once the final is flipped, so those flips are said as a resumed stream: hello
/// and final. That this stream is accepted unchanged shows that it is the flip that is refused.
#[test]
fn a_flipped_bit_at_every_position_of_a_recorded_stream() {
    const LANES: usize = 8;
    let (network, proxy) = played(1);
    let office = network.office(0);
    let tickets: Vec<Ticket> = (0..LANES).map(|_| office.mint(&[])).collect();
    let list = b"a short list".to_vec();
    // Each lane has a ticket of its own: streams of one ticket at the same time would supersede each other, and be
    // refused for another reason than the flipped bit.
    let lanes: Vec<Running<usize>> = tickets
        .iter()
        .enumerate()
        .map(|(lane, ticket)| {
            let recorded = record(&network, &proxy, ticket, list.clone());
            let (proxy, office) = (proxy.clone(), office.member().id);
            network.background().begin(async move { flip_everywhere(&proxy, office, &recorded, lane, LANES).await })
        })
        .collect();
    let flips: usize = lanes.into_iter().map(Running::wait).sum();
    println!("{flips} flipped bits");
    assert!(flips > 2000);
    assert_eq!(office.inbox().len(), LANES, "only what was unchanged");
    tickets.iter().for_each(|ticket| assert_eq!(office.read(ticket).unwrap(), list));
}

/// One lane's share of the flips; at last the unchanged stream. Returns how many there were.
async fn flip_everywhere(
    proxy: &HostileInner,
    office: MemberId,
    recorded: &Recorded,
    lane: usize,
    lanes: usize,
) -> usize {
    let [hello, segment, last] = recorded.frames.as_slice() else { panic!("a short content has three frames") };
    let start = [incoming(recorded.nonce), encode_all([hello, segment])].concat();
    let resumed = [incoming(recorded.nonce), encode_all([hello, last])].concat();
    let final_at = resumed.len() - encode_all([last]).len();
    let mut rng = StdRng::seed_from_u64(lane as u64);
    let mut flips = |from: usize, to: usize| -> Vec<usize> {
        let bits = (from..to).flat_map(|byte| match byte < 200 {
            true => (byte * 8..byte * 8 + 8).collect(),
            false => vec![byte * 8 + rng.random_range(0..8)],
        });
        bits.skip(lane).step_by(lanes).collect()
    };
    let (early, late) = (flips(0, start.len()), flips(final_at, resumed.len()));
    for bit in &early {
        assert_refused_with(proxy, office, &[&start[..], &encode_all([last])].concat(), *bit).await;
    }
    // An upload that breaks off behind the segment.
    assert_eq!(proxy.say(office, &start).await, Outcome::Reset(StreamRefusal::Unavailable.code()));
    for bit in &late {
        assert_refused_with(proxy, office, &resumed, *bit).await;
    }
    let outcome = proxy.say(office, &resumed).await;
    assert!(matches!(outcome, Outcome::Finished(_)), "the unchanged stream: {outcome:?}");
    early.len() + late.len()
}

async fn assert_refused_with(proxy: &HostileInner, office: MemberId, bytes: &[u8], bit: usize) {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    let outcome = proxy.say(office, &bytes).await;
    assert!(is_reset(&outcome), "bit {} of byte {} of {}: {outcome:?}", bit % 8, bit / 8, bytes.len());
}
