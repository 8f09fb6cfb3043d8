//! A whole network of state machines in virtual time, out of one seed.
//!
//! The machines are those of `schleuse-protocol`, the seal and the tokens are the real ones. Everything around them is a
//! model that misbehaves: connections get lost and only one end notices, neighbours are cut off from each other for a while, streams
//! stall, proxies flip, drop, repeat and swap frames and replay the questions and the answers that they recorded, parties crash, an
//! office's crash loses what was not committed, senders come back with or without their memory, and everybody's clock is wrong
//! and jumps. After [`FAULTS_END`] the network behaves, so that every run
//! must come to an end.
//!
//! Nothing here draws randomness or time from outside, and nothing depends on the order of a hash map: a seed reproduces its
//! run exactly ([`Report::trace`]).
//!
//! What is checked stands in the module `check`.

mod apps;
mod check;
mod clocks;
mod links;
mod mischief;
mod net;
mod office;
mod partitions;
mod proxies;
mod relays;
mod sender;
mod setup;
mod store;
mod trace;
mod world;

pub use check::Report;

/// Virtual milliseconds after which nothing is lost, delayed for long, or tampered with any more.
pub const FAULTS_END: u64 = 240_000;
/// Virtual milliseconds within which every run must end.
pub const LATEST_END: u64 = 3_600_000;
/// Events within which every run must end.
pub const MOST_EVENTS: u64 = 400_000;

/// Runs one seed to its end.
///
/// # Panics
/// If a promise of the protocol is broken.
pub fn run(seed: u64) -> Report {
    let mut world = setup::world(seed);
    world.run();
    check::at_end(&world)
}
