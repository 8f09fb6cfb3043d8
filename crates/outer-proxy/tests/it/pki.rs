//! A certificate authority for one test, with its files in a temporary folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use schleuse_transport::tls::{Fingerprint, Identity, Roots, server_name};
use tempfile::TempDir;

/// The CA and the folder that its members' files are in.
pub(crate) struct Pki {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Pki {
    /// A new CA; `ca.pem` is written.
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicUsize = AtomicUsize::new(1);
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // With one name for all of them, another CA's certificate would be one with a wrong signature.
        let name = format!("CA {}", COUNTER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a CA");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("ca.pem");
        Self { issuer, folder }
    }

    /// Issues a certificate; `<id>.pem` and `<id>.key` are written. Returns the fingerprint to pin.
    pub(crate) fn issue(&self, id: &str) -> Fingerprint {
        let params = CertificateParams::new(vec![server_name(id)]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        fs::write(self.path(&format!("{id}.pem")), certificate.pem()).expect("a certificate file");
        self.secret(&format!("{id}.key"), &key.serialize_pem());
        self.identity(id).fingerprint()
    }

    /// What was issued to `id`.
    pub(crate) fn identity(&self, id: &str) -> Identity {
        Identity::load(&self.path(&format!("{id}.pem")), &self.path(&format!("{id}.key"))).expect("it was issued")
    }

    /// The CA as peers use it.
    pub(crate) fn roots(&self) -> Roots {
        Roots::load(&self.path("ca.pem")).expect("it was written")
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a secret file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
        path
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
