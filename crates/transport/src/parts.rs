//! The parts of a daemon that must run until it drains: whoever starts one hears of its end.
//!
//! A task that tokio runs by itself ends or panics without anybody noticing, and what it did is no longer done: no link is
//! dialled, nobody is let in. A daemon whose part ends cannot know what it misses, so it drains and ends with an error that
//! names the part, and the service manager starts it again.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinSet};

use crate::exit::{self, AppError};
use crate::shutdown::Shutdown;

/// Tasks that are not to end. Dropping it leaves them running, and nobody hears of their end any more.
#[derive(Default)]
pub struct Parts {
    tasks: JoinSet<Result<(), AppError>>,
    names: HashMap<Id, String>,
}

impl Parts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a part on the current runtime. It may end once the daemon drains, or with the error that ends the daemon.
    pub fn run(&mut self, name: impl Into<String>, part: impl Future<Output = Result<(), AppError>> + Send + 'static) {
        let id = self.tasks.spawn(part).id();
        self.names.insert(id, name.into());
    }

    /// Waits until the daemon drains. A part that ends before is what makes it drain, and is the error.
    ///
    /// # Errors
    /// The name of that part, and how it ended.
    pub async fn until_drain(&mut self, shutdown: &Shutdown) -> Result<(), AppError> {
        let failed = shutdown.unless_draining(self.failed()).await;
        match failed.filter(|_| !shutdown.is_draining()) {
            None => Ok(()),
            Some(error) => {
                tracing::error!("{error}: draining, so that this program can be started again");
                shutdown.drain();
                Err(error)
            }
        }
    }

    /// The error of the first part that ends; pending while all run. Cancel-safe.
    pub async fn failed(&mut self) -> AppError {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let (id, why) = match ended {
            Ok((id, Ok(()))) => (id, AppError::new(exit::FAILURE, "it ended although nobody had asked for it")),
            Ok((id, Err(error))) => (id, error),
            Err(error) if error.is_panic() => {
                (error.id(), AppError::new(exit::FAILURE, "it panicked; please report this with the lines above"))
            }
            Err(error) => (error.id(), AppError::new(exit::FAILURE, "it was aborted")),
        };
        let name = self.names.remove(&id).unwrap_or_default();
        why.context(format_args!("a part of this program has failed: {name}"))
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.tasks.detach_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_ends_or_panics_is_named() {
        let mut parts = Parts::new();
        parts.run("stays", std::future::pending());
        parts.run("listening at [::]:4433", async { Ok(()) });
        let error = parts.failed().await.to_string();
        assert!(error.contains("listening at [::]:4433") && error.contains("ended"), "{error}");
        parts.run("the link to inner-1", async { panic!("this panic is part of the test") });
        let error = parts.failed().await;
        assert!(error.to_string().contains("the link to inner-1") && error.to_string().contains("panicked"), "{error}");
        parts.run("the store", async { Err(AppError::new(exit::IO, "the disk is gone")) });
        let error = parts.failed().await;
        assert_eq!(error.code(), exit::IO);
        assert!(error.to_string().ends_with("the store: the disk is gone"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn parts_that_run_are_no_failure() {
        let mut parts = Parts::new();
        let day = std::time::Duration::from_secs(24 * 3600);
        assert!(tokio::time::timeout(day, parts.failed()).await.is_err());
        parts.run("stays", std::future::pending());
        assert!(tokio::time::timeout(day, parts.failed()).await.is_err());
    }
}
