//! What all figures share: the plan, the programs, the report.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::child::Child;
use crate::net::{Programs, naive_keys};
use crate::report::{Machine, Report};
use crate::role::{ClosedLoop, OpenLoop, Order, Role, Said};
use crate::stats::Latencies;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) repetitions: usize,
    pub(crate) warm_up: f64,
    /// Of one window.
    pub(crate) seconds: f64,
    pub(crate) bulk_bytes: u64,
    /// Offices connected in the stages of the growing network.
    pub(crate) stages: &'static [usize],
}

impl Plan {
    /// The figures that count.
    pub(crate) const FULL: Self = Self {
        repetitions: 5,
        warm_up: 0.7,
        seconds: 3.0,
        bulk_bytes: 256 * 1024 * 1024,
        stages: &[1, 10, 110, 1_000, 10_000],
    };

    /// Whether everything works; its figures mean little.
    pub(crate) const QUICK: Self =
        Self { repetitions: 2, warm_up: 0.2, seconds: 0.5, bulk_bytes: 16 * 1024 * 1024, stages: &[1, 10, 110] };

    /// Idle connections at the largest stage.
    pub(crate) fn most_offices(&self) -> usize {
        self.stages.last().copied().unwrap_or(1)
    }

    pub(crate) fn closed(&self, in_flight: usize, suite: u8) -> ClosedLoop {
        ClosedLoop { in_flight, warm_up: self.warm_up, seconds: self.seconds, suite }
    }

    pub(crate) fn open(&self, rate: f64) -> OpenLoop {
        OpenLoop { rate, warm_up: self.warm_up, seconds: self.seconds }
    }
}

/// The state of a run.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) programs: Programs,
    pub(crate) report: Report,
    /// Certificate and key of the references.
    pub(crate) keys: PathBuf,
    _keys_folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        let (folder, keys) = naive_keys()?;
        let report = Report { machine: Machine::here(), repetitions: plan.repetitions, ..Report::default() };
        Ok(Self { plan, programs: Programs::build()?, report, keys, _keys_folder: folder })
    }
}

/// What a closed loop gave, and what it took.
#[derive(Clone, Debug)]
pub(crate) struct Throughput {
    pub(crate) per_second: f64,
    /// CPU time per completed job of each process that was watched, in microseconds; the two relays or proxies first.
    pub(crate) cpu_micros: Vec<f64>,
}

impl Throughput {
    /// Of the two relays or proxies.
    pub(crate) fn relayed(&self) -> f64 {
        self.cpu_micros.iter().take(2).sum()
    }

    /// Of all processes.
    pub(crate) fn all(&self) -> f64 {
        self.cpu_micros.iter().sum()
    }
}

/// Runs a closed loop; `watched` tells CPU time of processes so far, and is asked at both ends of the window.
pub(crate) fn run_closed(
    generator: &mut Child,
    order: &Order,
    watched: impl Fn(&Child) -> Result<Vec<Duration>>,
) -> Result<Throughput> {
    generator.tell(order)?;
    let Said::WindowBegins = generator.hear()? else { bail!("the window does not begin") };
    let before = watched(generator)?;
    let Said::WindowEnds { done, seconds } = generator.hear()? else { bail!("the window does not end") };
    let after = watched(generator)?;
    let Said::Idle = generator.hear()? else { bail!("the load does not end") };
    if done == 0 {
        bail!("nothing was completed within the window");
    }
    // Counts of a few seconds are far below what an f64 holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let done = done as f64;
    let micros = |(before, after): (&Duration, &Duration)| after.saturating_sub(*before).as_secs_f64() * 1e6 / done;
    let cpu_micros = before.iter().zip(&after).map(micros).collect();
    Ok(Throughput { per_second: done / seconds, cpu_micros })
}

/// Latencies, and the CPU time that it took per job.
pub(crate) struct Timed {
    pub(crate) latencies: Latencies,
    /// Of what was watched, in microseconds, over all jobs of the order.
    pub(crate) cpu_micros: f64,
}

/// Has something done that yields latencies.
pub(crate) fn run_latencies(
    generator: &mut Child,
    order: &Order,
    watched: impl Fn() -> Result<Duration>,
) -> Result<Timed> {
    let before = watched()?;
    generator.tell(order)?;
    let Said::Took { latencies, sent } = generator.hear()? else { bail!("no latencies came") };
    let used = watched()?.saturating_sub(before);
    let Said::Idle = generator.hear()? else { bail!("the load does not end") };
    #[allow(clippy::cast_precision_loss)]
    let cpu_micros = used.as_secs_f64() * 1e6 / sent.max(1) as f64;
    Ok(Timed { latencies, cpu_micros })
}

/// Has something done that yields seconds. Returns them, and the CPU time that each process which is watched took.
pub(crate) fn run_timed(
    generator: &mut Child,
    order: &Order,
    watched: impl Fn(&Child) -> Result<Vec<Duration>>,
) -> Result<(f64, Vec<Duration>)> {
    let before = watched(generator)?;
    generator.tell(order)?;
    let Said::TookSeconds(seconds) = generator.hear()? else { bail!("no time came") };
    let after = watched(generator)?;
    let Said::Idle = generator.hear()? else { bail!("the load does not end") };
    Ok((seconds, before.iter().zip(&after).map(|(before, after)| after.saturating_sub(*before)).collect()))
}

/// Has something done that yields nothing.
pub(crate) fn run_silent(child: &mut Child, order: &Order) -> Result<()> {
    child.tell(order)?;
    let Said::Idle = child.hear()? else { bail!("the order was not carried out") };
    Ok(())
}

/// The references of the network: a server behind two naive relays, and a generator that dials the first.
pub(crate) struct Chain {
    pub(crate) server: Child,
    pub(crate) relays: [Child; 2],
    pub(crate) generator: Child,
}

/// Connections of every generator, naive or not.
pub(crate) const CONNECTIONS: usize = 4;

impl Chain {
    pub(crate) fn start(bench: &Bench) -> Result<Self> {
        let keys = || bench.keys.clone();
        let server = Child::start(&Role::Answer { keys: keys() })?;
        let second = Child::start(&Role::Relay { keys: keys(), next: server.address()? })?;
        let first = Child::start(&Role::Relay { keys: keys(), next: second.address()? })?;
        let target = first.address()?;
        let generator = Child::start(&Role::NaiveLoad { keys: keys(), target, connections: CONNECTIONS })?;
        Ok(Self { server, relays: [first, second], generator })
    }

    /// Latencies at a rate; what is watched are the two relays.
    pub(crate) fn open(&mut self, order: &Order) -> Result<Timed> {
        let Self { relays, generator, .. } = self;
        run_latencies(generator, order, || Ok(relays[0].cpu_time()? + relays[1].cpu_time()?))
    }

    /// A closed loop; what is watched are all four processes.
    pub(crate) fn closed(&mut self, order: ClosedLoop) -> Result<Throughput> {
        let Self { server, relays, generator } = self;
        run_closed(generator, &Order::Closed(order), |generator| Self::watch(relays, server, generator))
    }

    /// Something that takes seconds; what is watched are all four processes.
    pub(crate) fn timed(&mut self, order: &Order) -> Result<(f64, Vec<Duration>)> {
        let Self { server, relays, generator } = self;
        run_timed(generator, order, |generator| Self::watch(relays, server, generator))
    }

    fn watch(relays: &[Child; 2], server: &Child, generator: &Child) -> Result<Vec<Duration>> {
        [&relays[0], &relays[1], server, generator].into_iter().map(Child::cpu_time).collect()
    }
}
