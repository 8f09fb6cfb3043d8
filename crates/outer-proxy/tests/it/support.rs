//! The peers of an outer proxy, on loopback: senders, and inner proxies that do what a test says.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;

use schleuse_admission::AdmissionKey;
use schleuse_outer_proxy::{Config, Handle, StreamRecord, start};
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::{InnerToOuter, Open, OuterToInner};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken};
use schleuse_transport::clock::Clock;
use schleuse_transport::endpoint::{EndpointKeys, Limits, client_config, dial_only, listen, server_config};
use schleuse_transport::framed::{Frames, write_message};
use schleuse_transport::net::{Code, Connection, ConnectionError, Endpoint, Incoming, RecvStream, SendStream};
use schleuse_transport::secret::SecretKey;
use schleuse_transport::tls::{self, Peers, server_name};
use tokio::sync::mpsc;

use crate::peers::{PATIENCE, id, next_stream, soon};
use crate::pki::Pki;
use crate::process::free_address;

/// An outer proxy, an inner proxy that it is linked with, and a sender.
pub(crate) struct Network {
    pub(crate) pki: Pki,
    pub(crate) inner: FakeInner,
    pub(crate) link: FakeLink,
    pub(crate) outer: Handle,
    pub(crate) sender: Connection,
    pub(crate) records: mpsc::UnboundedReceiver<StreamRecord>,
}

impl Network {
    pub(crate) async fn new() -> Self {
        let pki = Pki::new();
        let inner = FakeInner::listen(&pki, "inner-1");
        let config = configure(&pki, &[("inner-1", inner.address)]);
        let (observer, records) = mpsc::unbounded_channel();
        let outer = start(Config::load(&config).expect("a configuration"), Some(observer)).expect("it starts");
        let link = soon(inner.accept()).await;
        soon(outer.until_linked()).await;
        let sender = soon(connect(&pki, outer.addresses()[0])).await;
        Self { pki, inner, link, outer, sender, records }
    }

    /// A header whose token is valid.
    pub(crate) fn open(&self) -> Open {
        self.inner.open()
    }

    pub(crate) async fn record(&mut self) -> StreamRecord {
        soon(self.records.recv()).await.expect("the proxy runs")
    }
}

/// Writes the configuration of `outer-1` with one thread and these inner proxies, and all that belongs to it.
pub(crate) fn configure(pki: &Pki, inners: &[(&str, SocketAddr)]) -> PathBuf {
    pki.issue("outer-1");
    pki.secret("outer-1.cluster", &"5e".repeat(32));
    let mut text =
        "id = \"outer-1\"\nlisten = [\"127.0.0.1:0\"]\ncertificate = \"outer-1.pem\"\nkey = \"outer-1.key\"\n\
                    ca = \"ca.pem\"\ncluster_secret = \"outer-1.cluster\"\nthreads = 1\ngrace_seconds = 10\n"
            .to_owned();
    for (inner, address) in inners {
        let fingerprint = hex(&pki.identity(inner).fingerprint());
        text += &format!("[[inner]]\nid = \"{inner}\"\naddress = \"{address}\"\nfingerprint = \"{fingerprint}\"\n");
    }
    pki.file("outer.toml", &text)
}

/// A sender's connection.
pub(crate) async fn connect(pki: &Pki, outer: SocketAddr) -> Connection {
    try_connect(pki, outer).await.expect("the proxy answers")
}

pub(crate) async fn try_connect(pki: &Pki, outer: SocketAddr) -> Result<Connection, ConnectionError> {
    let config = client_config(tls::sender(&pki.roots()).expect("TLS"), &Limits::SENDER);
    let endpoint = dial_only(([127, 0, 0, 1], 0).into(), config).expect("a socket");
    endpoint.connect(outer, &server_name("outer-1")).expect("a name").await
}

/// An inner proxy that the test plays.
pub(crate) struct FakeInner {
    name: MemberId,
    endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    /// The current and the next epoch's key.
    pub(crate) keys: [(Epoch, AdmissionKey); 2],
}

impl FakeInner {
    pub(crate) fn listen(pki: &Pki, name: &str) -> Self {
        pki.issue(name);
        Self::at(pki, name, free_address())
    }

    /// With the certificate that was issued already.
    pub(crate) fn at(pki: &Pki, name: &str, address: SocketAddr) -> Self {
        let tls = tls::server(&pki.identity(name), &Peers::Members(pki.roots())).expect("TLS");
        let socket = UdpSocket::bind(address).expect("a socket");
        let address = socket.local_addr().expect("an address");
        let keys = EndpointKeys::derive(&SecretKey::new([9; 32]), name, 0);
        let endpoint = listen(socket, &keys, server_config(tls, &Limits::LINK)).expect("an endpoint");
        Self { name: id(name), endpoint, address, keys: keys_of(1) }
    }

    /// The next link, after hello and admission keys.
    pub(crate) async fn accept(&self) -> FakeLink {
        let connection = self.accept_connection().await;
        let (mut send, recv) = connection.accept_bi().await.expect("a control stream");
        let mut frames = Frames::new(recv);
        let hello: OuterToInner = frames.expect(FrameType::Control, PATIENCE).await.expect("a hello");
        assert_eq!(hello, OuterToInner::Hello(VERSION));
        let keys = self.keys.each_ref().map(|(epoch, key)| (*epoch, key.to_bytes()));
        write_message(&mut send, FrameType::Control, &InnerToOuter::AdmissionKeys(keys)).await.expect("it listens");
        FakeLink { connection, send, _frames: frames }
    }

    pub(crate) async fn accept_connection(&self) -> Connection {
        self.incoming().await.await.expect("the proxy has a certificate")
    }

    /// The next attempt to connect.
    pub(crate) async fn incoming(&self) -> Incoming {
        self.endpoint.accept().await.expect("the endpoint is open")
    }

    /// A header with a token that this proxy's keys admit.
    pub(crate) fn open(&self) -> Open {
        Open { version: VERSION, inner: self.name, token: token(&self.keys[0]) }
    }

    /// Vanishes from its address.
    pub(crate) async fn close(self) {
        let Self { endpoint, address, .. } = self;
        endpoint.close(Code::NONE, b"");
        endpoint.wait_idle().await;
        drop(endpoint);
        // quinn lets go of the socket a little later, in a task of its own.
        let free = async {
            while UdpSocket::bind(address).is_err() {
                tokio::task::yield_now().await;
            }
        };
        soon(free).await;
    }
}

/// Admission keys of a cluster secret.
pub(crate) fn keys_of(secret: u8) -> [(Epoch, AdmissionKey); 2] {
    let epoch = Epoch::of(Clock::start().unix());
    [epoch, epoch.next()].map(|epoch| (epoch, AdmissionKey::derive(&[secret; 32], epoch)))
}

/// A token that the outer proxy cannot tell from one whose seal is real.
pub(crate) fn token((epoch, key): &(Epoch, AdmissionKey)) -> RouteToken {
    let mut token = RouteToken { epoch: *epoch, nonce: RouteNonce([7; 16]), sealed: [8; 48], mac: [0; 16] };
    key.mac(&mut token);
    token
}

/// A link as the inner proxy has it.
pub(crate) struct FakeLink {
    pub(crate) connection: Connection,
    send: SendStream,
    _frames: Frames,
}

impl FakeLink {
    pub(crate) async fn say(&mut self, message: &InnerToOuter) {
        write_message(&mut self.send, FrameType::Control, message).await.expect("the proxy listens");
    }

    /// The next stream that the proxy brings, and its header.
    pub(crate) async fn stream(&self) -> (Open, SendStream, RecvStream) {
        next_stream(&self.connection).await
    }
}

/// A fingerprint as configuration files have it.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
