//! What the directory says. The same text forms stand in the TOML that people write and in the JSON that is signed.
//!
//! Members and groups share one space of names, so that a rule can name either. What holds across fields is checked in
//! `check.rs`: a directory that breaks one of those rules can neither be signed nor verified.

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::{MemberId, Name, PayloadKind};
use serde::{Deserialize, Serialize};

use crate::text;
use crate::values::{Hex, KemKey, OrAny};

/// The name of a group of members, e.g. `ticketing` or `offices-nrw`.
pub type Group = Name<32>;

/// The whole directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Grows with every change; a lower one than seen before is refused.
    pub version: u64,
    /// When it was issued.
    #[serde(with = "text::time")]
    pub issued: UnixSeconds,
    /// The last second in which it may be relied upon.
    #[serde(with = "text::time")]
    pub expires: UnixSeconds,
    /// Everybody.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Who may send what to whom. What no rule permits is refused.
    #[serde(default)]
    pub permissions: Vec<Rule>,
}

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Receives: a health office, or any other member that can be addressed.
    Office,
    /// Sends.
    Vendor,
    /// The proxy that senders dial.
    Outer,
    /// The proxy that offices dial.
    Inner,
}

impl Role {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Office => "office",
            Self::Vendor => "vendor",
            Self::Outer => "outer",
            Self::Inner => "inner",
        }
    }

    /// Whether members of this role sign what they send, and receipts.
    pub fn signs(self) -> bool {
        matches!(self, Self::Office | Self::Vendor)
    }
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The one name by which everything refers to it.
    #[serde(with = "text::one")]
    pub id: MemberId,
    /// What it does.
    pub role: Role,
    /// For people.
    pub name: String,
    /// Groups that rules can name.
    #[serde(default, with = "text::list", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// SHA-256 of the SubjectPublicKeyInfo of its TLS keys. A vendor needs none: senders show no certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<Hex<32>>,
    /// Ed25519 (RFC 8032). Offices and vendors have one, proxies have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<Hex<32>>,
    /// Standing key for requests to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kem_key: Option<KemKey>,
    /// `host:port`. An outer proxy has at least one, because senders find it here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// First second of its membership; if absent, there is no such limit.
    #[serde(default, with = "text::optional_time", skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<UnixSeconds>,
    /// Last second of its membership; if absent, it lasts as long as the directory.
    #[serde(default, with = "text::optional_time", skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<UnixSeconds>,
}

impl Member {
    /// Whether this is the fingerprint of one of its TLS keys.
    pub fn has_fingerprint(&self, fingerprint: &[u8; 32]) -> bool {
        self.fingerprints.iter().any(|own| own.0 == *fingerprint)
    }

    /// Whether `time` is within its membership.
    pub fn is_valid_at(&self, time: UnixSeconds) -> bool {
        self.valid_from.is_none_or(|from| from <= time) && self.valid_until.is_none_or(|until| time <= until)
    }

    /// Whether a rule that names this name means this member.
    pub fn is_called(&self, name: &Group) -> bool {
        self.id.as_str() == name.as_str() || self.groups.contains(name)
    }
}

/// Permits every one of `from` to send every one of `kinds` to every one of `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Members, groups, or `*`: everybody who signs.
    pub from: Vec<OrAny<Group>>,
    /// Payload kinds, or `*`.
    pub kinds: Vec<OrAny<PayloadKind>>,
    /// Offices, groups, or `*`: every office.
    pub to: Vec<OrAny<Group>>,
}

impl Rule {
    /// Whether this rule permits it.
    pub fn permits(&self, sender: &Member, kind: &PayloadKind, office: &Member) -> bool {
        self.kinds.iter().any(|covered| covered.covers(kind)) && names(&self.from, sender) && names(&self.to, office)
    }
}

fn names(list: &[OrAny<Group>], member: &Member) -> bool {
    list.iter().any(|entry| match entry {
        OrAny::Any => true,
        OrAny::One(name) => member.is_called(name),
    })
}
