//! TLS 1.3 for every hop: who shows a certificate, what is negotiated, and which key the peer holds.
//!
//! Every member has a certificate from the network's CA for the name [`server_name`]. rustls verifies the chain with
//! its ordinary verifiers; *which* member it is, the caller learns from [`peer_fingerprint`] and compares with the
//! directory. Senders show no certificate, so that the outer proxy does not learn the vendor's name.
//!
//! Nothing is resumed anywhere: no session tickets, no 0-RTT.

mod fingerprint;
mod identity;

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;

use crate::exit::{self, AppError};

pub use crate::secret::EXAMPLE_MARKER_FILE;
pub use fingerprint::{Fingerprint, NotACertificate, fingerprint, peer_fingerprint};
pub use identity::{EXAMPLE_MARKER_NAME, Identity, Roots, TlsFileError};

/// ALPN of a sender (or listening vendor) to an outer proxy.
pub const ALPN_SENDER: &[u8] = b"schleuse/1";
/// ALPN between members: outer proxy to inner proxy, office to inner proxy.
pub const ALPN_LINK: &[u8] = b"schleuse-link/1";

/// The name in the certificate of a member, whatever address it is dialled at.
pub fn server_name(member: &str) -> String {
    format!("{member}.schleuse.internal")
}

/// Whom a listener lets in.
#[derive(Clone)]
pub enum Peers {
    /// Anybody, nameless: nobody is asked for a certificate. Offers [`ALPN_SENDER`].
    Anonymous,
    /// Only who holds a certificate under these roots. Offers [`ALPN_LINK`].
    Members(Roots),
}

/// TLS of a listening side.
pub struct ServerTls {
    pub(crate) quic: QuicServerConfig,
}

/// TLS of a dialling side.
pub struct ClientTls {
    pub(crate) quic: QuicClientConfig,
}

impl From<ServerTls> for QuicServerConfig {
    fn from(tls: ServerTls) -> Self {
        tls.quic
    }
}

impl From<ClientTls> for QuicClientConfig {
    fn from(tls: ClientTls) -> Self {
        tls.quic
    }
}

impl From<QuicClientConfig> for ClientTls {
    fn from(quic: QuicClientConfig) -> Self {
        Self { quic }
    }
}

/// The listening side of a hop.
///
/// # Errors
/// Certificate and key do not belong together, or the roots are empty.
pub fn server(identity: &Identity, peers: &Peers) -> Result<ServerTls, TlsError> {
    Ok(ServerTls { quic: server_tls(identity, peers)?.try_into()? })
}

/// A sender's side of the hop to an outer proxy: without certificate.
///
/// # Errors
/// The roots are unusable.
pub fn sender(roots: &Roots) -> Result<ClientTls, TlsError> {
    Ok(ClientTls { quic: client_tls(roots, None)?.try_into()? })
}

/// The dialling side of a link between members.
///
/// # Errors
/// Certificate and key do not belong together, or the roots are unusable.
pub fn link(roots: &Roots, identity: &Identity) -> Result<ClientTls, TlsError> {
    Ok(ClientTls { quic: client_tls(roots, Some(identity))?.try_into()? })
}

/// Why a TLS configuration could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Certificate, key or chain do not fit together.
    #[error("certificate and key cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
    /// No verifier can be made from the roots.
    #[error("the CA certificates cannot be used: {0}")]
    Roots(#[from] rustls::server::VerifierBuilderError),
    /// The provider lost the cipher suite that QUIC needs.
    #[error("TLS cannot be used for QUIC: {0}")]
    Quic(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

impl From<TlsError> for AppError {
    fn from(error: TlsError) -> Self {
        Self::new(exit::CONFIG, error)
    }
}

fn server_tls(identity: &Identity, peers: &Peers) -> Result<rustls::ServerConfig, TlsError> {
    let provider = provider(match peers {
        Peers::Anonymous => SENDER_GROUPS,
        Peers::Members(_) => LINK_GROUPS,
    });
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS13])?;
    let (builder, alpn) = match peers {
        Peers::Anonymous => (builder.with_no_client_auth(), ALPN_SENDER),
        Peers::Members(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.store(), provider).build()?;
            (builder.with_client_cert_verifier(verifier), ALPN_LINK)
        }
    };
    let mut config = builder.with_single_cert(identity.chain(), identity.key())?;
    config.alpn_protocols = vec![alpn.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

fn client_tls(roots: &Roots, identity: Option<&Identity>) -> Result<rustls::ClientConfig, TlsError> {
    let groups = if identity.is_some() { LINK_GROUPS } else { SENDER_GROUPS };
    let builder = rustls::ClientConfig::builder_with_provider(provider(groups))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots.store());
    let (mut config, alpn) = match identity {
        Some(identity) => (builder.with_client_auth_cert(identity.chain(), identity.key())?, ALPN_LINK),
        None => (builder.with_no_client_auth(), ALPN_SENDER),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// Both ends of a link are ours: only the hybrid group, so that nothing can be talked down to a classical one.
const LINK_GROUPS: &[&dyn SupportedKxGroup] = &[kx_group::X25519MLKEM768];
/// A sender may come from a platform whose TLS does not have the hybrid group; its content is sealed above TLS.
const SENDER_GROUPS: &[&dyn SupportedKxGroup] = &[kx_group::X25519MLKEM768, kx_group::X25519];

fn provider(groups: &[&'static dyn SupportedKxGroup]) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: groups.to_vec(), ..aws_lc_rs::default_provider() })
}

#[cfg(test)]
mod tests;
