//! What all parts of the daemon share.

use std::sync::{Arc, PoisonError, RwLock};

use schleuse_protocol::wire::hop::RunId;
use schleuse_protocol::wire::name::MemberId;
use schleuse_seal::Office;
use schleuse_transport::clock::Clock;
use schleuse_transport::net::ClientConfig;
use schleuse_transport::shutdown::Shutdown;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::keys::Vault;
use crate::leases::Leases;
use crate::members::Members;
use crate::room::Room;
use crate::routes::Routes;
use crate::store::Store;

/// The running office.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<Store>,
    pub(crate) vault: Vault,
    pub(crate) members: Arc<Members>,
    /// How inner proxies are dialled from now on: with the certificate that was read last.
    pub(crate) client: RwLock<ClientConfig>,
    /// The public half of what signs tickets and receipts.
    pub(crate) signing_key: [u8; 32],
    pub(crate) seal: Arc<Office>,
    pub(crate) routes: Routes,
    pub(crate) leases: Arc<Leases>,
    /// For the streams of each inner proxy.
    pub(crate) room: Room,
    /// Tells this run of the daemon from others that claim the same store.
    pub(crate) run: RunId,
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

    pub(crate) fn client(&self) -> ClientConfig {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What does not work, in one line; none if everything does.
    pub(crate) fn trouble(&self) -> Option<String> {
        let links = self.routes.status().into_iter().filter(|link| !link.up || !link.complaints.is_empty());
        let links = links.map(|link| match link.up {
            true => format!("{}: {}", link.inner, link.complaints.join(", ")),
            false => {
                let why = link.trouble.unwrap_or_else(|| "it is being dialled".to_owned());
                format!("no link to {}: {why}", link.inner)
            }
        });
        let troubles: Vec<String> = links.chain(self.members.newest().trouble_at(self.clock.unix())).collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    /// What an operator is to know at a glance.
    pub(crate) fn summary(&self) -> String {
        let links = self.routes.status();
        let up = links.iter().filter(|link| link.up).count();
        let troubles = self.trouble().map(|trouble| format!("{trouble}; ")).unwrap_or_default();
        format!("{troubles}{up} of {} links to inner proxies, {} uploads run", links.len(), self.leases.len())
    }
}
