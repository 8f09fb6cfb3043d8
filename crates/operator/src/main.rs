//! `schleuse`: the operators' command line; without a subcommand, the demo.

use std::process::ExitCode;

fn main() -> ExitCode {
    schleuse_operator::cli::main()
}
