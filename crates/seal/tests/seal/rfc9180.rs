//! RFC 9180 appendix A.2.2: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, mode PSK; both directions.
//!
//! Key, base nonce and exporter secret of the vector are not visible through the `hpke` crate; six ciphertexts and
//! three exports depend on each bit of them.

use hex_literal::hex;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable, setup_receiver, setup_sender_with_rng};

use crate::common::FixedRng;

type Suite = X25519HkdfSha256;

const INFO: &[u8] = b"Ode on a Grecian Urn";
const IKM_E: [u8; 32] = hex!("35706a0b09fb26fb45c39c2f5079c709c7cf98e43afa973f14d88ece7e29c2e3");
const IKM_R: [u8; 32] = hex!("26b923eade72941c8a85b09986cdfa3f1296852261adedc52d58d2930269812b");
const PK_RM: [u8; 32] = hex!("13640af826b722fc04feaa4de2f28fbd5ecc03623b317834e7ff4120dbe73062");
const SK_RM: [u8; 32] = hex!("77d114e0212be51cb1d76fa99dd41cfd4d0166b08caa09074430a6c59ef17879");
const PSK: [u8; 32] = hex!("0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82");
const PSK_ID: &[u8] = b"Ennyn Durin aran Moria";
const ENC: [u8; 32] = hex!("2261299c3f40a9afc133b969a97f05e95be2c514e54f3de26cbe5644ac735b04");
const SHARED_SECRET: [u8; 32] = hex!("4be079c5e77779d0215b3f689595d59e3e9b0455d55662d1f3666ec606e50ea7");
const PLAINTEXT: &[u8] = b"Beauty is truth, truth beauty";

/// Sequence number and ciphertext; the associated data are `Count-` and the number.
const CIPHERTEXTS: [(u64, [u8; 45]); 6] = [
    (0, hex!("4a177f9c0d6f15cfdf533fb65bf84aecdc6ab16b8b85b4cf65a370e07fc1d78d28fb073214525276f4a89608ff")),
    (1, hex!("5c3cabae2f0b3e124d8d864c116fd8f20f3f56fda988c3573b40b09997fd6c769e77c8eda6cda4f947f5b704a8")),
    (2, hex!("14958900b44bdae9cbe5a528bf933c5c990dbb8e282e6e495adf8205d19da9eb270e3a6f1e0613ab7e757962a4")),
    (4, hex!("c2a7bc09ddb853cf2effb6e8d058e346f7fe0fb3476528c80db6b698415c5f8c50b68a9a355609e96d2117f8d3")),
    (255, hex!("2414d0788e4bc39a59a26d7bd5d78e111c317d44c37bd5a4c2a1235f2ddc2085c487d406490e75210c958724a7")),
    (256, hex!("c567ae1c3f0f75abe1dd9e4532b422600ed4a6e5b9484dafb1e43ab9f5fd662b28c00e2e81d3cde955dae7e218")),
];

/// Exporter context and exported secret.
const EXPORTS: [(&[u8], [u8; 32]); 3] = [
    (b"", hex!("813c1bfc516c99076ae0f466671f0ba5ff244a41699f7b2417e4c59d46d39f40")),
    (b"\0", hex!("2745cf3d5bb65c333658732954ee7af49eb895ce77f8022873a62a13c94cb4e1")),
    (b"TestContext", hex!("ad40e3ae14f21c99bfdebc20ae14ab86f4ca2dc9a4799d200f43a25f99fa78ae")),
];

fn psk() -> PskBundle<'static> {
    PskBundle::new(&PSK, PSK_ID).expect("both are there")
}

#[test]
fn the_recipients_key_pair_is_derived() {
    let (private, public) = Suite::derive_keypair(&IKM_R);
    // RFC 9180 section 7.1.2: the vector shows the scalar before, the crate after clamping.
    assert!(private == <Suite as Kem>::PrivateKey::from_bytes(&SK_RM).unwrap());
    assert_eq!(public.to_bytes()[..], PK_RM);
}

#[test]
fn the_sender_seals_and_exports() {
    let public = <Suite as Kem>::PublicKey::from_bytes(&PK_RM).unwrap();
    let mut rng = FixedRng::new(&IKM_E);
    let (shared, _) = Suite::encap_with_rng(&public, None, &mut FixedRng::new(&IKM_E)).unwrap();
    assert_eq!(shared.0[..], SHARED_SECRET);

    let mode = OpModeS::<Suite>::Psk(psk());
    let (enc, mut context) =
        setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, Suite>(&mode, &public, INFO, &mut rng).unwrap();
    assert_eq!(enc.to_bytes()[..], ENC);
    let mut vectors = CIPHERTEXTS.iter().peekable();
    for sequence in 0..=256 {
        let sealed = context.seal(PLAINTEXT, format!("Count-{sequence}").as_bytes()).unwrap();
        if let Some((_, expected)) = vectors.next_if(|(number, _)| *number == sequence) {
            assert_eq!(sealed, expected, "sequence number {sequence}");
        }
    }
    assert_eq!(vectors.next(), None);
    for (exporter_context, expected) in EXPORTS {
        let mut secret = [0; 32];
        context.export(exporter_context, &mut secret).unwrap();
        assert_eq!(secret, expected);
    }
}

#[test]
fn the_recipient_opens_and_exports() {
    let private = <Suite as Kem>::PrivateKey::from_bytes(&SK_RM).unwrap();
    let enc = <Suite as Kem>::EncappedKey::from_bytes(&ENC).unwrap();
    let mode = OpModeR::<Suite>::Psk(psk());
    let mut context = setup_receiver::<ChaCha20Poly1305, HkdfSha256, Suite>(&mode, &private, &enc, INFO).unwrap();
    for (sequence, ciphertext) in CIPHERTEXTS.iter().take(3) {
        let opened = context.open(ciphertext, format!("Count-{sequence}").as_bytes()).unwrap();
        assert_eq!(opened, PLAINTEXT);
    }
    for (exporter_context, expected) in EXPORTS {
        let mut secret = [0; 32];
        context.export(exporter_context, &mut secret).unwrap();
        assert_eq!(secret, expected);
    }
}

#[test]
fn an_all_zero_shared_secret_is_refused() {
    // RFC 9180 section 7.1.4. The points of small order of RFC 7748 section 6.1's check, in canonical form.
    let small = [
        hex!("0000000000000000000000000000000000000000000000000000000000000000"),
        hex!("0100000000000000000000000000000000000000000000000000000000000000"),
        hex!("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ];
    let private = <Suite as Kem>::PrivateKey::from_bytes(&SK_RM).unwrap();
    for point in small {
        let enc = <Suite as Kem>::EncappedKey::from_bytes(&point).unwrap();
        let mode = OpModeR::<Suite>::Psk(psk());
        assert!(setup_receiver::<ChaCha20Poly1305, HkdfSha256, Suite>(&mode, &private, &enc, INFO).is_err());
        let public = <Suite as Kem>::PublicKey::from_bytes(&point).unwrap();
        let mode = OpModeS::<Suite>::Psk(psk());
        let mut rng = FixedRng::new(&IKM_E);
        assert!(setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, Suite>(&mode, &public, INFO, &mut rng).is_err());
    }
}
