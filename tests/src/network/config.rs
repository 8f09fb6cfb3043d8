//! The configuration files, as an operator would write them.

use std::net::SocketAddr;

use schleuse_directory::Member;
use schleuse_protocol::wire::name::MemberId;

/// Threads of each proxy: two, so that more than one socket shares the port.
pub(super) const THREADS: usize = 2;

/// An inner proxy as others configure it.
pub(super) struct InnerEntry<'a> {
    pub(super) member: &'a Member,
    /// Where this daemon dials it.
    pub(super) address: String,
}

/// `schleuse-outer`. All senders come from one address here, so the limits of handshakes are far away.
pub(super) fn outer(id: &MemberId, listen: SocketAddr, inners: &[InnerEntry<'_>], grace: u32, limits: &str) -> String {
    let limits = if limits.is_empty() { "handshakes_per_second = 10000\nhandshake_burst = 10000" } else { limits };
    let head = proxy(id, listen, grace);
    let inners = inners.iter().map(|inner| {
        let Member { id, fingerprints, .. } = inner.member;
        format!("[[inner]]\nid = \"{id}\"\naddress = \"{}\"\nfingerprint = \"{}\"\n", inner.address, fingerprints[0])
    });
    format!("{head}\n[limits]\n{limits}\n\n{}", inners.collect::<String>())
}

/// `schleuse-inner`.
pub(super) fn inner(id: &MemberId, listen: SocketAddr, grace: u32, limits: &str) -> String {
    let head = proxy(id, listen, grace);
    format!("{head}directory = \"../directory.json\"\nroot_keys = \"../root-keys.toml\"\n\n[limits]\n{limits}\n")
}

fn proxy(id: &MemberId, listen: SocketAddr, grace: u32) -> String {
    format!(
        "id = \"{id}\"\nlisten = [\"{listen}\"]\ncertificate = \"cert.pem\"\nkey = \"tls.key\"\nca = \"../ca.pem\"\n\
         cluster_secret = \"cluster.secret\"\nthreads = {THREADS}\ngrace_seconds = {grace}\n"
    )
}

/// `schleuse-receiver`.
pub(super) fn receiver(
    id: &MemberId,
    database: &str,
    inners: &[InnerEntry<'_>],
    limits: &str,
    tickets: &str,
) -> String {
    let inners = inners
        .iter()
        .map(|inner| format!("[[inner]]\nid = \"{}\"\naddress = \"{}\"\n", inner.member.id, inner.address));
    format!(
        "office = \"{id}\"\ndatabase = \"{database}\"\nkey_encryption_key = \"kek\"\n\n\
         [identity]\ncertificate = \"cert.pem\"\nkey = \"tls.key\"\nca = \"../ca.pem\"\nsigning_key = \"signing.key\"\n\n\
         [directory]\nfile = \"../directory.json\"\nroots = \"../root-keys.toml\"\n\n{}\n\
         [tickets]\n{tickets}\n\n[limits]\n{limits}\n\n[api]\nsocket = \"api.sock\"\n",
        inners.collect::<String>()
    )
}
