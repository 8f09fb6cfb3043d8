//! Load: closed loops for throughput, open loops for latency.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::role::{ClosedLoop, OpenLoop, Said};
use crate::stats::Latencies;

/// Something to be done over and over.
pub(crate) trait Job: Clone + Send + 'static {
    /// Does it once. `number` spreads the work over connections.
    fn run(&self, number: usize) -> impl Future<Output = Result<()>> + Send;
}

/// What was completed within the window.
pub(crate) struct Done {
    pub(crate) count: u64,
    pub(crate) seconds: f64,
}

/// Keeps `in_flight` jobs running. `begins` and `ends` are called at the two ends of the window, while the load runs.
pub(crate) async fn closed<J: Job>(
    job: J,
    order: ClosedLoop,
    begins: impl FnOnce() -> Result<()>,
    ends: impl FnOnce(Done) -> Result<()>,
) -> Result<()> {
    let done = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for number in 0..order.in_flight {
        let (job, done, stop) = (job.clone(), done.clone(), stop.clone());
        workers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                job.run(number).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    let window = async {
        tokio::time::sleep(Duration::from_secs_f64(order.warm_up)).await;
        begins()?;
        let (since, before) = (Instant::now(), done.load(Ordering::Relaxed));
        tokio::time::sleep(Duration::from_secs_f64(order.seconds)).await;
        let count = done.load(Ordering::Relaxed) - before;
        ends(Done { count, seconds: since.elapsed().as_secs_f64() })
    };
    tokio::select! {
        ended = workers.join_next() => match ended {
            Some(Ok(Err(error))) => return Err(error),
            _ => bail!("a worker ended before the window did"),
        },
        result = window => result?,
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Begins jobs at random times with the given mean rate (a Poisson process), whether earlier ones have ended or not, and
/// takes the time from when each *should* have begun: a stall counts for all that it delays (no coordinated omission).
pub(crate) async fn open<J: Job>(job: J, order: OpenLoop) -> Result<Said> {
    let start = Instant::now();
    let mut due = arrivals(order, start);
    let counts_from = start + Duration::from_secs_f64(order.warm_up);
    let mut running = JoinSet::new();
    let mut latencies = Latencies::default();
    let mut number = 0;
    let mut all_begun = false;
    while !(all_begun && running.is_empty()) {
        tokio::select! {
            biased;
            intended = due.recv(), if !all_begun => match intended {
                Some(intended) => {
                    let job = job.clone();
                    running.spawn(async move { job.run(number).await.map(|()| (intended, intended.elapsed())) });
                    number += 1;
                }
                None => all_begun = true,
            },
            Some(ended) = running.join_next() => {
                let (intended, latency) = ended??;
                if intended >= counts_from {
                    latencies.add(latency);
                }
            }
        }
    }
    ensure!(latencies.len() > 0, "nothing was sent within the window");
    Ok(Said::Took { latencies, sent: number as u64 })
}

/// A thread that only keeps time: it does not wait for anything but the clock.
fn arrivals(order: OpenLoop, start: Instant) -> mpsc::UnboundedReceiver<Instant> {
    let (sender, due) = mpsc::unbounded_channel();
    let mut next = start;
    let end = start + Duration::from_secs_f64(order.warm_up + order.seconds);
    std::thread::spawn(move || {
        while next < end {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            if sender.send(next).is_err() {
                return;
            }
            next += exponential(order.rate);
        }
    });
    due
}

/// Time to the next arrival.
fn exponential(rate: f64) -> Duration {
    let uniform: f64 = rand::random();
    Duration::from_secs_f64(-(1.0 - uniform).ln() / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Pause(Duration);

    impl Job for Pause {
        async fn run(&self, _number: usize) -> Result<()> {
            tokio::time::sleep(self.0).await;
            Ok(())
        }
    }

    /// Answers nothing before this moment.
    #[derive(Clone)]
    struct StalledUntil(Instant);

    impl Job for StalledUntil {
        async fn run(&self, _number: usize) -> Result<()> {
            tokio::time::sleep_until(self.0.into()).await;
            Ok(())
        }
    }

    #[test]
    fn the_mean_time_between_arrivals_is_the_inverse_of_the_rate() {
        let total: Duration = (0..20_000).map(|_| exponential(1000.0)).sum();
        assert!((18.0..22.0).contains(&total.as_secs_f64()), "{total:?}");
    }

    #[tokio::test]
    async fn a_closed_loop_counts_what_ends_within_the_window() {
        let order = ClosedLoop { in_flight: 4, warm_up: 0.05, seconds: 0.3, suite: 1 };
        let mut found = None;
        let mut begun = false;
        let begins = || {
            begun = true;
            Ok(())
        };
        closed(Pause(Duration::from_millis(30)), order, begins, |done| {
            found = Some(done.count);
            Ok(())
        })
        .await
        .unwrap();
        // Four workers, ten rounds each; a busy machine makes it fewer.
        assert!(begun && (1..=44).contains(&found.unwrap()), "{found:?}");
    }

    #[tokio::test]
    async fn a_stall_counts_for_everything_that_should_have_begun_meanwhile() {
        let order = OpenLoop { rate: 1000.0, warm_up: 0.0, seconds: 0.2 };
        // Far longer than the window, so that a busy machine, which begins late, changes nothing.
        let stall = StalledUntil(Instant::now() + Duration::from_secs(3));
        let Said::Took { latencies, sent } = open(stall, order).await.unwrap() else { panic!("latencies") };
        assert_eq!(latencies.len() as u64, sent);
        assert!(latencies.len() > 100, "arrivals do not wait for answers");
        assert!(latencies.percentile(0.5) > 50_000.0, "each waited from when it was due to the end of the stall");
    }

    #[tokio::test]
    async fn an_error_ends_the_load() {
        #[derive(Clone)]
        struct Fails;
        impl Job for Fails {
            async fn run(&self, _number: usize) -> Result<()> {
                bail!("refused")
            }
        }
        let order = ClosedLoop { in_flight: 2, warm_up: 0.0, seconds: 60.0, suite: 1 };
        assert!(closed(Fails, order, || Ok(()), |_| Ok(())).await.is_err());
        assert!(open(Fails, OpenLoop { rate: 100.0, warm_up: 0.0, seconds: 0.1 }).await.is_err());
    }
}
