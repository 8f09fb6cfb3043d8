//! `schleuse completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use schleuse_transport::exit::AppError;
use serde_json::json;

use super::Cli;
use super::output::Output;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "schleuse", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        let json = json!({ "shell": self.shell.to_string(), "script": script });
        Ok(Output::new(script, json))
    }
}
