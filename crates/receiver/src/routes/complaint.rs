//! What is wrong with an inner proxy that is, or was, connected.

use std::time::Duration;

use schleuse_protocol::office::TokenFault;
use schleuse_protocol::time::Millis;

/// How long a complaint is shown, and not logged again.
const RECENT: Duration = Duration::from_secs(10 * 60);

/// Streams of a minute with tokens that lead to no ticket, of which no more come from senders that are late.
const MANY_STRANGERS: u32 = 600;

/// What an inner proxy does that an honest one does not, or what comes over it, which may be its senders' doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Complaint {
    /// Its tokens are of no use.
    #[error("{0}: tickets are minted without its routes where it has none")]
    Tokens(TokenFault),
    /// A ticket was about to be minted with a token that is in another ticket.
    #[error("it handed out a route token that is in another ticket: tickets are minted without that route")]
    Collision,
    /// It did not answer a request for tokens.
    #[error("it does not answer when it is asked for route tokens")]
    Silent,
    /// Half-open streams fill its room.
    #[error("over it come streams without a hello that fill its room here: further ones are told to come later")]
    HalfOpen,
    /// Streams come with tokens that lead to no ticket.
    #[error("over it come many streams with tokens that this office does not know")]
    Strangers,
    /// It closed a link for draining and keeps the connection.
    #[error("it says that it drains and keeps its connections: the oldest are closed")]
    Draining,
    /// It says what is not its turn to say, or too much.
    #[error("it broke the protocol: the link was closed")]
    Protocol,
    /// Tokens of an earlier secret lead nowhere.
    #[error(
        "it mints with another secret than before: its tokens in stock were thrown away, and open tickets have no way over \
         it any more"
    )]
    AnotherKey,
    /// Another receiver claims the same store.
    #[error(
        "another receiver has linked there that works on a copy of this database (a cloned machine, a restored backup \
         beside the original): stop one of the two, or give it a database of its own ('schleuse-receiver init')"
    )]
    Copy,
}

/// The complaints about one inner proxy, each kind once.
#[derive(Debug, Default)]
pub(super) struct Complaints(Vec<(Complaint, Millis)>);

impl Complaints {
    /// Returns whether it is worth a line in the log: it was not made in the last minutes.
    pub(super) fn add(&mut self, complaint: Complaint, now: Millis) -> bool {
        self.forget(now);
        let known = self.0.iter().any(|(made, _)| *made == complaint);
        if !known {
            self.0.push((complaint, now));
        }
        !known
    }

    /// Those of the last minutes, as texts.
    pub(super) fn recent(&self, now: Millis) -> Vec<String> {
        let is_recent = |at: Millis| now.since(at) < RECENT;
        self.0.iter().filter(|(_, at)| is_recent(*at)).map(|(complaint, _)| complaint.to_string()).collect()
    }

    /// Whether this one is among them.
    pub(super) fn has_recent(&self, complaint: Complaint, now: Millis) -> bool {
        self.0.iter().any(|(made, at)| *made == complaint && now.since(*at) < RECENT)
    }

    fn forget(&mut self, now: Millis) {
        self.0.retain(|(_, at)| now.since(*at) < RECENT);
    }
}

/// Counts streams with tokens that lead to no ticket.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    minute: u64,
    count: u32,
}

impl Strangers {
    /// Returns whether there were too many in this minute.
    pub(super) fn add(&mut self, now: Millis) -> bool {
        let minute = now.0 / 60_000;
        if minute != self.minute {
            *self = Self { minute, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count > MANY_STRANGERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_logged_once_in_ten_minutes_and_shown_so_long() {
        let mut complaints = Complaints::default();
        let at = |seconds: u64| Millis(seconds * 1000);
        assert!(complaints.add(Complaint::Silent, at(0)));
        assert!(!complaints.add(Complaint::Silent, at(599)));
        assert!(complaints.add(Complaint::Copy, at(599)));
        assert_eq!(complaints.recent(at(599)).len(), 2);
        assert_eq!(complaints.recent(at(600)).len(), 1);
        assert!(complaints.add(Complaint::Silent, at(600)), "it goes on");
    }
}
