//! The first submission of a sender that has no connection yet, counted in round trips of a path that takes long.

use anyhow::{Context, Result};

use super::{Ground, generator};
use crate::bench::{Bench, run_latencies};
use crate::child::Child;
use crate::report::{Aim, Row};
use crate::role::{Order, Role};
use crate::stats::Spread;

/// One way. Everything else takes less than a tenth of the round trip.
const MILLIS: u64 = 50;

pub(super) fn measure(bench: &mut Bench, ground: &Ground) -> Result<()> {
    let keys = || bench.keys.clone();
    let times = bench.plan.repetitions;
    let direct = Child::start(&Role::Delay { to: ground.chain.server.address()?, millis: MILLIS })?;
    let target = direct.address()?;
    let mut naive = Child::start(&Role::NaiveLoad { keys: keys(), target, connections: 0 })?;
    let naive = round_trips(&mut naive, times)?;
    let path = Child::start(&Role::Delay { to: ground.network.outer_address, millis: MILLIS })?;
    let directory = ground.network.directory_by_way_of(path.address()?)?;
    let mut vendor = generator(&ground.network, &directory, 1)?;
    let sealed = round_trips(&mut vendor, times)?;
    let row = Row::new("first submission of a cold sender", "round trips", sealed)
        .against("cold direct quinn connection and request", naive)
        .aim(Aim::BeyondAtMost(0.25));
    bench.report.rows.push(row);
    Ok(())
}

fn round_trips(generator: &mut Child, times: usize) -> Result<Spread> {
    #[allow(clippy::cast_precision_loss)]
    let round_trip = 2.0 * MILLIS as f64 * 1000.0;
    let nothing = || Ok(std::time::Duration::ZERO);
    let one = |_| -> Result<f64> {
        let timed = run_latencies(generator, &Order::Cold { times: 1 }, nothing)?;
        Ok(timed.latencies.percentile(0.5) / round_trip)
    };
    Spread::of((0..times).map(one).collect::<Result<Vec<_>>>()?).context("no repetition")
}
