//! The CA of a network.

use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType,
};
use schleuse_directory::Role;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::MemberId;
use schleuse_seal::keys::SigningKey;
use schleuse_seal::system_rng;
use schleuse_transport::secret::Secret;
use schleuse_transport::tls::{fingerprint, server_name};
use zeroize::Zeroizing;

use super::{CertificateFacts, MemberKeys, PkiError, Validity, inspect};
use crate::files::{self, Access, write_new};

/// The only names for which members have certificates; the CA's own certificate constrains it to them.
const DOMAIN: &str = "schleuse.internal";
/// File of the CA's certificate.
const CERTIFICATE_FILE: &str = "ca.pem";
/// File of the CA's private key.
const KEY_FILE: &str = "ca.key";

/// A CA with its private key. No `Debug`, no `Clone`.
pub struct Authority {
    certificate_pem: String,
    not_after: UnixSeconds,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new CA with an ECDSA P-256 key.
    ///
    /// # Errors
    /// The cryptographic library refuses.
    pub fn new(common_name: &str, validity: Validity) -> Result<Self, PkiError> {
        let key = KeyPair::generate()?;
        let params = authority_params(common_name, validity);
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { certificate_pem, not_after: validity.not_after, issuer: Issuer::new(params, key) })
    }

    /// The certificate that all members trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Makes the keys of a member and its certificate, for listening and for dialling.
    ///
    /// # Errors
    /// The certificate would outlive the CA's, or the cryptographic library refuses.
    pub fn issue(&self, id: &MemberId, role: Role, validity: Validity) -> Result<MemberKeys, PkiError> {
        if validity.not_after > self.not_after {
            return Err(PkiError::OutlivesAuthority);
        }
        let key = KeyPair::generate()?;
        let certificate = member_params(id, validity)?.signed_by(&key, &self.issuer)?;
        let fingerprint = fingerprint(certificate.der()).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
        let mut rng = system_rng();
        Ok(MemberKeys {
            id: *id,
            role,
            certificate_pem: certificate.pem(),
            tls_key_pem: Zeroizing::new(key.serialize_pem()),
            fingerprint,
            signing_key: role.signs().then(|| SigningKey::generate(&mut rng)),
            cluster_secret: (!role.signs()).then(|| random_secret(&mut rng)),
        })
    }

    /// Writes `ca.pem` and `ca.key` (mode 0600) into a folder.
    ///
    /// # Errors
    /// One of them exists, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), PkiError> {
        let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        files::refuse_existing([certificate.as_path(), &key])?;
        let pem = Zeroizing::new(self.issuer.key().serialize_pem());
        write_new(&key, pem.as_bytes(), Access::Secret)?;
        write_new(&certificate, self.certificate_pem.as_bytes(), Access::Public)?;
        Ok(())
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// A file cannot be read, is open to others, or the two are not those of one CA.
    pub fn load(folder: &Path) -> Result<Self, PkiError> {
        let not_a_ca = |what| PkiError::NotAnAuthority { path: folder.to_owned(), what };
        let certificate = folder.join(CERTIFICATE_FILE);
        let facts = inspect(&certificate)?;
        let secret = Secret::read(&folder.join(KEY_FILE))?;
        let pem = std::str::from_utf8(secret.expose()).map_err(|_| not_a_ca("ca.key is not a PEM file"))?;
        let key = KeyPair::from_pem(pem).map_err(|_| not_a_ca("ca.key holds no private key"))?;
        if !facts.is_authority {
            return Err(not_a_ca("ca.pem is the certificate of a member"));
        }
        if facts.public_key != key.subject_public_key_info() {
            return Err(not_a_ca("ca.key is not the key of ca.pem"));
        }
        let CertificateFacts { subject, not_before, not_after, .. } = facts;
        let params = authority_params(&subject, Validity { not_before, not_after });
        let certificate_pem = files::read_text(&certificate)?;
        Ok(Self { certificate_pem, not_after, issuer: Issuer::new(params, key) })
    }
}

fn authority_params(common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = dated(validity);
    params.distinguished_name = named(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(DOMAIN.to_owned())],
        excluded_subtrees: Vec::new(),
    });
    params
}

fn member_params(id: &MemberId, validity: Validity) -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(validity);
    params.distinguished_name = named(id.as_str());
    params.subject_alt_names = vec![SanType::DnsName(server_name(id.as_str()).try_into()?)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn dated(validity: Validity) -> CertificateParams {
    let date = |time: UnixSeconds| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(time.0);
    let mut params = CertificateParams::default();
    params.not_before = date(validity.not_before);
    params.not_after = date(validity.not_after);
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn random_secret(rng: &mut impl rand::CryptoRng) -> Zeroizing<[u8; 32]> {
    let mut secret = Zeroizing::new([0; 32]);
    rng.fill_bytes(secret.as_mut_slice());
    secret
}
