//! The daemons' configuration files. Only the limits that exist to slow strangers down are out of the way: here all
//! vendors share one address, and one office gets all submissions.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use schleuse_directory::{Member, Role};

use super::{INNER, OFFICE, OUTER};

/// Threads of each proxy. One, because all processes share this machine: see the log in docs/performance.md.
pub(super) const THREADS: usize = 1;

pub(super) fn write(root: &Path, outer: SocketAddr, inner: SocketAddr, members: &[Member]) -> Result<()> {
    let inner_member = members.iter().find(|member| member.role == Role::Inner).context("there is an inner proxy")?;
    let fingerprint = inner_member.fingerprints[0];
    let outer_text = format!(
        "{}\n[limits]\nhandshakes_per_second = 100000\nhandshake_burst = 100000\n\n\
         [[inner]]\nid = \"{INNER}\"\naddress = \"{inner}\"\nfingerprint = \"{fingerprint}\"\n",
        proxy(OUTER, outer)
    );
    let inner_text = format!(
        "{}directory = \"../directory.json\"\nroot_keys = \"../root-keys.toml\"\n\n\
         [limits]\nconnections = 20000\ntokens_per_second = 1000000\ntoken_burst = 1000000\n\
         used_nonces_per_office = 100000\n",
        proxy(INNER, inner)
    );
    let receiver_text = format!(
        "office = \"{OFFICE}\"\ndatabase = \"office.sqlite\"\nkey_encryption_key = \"kek\"\n\n\
         [identity]\ncertificate = \"cert.pem\"\nkey = \"tls.key\"\nca = \"../ca.pem\"\nsigning_key = \"signing.key\"\n\n\
         [directory]\nfile = \"../directory.json\"\nroots = \"../root-keys.toml\"\n\n\
         [[inner]]\nid = \"{INNER}\"\naddress = \"{inner}\"\n\n[api]\nsocket = \"api.sock\"\n"
    );
    for (name, text) in [(OUTER, outer_text), (INNER, inner_text), (OFFICE, receiver_text)] {
        fs::write(root.join(name).join("config.toml"), text)?;
    }
    Ok(())
}

fn proxy(id: &str, listen: SocketAddr) -> String {
    format!(
        "id = \"{id}\"\nlisten = [\"{listen}\"]\ncertificate = \"cert.pem\"\nkey = \"tls.key\"\nca = \"../ca.pem\"\n\
         cluster_secret = \"cluster.secret\"\n\
         threads = {THREADS}\n"
    )
}
