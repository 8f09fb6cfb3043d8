//! The signed file: the exact bytes that were signed, and the signatures.
//!
//! ```json
//! {
//!   "signed": "<Base64 of the directory's JSON>",
//!   "signatures": [
//!     { "key": "<32 bytes hex>", "signature": "<64 bytes hex>" }
//!   ]
//! }
//! ```
//!
//! A signature is Ed25519 over the directory label and those JSON bytes. Every signature in the file must verify under
//! the key that it names; those whose key is pinned count towards the threshold. A file that is not byte for byte what
//! [`SignedDirectory::to_bytes`] writes is refused. So there is no byte in it that could be changed unnoticed.

use data_encoding::BASE64;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::signed::Signature;
use schleuse_seal::keys::{self, SigningKey};
use schleuse_seal::label::Label;
use serde::{Deserialize, Serialize};

use crate::error::DirectoryError;
use crate::limits::{MAX_CLOCK_SKEW, MAX_ROOTS};
use crate::model::Directory;
use crate::parse;
use crate::roots::RootKeys;
use crate::values::Hex;
use crate::verified::{VerifiedDirectory, believed_until};

/// A directory with its signatures, which need not have been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDirectory {
    signed: Vec<u8>,
    signatures: Vec<DirectorySignature>,
}

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySignature {
    /// The public key of the signer.
    pub key: Hex<32>,
    /// Ed25519.
    pub signature: Hex<64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    signed: String,
    signatures: Vec<DirectorySignature>,
}

impl SignedDirectory {
    /// Signs a directory with every one of `keys`.
    ///
    /// # Errors
    /// The directory breaks a rule of [`Directory::check`], or a key comes twice.
    pub fn sign(directory: &Directory, keys: &[&SigningKey]) -> Result<Self, DirectoryError> {
        directory.check()?;
        let mut signed = Self { signed: directory.to_json()?, signatures: Vec::new() };
        keys.iter().try_for_each(|key| signed.add_signature(key))?;
        Ok(signed)
    }

    /// Adds the signature of a further key, over the same bytes.
    ///
    /// # Errors
    /// This key has signed already, or there are 16 signatures.
    pub fn add_signature(&mut self, key: &SigningKey) -> Result<(), DirectoryError> {
        let public = Hex(key.public());
        if self.signatures.iter().any(|signature| signature.key == public) {
            return Err(DirectoryError::SignedTwice(public));
        }
        if self.signatures.len() >= MAX_ROOTS {
            return Err(DirectoryError::TooManySignatures { count: self.signatures.len() + 1 });
        }
        let signature = Hex(key.sign(Label::Directory, &[&self.signed]).0);
        self.signatures.push(DirectorySignature { key: public, signature });
        Ok(())
    }

    /// Reads the file, and verifies nothing but its form.
    ///
    /// # Errors
    /// Not exactly the form that [`to_bytes`](Self::to_bytes) writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DirectoryError> {
        let envelope: Envelope = parse::json(bytes)?;
        if envelope.signatures.len() > MAX_ROOTS {
            return Err(DirectoryError::TooManySignatures { count: envelope.signatures.len() });
        }
        let signed = BASE64.decode(envelope.signed.as_bytes()).map_err(|_| DirectoryError::NotCanonical)?;
        let parsed = Self { signed, signatures: envelope.signatures };
        if parsed.to_bytes()? != bytes {
            return Err(DirectoryError::NotCanonical);
        }
        Ok(parsed)
    }

    /// The file.
    ///
    /// # Errors
    /// None that is known; the writer's type demands it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DirectoryError> {
        let envelope = Envelope { signed: BASE64.encode(&self.signed), signatures: self.signatures.clone() };
        let mut bytes =
            serde_json::to_vec_pretty(&envelope).map_err(|error| DirectoryError::Unwritable(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// What was signed, **not verified**: for showing a file to those who are about to sign it.
    ///
    /// # Errors
    /// It is no directory.
    pub fn unverified(&self) -> Result<Directory, DirectoryError> {
        Directory::from_json(&self.signed)
    }

    /// Who has signed; [`verify`](Self::verify) says whether that is true.
    pub fn signatures(&self) -> &[DirectorySignature] {
        &self.signatures
    }

    /// Verifies signatures, threshold, expiry and version, and takes the view of the directory as of `now`. One that has expired
    /// is accepted for [`EXPIRY_GRACE`](crate::limits::EXPIRY_GRACE) seconds more, and says so
    /// ([`VerifiedDirectory::has_expired_at`]).
    ///
    /// # Errors
    /// The first of these that fails.
    pub fn verify(
        &self,
        roots: &RootKeys,
        now: UnixSeconds,
        minimum_version: Option<u64>,
    ) -> Result<VerifiedDirectory, DirectoryError> {
        self.verify_signatures(roots)?;
        let directory = self.unverified()?;
        let minimum = minimum_version.unwrap_or(0);
        if directory.version < minimum {
            return Err(DirectoryError::Rollback { version: directory.version, minimum });
        }
        if believed_until(&directory) < now {
            return Err(DirectoryError::Expired(directory.expires));
        }
        if directory.issued.0 > now.0.saturating_add(MAX_CLOCK_SKEW) {
            return Err(DirectoryError::FromTheFuture(directory.issued));
        }
        Ok(VerifiedDirectory::new(directory, now))
    }

    fn verify_signatures(&self, roots: &RootKeys) -> Result<(), DirectoryError> {
        for (index, DirectorySignature { key, signature }) in self.signatures.iter().enumerate() {
            if self.signatures[..index].iter().any(|earlier| earlier.key == *key) {
                return Err(DirectoryError::SignedTwice(*key));
            }
            if !keys::verify(&key.0, Label::Directory, &[&self.signed], &Signature(signature.0)) {
                return Err(DirectoryError::BadSignature(*key));
            }
        }
        let found = self.signatures.iter().filter(|signature| roots.contains(&signature.key)).count();
        if found < roots.threshold() {
            return Err(DirectoryError::TooFewSignatures { found, threshold: roots.threshold() });
        }
        Ok(())
    }
}

impl Directory {
    /// The way in for everybody who uses a directory: from the bytes of the file to a view that can be relied upon.
    ///
    /// `minimum_version` is the highest version that was seen before, if one was.
    ///
    /// # Errors
    /// Anything at all is wrong with it.
    pub fn verify(
        file: &[u8],
        roots: &RootKeys,
        now: UnixSeconds,
        minimum_version: Option<u64>,
    ) -> Result<VerifiedDirectory, DirectoryError> {
        SignedDirectory::from_bytes(file)?.verify(roots, now, minimum_version)
    }
}
