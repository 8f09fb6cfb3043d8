//! What all parts of the daemon share.

use std::sync::Arc;

use schleuse_protocol::wire::name::MemberId;
use schleuse_seal::Office;
use schleuse_transport::clock::Clock;
use schleuse_transport::shutdown::Shutdown;
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::keys::Vault;
use crate::link::{Arrivals, Leases, Routes};
use crate::members::Members;
use crate::store::Store;

/// The running office.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<Store>,
    pub(crate) vault: Vault,
    pub(crate) members: Arc<Members>,
    pub(crate) seal: Arc<Office>,
    pub(crate) routes: Routes,
    pub(crate) leases: Arc<Leases>,
    /// Streams without an authentic hello.
    pub(crate) arrivals: Arc<Arrivals>,
    /// One permit a stream with an authentic hello.
    pub(crate) streams: Arc<Semaphore>,
    /// A submission became complete.
    pub(crate) completed: Notify,
    /// Something was shredded: there is ciphertext to clear away.
    pub(crate) garbage: Notify,
    pub(crate) shutdown: Shutdown,
    pub(crate) tasks: TaskTracker,
}

impl Core {
    pub(crate) fn office(&self) -> MemberId {
        self.config.office
    }
}
