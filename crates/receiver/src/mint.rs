//! Minting: a ticket is handed out only after it is durable.

use std::time::Duration;

use schleuse_protocol::limits::{MAX_PURPOSE_TEXT, VERSION};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::name::PayloadKind;
use schleuse_protocol::wire::ticket::{Purpose, Route, Suite, Ticket, TicketBody, TicketId, TicketSecret};
use schleuse_seal::{OneTimeSecret, sign_ticket};

use crate::config::MAX_VALIDITY;
use crate::core::Core;
use crate::crash;
use crate::policy::SenderRule;
use crate::routes::{Complaint, Shortage};
use crate::store::{Command, NewTicket, Refused, StoreError};

/// Most tickets that are minted at once: they become durable with one commit, and are in memory together.
pub const MAX_COUNT: usize = 500;
/// Tickets that are made in one go: a few milliseconds with suite 2, which is as long as streams then wait.
const IN_ONE_GO: usize = 8;
/// How often routes are replaced because their nonces are in other tickets.
const MOST_COLLISIONS: usize = 8;
/// A ticket is valid a little before it was minted: the sender's clock may be behind ours.
const CLOCK_SLACK: u64 = 300;

/// What a ticket is to be like. Everything has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintRequest {
    /// Suite 1 fits into a QR code; suite 2 is for tickets that travel as files.
    pub suite: Suite,
    /// How long it is valid; `None` takes the configured default.
    pub validity: Option<Duration>,
    /// The only payload kind that is accepted.
    pub kind: Option<PayloadKind>,
    /// Who may send.
    pub sender: SenderRule,
    /// The office's reference, e.g. a file number. The sender sees it.
    pub reference: Option<String>,
    /// The period asked for.
    pub period: Option<(UnixSeconds, UnixSeconds)>,
    /// Text for a person.
    pub text: Option<String>,
    /// Longest content in bytes; `None` takes the configured default.
    pub max_bytes: Option<u64>,
}

impl Default for MintRequest {
    fn default() -> Self {
        Self {
            suite: Suite::X25519,
            validity: None,
            kind: None,
            sender: SenderRule::Anyone,
            reference: None,
            period: None,
            text: None,
            max_bytes: None,
        }
    }
}

/// Why no ticket was minted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MintError {
    /// The request asks for what cannot be.
    #[error("{0}")]
    Invalid(String),
    /// No inner proxy is connected, or none gave tokens.
    #[error("no ticket without a route: no inner proxy is connected or gives tokens; see 'schleuse-receiver status'")]
    NoRoute,
    /// There are route tokens for a part only, so nothing was minted.
    #[error(
        "nothing was minted: the inner proxies gave route tokens for {there} of {wanted} tickets; mint fewer at a time, \
         or try again in a minute"
    )]
    FewTokens {
        /// For so many tickets tokens are in stock.
        there: usize,
        /// So many tickets were asked for.
        wanted: usize,
    },
    /// The ticket could not be made durable, so it was not handed out.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<Shortage> for MintError {
    fn from(Shortage { wanted, there }: Shortage) -> Self {
        if there == 0 { Self::NoRoute } else { Self::FewTokens { there, wanted } }
    }
}

impl MintRequest {
    fn check(&self, default_validity: Duration) -> Result<Duration, MintError> {
        let invalid = |text: String| Err(MintError::Invalid(text));
        let validity = self.validity.unwrap_or(default_validity);
        if validity.is_zero() || validity > MAX_VALIDITY {
            let hours = MAX_VALIDITY.as_secs() / 3600;
            return invalid(format!("a ticket is valid for at least one second and at most {hours} hours"));
        }
        for (name, text) in [("reference", &self.reference), ("text", &self.text)] {
            if text.as_ref().is_some_and(|text| text.len() > MAX_PURPOSE_TEXT) {
                return invalid(format!("the {name} is longer than {MAX_PURPOSE_TEXT} bytes"));
            }
        }
        if self.period.is_some_and(|(from, to)| from > to) {
            return invalid("the period ends before it begins".into());
        }
        if self.max_bytes == Some(0) {
            return invalid("max_bytes must be at least 1".into());
        }
        Ok(validity)
    }

    /// What the ticket says of it; nothing if there is nothing to say, which keeps the ticket small.
    fn purpose(&self) -> Option<Purpose> {
        let sender = match self.sender {
            SenderRule::Member(id) => Some(id),
            SenderRule::Anyone | SenderRule::AnyMember => None,
        };
        let purpose = Purpose {
            kind: self.kind,
            sender,
            reference: self.reference.clone(),
            period: self.period,
            text: self.text.clone(),
        };
        (purpose != Purpose::default()).then_some(purpose)
    }
}

/// Mints `count` tickets like this: all of them or, on an error, none.
pub(crate) async fn mint_many(core: &Core, request: &MintRequest, count: usize) -> Result<Vec<Ticket>, MintError> {
    let validity = request.check(core.config.tickets.validity)?;
    if !(1..=MAX_COUNT).contains(&count) {
        return Err(MintError::Invalid(format!("1 to {MAX_COUNT} tickets are minted at a time, not {count}")));
    }
    let minted_at = core.clock.unix();
    let not_after = minted_at.after(validity);
    let mut routes = core.routes.take(count, not_after).await?;
    // A nonce that is in another ticket makes its route useless, not the ticket. Between this look and the commit
    // another mint can have used it only once more, so a few rounds are enough.
    for _ in 0..MOST_COLLISIONS {
        drop_collisions(core, &mut routes).await?;
        let missing = routes.iter().filter(|routes| routes.is_empty()).count();
        routes.retain(|routes| !routes.is_empty());
        if missing > 0 {
            routes.extend(core.routes.take(missing, not_after).await?);
            continue;
        }
        let (mut tickets, mut rows) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for routes in &routes {
            let (ticket, row) = make(core, request, routes.clone(), minted_at, not_after)?;
            tickets.push(ticket);
            rows.push(row);
            if rows.len() % IN_ONE_GO == 0 {
                tokio::task::yield_now().await;
            }
        }
        match core.store.write(Command::AddTickets(rows)).await {
            Err(StoreError::Refused(Refused::Exists)) => {}
            added => {
                added?;
                crash::point("after-mint-commit", "");
                return Ok(tickets);
            }
        }
    }
    Err(MintError::NoRoute)
}

/// Takes the routes away whose nonces are in other tickets, or twice in these, and names who handed them out.
async fn drop_collisions(core: &Core, routes: &mut [Vec<Route>]) -> Result<(), StoreError> {
    let nonces = routes.iter().flatten().map(|route| route.token.nonce).collect();
    let mut used = core.store.nonces_in_tickets(nonces).await?;
    for routes in routes {
        routes.retain(|route| {
            let is_new = used.insert(route.token.nonce);
            if !is_new {
                core.routes.complain(route.inner, Complaint::Collision);
            }
            is_new
        });
    }
    Ok(())
}

fn make(
    core: &Core,
    request: &MintRequest,
    routes: Vec<Route>,
    minted_at: UnixSeconds,
    not_after: UnixSeconds,
) -> Result<(Ticket, NewTicket), MintError> {
    let mut random = [0; 48];
    getrandom::fill(&mut random)?;
    let (id, secret) = random.split_at(16);
    let (one_time_secret, key) = OneTimeSecret::generate(request.suite, &mut schleuse_seal::system_rng());
    let body = TicketBody {
        version: VERSION,
        office: core.office(),
        id: TicketId(id.try_into().expect("16 bytes")),
        key,
        secret: TicketSecret(secret.try_into().expect("32 bytes")),
        not_before: UnixSeconds(minted_at.0.saturating_sub(CLOCK_SLACK)),
        not_after,
        routes,
        purpose: request.purpose(),
    };
    zeroize::Zeroize::zeroize(&mut random);
    let ticket = sign_ticket(body, core.seal.signing_key());
    let body = ticket.body();
    let row = NewTicket {
        id: body.id,
        ticket_sealed: core.vault.wrap_ticket(&ticket),
        key_sealed: core.vault.wrap_one_time_key(body.id, &one_time_secret),
        reference_sealed: request.reference.as_deref().map(|text| core.vault.wrap_reference(body.id, text)),
        not_after,
        minted_at,
        max_bytes: request.max_bytes.unwrap_or(core.config.tickets.max_content),
        sender_rule: request.sender.to_string(),
        routes: body.routes.iter().map(|route| (route.token.nonce, route.inner)).collect(),
    };
    Ok((ticket, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let request = MintRequest::default();
        assert_eq!(request.check(WEEK).unwrap(), WEEK);
        for (request, reason) in [
            (MintRequest { validity: Some(MAX_VALIDITY * 2), ..request.clone() }, "480 hours"),
            (MintRequest { validity: Some(Duration::ZERO), ..request.clone() }, "one second"),
            (MintRequest { text: Some("x".repeat(1025)), ..request.clone() }, "text is longer"),
            (MintRequest { period: Some((UnixSeconds(2), UnixSeconds(1))), ..request.clone() }, "ends before"),
            (MintRequest { max_bytes: Some(0), ..request.clone() }, "at least 1"),
        ] {
            let error = request.check(WEEK).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_ticket_without_purpose_says_nothing() {
        assert_eq!(MintRequest::default().purpose(), None);
        let vendor = "vendor-1".parse().unwrap();
        let bound = MintRequest { sender: SenderRule::Member(vendor), ..MintRequest::default() };
        assert_eq!(bound.purpose().unwrap().sender, Some(vendor));
    }
}
