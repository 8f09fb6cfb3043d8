//! `schleuse check`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use schleuse_directory::{Directory, RootKeys};
use schleuse_transport::exit::{self, AppError};
use serde_json::json;

use super::output::{Output, shown};
use crate::directory_tool::{at, parse_toml};
use crate::files;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// A configuration of schleuse-outer, schleuse-inner or schleuse-receiver, a directory's source, or root keys.
    config: PathBuf,
    /// Which it is; found out from its fields, if absent.
    #[arg(long, value_enum)]
    daemon: Option<Kind>,
}

/// What a file configures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Outer,
    Inner,
    Receiver,
    Directory,
    RootKeys,
}

impl Kind {
    fn describe(self) -> &'static str {
        match self {
            Self::Outer => "schleuse-outer",
            Self::Inner => "schleuse-inner",
            Self::Receiver => "schleuse-receiver",
            Self::Directory => "directory source",
            Self::RootKeys => "root keys",
        }
    }

    /// Each has a field that the others do not have.
    fn detect(path: &Path, text: &str) -> Result<Self, AppError> {
        let table: toml::Table = parse_toml(path, text)?;
        let has = |field: &str| table.contains_key(field);
        let found = if has("office") || has("database") {
            Self::Receiver
        } else if has("members") || has("permissions") {
            Self::Directory
        } else if has("threshold") {
            Self::RootKeys
        } else if has("directory") {
            Self::Inner
        } else if has("inner") || has("listen") {
            Self::Outer
        } else {
            let message = format!("{}: cannot tell what this configures: say it with --daemon", path.display());
            return Err(AppError::new(exit::CONFIG, message));
        };
        Ok(found)
    }
}

impl Check {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let text = files::read_text(&self.config)?;
        let kind = self.daemon.map_or_else(|| Kind::detect(&self.config, &text), Ok)?;
        let finding = finding(kind, &self.config, &text);
        let (file, daemon) = (shown(&self.config), kind.describe());
        let text = match &finding {
            None => format!("{file}: in order ({daemon})"),
            Some(error) => format!("{file}: not in order ({daemon})\n  {error}"),
        };
        let json = json!({
            "file": file,
            "daemon": daemon,
            "ok": finding.is_none(),
            "finding": finding.as_ref().map(|error| json!({ "message": error.to_string(), "code": error.code() })),
        });
        Ok(Output { text, json, code: finding.map_or(0, |error| error.code()) })
    }
}

/// The first thing at which the daemon would stop.
fn finding(kind: Kind, path: &Path, text: &str) -> Option<AppError> {
    let result = match kind {
        Kind::Outer => schleuse_outer_proxy::Config::load(path).map(|_| ()),
        Kind::Inner => schleuse_inner_proxy::Config::load(path).map(|_| ()),
        Kind::Receiver => schleuse_receiver::Config::load(path).and_then(|config| schleuse_receiver::check(&config)),
        Kind::Directory => Directory::from_toml(text).map(|_| ()).map_err(at(path)),
        Kind::RootKeys => RootKeys::parse(text).map(|_| ()).map_err(at(path)),
    };
    result.err()
}
