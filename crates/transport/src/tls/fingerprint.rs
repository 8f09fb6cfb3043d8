//! The fingerprint of a key: what the directory pins for a member.

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;

use crate::net::Connection;

/// SHA-256 over the SubjectPublicKeyInfo (RFC 5280, 4.1) of a certificate: it survives the renewal of the certificate.
pub type Fingerprint = [u8; 32];

/// The bytes are not an X.509 certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid X.509 certificate")]
pub struct NotACertificate;

/// The fingerprint of the key in `certificate`.
///
/// # Errors
/// The certificate cannot be parsed.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> Result<Fingerprint, NotACertificate> {
    let parsed = EndEntityCert::try_from(certificate).map_err(|_| NotACertificate)?;
    Ok(Sha256::digest(parsed.subject_public_key_info()).into())
}

/// The fingerprint of the key that the peer has proved to hold; none if it showed no certificate.
pub fn peer_fingerprint(connection: &Connection) -> Option<Fingerprint> {
    fingerprint(&connection.peer_certificate()?).ok()
}
