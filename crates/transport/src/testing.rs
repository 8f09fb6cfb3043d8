//! What the tests of this crate share: a CA made on the spot and endpoints on loopback.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::clock::Clock;
use crate::endpoint::{self, EndpointKeys, Gate, GateLimits, Limits};
use crate::net::{ClientConfig, Connection, Endpoint};
use crate::secret::SecretKey;
use crate::tls::{self, Identity, Peers, Roots};

pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Longer than anything here takes on a busy machine, shorter than any idle timeout.
pub(crate) const SOON: Duration = Duration::from_secs(8);

/// Waits for what must come.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.expect("did not happen in time")
}

/// A certificate authority.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names to refuse");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::from_pem(self.pem.as_bytes()).expect("a CA certificate")
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Certificate and key of a member.
    pub(crate) fn issue_pem(&self, member: &str) -> (String, String) {
        let params = CertificateParams::new(vec![tls::server_name(member)]).expect("a valid name");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    pub(crate) fn issue(&self, member: &str) -> Identity {
        let (chain, key) = self.issue_pem(member);
        Identity::from_pem(chain.as_bytes(), key.as_bytes()).expect("what was just made")
    }

    /// A listener of this CA's network on a free port.
    pub(crate) fn listener(&self, member: &str, peers: &Peers, limits: &Limits) -> Endpoint {
        Self::listener_of(&self.issue(member), peers, limits)
    }

    /// The same for an identity that the test knows.
    pub(crate) fn listener_of(identity: &Identity, peers: &Peers, limits: &Limits) -> Endpoint {
        let tls = tls::server(identity, peers).expect("a usable identity");
        let socket = endpoint::bind(LOOPBACK, NonZeroUsize::MIN).expect("a free port").remove(0);
        let keys = EndpointKeys::derive(&SecretKey::new([1; 32]), "test", 0);
        endpoint::listen(socket, &keys, endpoint::server_config(tls, limits)).expect("an endpoint")
    }

    /// A member's dialling configuration.
    pub(crate) fn link(&self, member: &str, limits: &Limits) -> ClientConfig {
        endpoint::client_config(tls::link(&self.roots(), &self.issue(member)).expect("a usable identity"), limits)
    }

    /// A sender's dialling configuration.
    pub(crate) fn sender(&self) -> ClientConfig {
        endpoint::client_config(tls::sender(&self.roots()).expect("usable roots"), &Limits::SENDER)
    }
}

/// An endpoint that only dials.
pub(crate) fn dialler(config: ClientConfig) -> Endpoint {
    endpoint::dial_only(LOOPBACK, config).expect("a free port")
}

pub(crate) fn open_gate() -> Gate {
    Gate::new(GateLimits { rate: None, ..GateLimits::default() }, Clock::start())
}

/// Both ends of a new connection; the dialling one first.
pub(crate) async fn connect(from: &Endpoint, to: &Endpoint, member: &str) -> (Connection, Connection) {
    let address = to.local_addr().expect("a bound endpoint");
    let dial = async { from.connect(address, &tls::server_name(member)).expect("a valid name").await };
    let gate = open_gate();
    let accept = async { gate.accept(to).await.expect("the endpoint is open").complete().await };
    let (dialled, accepted) = soon(async { tokio::join!(dial, accept) }).await;
    (dialled.expect("the dialling side connects"), accepted.expect("the listening side connects"))
}
