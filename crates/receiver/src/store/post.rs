//! Answers on their way from the store's threads to the runtime.
//!
//! Waking a runtime from another thread is a system call. So a thread hands over the answers of a whole round at once,
//! to a task that gives them out: then those who wait are woken from within.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Stopped, Stopping};

/// Gives one answer to whoever waits for it.
pub(super) type Delivery = Box<dyn FnOnce() + Send>;

/// Where threads put the answers of a round.
#[derive(Clone, Debug)]
pub(super) struct Post(mpsc::UnboundedSender<Vec<Delivery>>);

impl Post {
    /// Starts the task that delivers, on the current runtime. It ends when all handles are dropped.
    pub(super) fn start(stopped: Stopped) -> (Self, JoinHandle<()>) {
        let (sender, mut rounds) = mpsc::unbounded_channel::<Vec<Delivery>>();
        let stopping = Stopping("store-post", stopped);
        let task = tokio::spawn(async move {
            let _stopping = stopping;
            while let Some(round) = rounds.recv().await {
                round.into_iter().for_each(|deliver| deliver());
            }
        });
        (Self(sender), task)
    }

    pub(super) fn send(&self, round: Vec<Delivery>) {
        // The runtime is gone: nobody waits.
        let _ = self.0.send(round);
    }
}
