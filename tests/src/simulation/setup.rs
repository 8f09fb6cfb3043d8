//! Who takes part in the run of a seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use schleuse_protocol::limits::{EPOCH, MAX_UNSTORED_SEGMENTS, SEGMENT_DATA};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::Suite;
use schleuse_seal::{Office, SigningKey};

use super::apps::{App, TicketSlot};
use super::office::{OfficeParty, Policy};
use super::proxies::{InnerKeys, InnerParty, OuterParty};
use super::world::{Event, World};

const VENDORS: usize = 3;
/// Bytes of more segments than may wait for an office's store.
pub(super) const LONG: u64 = (MAX_UNSTORED_SEGMENTS as u64 + 1) * SEGMENT_DATA as u64;

/// 60 epochs after 1970 and a little: some runs pass from one epoch into the next.
fn begin(seed: u64) -> UnixSeconds {
    let epoch = UnixSeconds(690 * EPOCH.as_secs());
    if seed.is_multiple_of(4) { UnixSeconds(epoch.0 - 100) } else { UnixSeconds(epoch.0 + 86_400 * (seed % 29)) }
}

pub(super) fn world(seed: u64) -> World {
    let mut world = World::new(seed, begin(seed));
    let vendors: Vec<(MemberId, Arc<SigningKey>)> =
        (0..VENDORS).map(|index| (name("vendor", index), Arc::new(SigningKey::generate(&mut world.rng)))).collect();
    add_proxies(&mut world);
    let offices = world.random(1, 3) as usize;
    for index in 0..offices {
        add_office(&mut world, index, &vendors);
    }
    for slot in 0..world.random(2, 6) as usize {
        add_ticket(&mut world, slot, &vendors);
    }
    for party in world.parties() {
        world.set_clock(party);
    }
    begin_events(&mut world);
    world
}

fn name(role: &str, index: usize) -> MemberId {
    format!("{role}-{index}").parse().expect("a valid name")
}

fn add_proxies(world: &mut World) {
    for index in 0..world.random(1, 3) as usize {
        let is_malicious = index > 0 && world.chance(0.5);
        world.outers.push(OuterParty {
            up: true,
            is_malicious,
            answers: Default::default(),
            ring: Default::default(),
            recordings: Vec::new(),
        });
    }
    for index in 0..world.random(1, 3) as usize {
        let mut cluster_secret = [0; 32];
        world.rng.fill_bytes(&mut cluster_secret);
        let is_malicious = world.chance(0.3);
        world.inners.push(InnerParty {
            id: name("inner", index),
            up: true,
            is_malicious,
            answers: Default::default(),
            cluster_secret,
            keys: std::rc::Rc::new(std::cell::RefCell::new(InnerKeys::new(cluster_secret))),
            recordings: Vec::new(),
        });
    }
}

fn add_office(world: &mut World, index: usize, vendors: &[(MemberId, Arc<SigningKey>)]) {
    let keys: BTreeMap<_, _> = vendors.iter().map(|(member, key)| (*member, key.public())).collect();
    let forbidden = world.chance(0.3).then(|| vendors[0].0);
    let max_length = if world.chance(0.2) { 100_000 } else { 10_000_000 };
    let salts = ChaCha20Rng::from_rng(&mut world.rng);
    let seal = Arc::new(Office::new(SigningKey::generate(&mut world.rng), salts));
    let policy = Arc::new(Policy { keys, forbidden, max_length });
    world.offices.push(OfficeParty::new(name("office", index), seal, policy));
}

/// A ticket, and one sender for it; sometimes two, with the same content or with another.
fn add_ticket(world: &mut World, slot: usize, vendors: &[(MemberId, Arc<SigningKey>)]) {
    let office = world.random(0, world.offices.len() as u64 - 1) as usize;
    let suite = if world.chance(0.2) { Suite::XWing } else { Suite::X25519 };
    let validity = match world.random(0, 9) {
        0 => (0, world.random(5, 200)),
        1 => (world.random(5, 60), 86_400),
        _ => (0, 86_400),
    };
    world.slots.push(TicketSlot { office, suite, validity, ticket: None });
    let first = sender(world, slot, vendors);
    if world.chance(0.4) {
        let mut second = sender(world, slot, vendors);
        if world.chance(0.5) {
            second.content.clone_from(&first.content);
            second.identity.clone_from(&first.identity);
        }
        world.apps.push(second);
    }
    world.apps.push(first);
}

fn sender(world: &mut World, slot: usize, vendors: &[(MemberId, Arc<SigningKey>)]) -> App {
    let length = match world.random(0, 9) {
        0 => world.random(0, 2),
        1..=5 => world.random(3, 3_000),
        6..=8 => world.random(60_000, 300_000),
        // Now and then more segments than an office holds unstored.
        _ if world.chance(0.4) => world.random(LONG, LONG + 800_000),
        _ => world.random(300_000, 1_200_000),
    };
    let mut content = vec![0; length as usize];
    world.rng.fill_bytes(&mut content);
    let mut app = App::new(slot, content, "guest-list".parse().expect("a valid name"));
    app.announces_length = world.chance(0.5);
    app.identity = world.chance(0.6).then(|| vendors[world.random(0, vendors.len() as u64 - 1) as usize].clone());
    app.clock_ahead = world.random(0, 50_000_000);
    app
}

fn begin_events(world: &mut World) {
    for inner in 0..world.inners.len() {
        (0..world.outers.len()).for_each(|outer| world.schedule_in(0, 2_000, Event::LinkOuter { outer, inner }));
        (0..world.offices.len()).for_each(|office| world.schedule_in(0, 2_000, Event::LinkOffice { inner, office }));
    }
    // Senders come while the network misbehaves.
    for slot in 0..world.slots.len() {
        let begin = world.random(3_000, 150_000);
        for app in (0..world.apps.len()).filter(|app| world.apps[*app].slot == slot).collect::<Vec<_>>() {
            world.schedule_in(begin, begin + 10_000, Event::Connect { app });
        }
    }
    world.schedule_in(1_000, 10_000, Event::Trouble);
}
