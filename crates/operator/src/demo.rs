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
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub offices: usize,
    /// How many vendors.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub vendors: usize,
    /// How many lists are sent, spread over all vendors and offices.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub submissions: usize,
    /// Keep the network's files in this (empty) folder instead of a temporary one.
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,
}

/// Starts the network, sends, reports, and stays up unless told otherwise. Fails if anything was lost or is there twice.
///
/// # Errors
/// The network cannot be started, or the offices' inboxes cannot be read.
pub fn run(args: DemoArgs, json: bool) -> anyhow::Result<ExitCode> {
    let plan = Plan::new(args)?;
    current_thread()?.block_on(demo(plan, json))
}

async fn demo(plan: Plan, json: bool) -> anyhow::Result<ExitCode> {
    let plan = Arc::new(plan);
    let ground = Ground::prepare(&plan)?;
    let mut network = Network::start(&plan, &ground).await?;
    let traffic = traffic::run(&plan, &ground, network.offices(), !json).await?;
    let audit = audit::run(&traffic, network.offices()).await?;
    let report = Report::new(&plan, &traffic, &audit, &network.records(audit.receipts).await);
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", paint::page(&network, &traffic, &report, Ink::for_stdout()));
    }
    if !plan.once {
        stay::until_interrupted(&ground, &plan, &mut network, json).await?;
    }
    network.stop().await?;
    Ok(if report.is_flawless() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests;
