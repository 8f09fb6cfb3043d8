//! The figures of docs/performance.md, one module each.

mod bulk;
mod cold;
mod garbage;
mod growth;
mod idle;
mod latency;
mod receiver;
mod seal;
mod throughput;

use anyhow::{Context, Result};

use crate::bench::{Bench, CONNECTIONS, Chain};
use crate::child::Child;
use crate::net::{Network, Size};
use crate::reference::primitives::Primitives;
use crate::reference::sqlite::{self, Commits};
use crate::role::Role;
use crate::stats::Spread;

/// What other figures are compared with or begin from.
pub(crate) struct Ground {
    pub(crate) primitives: Primitives,
    pub(crate) commits: Commits,
    pub(crate) chain: Chain,
    pub(crate) network: Network,
    pub(crate) generator: Child,
}

/// Names for `--only`, in the order in which they run.
pub(crate) const NAMES: &[&str] =
    &["throughput", "latency", "cold", "bulk", "garbage", "seal", "receiver", "idle", "growth"];

/// Measures what was asked for. A figure that fails is missing from the report, with its reason.
pub(crate) fn measure(bench: &mut Bench, only: &[String]) -> Result<()> {
    let wanted = |name: &&&str| only.is_empty() || only.iter().any(|only| only == **name);
    let names: Vec<&str> = NAMES.iter().filter(wanted).copied().collect();
    let mut ground = lay(bench)?;
    for name in names {
        eprintln!("measuring: {name}");
        let result = match name {
            "throughput" => throughput::measure(bench, &mut ground),
            "latency" => latency::measure(bench, &mut ground),
            "cold" => cold::measure(bench, &ground),
            "bulk" => bulk::measure(bench, &mut ground),
            "garbage" => garbage::measure(bench, &ground),
            "seal" => seal::measure(bench),
            "receiver" => receiver::measure(bench),
            "idle" => idle::measure(bench),
            _ => growth::measure(bench),
        };
        if let Err(error) = result {
            eprintln!("{name}: {error:#}");
            bench.report.missing.push((name.to_owned(), format!("{error:#}")));
        }
    }
    Ok(())
}

/// References first; then one of everything that stays up.
fn lay(bench: &mut Bench) -> Result<Ground> {
    let plan = bench.plan;
    eprintln!("measuring: primitives and plain SQLite");
    let primitives = Primitives::measure(bench.report.machine.cores, plan.repetitions)?;
    for (name, value) in primitives.list() {
        bench.report.fact("Primitives, one call, all cores busy with the same", name, "µs", value);
    }
    let data = crate::net::place_for_data()?;
    let window = std::time::Duration::from_secs_f64(plan.seconds / 3.0);
    let commits = sqlite::measure(data.path(), plan.repetitions, window)?;
    record_commits(bench, &commits)?;
    let chain = Chain::start(bench)?;
    let network = Network::start(&bench.programs, Size { vendors: CONNECTIONS, crowd: 0 })?;
    let generator = generator(&network, "directory.json", CONNECTIONS)?;
    Ok(Ground { primitives, commits, chain, network, generator })
}

fn record_commits(bench: &mut Bench, commits: &Commits) -> Result<()> {
    const GROUP: &str = "Plain SQLite, WAL, synchronous = FULL, rows of 2 KiB";
    let grouped = Spread::of(commits.grouped_per_second.iter().copied()).context("no repetition")?;
    let mut fact = |what: &str, unit, value| bench.report.fact(GROUP, what, unit, value);
    fact("one row a commit", "rows/s", commits.single_per_second);
    fact("one row a commit, p50", "µs", Spread::exactly(commits.single.percentile(0.5)));
    fact("one row a commit, p99", "µs", Spread::exactly(commits.single.percentile(0.99)));
    fact("128 rows a commit", "rows/s", grouped);
    fact("128 rows a commit, CPU time of one row", "µs", commits.share_cpu);
    Ok(())
}

/// A process of vendors.
fn generator(network: &Network, directory: &str, vendors: usize) -> Result<Child> {
    Child::start(&Role::VendorLoad { root: network.root().to_owned(), directory: directory.to_owned(), vendors })
}
