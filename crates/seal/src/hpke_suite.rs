//! The two suites of HPKE (RFC 9180) in PSK mode, and the secrets that one setup gives.
//!
//! Both: KDF HKDF-SHA256 (0x0001), AEAD ChaCha20-Poly1305 (0x0003). KEM of suite 1: DHKEM(X25519, HKDF-SHA256)
//! (0x0020, RFC 9180 section 7.1), of suite 2: X-Wing (0x647a, draft-ietf-hpke-pq). The `hpke` crate refuses an
//! all-zero Diffie-Hellman result in suite 1 (RFC 9180 section 7.1.4); in suite 2 it would be hashed together with the
//! ML-KEM secret. Its documented panics are out of reach here: mode is always PSK, `info` and `psk_id` have a fixed
//! length far below 64 KiB, exports have 32 bytes.

use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, HpkeError, Kem, OpModeR, OpModeS, PskBundle, Serializable};
use rand::CryptoRng;
use schleuse_protocol::limits::{INTRO_PLAINTEXT, TAG, VERSION};
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::ticket::{Suite, Ticket};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::label::Label;
use crate::secret::{ReplySecret, StorageKey};
use crate::ticket_hash::ticket_hash;

/// KEM of suite 1.
pub(crate) type SuiteOne = X25519HkdfSha256;
/// KEM of suite 2.
pub(crate) type SuiteTwo = XWing;
type Kdf = HkdfSha256;
type Aead = ChaCha20Poly1305;

/// The sealed intro as it stands in the hello.
pub(crate) type SealedIntro = [u8; INTRO_PLAINTEXT + TAG];

/// The keys of one attempt.
pub(crate) struct ConnectionKeys {
    pub(crate) segments: StorageKey,
    pub(crate) replies: ReplySecret,
}

/// What a sender's setup gives: the three parts of the hello, and the keys.
pub(crate) struct SealedHello {
    pub(crate) enc: Vec<u8>,
    pub(crate) commitment: [u8; 32],
    pub(crate) sealed_intro: SealedIntro,
    pub(crate) keys: ConnectionKeys,
}

/// What an office's setup gives.
pub(crate) struct OpenedIntro {
    /// [`INTRO_PLAINTEXT`] bytes, not yet decoded.
    pub(crate) intro: Vec<u8>,
    pub(crate) keys: ConnectionKeys,
}

/// RFC 9180 section 5.1.2, `SetupPSKS`, then `Seal` of the intro as the context's only message, and the exports.
pub(crate) fn seal_hello<K: Kem>(
    ticket: &Ticket,
    public: &[u8],
    intro: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<SealedHello, HpkeError> {
    let public = K::PublicKey::from_bytes(public)?;
    let mode = OpModeS::Psk(psk(ticket)?);
    let (enc, mut context) = hpke::setup_sender_with_rng::<Aead, Kdf, K>(&mode, &public, &info(ticket), rng)?;
    let enc = enc.to_bytes().to_vec();
    let commitment = *export_sender(&context, Label::Commitment)?;
    let sealed = context.seal(intro, &intro_aad(ticket, &enc, &commitment))?;
    let sealed_intro = SealedIntro::try_from(sealed).map_err(|_| HpkeError::SealError)?;
    let keys = ConnectionKeys {
        segments: StorageKey::from_bytes(&*export_sender(&context, Label::SegmentKey)?),
        replies: ReplySecret::from_bytes(&*export_sender(&context, Label::ReplySecret)?),
    };
    Ok(SealedHello { enc, commitment, sealed_intro, keys })
}

/// RFC 9180 section 5.1.2, `SetupPSKR`. The key commitment is compared, in constant time, before anything is opened.
pub(crate) fn open_hello<K: Kem>(
    ticket: &Ticket,
    private: &K::PrivateKey,
    enc: &[u8],
    commitment: &[u8; 32],
    sealed_intro: &SealedIntro,
) -> Result<OpenedIntro, HpkeError> {
    let encapsulated = K::EncappedKey::from_bytes(enc)?;
    let mode = OpModeR::Psk(psk(ticket)?);
    let mut context = hpke::setup_receiver::<Aead, Kdf, K>(&mode, private, &encapsulated, &info(ticket))?;
    if !bool::from(export_office(&context, Label::Commitment)?.ct_eq(commitment)) {
        return Err(HpkeError::OpenError);
    }
    let intro = context.open(sealed_intro, &intro_aad(ticket, enc, commitment))?;
    let keys = ConnectionKeys {
        segments: StorageKey::from_bytes(&*export_office(&context, Label::SegmentKey)?),
        replies: ReplySecret::from_bytes(&*export_office(&context, Label::ReplySecret)?),
    };
    Ok(OpenedIntro { intro, keys })
}

/// `psk` and `psk_id` of RFC 9180 section 5.1: the ticket's 256-bit secret and its id.
fn psk(ticket: &Ticket) -> Result<PskBundle<'_>, HpkeError> {
    PskBundle::new(&ticket.body().secret.0, &ticket.body().id.0)
}

/// `info` of RFC 9180 section 5.1: binds the setup to every byte of the ticket.
fn info(ticket: &Ticket) -> Vec<u8> {
    Label::Info.bind(&[&[VERSION], &ticket_hash(ticket)])
}

/// Binds the intro to its frame and to the other parts of the hello.
fn intro_aad(ticket: &Ticket, enc: &[u8], commitment: &[u8; 32]) -> Vec<u8> {
    let suite = suite_number(ticket.body().key.suite());
    Label::Intro.bind(&[&[FrameType::Hello as u8], &[suite], enc, commitment])
}

fn suite_number(suite: Suite) -> u8 {
    match suite {
        Suite::X25519 => 1,
        Suite::XWing => 2,
    }
}

/// `Context.Export` of RFC 9180 section 5.3, sender.
fn export_sender<K: Kem>(context: &AeadCtxS<Aead, Kdf, K>, label: Label) -> Result<Zeroizing<[u8; 32]>, HpkeError> {
    let mut secret = Zeroizing::new([0; 32]);
    context.export(&label.bind(&[]), secret.as_mut_slice())?;
    Ok(secret)
}

/// `Context.Export` of RFC 9180 section 5.3, office.
fn export_office<K: Kem>(context: &AeadCtxR<Aead, Kdf, K>, label: Label) -> Result<Zeroizing<[u8; 32]>, HpkeError> {
    let mut secret = Zeroizing::new([0; 32]);
    context.export(&label.bind(&[]), secret.as_mut_slice())?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;
    use crate::ticket::{OneTimeSecret, sign_ticket};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use schleuse_protocol::time::UnixSeconds;
    use schleuse_protocol::wire::ticket::{OneTimeKey, TicketBody, TicketId, TicketSecret};

    fn ticket(key: OneTimeKey) -> Ticket {
        let body = TicketBody {
            version: VERSION,
            office: "ga-koeln".parse().unwrap(),
            id: TicketId([1; 16]),
            key,
            secret: TicketSecret([2; 32]),
            not_before: UnixSeconds(0),
            not_after: UnixSeconds(1),
            routes: Vec::new(),
            purpose: None,
        };
        sign_ticket(body, &SigningKey::from_bytes(&[3; 32]))
    }

    /// A sender that seals its intro correctly, but behind a commitment of its choice.
    #[test]
    fn a_wrong_commitment_is_refused_although_the_intro_would_open() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (secret, key) = OneTimeSecret::generate(Suite::X25519, &mut rng);
        let OneTimeKey::X25519(public) = key else { unreachable!() };
        let ticket = ticket(OneTimeKey::X25519(public));
        let mode = OpModeS::Psk(psk(&ticket).unwrap());
        let public = <SuiteOne as Kem>::PublicKey::from_bytes(&public).unwrap();
        let setup = hpke::setup_sender_with_rng::<Aead, Kdf, SuiteOne>(&mode, &public, &info(&ticket), &mut rng);
        let (enc, mut context) = setup.unwrap();
        let enc = enc.to_bytes();
        let right = *export_sender(&context, Label::Commitment).unwrap();

        let sealed = context.seal(&[0; INTRO_PLAINTEXT], &intro_aad(&ticket, &enc, &[9; 32])).unwrap();
        let private = secret.private::<SuiteOne>();
        let sealed = SealedIntro::try_from(sealed).unwrap();
        let opened = open_hello::<SuiteOne>(&ticket, &private, &enc, &[9; 32], &sealed);
        assert_eq!(opened.err(), Some(HpkeError::OpenError));

        // The same with the right commitment opens, so the commitment was the reason.
        let setup = hpke::setup_receiver::<Aead, Kdf, SuiteOne>(
            &OpModeR::Psk(psk(&ticket).unwrap()),
            &private,
            &<SuiteOne as Kem>::EncappedKey::from_bytes(&enc).unwrap(),
            &info(&ticket),
        );
        let mut receiver = setup.unwrap();
        assert_eq!(*export_office(&receiver, Label::Commitment).unwrap(), right);
        assert!(receiver.open(&sealed, &intro_aad(&ticket, &enc, &[9; 32])).is_ok());
    }
}
