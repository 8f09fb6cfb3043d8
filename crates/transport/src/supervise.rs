//! A daemon between its start and its end: signals, the service manager, and reading files again.

use std::future::Future;
use std::time::Duration;

use crate::exit::{self, AppError};
use crate::manager::Manager;
use crate::pulse::{Pulse, Watch};
use crate::shutdown::Shutdown;

/// How often threads are looked at where no service manager asks for it, and how often it is told the state.
const LOOK: Duration = Duration::from_secs(10);

/// What a daemon does while it runs.
pub trait Daemon: Sync {
    /// Reads its files again, as SIGHUP asks, and says what holds now. On an error what held before holds on: nothing is
    /// taken over by halves.
    fn reload(&self) -> impl Future<Output = Result<String, AppError>> + Send;

    /// What an operator is to know at a glance, in one line: what works, and first of all what does not.
    fn status(&self) -> String;
}

/// Runs until `ended`. SIGTERM and SIGINT drain and then stop; SIGHUP reloads; the service manager is told all of it, and that
/// the threads of `pulse` are alive.
///
/// # Errors
/// As `ended`, or signals cannot be received.
pub async fn supervise(
    daemon: &impl Daemon,
    shutdown: &Shutdown,
    pulse: Option<&Pulse>,
    ended: impl Future<Output = Result<(), AppError>>,
) -> Result<(), AppError> {
    let no_signals = |error| AppError::new(exit::FAILURE, format_args!("cannot receive signals: {error}"));
    let manager = Manager::from_env();
    let hangups = Hangups::install().map_err(no_signals)?;
    let signals = async {
        shutdown.on_signals().await.map_err(no_signals)?;
        std::future::pending().await
    };
    let stopping = async {
        shutdown.draining().await;
        manager.stopping();
        std::future::pending().await
    };
    manager.ready(&daemon.status());
    tokio::select! {
        ended = ended => ended,
        failed = signals => failed,
        failed = reload_on(hangups, daemon, &manager) => failed,
        failed = tell_state(daemon, shutdown, &manager) => failed,
        failed = tell_alive(pulse.map(Pulse::watch), &manager) => failed,
        failed = stopping => failed,
    }
}

/// For a reload that finds fields of the configuration changed that can only change with a restart.
///
/// # Errors
/// There is such a field.
pub fn refuse_fixed(fields: &[&str]) -> Result<(), AppError> {
    match fields {
        [] => Ok(()),
        _ => {
            let what = "cannot change while this program runs: restart it, or change them back";
            Err(AppError::new(exit::CONFIG, format_args!("{} {what}", fields.join(", "))))
        }
    }
}

async fn reload_on(mut hangups: Hangups, daemon: &impl Daemon, manager: &Manager) -> Result<(), AppError> {
    loop {
        hangups.next().await;
        manager.reloading();
        match daemon.reload().await {
            Ok(now) => tracing::info!("files were read again: {now}"),
            Err(error) => tracing::error!("files were not taken over, what held before holds on: {error}"),
        }
        manager.ready(&daemon.status());
    }
}

async fn tell_state(daemon: &impl Daemon, shutdown: &Shutdown, manager: &Manager) -> Result<(), AppError> {
    let mut told = String::new();
    while shutdown.unless_draining(tokio::time::sleep(LOOK)).await.is_some() {
        let status = daemon.status();
        if status != told {
            manager.status(&status);
            told = status;
        }
    }
    std::future::pending().await
}

/// A manager that hears nothing for too long kills this process and starts it again, which is all that helps a thread that
/// hangs.
async fn tell_alive(watch: Option<Watch>, manager: &Manager) -> Result<(), AppError> {
    let interval = manager.watchdog_interval().unwrap_or(LOOK).max(2 * crate::pulse::TICK);
    let mut watch = watch;
    loop {
        tokio::time::sleep(interval).await;
        let stuck = watch.as_mut().map(Watch::stuck).unwrap_or_default();
        if stuck.is_empty() {
            manager.alive();
        } else {
            tracing::error!(threads = stuck.join(", "), "threads have not moved for {} s", interval.as_secs());
        }
    }
}

#[cfg(unix)]
struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    fn install() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    fn install() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}
