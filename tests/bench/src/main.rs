//! What the network costs, against the limit and against what one would use instead.
//!
//! `just bench` runs it. It starts the real daemons and the references as processes of their own (the references are
//! this program again, see [`role`]), measures all figures with their references in one run, prints a table, and
//! replaces the tables in docs/performance.md.

mod bench;
mod child;
mod document;
mod figure;
mod garbage;
mod load;
mod net;
mod reference;
mod report;
mod role;
mod stats;
mod usage;

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use bench::{Bench, Plan};
use role::Role;

/// The profile of Cargo.toml in which packages are built. Other figures do not go into the documentation.
const PACKAGED: &str = "dist";

/// Measures Schleuse against its references. Takes some minutes; the machine should do nothing else.
#[derive(Parser)]
#[command(name = "schleuse-bench")]
struct Arguments {
    /// Print the report as JSON instead of a table.
    #[arg(long)]
    json: bool,

    /// Only see whether everything works: short windows, small network, nothing written.
    #[arg(long)]
    quick: bool,

    /// Measure only these figures; nothing is written.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(figure::NAMES))]
    only: Vec<String>,

    /// Leave docs/performance.md as it is.
    #[arg(long)]
    no_write: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// One of the processes of a measurement; the program starts itself with it.
    #[command(hide = true)]
    Role { role: String },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Role { role }) => serde_json::from_str::<Role>(&role).context("a role")?.play(),
        None => run(&arguments),
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let plan = if arguments.quick { Plan::QUICK } else { Plan::FULL };
    let mut bench = Bench::new(plan)?;
    figure::measure(&mut bench, &arguments.only)?;
    let report = &bench.report;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        print!("{}", report::table(report));
    }
    if !arguments.quick && !arguments.no_write && arguments.only.is_empty() && profile()? == PACKAGED {
        document::update(&workspace().join("docs/performance.md"), &report::markdown(report))?;
    }
    Ok(())
}

/// The profile that this program was built in: cargo's folder has its name.
fn profile() -> Result<OsString> {
    let program = std::env::current_exe().context("where is this program?")?;
    let folder = program.parent().and_then(Path::file_name).context("a program lies in a folder")?;
    Ok(folder.to_owned())
}

/// The root of the workspace from which this was built.
fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
