//! The verified directory: the only thing that consumers see.

use std::collections::HashMap;
use std::time::Duration;

use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::{MemberId, PayloadKind};

use crate::limits::EXPIRY_GRACE;
use crate::model::{Directory, Member, Role, Rule};
use crate::text::time;

const GRACE: Duration = Duration::from_secs(EXPIRY_GRACE);

/// A directory whose signatures, version and expiry were verified, as of one moment.
///
/// Members outside their validity at that moment are not in it. It stays true until [`holds_until`]: then read and verify
/// the file again, or take the view of another moment ([`at`]).
///
/// [`holds_until`]: Self::holds_until
/// [`at`]: Self::at
#[derive(Clone, Debug)]
pub struct VerifiedDirectory {
    version: u64,
    issued: UnixSeconds,
    expires: UnixSeconds,
    as_of: UnixSeconds,
    holds_until: UnixSeconds,
    /// Also those outside their validity.
    members: Vec<Member>,
    by_id: HashMap<MemberId, usize>,
    by_fingerprint: HashMap<[u8; 32], usize>,
    rules: Vec<Rule>,
}

impl VerifiedDirectory {
    /// The directory must have passed [`Directory::check`].
    pub(crate) fn new(directory: Directory, now: UnixSeconds) -> Self {
        let last = if now <= directory.expires { directory.expires } else { believed_until(&directory) };
        let Directory { version, issued, expires, members, permissions } = directory;
        let holds_until = members.iter().filter_map(|member| last_second_unchanged(member, now)).fold(last, Ord::min);
        let valid = || members.iter().enumerate().filter(|(_, member)| member.is_valid_at(now));
        let by_id = valid().map(|(index, member)| (member.id, index)).collect();
        let by_fingerprint = valid()
            .flat_map(|(index, member)| member.fingerprints.iter().map(move |fingerprint| (fingerprint.0, index)))
            .collect();
        Self { version, issued, expires, as_of: now, holds_until, members, by_id, by_fingerprint, rules: permissions }
    }

    /// The same directory as of another moment; none once it is not believed any more.
    pub fn at(&self, now: UnixSeconds) -> Option<Self> {
        let (version, issued, expires) = (self.version, self.issued, self.expires);
        let (members, permissions) = (self.members.clone(), self.rules.clone());
        let directory = Directory { version, issued, expires, members, permissions };
        (now <= believed_until(&directory)).then(|| Self::new(directory, now))
    }

    /// Whether its time is over: it should have been replaced.
    pub fn has_expired_at(&self, now: UnixSeconds) -> bool {
        self.expires < now
    }

    /// The last second in which it is believed, which is [`EXPIRY_GRACE`] after it expires.
    pub fn believed_until(&self) -> UnixSeconds {
        self.expires.after(GRACE)
    }

    /// What is to be done about its age, if anything: for logs and status.
    pub fn trouble_at(&self, now: UnixSeconds) -> Option<String> {
        let written = |time| time::format(time).unwrap_or_else(|| "a time beyond the year 9999".to_owned());
        let (expired, end) = (written(self.expires), written(self.believed_until()));
        if now > self.believed_until() {
            return Some(format!(
                "the directory expired at {expired} and is not believed any more: install the current one"
            ));
        }
        self.has_expired_at(now).then(|| {
            format!("the directory expired at {expired}; it is believed until {end}, then nobody is: install the current one")
        })
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

    /// The last second in which this view is true: the directory expires then or is believed no longer, or a member begins or
    /// ends after it.
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
        self.members.iter().filter(|member| member.is_valid_at(self.as_of))
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
        self.members().filter(move |member| member.role == role)
    }
}

/// The last second in which anybody believes it.
pub(crate) fn believed_until(directory: &Directory) -> UnixSeconds {
    directory.expires.after(GRACE)
}

/// The last second before the member begins or ends, if that is yet to come.
fn last_second_unchanged(member: &Member, now: UnixSeconds) -> Option<UnixSeconds> {
    match (member.valid_from, member.valid_until) {
        (Some(from), _) if from > now => Some(UnixSeconds(from.0 - 1)),
        (_, until) => until.filter(|until| *until >= now),
    }
}
