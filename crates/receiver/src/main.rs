//! The office's daemon and the tool of its staff. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    schleuse_transport::exit::main_with(|| schleuse_receiver::cli::run(std::env::args_os()))
}
