//! What has to be done now and then: end tickets, clear away ciphertext, keep tokens fresh.

use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::time::UnixSeconds;

use crate::core::Core;
use crate::store::{Command, Outcome, StoreError};

/// How often tickets are ended and stale tokens replaced.
const INTERVAL: Duration = Duration::from_secs(60);

/// Runs until the daemon drains.
pub(crate) async fn run(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        let wake = async {
            tokio::select! {
                _ = ticks.tick() => {}
                () = core.garbage.notified() => {}
            }
        };
        if core.shutdown.unless_draining(wake).await.is_none() {
            return;
        }
        core.members.look(core.clock.unix());
        core.routes.refill();
        match once(&core).await {
            Ok(()) => failing = false,
            Err(StoreError::Stopped) => return,
            // The writer has said why; here it matters only that keys live longer than they should.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!("ended tickets cannot be deleted yet: {error}");
            }
            Err(_) => {}
        }
    }
}

/// One round: ends what has ended, then clears away piece by piece, so that uploads get their turn in between.
pub(crate) async fn once(core: &Core) -> Result<(), StoreError> {
    let grace = core.config.tickets.grace.as_secs();
    let before = UnixSeconds(core.clock.unix().0.saturating_sub(grace));
    end_tickets(core, before).await?;
    while core.store.write(Command::Sweep).await? == Outcome::Swept(true) {
        if core.shutdown.is_draining() {
            break;
        }
    }
    Ok(())
}

/// An upload that runs is not cut: its ticket ends in a later round.
async fn end_tickets(core: &Core, before: UnixSeconds) -> Result<(), StoreError> {
    loop {
        let except = core.leases.tickets();
        match core.store.write(Command::EndTickets { before, except }).await? {
            Outcome::Ended { tickets: 1.., routes } => core.routes.report_used(&routes),
            _ => return Ok(()),
        }
    }
}
