//! The cryptographic primitives that a submission cannot do without, each timed on its own.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle};
use sha2::Sha256;

use crate::stats::Spread;

/// Bytes of a ticket of suite 1, roughly: what the signatures are over.
const SIGNED: usize = 300;
/// Bytes that `info` binds, see docs/cryptography.md.
const INFO: &[u8] = &[7; 64];

/// Microseconds of each, with all cores doing the same.
pub(crate) struct Primitives {
    pub(crate) suite_1: KemTimes,
    pub(crate) suite_2: KemTimes,
    pub(crate) sign: Spread,
    pub(crate) verify: Spread,
    pub(crate) seal_2k: Spread,
    pub(crate) open_2k: Spread,
    pub(crate) hkdf: Spread,
}

/// Of one suite.
pub(crate) struct KemTimes {
    pub(crate) generate: Spread,
    /// Set-up of HPKE in PSK mode at the sender.
    pub(crate) sender: Spread,
    /// The same at the office.
    pub(crate) office: Spread,
}

/// HKDF-SHA256 expansions of one submission: three exports at either end and the reply key at either end.
const EXPANSIONS: f64 = 8.0;
/// Ticket, identity, receipt.
const SIGNATURES: f64 = 3.0;

impl Primitives {
    /// CPU time of all that one submission needs, from minting to the verified receipt, without network and store.
    pub(crate) fn of_a_submission(&self, suite: u8) -> f64 {
        let kem = self.suite(suite);
        kem.generate.median + self.on_the_critical_path(suite) + self.sign.median
    }

    /// The same from the moment when the ticket is there: everything but key generation and the ticket's signature.
    pub(crate) fn on_the_critical_path(&self, suite: u8) -> f64 {
        let kem = self.suite(suite);
        kem.sender.median
            + kem.office.median
            + (SIGNATURES - 1.0) * self.sign.median
            + SIGNATURES * self.verify.median
            + self.seal_2k.median
            + self.open_2k.median
            + EXPANSIONS * self.hkdf.median
    }

    fn suite(&self, suite: u8) -> &KemTimes {
        if suite == 1 { &self.suite_1 } else { &self.suite_2 }
    }

    /// Times everything on so many cores at once.
    pub(crate) fn measure(cores: usize, batches: usize) -> Result<Self> {
        let timer = Timer { cores, batches };
        let key = SigningKey::from_bytes(&[9; 32]);
        let message = [5; SIGNED];
        let (signature, public) = (key.sign(&message), key.verifying_key());
        let aead = ChaCha20Poly1305::new(&Key::from([3; 32]));
        let nonce = Nonce::from([0; 12]);
        let sealed = seal(&aead, &nonce, vec![1; 2048])?;
        Ok(Self {
            suite_1: kem_times::<X25519HkdfSha256>(timer)?,
            suite_2: kem_times::<XWing>(timer)?,
            sign: timer.time(|| key.sign(black_box(&message)))?,
            verify: timer.time(|| public.verify_strict(black_box(&message), &signature))?,
            seal_2k: timer.time(|| seal(&aead, &nonce, vec![1; 2048]))?,
            open_2k: timer.time(|| aead.decrypt_in_place(&nonce, &[], &mut sealed.clone()))?,
            hkdf: timer.time(hkdf_once)?,
        })
    }

    /// Name and time of each.
    pub(crate) fn list(&self) -> Vec<(&'static str, Spread)> {
        vec![
            ("X25519 key generation", self.suite_1.generate),
            ("HPKE PSK X25519, sender", self.suite_1.sender),
            ("HPKE PSK X25519, office", self.suite_1.office),
            ("X-Wing key generation", self.suite_2.generate),
            ("HPKE PSK X-Wing, sender", self.suite_2.sender),
            ("HPKE PSK X-Wing, office", self.suite_2.office),
            ("Ed25519 sign", self.sign),
            ("Ed25519 verify (strict)", self.verify),
            ("ChaCha20-Poly1305 seal 2 KiB", self.seal_2k),
            ("ChaCha20-Poly1305 open 2 KiB", self.open_2k),
            ("HKDF-SHA256, one expansion", self.hkdf),
        ]
    }
}

fn seal(aead: &ChaCha20Poly1305, nonce: &Nonce, mut plaintext: Vec<u8>) -> Result<Vec<u8>> {
    aead.encrypt_in_place(nonce, &[], &mut plaintext).map_err(|error| anyhow!("{error}"))?;
    Ok(plaintext)
}

fn hkdf_once() {
    let mut output = [0; 32];
    let hkdf = Hkdf::<Sha256>::from_prk(black_box(&[8; 32])).expect("a PRK of the length of the hash");
    hkdf.expand(b"label", &mut output).expect("32 bytes are far below the limit");
    black_box(output);
}

fn kem_times<K>(timer: Timer) -> Result<KemTimes>
where
    K: Kem<PublicKey: Sync, PrivateKey: Sync, EncappedKey: Sync>,
{
    type Aead = hpke::aead::ChaCha20Poly1305;
    let failed = |error: hpke::HpkeError| anyhow!("{error}");
    let private = || K::PrivateKey::from_bytes(&[6; 32]).expect("both suites take every seed");
    let public = K::sk_to_pk(&private());
    let psk = || PskBundle::new(&[4; 32], &[2; 16]).expect("a PSK and its id");
    let set_up = || {
        let mut rng = schleuse_seal::system_rng();
        hpke::setup_sender_with_rng::<Aead, HkdfSha256, K>(&OpModeS::Psk(psk()), &public, INFO, &mut rng)
    };
    let (encapsulated, _) = set_up().map_err(failed)?;
    let office = private();
    let open = || hpke::setup_receiver::<Aead, HkdfSha256, K>(&OpModeR::Psk(psk()), &office, &encapsulated, INFO);
    open().map_err(failed)?;
    Ok(KemTimes {
        generate: timer.time(|| K::sk_to_pk(&private()))?,
        sender: timer.time(set_up)?,
        office: timer.time(open)?,
    })
}

/// Takes times of calls.
#[derive(Clone, Copy)]
pub(crate) struct Timer {
    /// Threads that do the same at once.
    pub(crate) cores: usize,
    /// Batches on each of them.
    pub(crate) batches: usize,
}

impl Timer {
    /// Microseconds of one call.
    pub(crate) fn time<T>(self, work: impl Fn() -> T + Sync) -> Result<Spread> {
        let call = || drop(black_box(work()));
        let calls = calls_in(Duration::from_millis(20), call);
        let start = Barrier::new(self.cores);
        let batch = |_| {
            start.wait();
            let since = Instant::now();
            (0..calls).for_each(|_| call());
            since.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        };
        let thread = || (0..self.batches).map(batch).collect::<Vec<f64>>();
        let times = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.cores).map(|_| scope.spawn(thread)).collect();
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.collect::<Result<Vec<_>, _>>().map_err(|_| anyhow!("a measurement panicked"))
        })?;
        Spread::of(times.into_iter().flatten()).context("no batch was measured")
    }
}

/// How many calls fill this time, at least one.
fn calls_in(time: Duration, call: impl Fn()) -> u32 {
    let mut calls = 1_u32;
    loop {
        let since = Instant::now();
        (0..calls).for_each(|_| call());
        if since.elapsed() >= time / 2 || calls > 1 << 24 {
            return calls * 2;
        }
        calls *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_as_long_as_it_takes() {
        let nap = || std::thread::sleep(Duration::from_millis(5));
        let spread = Timer { cores: 1, batches: 5 }.time(nap).unwrap();
        assert!(spread.low >= 5000.0 && spread.median < 50_000.0, "{spread:?}");
    }

    #[test]
    fn the_sum_of_a_submission_has_all_its_parts() {
        let one = Spread::exactly(1.0);
        let kem = || KemTimes { generate: one, sender: one, office: one };
        let all = Primitives {
            suite_1: kem(),
            suite_2: kem(),
            sign: one,
            verify: one,
            seal_2k: one,
            open_2k: one,
            hkdf: one,
        };
        // Key generation, two ends of the KEM, three signatures made and checked, sealed and opened, eight expansions.
        assert_eq!(all.of_a_submission(1), 1.0 + 2.0 + 6.0 + 2.0 + 8.0);
        assert_eq!(all.on_the_critical_path(2), 2.0 + 5.0 + 2.0 + 8.0);
    }
}
