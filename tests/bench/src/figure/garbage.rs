//! What a stream without a valid token costs the outer proxy, beyond what quinn takes to receive and refuse any stream.

use anyhow::{Context, Result};

use super::Ground;
use crate::bench::{Bench, CONNECTIONS, run_closed};
use crate::child::Child;
use crate::report::{Aim, Row};
use crate::role::{Order, Role};
use crate::stats::Spread;

/// Fewer than a sender may have open at a time.
const IN_FLIGHT: usize = 32;

pub(super) fn measure(bench: &mut Bench, ground: &Ground) -> Result<()> {
    let keys = || bench.keys.clone();
    let bare = Child::start(&Role::Refuse { keys: keys() })?;
    let target = bare.address()?;
    let mut at_bare = Child::start(&Role::NaiveLoad { keys: keys(), target, connections: CONNECTIONS })?;
    let target = ground.network.outer_address;
    let keys = ground.network.root().to_owned();
    let mut at_outer = Child::start(&Role::Stranger { keys, target, connections: CONNECTIONS })?;
    let order = Order::Garbage(bench.plan.closed(IN_FLIGHT, 1));
    let outer = &ground.network.outer;
    let (mut quinn, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..bench.plan.repetitions {
        quinn.push(run_closed(&mut at_bare, &order, |_| Ok(vec![bare.cpu_time()?]))?.all());
        ours.push(run_closed(&mut at_outer, &order, |_| Ok(vec![outer.cpu_time()?]))?.all());
    }
    let ratio = Spread::of_ratios(&ours, &quinn).context("no repetition")?;
    let row = Row::new("garbage stream refused at the outer proxy", "µs", Spread::of(ours).context("none")?)
        .against_with("bare quinn that resets every stream", Spread::of(quinn).context("none")?, ratio)
        .aim(Aim::BeyondAtMost(5.0));
    bench.report.rows.push(row);
    Ok(())
}
