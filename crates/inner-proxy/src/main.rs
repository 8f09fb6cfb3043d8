//! The daemon `schleuse-inner`. Everything is in the library; this is the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use schleuse_inner_proxy::{Config, start};
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::runtime::current_thread;
use schleuse_transport::telemetry::{self, LogFormat};

/// Schleuse's inner proxy: carries sealed streams from outer proxies to offices, and can read none of them.
///
/// SIGTERM or SIGINT drains: nothing new is taken, running streams may finish; a second one stops at once. SIGHUP reads
/// configuration, certificate, key, CA and directory again. Exit codes: 0 ok, 1 failure, 2 wrong command line, 69 port in use, 77 key file open to others
/// or no permission, 78 wrong configuration or directory.
#[derive(Parser)]
#[command(name = "schleuse-inner", version)]
struct Arguments {
    /// The configuration file; deploy/inner.toml is a sample with comments.
    #[arg(short, long, value_name = "FILE", env = "SCHLEUSE_INNER_CONFIG", default_value = "/etc/schleuse/inner.toml")]
    config: PathBuf,

    /// Check the configuration, the directory and all other files that it names, then exit. Listens nowhere.
    #[arg(long)]
    check: bool,

    /// Write log lines as JSON. What is logged: SCHLEUSE_LOG, for instance "info" or "schleuse_inner_proxy=debug".
    #[arg(long)]
    json_log: bool,
}

fn main() -> ExitCode {
    exit::main_with(|| run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), AppError> {
    let config = Config::load(&arguments.config)?;
    if arguments.check {
        println!("{}: ok", arguments.config.display());
        return Ok(());
    }
    telemetry::init(if arguments.json_log { LogFormat::Json } else { LogFormat::Human }, "info");
    let runtime = current_thread().map_err(|error| AppError::new(exit::UNAVAILABLE, error))?;
    runtime.block_on(async { start(config, None)?.until_signal().await })
}
