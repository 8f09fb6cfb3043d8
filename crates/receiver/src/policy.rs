//! Who may send what, and how a refusal is told.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use schleuse_directory::VerifiedDirectory;
use schleuse_protocol::office::OfficePolicy;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::hello::{Intro, Language};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::reply::Reason;
use schleuse_protocol::wire::ticket::TicketBody;
use schleuse_transport::clock::Clock;

use crate::members::Members;
use crate::texts::refusal_text;

/// Who may use a ticket. The directory must permit a sender that signs in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SenderRule {
    /// Whoever has the ticket, also without signing.
    #[default]
    Anyone,
    /// Any member that signs.
    AnyMember,
    /// Only this member, and it must sign.
    Member(MemberId),
}

impl fmt::Display for SenderRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::AnyMember => f.write_str("any-member"),
            Self::Member(id) => write!(f, "member:{id}"),
        }
    }
}

/// A text that is no sender rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' says no sender: write 'anyone', 'any-member' or 'member:ID'", .0.escape_debug())]
pub struct SenderRuleError(String);

impl FromStr for SenderRule {
    type Err = SenderRuleError;

    fn from_str(text: &str) -> Result<Self, SenderRuleError> {
        let error = || SenderRuleError(text.chars().take(64).collect());
        match text {
            "anyone" => Ok(Self::Anyone),
            "any-member" => Ok(Self::AnyMember),
            other => {
                let id = other.strip_prefix("member:").ok_or_else(error)?;
                id.parse().map(Self::Member).map_err(|_| error())
            }
        }
    }
}

/// What the store knows of a ticket beyond what the ticket itself says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TicketRule {
    pub(crate) max_bytes: u64,
    pub(crate) sender: SenderRule,
}

/// The policy of one stream.
pub(crate) struct StreamPolicy {
    members: Arc<Members>,
    office: MemberId,
    clock: Clock,
    /// Known once the ticket was found; the machine asks only after that.
    rule: OnceLock<TicketRule>,
    /// The key of the sender that was admitted: a directory that runs out during an upload does not spoil it.
    admitted: OnceLock<(MemberId, [u8; 32])>,
}

impl StreamPolicy {
    pub(crate) fn new(members: Arc<Members>, office: MemberId, clock: Clock) -> Self {
        Self { members, office, clock, rule: OnceLock::new(), admitted: OnceLock::new() }
    }

    /// The ticket was found.
    pub(crate) fn set_rule(&self, rule: TicketRule) {
        let _ = self.rule.set(rule);
    }

    fn permits(&self, intro: &Intro, sender: &MemberId, now: UnixSeconds) -> Result<(), Reason> {
        // Without a valid directory nobody can be judged: that passes, so the sender shall come again.
        let directory = self.members.at(now).ok_or(Reason::TryLater)?;
        if !directory.may_send(sender, &intro.kind, &self.office) {
            return Err(Reason::NotPermitted);
        }
        if let Some(key) = signing_key(&directory, sender) {
            let _ = self.admitted.set((*sender, key));
        }
        Ok(())
    }
}

impl OfficePolicy for StreamPolicy {
    fn admit(&self, _ticket: &TicketBody, intro: &Intro, now: UnixSeconds) -> Result<u64, Reason> {
        let rule = self.rule.get().ok_or(Reason::TryLater)?;
        match (rule.sender, intro.sender) {
            (SenderRule::Member(wanted), sender) if sender != Some(wanted) => return Err(Reason::SenderRequired),
            (SenderRule::AnyMember, None) => return Err(Reason::SenderRequired),
            (_, None) => {}
            (_, Some(sender)) => self.permits(intro, &sender, now)?,
        }
        Ok(rule.max_bytes)
    }

    fn signing_key(&self, member: &MemberId) -> Option<[u8; 32]> {
        match self.members.at(self.clock.unix()) {
            Some(directory) => signing_key(&directory, member),
            None => self.admitted.get().filter(|(admitted, _)| admitted == member).map(|(_, key)| *key),
        }
    }

    fn refusal_text(&self, reason: Reason, language: Language) -> String {
        refusal_text(reason, language)
    }
}

fn signing_key(directory: &VerifiedDirectory, member: &MemberId) -> Option<[u8; 32]> {
    Some(directory.member(member)?.signing_key.as_ref()?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sender_rules_read_back() {
        for rule in [SenderRule::Anyone, SenderRule::AnyMember, SenderRule::Member("vendor-1".parse().unwrap())] {
            assert_eq!(rule.to_string().parse::<SenderRule>().unwrap(), rule);
        }
        for bad in ["", "member", "member:", "member:Ä", "somebody"] {
            assert!(bad.parse::<SenderRule>().is_err(), "{bad}");
        }
    }
}
