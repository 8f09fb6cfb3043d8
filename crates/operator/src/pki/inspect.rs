//! What a certificate says.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use schleuse_protocol::time::UnixSeconds;
use schleuse_transport::tls::{EXAMPLE_MARKER_NAME, fingerprint};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::PkiError;
use crate::files;

/// The facts about one certificate that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Common name of the subject.
    pub subject: String,
    /// Common name of the issuer.
    pub issuer: String,
    /// DNS names.
    pub names: Vec<String>,
    /// First second of validity.
    pub not_before: UnixSeconds,
    /// Last second of validity.
    pub not_after: UnixSeconds,
    /// Whether it is a CA's.
    pub is_authority: bool,
    /// Whether it belongs to a published example.
    pub is_example: bool,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fingerprint: [u8; 32],
    /// The SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
}

/// Reads the first certificate of a PEM file. Verifies nothing.
///
/// # Errors
/// The file cannot be read, or has no certificate.
pub fn inspect(path: &Path) -> Result<CertificateFacts, PkiError> {
    let none = || PkiError::NoCertificate { path: path.to_owned() };
    let der = CertificateDer::from_pem_slice(&files::read(path)?).map_err(|_| none())?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| none())?;
    let fingerprint = fingerprint(&der).map_err(|_| none())?;
    let (subject, issuer) = (common_name(certificate.subject()), common_name(certificate.issuer()));
    let second = |time: i64| UnixSeconds(u64::try_from(time).unwrap_or(0));
    Ok(CertificateFacts {
        is_example: [&subject, &issuer].iter().any(|name| name.contains(EXAMPLE_MARKER_NAME)),
        subject,
        issuer,
        names: dns_names(&certificate),
        not_before: second(certificate.validity().not_before.timestamp()),
        not_after: second(certificate.validity().not_after.timestamp()),
        is_authority: certificate.is_ca(),
        fingerprint,
        public_key: certificate.public_key().raw.to_vec(),
    })
}

fn common_name(name: &X509Name<'_>) -> String {
    let first = name.iter_common_name().next().and_then(|attribute| attribute.as_str().ok());
    // Shown on terminals: whatever a certificate says, no control characters.
    first.unwrap_or_default().chars().filter(|character| !character.is_control()).collect()
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.escape_debug().to_string()),
        _ => None,
    });
    names.collect()
}
