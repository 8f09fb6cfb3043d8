//! The same load in a growing network, and what its idle connections take.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::generator;
use super::throughput::IN_FLIGHT;
use crate::bench::{Bench, CONNECTIONS, Throughput, run_closed, run_silent};
use crate::child::Child;
use crate::net::{Network, Size};
use crate::report::{Aim, Row};
use crate::role::{Order, Role, Said};
use crate::stats::Spread;
use crate::usage;

/// Offices that only hold connections. A directory has at most 10,000 members, so in the largest stage a hundred
/// offices hold two.
const MOST_OFFICES: usize = 9_900;
/// Idle connections of plain quinn with which those of the offices are compared.
const NAIVE_CONNECTIONS: usize = 2_000;
/// After this the inner proxy has given up offices that vanished.
const GONE: Duration = Duration::from_secs(16);

pub(super) fn measure(bench: &mut Bench) -> Result<()> {
    let most = bench.plan.most_offices();
    let mut network =
        Network::start(&bench.programs, Size { vendors: CONNECTIONS, crowd: (most - 1).min(MOST_OFFICES) })?;
    let mut vendors = generator(&network, "directory.json", CONNECTIONS)?;
    let target = network.inner_address;
    let mut crowd = Child::start(&Role::OfficeCrowd { root: network.root().to_owned(), target })?;
    // The receiver's store grows from stage to stage, which must not look like a cost of the network's size: the first
    // windows, in an empty store, do not count, and half of those with one office come at the end.
    window(bench, &network, &mut vendors)?;
    let mut runs: Vec<(usize, Vec<Throughput>)> = Vec::new();
    let empty = network.inner.memory()?.now;
    let (mut grown, mut linking) = (0.0, 0.0);
    for &offices in bench.plan.stages {
        let (before, spent) = (network.inner.memory()?.now, network.inner.cpu_time()?);
        run_silent(&mut crowd, &Order::Connect { connections: offices - 1 })?;
        grown += network.inner.memory()?.now - before;
        linking += (network.inner.cpu_time()? - spent).as_secs_f64();
        runs.push((offices, window(bench, &network, &mut vendors)?));
    }
    restart(bench, &mut network, &mut crowd, most)?;
    drop(crowd);
    std::thread::sleep(GONE);
    let alone = window(bench, &network, &mut vendors)?;
    if let Some((1, first)) = runs.first_mut() {
        first.extend(alone);
    }
    record_growth(bench, &runs)?;
    bench.report.fact(
        "Growth",
        "resident memory of the inner proxy with one office",
        "MiB",
        Spread::exactly(empty / 1024.0),
    );
    #[allow(clippy::cast_precision_loss)]
    let linked = (most - 1).max(1) as f64;
    let what = "CPU time of the inner proxy for an office that links: handshake, certificates, hello";
    bench.report.fact("Growth", what, "µs", Spread::exactly(linking / linked * 1e6));
    drop((vendors, network));
    let naive = naive_idle(bench, most.min(NAIVE_CONNECTIONS))?;
    let row = Row::new(
        format!("inner proxy, memory of an idle office connection, {most} offices"),
        "KiB",
        Spread::exactly(grown / linked),
    )
    .against("quinn's own idle connection", Spread::exactly(naive))
    .aim(Aim::AtMost(40.0));
    bench.report.rows.push(row);
    Ok(())
}

/// Kills the inner proxy and starts it again: how long its offices take to be back. They notice at their next keep-alive,
/// or when they send something.
fn restart(bench: &mut Bench, network: &mut Network, crowd: &mut Child, offices: usize) -> Result<()> {
    crowd.tell(&Order::Relink)?;
    network.inner.restart()?;
    let since = Instant::now();
    let Said::Idle = crowd.hear()? else { bail!("the crowd is not back") };
    let what = format!("killed inner proxy that is started again: until {offices} offices are linked");
    bench.report.fact("Growth", what, "s", Spread::exactly(since.elapsed().as_secs_f64()));
    Ok(())
}

/// Some windows of the same load.
fn window(bench: &Bench, network: &Network, vendors: &mut Child) -> Result<Vec<Throughput>> {
    (0..bench.plan.repetitions.min(3)).map(|_| submissions(bench, network, vendors)).collect()
}

fn submissions(bench: &Bench, network: &Network, vendors: &mut Child) -> Result<Throughput> {
    let order = Order::Closed(bench.plan.closed(IN_FLIGHT, 1));
    run_closed(vendors, &order, |_| Ok(vec![network.outer.cpu_time()?, network.inner.cpu_time()?]))
}

fn record_growth(bench: &mut Bench, runs: &[(usize, Vec<Throughput>)]) -> Result<()> {
    let of = |runs: &[Throughput], what: fn(&Throughput) -> f64| Spread::of(runs.iter().map(what)).context("no run");
    let (_, first) = runs.first().context("no stage")?;
    let alone = of(first, |run| run.per_second)?;
    for (offices, stage) in runs {
        let row =
            Row::new(format!("submissions with {offices} offices connected"), "/s", of(stage, |run| run.per_second)?);
        let row = if *offices == 1 { row } else { row.against("with 1 office", alone).aim(Aim::RatioAtLeast(0.9)) };
        bench.report.rows.push(row);
        let what = format!("CPU time of both proxies per submission with {offices} offices");
        bench.report.fact("Growth", what, "µs", of(stage, Throughput::relayed)?);
    }
    Ok(())
}

/// KiB of one connection at a plain server.
fn naive_idle(bench: &Bench, connections: usize) -> Result<f64> {
    let server = Child::start(&Role::Hold { keys: bench.keys.clone() })?;
    let mut crowd = Child::start(&Role::NaiveCrowd { keys: bench.keys.clone(), target: server.address()? })?;
    let before = usage::memory(server.pid())?.now;
    run_silent(&mut crowd, &Order::Connect { connections })?;
    #[allow(clippy::cast_precision_loss)]
    let connections = connections as f64;
    Ok((usage::memory(server.pid())?.now - before) / connections)
}
