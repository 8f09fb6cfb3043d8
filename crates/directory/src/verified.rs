//! The verified directory: the only thing that consumers see.

use std::collections::HashMap;

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};

use crate::model::{Directory, Member, Role, Rule};

/// A directory whose signatures, version and expiry were verified, as of one moment.
///
/// Members outside their validity at that moment are not in it. It stays true until [`holds_until`]: then read and verify
/// the file again.
///
/// [`holds_until`]: Self::holds_until
#[derive(Clone, Debug)]
pub struct VerifiedDirectory {
    version: u64,
    issued: UnixSeconds,
    expires: UnixSeconds,
    holds_until: UnixSeconds,
    members: Vec<Member>,
    by_id: HashMap<MemberId, usize>,
    by_fingerprint: HashMap<[u8; 32], usize>,
    rules: Vec<Rule>,
}

impl VerifiedDirectory {
    /// The directory must have passed [`Directory::check`].
    pub(crate) fn new(directory: Directory, now: UnixSeconds) -> Self {
        let Directory { version, issued, expires, members, permissions } = directory;
        let holds_until =
            members.iter().filter_map(|member| last_second_unchanged(member, now)).fold(expires, Ord::min);
        let members: Vec<Member> = members.into_iter().filter(|member| member.is_valid_at(now)).collect();
        let by_id = members.iter().enumerate().map(|(index, member)| (member.id, index)).collect();
        let by_fingerprint = members
            .iter()
            .enumerate()
            .flat_map(|(index, member)| member.fingerprints.iter().map(move |fingerprint| (fingerprint.0, index)))
            .collect();
        Self { version, issued, expires, holds_until, members, by_id, by_fingerprint, rules: permissions }
    }

    /// The version: remember the highest, and demand it the next time.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When it was issued.
    pub fn issued(&self) -> UnixSeconds {
        self.issued
    }

    /// The last second of the directory.
    pub fn expires(&self) -> UnixSeconds {
        self.expires
    }

    /// The last second in which this view is true: the directory expires then, or a member begins or ends after it.
    pub fn holds_until(&self) -> UnixSeconds {
        self.holds_until
    }

    /// The member with this id.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.by_id.get(id).map(|index| &self.members[*index])
    }

    /// The member to which a TLS key belongs: SHA-256 of its SubjectPublicKeyInfo.
    pub fn by_fingerprint(&self, fingerprint: &[u8; 32]) -> Option<&Member> {
        self.by_fingerprint.get(fingerprint).map(|index| &self.members[*index])
    }

    /// Whether a rule permits `sender` to send a content of this kind to `office`. Both must be members, `sender` one
    /// that signs, `office` an office.
    pub fn may_send(&self, sender: &MemberId, kind: &PayloadKind, office: &MemberId) -> bool {
        let (Some(sender), Some(office)) = (self.member(sender), self.member(office)) else { return false };
        sender.role.signs()
            && office.role == Role::Office
            && self.rules.iter().any(|rule| rule.permits(sender, kind, office))
    }

    /// Everybody, in the order of the file.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// All offices.
    pub fn offices(&self) -> impl Iterator<Item = &Member> {
        self.with_role(Role::Office)
    }

    /// All vendors.
    pub fn vendors(&self) -> impl Iterator<Item = &Member> {
        self.with_role(Role::Vendor)
    }

    /// All outer proxies.
    pub fn outers(&self) -> impl Iterator<Item = &Member> {
        self.with_role(Role::Outer)
    }

    /// All inner proxies.
    pub fn inners(&self) -> impl Iterator<Item = &Member> {
        self.with_role(Role::Inner)
    }

    fn with_role(&self, role: Role) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.role == role)
    }
}

/// The last second before the member begins or ends, if that is yet to come.
fn last_second_unchanged(member: &Member, now: UnixSeconds) -> Option<UnixSeconds> {
    match (member.valid_from, member.valid_until) {
        (Some(from), _) if from > now => Some(UnixSeconds(from.0 - 1)),
        (_, until) => until.filter(|until| *until >= now),
    }
}
