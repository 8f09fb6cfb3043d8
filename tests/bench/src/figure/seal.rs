//! The seal alone: segments sealed and opened, connections opened.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use schleuse_protocol::channel::{OfficeChannel, OfficeSeal, SenderChannel};
use schleuse_protocol::limits::{SEGMENT_DATA, SEGMENT_PLAINTEXT, VERSION};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::{Purpose, Route, Suite, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};
use schleuse_seal::{Office, OneTimeSecret, Sender, SigningKey, TicketKeys, sign_ticket, system_rng, verify_ticket};
use sha2::{Digest, Sha256};

use crate::bench::Bench;
use crate::reference::primitives::Timer;
use crate::report::{Aim, Row};
use crate::stats::Spread;

/// Segments of one pass: 16 MiB.
const SEGMENTS: u32 = 256;
const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn measure(bench: &mut Bench) -> Result<()> {
    let repetitions = bench.plan.repetitions;
    let (mut sealing, mut opening, mut chosen, mut bound) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let zeros = vec![0; SEGMENT_PLAINTEXT];
    for _ in 0..repetitions {
        let (seal, open) = segments()?;
        sealing.push(seal);
        opening.push(open);
        let (aead, sha) = (chosen_aead()?, timed(|| hash(&zeros))?);
        chosen.push(aead);
        bound.push(1.0 / (1.0 / aead + 1.0 / sha));
    }
    let references = [
        ("the chosen AEAD alone (chacha20poly1305)", &chosen, Some(Aim::RatioAtLeast(0.8))),
        ("the chosen AEAD, then SHA-256 of the same bytes", &bound, None),
    ];
    for (what, reference, aim) in references {
        for (figure, rates) in [("sealing segments", &sealing), ("opening segments", &opening)] {
            let spread = |rates: &[f64]| Spread::of(rates.iter().copied()).context("none");
            let ratio = Spread::of_ratios(rates, reference).context("none")?;
            let row = Row::new(figure, "MiB/s", spread(rates)?).against_with(what, spread(reference)?, ratio);
            bench.report.rows.push(aim.into_iter().fold(row, Row::aim));
        }
    }
    const GROUP: &str = "The seal and its alternatives, one core, 64 KiB at a time";
    for (name, algorithm) in
        [("aws-lc-rs ChaCha20-Poly1305", &CHACHA20_POLY1305), ("aws-lc-rs AES-256-GCM", &AES_256_GCM)]
    {
        let rates = (0..repetitions).map(|_| aws_lc(algorithm)).collect::<Result<Vec<_>>>()?;
        bench.report.fact(GROUP, name, "MiB/s", Spread::of(rates).context("none")?);
    }
    let rates = (0..repetitions).map(|_| timed(|| hash(&zeros))).collect::<Result<Vec<_>>>()?;
    bench.report.fact(GROUP, "SHA-256, as the content hash needs it", "MiB/s", Spread::of(rates).context("none")?);
    for (suite, name) in [(Suite::X25519, "hellos opened, suite 1"), (Suite::XWing, "hellos opened, suite 2")] {
        bench.report.fact(GROUP, name, "/s", opens(suite, repetitions)?);
    }
    let dh = Timer { cores: 1, batches: repetitions }.time(x25519)?;
    bench.report.fact(GROUP, "aws-lc-rs X25519, key pair and agreement", "/s", per_second(dh));
    Ok(())
}

fn per_second(micros: Spread) -> Spread {
    Spread { median: 1e6 / micros.median, low: 1e6 / micros.high, high: 1e6 / micros.low }
}

/// MiB/s of sealing and of opening, each without anything between one segment and the next.
fn segments() -> Result<(f64, f64)> {
    let (mut sender, mut office, _) = connection(Suite::X25519)?;
    let data = vec![0x5a; SEGMENT_DATA];
    let mut ciphertext = Vec::new();
    let (mut sealing, mut opening) = (Duration::ZERO, Duration::ZERO);
    for position in 0..SEGMENTS {
        ciphertext.clear();
        let since = Instant::now();
        sender.seal_segment_into(position, &data, 0, &mut ciphertext).map_err(|error| anyhow!("{error}"))?;
        sealing += since.elapsed();
        let since = Instant::now();
        office.open_segment(position, &ciphertext).map_err(|error| anyhow!("{error}"))?;
        opening += since.elapsed();
    }
    #[allow(clippy::cast_precision_loss)]
    let mib = f64::from(SEGMENTS) * SEGMENT_DATA as f64 / MIB;
    Ok((mib / sealing.as_secs_f64(), mib / opening.as_secs_f64()))
}

/// MiB/s of the AEAD that the seal uses, in place.
fn chosen_aead() -> Result<f64> {
    let aead = chacha20poly1305::ChaCha20Poly1305::new(&[3; 32].into());
    let mut buffer = Vec::with_capacity(SEGMENT_PLAINTEXT + 16);
    timed(|| {
        buffer.resize(SEGMENT_PLAINTEXT, 0);
        aead.encrypt_in_place(&[0; 12].into(), &[], &mut buffer).map_err(|error| anyhow!("{error}"))
    })
}

/// MiB/s of an AEAD of aws-lc-rs, in place.
fn aws_lc(algorithm: &'static aws_lc_rs::aead::Algorithm) -> Result<f64> {
    let key = UnboundKey::new(algorithm, &[3; 32]).map_err(|_| anyhow!("no key of 32 bytes"))?;
    let key = LessSafeKey::new(key);
    let mut buffer = vec![0; SEGMENT_PLAINTEXT];
    timed(|| {
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut buffer);
        tag.map(|tag| _ = black_box(tag)).map_err(|_| anyhow!("cannot seal"))
    })
}

fn hash(data: &[u8]) -> Result<()> {
    black_box(Sha256::digest(data));
    Ok(())
}

fn timed(mut once: impl FnMut() -> Result<()>) -> Result<f64> {
    let since = Instant::now();
    for _ in 0..SEGMENTS {
        once()?;
    }
    #[allow(clippy::cast_precision_loss)]
    let mib = f64::from(SEGMENTS) * SEGMENT_PLAINTEXT as f64 / MIB;
    Ok(mib / since.elapsed().as_secs_f64())
}

/// An ephemeral key, its public half, and an agreement: what one end of a KEM needs.
fn x25519() -> Result<(), aws_lc_rs::error::Unspecified> {
    use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
    let own = PrivateKey::from_private_key(&X25519, &[5; 32]).map_err(|_| aws_lc_rs::error::Unspecified)?;
    let public = own.compute_public_key()?;
    let peer = UnparsedPublicKey::new(&X25519, public.as_ref());
    agree(&own, peer, aws_lc_rs::error::Unspecified, |secret| {
        black_box(secret);
        Ok(())
    })
}

/// Hellos that one core opens per second.
fn opens(suite: Suite, repetitions: usize) -> Result<Spread> {
    let (sender, _, parts) = connection(suite)?;
    let hello = sender.hello().clone();
    let open = || parts.office.open_hello(&parts.ticket, &parts.keys, &hello);
    Ok(per_second(Timer { cores: 1, batches: repetitions }.time(open)?))
}

/// The office's side of a connection.
struct Parts {
    office: Office,
    ticket: Ticket,
    keys: TicketKeys,
}

/// A sealed connection in memory.
fn connection(suite: Suite) -> Result<(Sender, schleuse_seal::Connection, Parts)> {
    let mut rng = system_rng();
    let signing = SigningKey::generate(&mut rng);
    let public = signing.public();
    let (secret, key) = OneTimeSecret::generate(suite, &mut rng);
    let ticket = sign_ticket(body(key)?, &signing);
    let verified = verify_ticket(&ticket, &public)?;
    let intro = Intro {
        attempt: 1,
        kind: "guest-list".parse()?,
        sender: None::<MemberId>,
        length: None,
        language: Language::default(),
    };
    let sender = Sender::new(&verified, intro, None, &mut rng)?;
    let parts = Parts { office: Office::new(signing, system_rng()), ticket, keys: TicketKeys::new(secret) };
    let opened =
        parts.office.open_hello(&parts.ticket, &parts.keys, sender.hello()).map_err(|error| anyhow!("{error}"))?;
    Ok((sender, opened.channel, parts))
}

fn body(key: schleuse_protocol::wire::ticket::OneTimeKey) -> Result<TicketBody> {
    let token = RouteToken { epoch: Epoch(1), nonce: RouteNonce([1; 16]), sealed: [2; 48], mac: [3; 16] };
    Ok(TicketBody {
        version: VERSION,
        office: "office-1".parse()?,
        id: TicketId([4; 16]),
        key,
        secret: TicketSecret([5; 32]),
        not_before: UnixSeconds(1),
        not_after: UnixSeconds(2),
        routes: vec![Route { inner: "inner-1".parse()?, token }],
        purpose: Some(Purpose { kind: Some("guest-list".parse()?), ..Purpose::default() }),
    })
}
