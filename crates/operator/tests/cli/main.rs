//! The real binary: each command on its happy path and with what people do wrong, and the exit codes.

mod check;
mod delivery;
mod directory;
mod network;
mod payload;
mod pki;
mod receipt;
mod send;
mod ticket;
mod top;

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// How a run of the program ended.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    /// The JSON on standard output of a run that must have succeeded.
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The error line of a run that must have failed with this code.
    #[track_caller]
    fn error(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "one line: {self:?}");
        self.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("no error line in {self:?}")).trim_end()
    }
}

fn schleuse<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    with_input(arguments, "")
}

fn with_input<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_schleuse"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // A program that does not read its input may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the binary ends");
    Run {
        code: output.status.code().expect("it exits"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Arguments of different types in one line.
macro_rules! run {
    ($($argument:expr),* $(,)?) => {
        $crate::schleuse([$(std::ffi::OsString::from(&$argument)),*])
    };
}
use run;
