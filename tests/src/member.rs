//! The members of a test network: their keys, as the operator's tools make them.

use std::path::{Path, PathBuf};

use schleuse_client::SigningKey;
use schleuse_directory::{Member, Role};
use schleuse_operator::pki::{Authority, MemberKeys, Validity};
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::tls::Identity;

/// One member with its folder of keys.
#[derive(Clone)]
pub struct TestMember {
    /// Its id.
    pub id: MemberId,
    /// What it does.
    pub role: Role,
    /// Where its keys are.
    pub folder: PathBuf,
    /// What the directory says of it.
    pub entry: Member,
}

impl TestMember {
    /// Issues the keys and writes them below `root`.
    pub fn issue(authority: &Authority, root: &Path, id: &str, role: Role, validity: Validity) -> Self {
        let id = member_id(id);
        let keys = authority.issue(&id, role, validity).expect("the CA issues");
        let folder = root.join(id.as_str());
        keys.write(&folder).expect("a new folder can be written");
        let entry = keys.entry(&format!("Test {id}"));
        Self { id, role, folder, entry }
    }

    /// Certificate and TLS key.
    pub fn identity(&self) -> Identity {
        let (chain, key) = (self.file(MemberKeys::CERTIFICATE_FILE), self.file(MemberKeys::TLS_KEY_FILE));
        Identity::load(&chain, &key).expect("what was just written")
    }

    /// The cluster secret of a proxy.
    pub fn cluster_secret(&self) -> SecretKey {
        SecretKey::read(&self.file(MemberKeys::CLUSTER_SECRET_FILE)).expect("proxies have one")
    }

    /// The signing key of an office or vendor.
    pub fn signing_key(&self) -> SigningKey {
        let key = SecretKey::read(&self.file(MemberKeys::SIGNING_KEY_FILE)).expect("offices and vendors have one");
        SigningKey::from_bytes(key.expose())
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// An id from a text that is one.
pub fn member_id(text: &str) -> MemberId {
    text.parse().expect("a valid id")
}
