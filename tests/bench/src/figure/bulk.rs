//! One large submission, and what it leaves in memory.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Ground;
use crate::bench::{Bench, run_timed};
use crate::report::{Aim, Row};
use crate::role::Order;
use crate::stats::Spread;

const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn measure(bench: &mut Bench, ground: &mut Ground) -> Result<()> {
    let order = Order::Bulk { bytes: bench.plan.bulk_bytes };
    #[allow(clippy::cast_precision_loss)]
    let mib = bench.plan.bulk_bytes as f64 / MIB;
    let (mut naive, mut sealed) = (Vec::new(), Vec::new());
    let (mut naive_cpu, mut sealed_cpu) = (Vec::new(), Vec::new());
    for _ in 0..bench.plan.repetitions.min(3) {
        let (seconds, cpu) = ground.chain.timed(&order)?;
        naive.push(mib / seconds);
        naive_cpu.push(per_mib(&cpu, mib));
        let Ground { network, generator, .. } = &mut *ground;
        let (seconds, cpu) = run_timed(generator, &order, |generator| network.cpu_times(generator))?;
        sealed.push(mib / seconds);
        sealed_cpu.push(per_mib(&cpu, mib));
    }
    let spread = |values: &[f64]| Spread::of(values.iter().copied()).context("no repetition");
    let ratio = Spread::of_ratios(&sealed, &naive).context("no repetition")?;
    let row = Row::new(format!("bulk, {mib:.0} MiB in one submission"), "MiB/s", spread(&sealed)?)
        .against_with("naive chain, nothing sealed or stored", spread(&naive)?, ratio)
        .aim(Aim::RatioAtLeast(0.85));
    bench.report.rows.push(row);
    record_cpu(bench, &naive_cpu, &sealed_cpu)?;
    for (name, memory) in [
        ("outer proxy", ground.network.outer.memory()?),
        ("inner proxy", ground.network.inner.memory()?),
        ("receiver", ground.network.receiver.memory()?),
    ] {
        let figure = format!("peak memory of the {name} after all of the above");
        bench.report.rows.push(Row::new(figure, "MiB", Spread::exactly(memory.peak / 1024.0)).aim(Aim::AtMost(64.0)));
    }
    Ok(())
}

/// CPU time of each process for one MiB, in microseconds.
fn per_mib(cpu: &[Duration], mib: f64) -> Vec<f64> {
    cpu.iter().map(|time| time.as_secs_f64() * 1e6 / mib).collect()
}

/// Whether it is the cores that set the pace: a core has a million microseconds in a second.
fn record_cpu(bench: &mut Bench, naive: &[Vec<f64>], sealed: &[Vec<f64>]) -> Result<()> {
    const GROUP: &str = "Bulk, CPU time for one MiB";
    let all = |runs: &[Vec<f64>]| Spread::of(runs.iter().map(|run| run.iter().sum())).context("no repetition");
    bench.report.fact(GROUP, "naive chain, all four processes", "µs", all(naive)?);
    bench.report.fact(GROUP, "network, all four processes", "µs", all(sealed)?);
    for (index, name) in ["outer proxy", "inner proxy", "receiver", "client"].into_iter().enumerate() {
        let of = Spread::of(sealed.iter().map(|run| run[index])).context("no repetition")?;
        bench.report.fact(GROUP, format!("of it the {name}"), "µs", of);
    }
    Ok(())
}
