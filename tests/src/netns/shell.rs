//! Commands of the system's administration, run by a shell as an operator would type them.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a script up to its first failing line; returns what it said, or what it complained about.
pub(super) fn run(script: &str) -> Result<String, String> {
    run_with_input(script, "")
}

/// The same with something on its standard input.
pub(super) fn run_with_input(script: &str, input: &str) -> Result<String, String> {
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = shell.spawn().map_err(|error| error.to_string())?;
    // Fails only if the script reads nothing.
    let _ = shell.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let output = shell.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}
