//! `schleuse check`.

mod daemon;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use schleuse_directory::{Directory, RootKeys};
use schleuse_transport::exit::{self, AppError};
use serde_json::{Value, json};

use super::output::{Output, shown};
use crate::directory_tool::{at, parse_toml};
use crate::files;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Configurations of schleuse-outer, schleuse-inner or schleuse-receiver, directories' sources, or root keys.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What they are; found out from the fields of each, if absent.
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
        let checked: Vec<_> = self.files.iter().map(|path| Checked::new(path, self.daemon)).collect();
        let text: Vec<_> = checked.iter().map(Checked::text).collect();
        let first = checked.iter().find_map(|one| one.findings.first());
        let json = json!({
            "ok": first.is_none(),
            "files": checked.iter().map(Checked::json).collect::<Vec<_>>(),
        });
        Ok(Output { text: text.join("\n"), json, code: first.map_or(0, AppError::code) })
    }
}

/// A file and what was found in it.
struct Checked {
    file: String,
    /// None if nobody can tell what it configures.
    kind: Option<Kind>,
    findings: Vec<AppError>,
}

impl Checked {
    fn new(path: &Path, kind: Option<Kind>) -> Self {
        let found = files::read_text(path).map_err(AppError::from).and_then(|text| {
            let kind = kind.map_or_else(|| Kind::detect(path, &text), Ok)?;
            Ok((kind, findings(kind, path, &text)))
        });
        let file = shown(path);
        match found {
            Ok((kind, findings)) => Self { file, kind: Some(kind), findings },
            Err(error) => Self { file, kind, findings: vec![error] },
        }
    }

    fn text(&self) -> String {
        let order = if self.findings.is_empty() { "in order" } else { "not in order" };
        let kind = self.kind.map_or_else(String::new, |kind| format!(" ({})", kind.describe()));
        let mut text = format!("{}: {order}{kind}", self.file);
        for finding in &self.findings {
            text.push_str("\n  ");
            text.push_str(&finding.to_string());
        }
        text
    }

    fn json(&self) -> Value {
        let finding = |error: &AppError| json!({ "message": error.to_string(), "code": error.code() });
        json!({
            "file": self.file,
            "daemon": self.kind.map(Kind::describe),
            "ok": self.findings.is_empty(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

/// What is wrong, in the order in which the daemon would meet it.
fn findings(kind: Kind, path: &Path, text: &str) -> Vec<AppError> {
    let source = match kind {
        Kind::Outer => return daemon::outer(path),
        Kind::Inner => return daemon::inner(path),
        Kind::Receiver => return daemon::receiver(path),
        Kind::Directory => Directory::from_toml(text).map(drop),
        Kind::RootKeys => RootKeys::parse(text).map(drop),
    };
    source.map_err(at(path)).err().into_iter().collect()
}
