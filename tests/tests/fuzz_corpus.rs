//! Replays the corpora of `tests/fuzz` and, from each entry, a fixed number of seeded mutations.

use std::fs;
use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schleuse_protocol::sender::SenderFailure;
use schleuse_protocol::wire::reply::Reason;
use schleuse_tests::fuzz::holder::{self, Tally};
use schleuse_tests::fuzz::sender;
use schleuse_tests::fuzz::{TARGETS, Target};

const MUTATIONS: usize = 64;

fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.name)
}

fn entries(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpus(target);
    let listing = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = listing.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a readable entry"))).collect()
}

/// Flips, cuts, repeats, overwrites: what a fuzzer does first.
fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..=4) {
        if bytes.is_empty() {
            bytes.push(rng.random());
            continue;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..5u8) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8u8),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, rng.random()),
            3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5usize)],
            _ => {
                let tail = bytes[at..].to_vec();
                bytes.extend_from_slice(&tail[..tail.len().min(64)]);
            }
        }
    }
}

#[test]
fn every_corpus_entry_and_its_mutations_are_survived() {
    for target in TARGETS {
        let entries = entries(target);
        assert!(!entries.is_empty(), "the corpus of {} is empty", target.name);
        let mut rng = ChaCha8Rng::seed_from_u64(0x5c41_e05e);
        for (path, bytes) in entries {
            println!("{}", path.display());
            (target.run)(&bytes);
            for _ in 0..MUTATIONS {
                let mut mutated = bytes.clone();
                mutate(&mut mutated, &mut rng);
                (target.run)(&mutated);
            }
        }
    }
}

/// A hostile holder that always ends at the first check would find nothing: its seeds go to every end that there is.
#[test]
fn the_seeds_of_the_holder_reach_receipts_resumes_and_every_refusal() {
    let target = TARGETS.iter().find(|target| target.name == "holder").expect("it is a target");
    let mut reached = Tally::default();
    for (path, bytes) in entries(target) {
        let tally = holder::play(&bytes);
        println!("{}: {tally:?}", path.display());
        reached += tally;
    }
    assert!(
        reached.receipts > 0 && reached.resumes > 0 && reached.read_back > 0 && reached.taken_over > 0,
        "{reached:?}"
    );
    assert!(reached.undecided > 0, "nobody came while a newer stream waited: {reached:?}");
    for reason in [
        Reason::NotYetValid(0),
        Reason::Expired,
        Reason::AlreadyUsed,
        Reason::Revoked,
        Reason::Superseded(0),
        Reason::WrongKind,
        Reason::SenderRequired,
        Reason::NotPermitted,
        Reason::BadIdentity,
        Reason::TooLarge(0),
        Reason::Malformed,
        Reason::TryLater,
    ] {
        assert!(reached.refused(reason) > 0, "no seed is refused with {reason:?}");
    }
}

/// The same for a sender that nobody treats well.
#[test]
fn the_seeds_of_the_sender_reach_receipts_resumes_and_every_failure() {
    let target = TARGETS.iter().find(|target| target.name == "sender").expect("it is a target");
    let (mut receipts, mut resumes, mut refusals, mut changed, mut failures) = (0, 0, 0, 0, Vec::new());
    for (path, bytes) in entries(target) {
        let reached = sender::play(&bytes);
        println!("{}: {reached:?}", path.display());
        receipts += reached.receipts;
        resumes += reached.resumes;
        refusals += reached.refusals;
        changed += reached.changed;
        failures.extend(reached.failures);
    }
    assert!(receipts >= 5 && resumes >= 2 && refusals > 0 && changed > 0, "{receipts} {resumes} {refusals} {changed}");
    for failure in [
        SenderFailure::RefusedUniformly,
        SenderFailure::Unavailable,
        SenderFailure::Lost,
        SenderFailure::TimedOut,
        SenderFailure::BadReply,
        SenderFailure::BadReceipt,
        SenderFailure::ContentChanged,
    ] {
        assert!(failures.contains(&failure), "no seed fails with {failure:?}");
    }
}
