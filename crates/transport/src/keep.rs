//! A link that is dialled, kept, and dialled again.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use schleuse_protocol::wire::name::MemberId;

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::shutdown::Shutdown;

/// The longest first pause before dialling again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A link that lived as long as this was a success: the next pause is short again.
const SUCCESS: Duration = Duration::from_secs(10);

/// What is dialled, and what a link is good for.
pub trait Dial {
    /// A connection with the peer that was meant, ready for use.
    type Link: Send;
    /// Why there is no link: what failed, and what to do.
    type Failure: Display + Send;
    /// Why a link is of no more use.
    type End: Display + Send;

    /// Who is dialled, for the log.
    fn peer(&self) -> MemberId;

    /// Makes a link.
    fn dial(&mut self) -> impl Future<Output = Result<Self::Link, Self::Failure>> + Send;

    /// Uses the link until it is lost or is to take nothing new. Cut off when the daemon drains.
    fn serve(&mut self, link: Self::Link) -> impl Future<Output = Self::End> + Send;

    /// No link could be made.
    fn failed(&mut self, _error: &str) {}

    /// The link is no longer used.
    fn ended(&mut self) {}
}

/// Keeps a link with one peer until draining begins. `longest_pause` is the most that is waited between two attempts.
///
/// Of attempts that fail one after the other only the first is logged loudly: a peer that is away for a day must not fill
/// the log.
pub async fn keep(mut peer: impl Dial, longest_pause: Duration, clock: Clock, shutdown: &Shutdown) {
    let mut backoff = Backoff::new(FIRST_PAUSE, longest_pause);
    let id = peer.peer();
    while let Some(dialled) = shutdown.unless_draining(peer.dial()).await {
        match dialled.map_err(|error| error.to_string()) {
            Ok(link) => {
                let since = clock.millis();
                let end = shutdown.unless_draining(peer.serve(link)).await.map(|end| end.to_string());
                peer.ended();
                let Some(end) = end else { return };
                tracing::info!(peer = %id, %end, "a link ended");
                if clock.millis().since(since) >= SUCCESS {
                    backoff.reset();
                }
            }
            Err(error) => {
                match backoff.failures() {
                    0 => tracing::warn!(peer = %id, %error, "cannot link"),
                    failures => tracing::debug!(peer = %id, %error, failures, "cannot link"),
                }
                peer.failed(&error);
            }
        }
        if shutdown.unless_draining(tokio::time::sleep(backoff.next_delay())).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(10);

    /// Fails as often as it is told to, and then links for a moment each time.
    struct Scripted {
        failures: usize,
        log: Vec<(Duration, &'static str)>,
        clock: Clock,
        shutdown: Shutdown,
    }

    impl Scripted {
        fn note(&mut self, what: &'static str) {
            self.log.push((Duration::from_millis(self.clock.millis().0), what));
        }
    }

    impl Dial for &mut Scripted {
        type Link = ();
        type Failure = &'static str;
        type End = &'static str;

        fn peer(&self) -> MemberId {
            "inner-1".parse().unwrap()
        }

        async fn dial(&mut self) -> Result<(), &'static str> {
            match self.failures.checked_sub(1) {
                Some(left) => {
                    self.failures = left;
                    Err("nobody is there")
                }
                None => Ok(()),
            }
        }

        async fn serve(&mut self, (): ()) -> &'static str {
            self.note("linked");
            tokio::time::sleep(SUCCESS).await;
            if self.log.len() > 8 {
                self.shutdown.drain();
                std::future::pending::<()>().await;
            }
            "it left"
        }

        fn failed(&mut self, error: &str) {
            assert_eq!(error, "nobody is there");
            self.note("failed");
        }

        fn ended(&mut self) {
            self.note("ended");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_dialled_until_it_links_and_again_after_each_end_until_the_drain() {
        let (clock, shutdown) = (Clock::start(), Shutdown::new());
        let mut peer = Scripted { failures: 5, log: Vec::new(), clock, shutdown: shutdown.clone() };
        keep(&mut peer, LONGEST, clock, &shutdown).await;
        let what: Vec<_> = peer.log.iter().map(|(_, what)| *what).collect();
        assert_eq!(what[..5], ["failed"; 5]);
        assert_eq!(what[5..], ["linked", "ended", "linked", "ended", "linked", "ended"]);
        let pauses: Vec<_> = peer.log.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(pauses.iter().all(|pause| *pause <= LONGEST + SUCCESS));
        assert!(pauses[6] <= FIRST_PAUSE, "a link that held makes the next pause short: {pauses:?}");
    }
}
