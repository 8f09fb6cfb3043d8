//! One daemon as a process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::usage::{self, Memory};
use crate::{PACKAGED, profile};

/// Longer than any start takes.
const SOON: Duration = Duration::from_secs(30);

/// The daemons' programs.
pub(crate) struct Programs {
    pub(super) outer: PathBuf,
    pub(super) inner: PathBuf,
    pub(super) receiver: PathBuf,
}

impl Programs {
    /// Builds them if need be, in this program's own profile; they lie beside it. `SCHLEUSE_BIN_DIR` names a folder with
    /// programs that are to be measured instead.
    pub(crate) fn build() -> Result<Self> {
        if let Some(folder) = std::env::var_os("SCHLEUSE_BIN_DIR") {
            return Self::find(Path::new(&folder));
        }
        ensure!(!cfg!(debug_assertions), "figures without optimisation say nothing: run it with --profile {PACKAGED}");
        let profile = profile()?;
        eprintln!("building the daemons, profile {}", profile.display());
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let packages = ["schleuse-outer-proxy", "schleuse-inner-proxy", "schleuse-receiver"];
        let status = Command::new(cargo)
            .args(["build", "--bins", "--quiet", "--profile"])
            .arg(profile)
            .args(packages.iter().flat_map(|package| ["-p", package]))
            .current_dir(crate::workspace())
            .stdout(Stdio::null())
            .status()
            .context("cargo cannot be run")?;
        ensure!(status.success(), "the daemons do not build, see above");
        Self::find(&folder_of_this_program()?)
    }

    fn find(folder: &Path) -> Result<Self> {
        let program = |name: &str| -> Result<PathBuf> {
            let path = folder.join(name);
            ensure!(path.exists(), "{} is not there", path.display());
            Ok(path)
        };
        Ok(Self {
            outer: program("schleuse-outer")?,
            inner: program("schleuse-inner")?,
            receiver: program("schleuse-receiver")?,
        })
    }
}

/// A new folder on the disk on which the program was built. The usual place for temporary files may be memory, where
/// durability costs nothing.
pub(crate) fn place_for_data() -> Result<tempfile::TempDir> {
    let place = folder_of_this_program()?;
    tempfile::Builder::new().prefix("bench-").tempdir_in(&place).with_context(|| format!("{}", place.display()))
}

fn folder_of_this_program() -> Result<PathBuf> {
    let program = std::env::current_exe().context("where is this program?")?;
    Ok(program.parent().context("a program lies in a folder")?.to_owned())
}

/// Stopped when dropped.
pub(crate) struct Daemon {
    name: &'static str,
    process: Child,
    log: PathBuf,
    /// How it is started again.
    command: Command,
}

impl Daemon {
    /// Starts it with the configuration in its folder.
    pub(super) fn start(root: &Path, program: &Path, name: &'static str, arguments: &[&str]) -> Result<Self> {
        let log = root.join(name).join("log");
        let said = File::create(&log)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg("--config")
            .arg(root.join(name).join("config.toml"))
            .env("SCHLEUSE_LOG", "info")
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        let process = command.spawn().with_context(|| format!("{}", program.display()))?;
        Ok(Self { name, process, log, command })
    }

    /// Kills it and starts it again.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        self.process = self.command.spawn().context(self.name)?;
        Ok(())
    }

    /// Waits until it has said something so many times.
    pub(super) fn wait_for_log(&self, text: &str, times: usize) -> Result<()> {
        let since = Instant::now();
        loop {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            if log.matches(text).count() >= times {
                return Ok(());
            }
            if since.elapsed() > SOON {
                bail!("{} does not say \"{text}\"; it said:\n{log}", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        usage::cpu_time(self.process.id()).with_context(|| self.name)
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        usage::memory(self.process.id()).with_context(|| self.name)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails only if it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
