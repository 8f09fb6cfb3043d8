//! Latency at half load, warm, against the sum of what cannot be left out.

use anyhow::{Context, Result};

use super::{Ground, throughput};
use crate::bench::{Bench, Timed, run_latencies};
use crate::report::{Aim, Row};
use crate::role::Order;
use crate::stats::Spread;

/// Arrivals per second at which hardly two submissions are under way at the same time.
const ALONE: f64 = 25.0;

pub(super) fn measure(bench: &mut Bench, ground: &mut Ground) -> Result<()> {
    let full = throughput::submissions(ground, bench, 1)?.per_second;
    let order = Order::Open(bench.plan.open(full / 2.0));
    let (mut naive, mut sealed) = (Vec::new(), Vec::new());
    for _ in 0..bench.plan.repetitions {
        naive.push(ground.chain.open(&order)?);
        let Ground { network, generator, .. } = &mut *ground;
        sealed.push(run_latencies(generator, &order, || network.proxies_cpu_time())?);
    }
    bench.report.fact("Latency", "arrivals at half load", "/s", Spread::exactly(full / 2.0));
    for (name, share, most) in [("p50", 0.5, 1.25), ("p99", 0.99, 2.0)] {
        let of = |runs: &[Timed]| runs.iter().map(|run| run.latencies.percentile(share)).collect::<Vec<f64>>();
        let own = ground.primitives.on_the_critical_path(1) + ground.commits.single.percentile(share);
        let sums: Vec<f64> = of(&naive).iter().map(|chain| chain + own).collect();
        let spread = |values: &[f64]| Spread::of(values.iter().copied()).context("no repetition");
        bench.report.fact("Latency", format!("naive chain at the same rate, {name}"), "µs", spread(&of(&naive))?);
        let ratio = Spread::of_ratios(&of(&sealed), &sums).context("no repetition")?;
        let row = Row::new(format!("latency at half load, {name}"), "µs", spread(&of(&sealed))?)
            .against_with("naive chain + primitives + one commit", spread(&sums)?, ratio)
            .aim(Aim::RatioAtMost(most));
        bench.report.rows.push(row);
    }
    let cpu = |runs: &[Timed]| runs.iter().map(|run| run.cpu_micros).collect::<Vec<f64>>();
    let spread = |values: Vec<f64>| Spread::of(values).context("no repetition");
    let ratio = Spread::of_ratios(&cpu(&sealed), &cpu(&naive)).context("no repetition")?;
    let row = Row::new("CPU time of both proxies per submission, at half load", "µs", spread(cpu(&sealed))?)
        .against_with("the naive relays at the same rate", spread(cpu(&naive))?, ratio)
        .aim(Aim::RatioAtMost(1.2));
    bench.report.rows.push(row);
    alone(bench, ground)
}

/// What it takes when nobody else is there: the difference to half load is waiting for each other.
fn alone(bench: &mut Bench, ground: &mut Ground) -> Result<()> {
    let order = Order::Open(bench.plan.open(ALONE));
    let naive = ground.chain.open(&order)?;
    let Ground { network, generator, .. } = &mut *ground;
    let sealed = run_latencies(generator, &order, || network.proxies_cpu_time())?;
    for (what, run) in [("naive chain", &naive), ("network", &sealed)] {
        let p50 = Spread::exactly(run.latencies.percentile(0.5));
        bench.report.fact("Latency", format!("{what} at {ALONE} arrivals per second, p50"), "µs", p50);
    }
    Ok(())
}
