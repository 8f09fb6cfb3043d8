//! What can change while the proxy runs: SIGHUP replaces all of it at once.

use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::net::ClientConfig;

use crate::config::InnerPeer;

/// What is dialled, and how.
pub(crate) struct Current {
    /// With the certificate that inner proxies are shown.
    pub(crate) client: ClientConfig,
    pub(crate) inners: Vec<InnerPeer>,
}

impl Current {
    pub(crate) fn inner(&self, id: &MemberId) -> Option<&InnerPeer> {
        self.inners.iter().find(|inner| inner.id == *id)
    }
}
