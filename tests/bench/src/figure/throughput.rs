//! Submissions per second, and the proxies' share of the CPU time.
//!
//! The limit is arithmetic: if all cores did nothing but what a naive chain of two relays costs for the same request and
//! answer (all four processes) and the primitives that one submission needs, so many would fit into a second.

use anyhow::{Context, Result};

use super::Ground;
use crate::bench::{Bench, Throughput, run_closed};
use crate::report::{Aim, Row};
use crate::role::Order;
use crate::stats::Spread;

pub(crate) const IN_FLIGHT: usize = 128;

pub(super) fn measure(bench: &mut Bench, ground: &mut Ground) -> Result<()> {
    let plan = bench.plan;
    let (mut naive, mut one, mut two) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.repetitions {
        naive.push(ground.chain.closed(plan.closed(IN_FLIGHT, 1))?);
        one.push(submissions(ground, bench, 1)?);
        two.push(submissions(ground, bench, 2)?);
    }
    for (suite, measured) in [(1, &one), (2, &two)] {
        let row = against_the_limit(bench, ground, suite, &naive, measured)?;
        bench.report.rows.push(row);
    }
    let of = |what: fn(&Throughput) -> f64, runs: &[Throughput]| -> Vec<f64> { runs.iter().map(what).collect() };
    let (relays, proxies) = (of(Throughput::relayed, &naive), of(Throughput::relayed, &one));
    let spread = |values: &[f64]| Spread::of(values.iter().copied()).context("no repetition");
    let ratio = Spread::of_ratios(&proxies, &relays).context("no repetition")?;
    let row = Row::new("CPU time of both proxies per submission", "µs", spread(&proxies)?)
        .against_with("the naive chain's two relays", spread(&relays)?, ratio)
        .aim(Aim::RatioAtMost(1.2))
        .aim(Aim::AtMost(60.0));
    bench.report.rows.push(row);
    record_parts(bench, ground, &naive, &one)
}

/// A closed loop of submissions; watched are outer proxy, inner proxy, receiver and generator.
pub(super) fn submissions(ground: &mut Ground, bench: &Bench, suite: u8) -> Result<Throughput> {
    let Ground { network, generator, .. } = ground;
    run_closed(generator, &Order::Closed(bench.plan.closed(IN_FLIGHT, suite)), |generator| network.cpu_times(generator))
}

fn against_the_limit(
    bench: &Bench,
    ground: &Ground,
    suite: u8,
    naive: &[Throughput],
    measured: &[Throughput],
) -> Result<Row> {
    #[allow(clippy::cast_precision_loss)]
    let cores = bench.report.machine.cores as f64;
    let own = ground.primitives.of_a_submission(suite) + ground.commits.share_cpu.median;
    let limits: Vec<f64> = naive.iter().map(|chain| cores * 1e6 / (chain.all() + own)).collect();
    let rates: Vec<f64> = measured.iter().map(|run| run.per_second).collect();
    let spread = |values: &[f64]| Spread::of(values.iter().copied()).context("no repetition");
    let ratio = Spread::of_ratios(&rates, &limits).context("no repetition")?;
    Ok(Row::new(format!("submissions of 2 KiB, 128 in flight, suite {suite}"), "/s", spread(&rates)?)
        .against_with("arithmetic limit", spread(&limits)?, ratio)
        .aim(Aim::RatioAtLeast(0.75)))
}

/// Where the limit and the time go.
fn record_parts(bench: &mut Bench, ground: &Ground, naive: &[Throughput], one: &[Throughput]) -> Result<()> {
    const GROUP: &str = "Parts of the throughput figures";
    let of =
        |what: fn(&Throughput) -> f64, runs: &[Throughput]| Spread::of(runs.iter().map(what)).context("no repetition");
    let rows = [
        ("naive chain, requests", "/s", of(|run| run.per_second, naive)?),
        ("naive chain, CPU time of all four processes per request", "µs", of(Throughput::all, naive)?),
        ("primitives of one submission, suite 1", "µs", Spread::exactly(ground.primitives.of_a_submission(1))),
        ("primitives of one submission, suite 2", "µs", Spread::exactly(ground.primitives.of_a_submission(2))),
        ("CPU time of all processes per submission, suite 1", "µs", of(Throughput::all, one)?),
        ("of it the outer proxy", "µs", of(|run| run.cpu_micros[0], one)?),
        ("of it the inner proxy", "µs", of(|run| run.cpu_micros[1], one)?),
        ("of it the receiver, with minting", "µs", of(|run| run.cpu_micros[2], one)?),
        ("of it the generator, with the vendors' cryptography", "µs", of(|run| run.cpu_micros[3], one)?),
    ];
    rows.into_iter().for_each(|(what, unit, value)| bench.report.fact(GROUP, what, unit, value));
    for (name, memory) in [
        ("outer proxy", ground.network.outer.memory()?),
        ("inner proxy", ground.network.inner.memory()?),
        ("receiver", ground.network.receiver.memory()?),
    ] {
        let peak = Spread::exactly(memory.peak / 1024.0);
        bench.report.fact(GROUP, format!("peak resident memory of the {name} after it"), "MiB", peak);
    }
    Ok(())
}
