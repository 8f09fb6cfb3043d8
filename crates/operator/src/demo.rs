//! The demo: a whole network on this machine, with real sockets, keys, directory and storage, and a list that goes
//! through it.
//!
//! Every daemon runs as in production (same entry points, same configuration files), only in one process: each proxy on
//! a thread of its own, the offices on further ones, the vendors on further ones again. What the demo prints as *seen*
//! by a party comes from that party's own records, not from what the demo knows.
//!
//! **Where to read next.** `plan.rs` (what is asked for), `ground.rs` (the files), `network.rs` (the daemons),
//! `traffic.rs` (the sending), `audit.rs` (what arrived, counted in the offices' inboxes).

mod audit;
mod ground;
mod network;
mod offices;
mod paint;
mod plan;
mod report;
mod stay;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use schleuse_transport::runtime::current_thread;
use schleuse_transport::shutdown::Shutdown;

use ground::Ground;
use network::Network;
use paint::Ink;
use plan::Plan;
use report::Report;

/// How large the demo is and what it sends.
#[derive(clap::Args, Clone, Debug)]
pub struct DemoArgs {
    /// End after the sending instead of staying up.
    #[arg(long)]
    pub once: bool,
    /// The guest list to send (JSON); without it, lists of 30 made-up guests.
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// How many offices.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub offices: u32,
    /// How many vendors.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub vendors: u32,
    /// How many lists are sent, spread over all vendors and offices.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub submissions: u32,
    /// Keep the network's files in this (empty) folder instead of a temporary one.
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,
}

/// Exit code of a process that Ctrl-C has ended, as shells have it.
const INTERRUPTED: u8 = 130;

/// Starts the network, sends, reports, and stays up unless told otherwise. Fails if anything was lost or is there twice.
///
/// # Errors
/// The network cannot be started, or the offices' inboxes cannot be read.
pub fn run(args: DemoArgs, json: bool) -> anyhow::Result<ExitCode> {
    let plan = Plan::new(args)?;
    current_thread()?.block_on(demo(Arc::new(plan), json))
}

async fn demo(plan: Arc<Plan>, json: bool) -> anyhow::Result<ExitCode> {
    let interrupted = Shutdown::new();
    let signals = interrupted.clone();
    tokio::spawn(async move { signals.on_signals().await });
    // Lives to the end of this function: dropping it deletes a temporary folder, also after an error or Ctrl-C.
    let mut ground = Ground::prepare(&plan)?;
    let Some(network) = interrupted.unless_draining(Network::start(&plan, &mut ground)).await else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let mut network = network?;
    let played = play(&plan, &ground, &mut network, &interrupted, json);
    let code = interrupted.unless_stopped(played).await.transpose()?.unwrap_or(ExitCode::from(INTERRUPTED));
    interrupted.unless_stopped(network.stop()).await.transpose()?;
    Ok(code)
}

/// Everything between start and stop.
async fn play(
    plan: &Arc<Plan>,
    ground: &Ground,
    network: &mut Network,
    interrupted: &Shutdown,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let Some(traffic) = interrupted.unless_draining(traffic::run(plan, ground, network.offices(), !json)).await else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let traffic = traffic?;
    let audit = audit::run(&traffic, network.offices()).await?;
    let report = Report::new(plan, &traffic, &audit, &network.records(audit.receipts).await);
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", paint::page(network, &traffic, &report, Ink::for_stdout()));
    }
    if !plan.once {
        stay::until(interrupted, ground, plan, network, &audit, json).await?;
    }
    Ok(if report.is_flawless() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests;
