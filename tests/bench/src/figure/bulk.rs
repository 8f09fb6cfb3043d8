//! One large submission, and what it leaves in memory.

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
    for _ in 0..bench.plan.repetitions.min(3) {
        naive.push(mib / run_timed(&mut ground.chain.generator, &order)?);
        sealed.push(mib / run_timed(&mut ground.generator, &order)?);
    }
    let spread = |values: &[f64]| Spread::of(values.iter().copied()).context("no repetition");
    let ratio = Spread::of_ratios(&sealed, &naive).context("no repetition")?;
    let row = Row::new(format!("bulk, {mib:.0} MiB in one submission"), "MiB/s", spread(&sealed)?)
        .against_with("naive chain, nothing sealed or stored", spread(&naive)?, ratio)
        .aim(Aim::RatioAtLeast(0.85));
    bench.report.rows.push(row);
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
