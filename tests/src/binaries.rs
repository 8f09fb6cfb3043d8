//! The daemons' binaries, built once per test process from the sources that the test was built from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Paths of the four programs.
#[derive(Debug)]
pub struct Binaries {
    /// `schleuse-outer`
    pub outer: PathBuf,
    /// `schleuse-inner`
    pub inner: PathBuf,
    /// `schleuse-receiver`
    pub receiver: PathBuf,
    /// `schleuse`
    pub schleuse: PathBuf,
}

/// Builds what is not built yet; the second call costs nothing.
///
/// `SCHLEUSE_BIN_DIR` names a folder with programs that are to be tested instead.
pub fn binaries() -> &'static Binaries {
    static BUILT: OnceLock<Binaries> = OnceLock::new();
    BUILT.get_or_init(|| match std::env::var_os("SCHLEUSE_BIN_DIR") {
        Some(folder) => Binaries::find(|name| Path::new(&folder).join(name)),
        None => build(),
    })
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

impl Binaries {
    fn find(path: impl Fn(&str) -> PathBuf) -> Self {
        Self {
            outer: path("schleuse-outer"),
            inner: path("schleuse-inner"),
            receiver: path("schleuse-receiver"),
            schleuse: path("schleuse"),
        }
    }
}

/// Cargo says where it puts them, which depends on the profile and on the environment.
fn build() -> Binaries {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--workspace", "--bins", "--locked", "--offline", "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.current_dir(workspace()).stderr(Stdio::inherit()).output().expect("cargo can be run");
    assert!(output.status.success(), "the daemons do not build, see above");
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let executables: Vec<PathBuf> = messages.lines().filter_map(executable).collect();
    Binaries::find(|name| {
        let found = executables.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
        found.unwrap_or_else(|| panic!("cargo built no {name}")).clone()
    })
}

fn executable(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    Some(PathBuf::from(message.get("executable")?.as_str()?))
}
