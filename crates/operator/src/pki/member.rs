//! The keys of one member, and their files.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use schleuse_directory::{Hex, Member, Role};
use schleuse_protocol::wire::name::MemberId;
use schleuse_seal::keys::SigningKey;
use zeroize::Zeroizing;

use super::PkiError;
use crate::files::{self, Access, write_new};

/// What a member needs to take part. No `Debug`, no `Clone`.
pub struct MemberKeys {
    /// Whose they are.
    pub id: MemberId,
    /// What it does.
    pub role: Role,
    /// Its certificate under the CA.
    pub certificate_pem: String,
    /// The private key of the certificate (PKCS #8).
    pub tls_key_pem: Zeroizing<String>,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo, for the directory.
    pub fingerprint: [u8; 32],
    /// Ed25519, for offices and vendors.
    pub signing_key: Option<SigningKey>,
    /// For proxies: one secret for all instances of one proxy.
    pub cluster_secret: Option<Zeroizing<[u8; 32]>>,
}

impl MemberKeys {
    /// File of the certificate.
    pub const CERTIFICATE_FILE: &'static str = "cert.pem";
    /// File of the certificate's private key.
    pub const TLS_KEY_FILE: &'static str = "tls.key";
    /// File of the signing key: 64 hexadecimal digits.
    pub const SIGNING_KEY_FILE: &'static str = "signing.key";
    /// File of the cluster secret: 64 hexadecimal digits.
    pub const CLUSTER_SECRET_FILE: &'static str = "cluster.secret";

    /// The public half, as it stands in the directory. An outer proxy still needs its addresses.
    pub fn entry(&self, name: &str) -> Member {
        Member {
            id: self.id,
            role: self.role,
            name: name.to_owned(),
            groups: Vec::new(),
            fingerprints: vec![Hex(self.fingerprint)],
            signing_key: self.signing_key.as_ref().map(|key| Hex(key.public())),
            kem_key: None,
            addresses: Vec::new(),
            valid_from: None,
            valid_until: None,
        }
    }

    /// Writes the files into a folder, those with secrets with mode 0600, and returns their paths.
    ///
    /// # Errors
    /// One of them exists, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, PkiError> {
        let mut all = vec![
            (Self::TLS_KEY_FILE, self.tls_key_pem.clone(), Access::Secret),
            (Self::CERTIFICATE_FILE, Zeroizing::new(self.certificate_pem.clone()), Access::Public),
        ];
        if let Some(key) = &self.signing_key {
            all.push((Self::SIGNING_KEY_FILE, key_text(&key.to_bytes()), Access::Secret));
        }
        if let Some(secret) = &self.cluster_secret {
            all.push((Self::CLUSTER_SECRET_FILE, key_text(secret), Access::Secret));
        }
        let paths: Vec<PathBuf> = all.iter().map(|(name, ..)| folder.join(name)).collect();
        files::refuse_existing(paths.iter().map(PathBuf::as_path))?;
        for (path, (_, content, access)) in paths.iter().zip(&all) {
            write_new(path, content.as_bytes(), *access)?;
        }
        Ok(paths)
    }
}

/// The form of all 32-byte keys in files: 64 hexadecimal digits and a line end.
pub(crate) fn key_text(key: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(65));
    HEXLOWER.encode_append(key, &mut text);
    text.push('\n');
    text
}
