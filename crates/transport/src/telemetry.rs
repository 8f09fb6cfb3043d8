//! Logs on standard error. They never hold content, secrets, or (above debug level) a sender's address.

use std::io::{self, IsTerminal};

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line, for collectors.
    Json,
}

/// Installs the process's subscriber, with colours on a terminal only. `SCHLEUSE_LOG` (a filter such as
/// `info,schleuse_outer=debug`) goes before `default_filter`. A second call does nothing: the first daemon of a process
/// decides.
pub fn init(format: LogFormat, default_filter: &str) {
    let filter = EnvFilter::try_from_env("SCHLEUSE_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let colours = io::stderr().is_terminal();
    let lines = fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr);
    let _ = match format {
        LogFormat::Human => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
