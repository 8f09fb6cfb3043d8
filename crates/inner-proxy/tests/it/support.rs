//! The peers of an inner proxy, on loopback: outer proxies and offices that do what a test says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schleuse_directory::{Directory, Hex, Member, Role, RootKeys, SignedDirectory};
use schleuse_inner_proxy::{Config, Handle, StreamRecord, start};
use schleuse_protocol::limits::{EPOCH, VERSION};
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::Wire;
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::{Incoming, InnerToOffice, InnerToOuter, OfficeToInner, Open, OuterToInner, RunId};
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::{RouteToken, StoreId};
use schleuse_seal::SigningKey;
use schleuse_transport::clock::Clock;
use schleuse_transport::endpoint::{Limits, client_config, dial_only};
use schleuse_transport::framed::{Frames, write_message};
use schleuse_transport::net::{Connection, ConnectionError, RecvStream, SendStream};
use schleuse_transport::tls::{self, Fingerprint, server_name};
use tokio::sync::mpsc;

use crate::peers::{PATIENCE, Stream, id, next_stream, refusal, soon, stream};
use crate::pki::Pki;

/// The members of the network, besides `inner-1`.
const MEMBERS: [(&str, Role); 6] = [
    ("outer-1", Role::Outer),
    ("outer-2", Role::Outer),
    ("ga-koeln", Role::Office),
    ("ga-bonn", Role::Office),
    ("vendor-1", Role::Vendor),
    ("inner-1", Role::Inner),
];

pub(crate) fn now() -> UnixSeconds {
    Clock::start().unix()
}

/// An inner proxy, an outer proxy and the office `ga-koeln` linked with it.
pub(crate) struct Network {
    pub(crate) members: Members,
    pub(crate) inner: Handle,
    pub(crate) outer: Outer,
    pub(crate) office: Office,
    pub(crate) records: mpsc::UnboundedReceiver<StreamRecord>,
}

impl Network {
    pub(crate) async fn new() -> Self {
        let members = Members::new();
        let (inner, records) = members.start();
        let address = inner.addresses()[0];
        let outer = Outer::link(&members.pki, "outer-1", address).await;
        let office = Office::link(&members.pki, "ga-koeln", address).await;
        soon(inner.until_connected(1)).await;
        Self { members, inner, outer, office, records }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.inner.addresses()[0]
    }

    pub(crate) async fn record(&mut self) -> StreamRecord {
        soon(self.records.recv()).await.expect("the proxy runs")
    }
}

/// A CA, a root key and the directory.
pub(crate) struct Members {
    pub(crate) pki: Pki,
    root: SigningKey,
    pub(crate) config: PathBuf,
}

impl Members {
    /// Everybody has a certificate; `inner.toml` and what it names is written, for one thread.
    pub(crate) fn new() -> Self {
        let pki = Pki::new();
        let root = SigningKey::from_bytes(&[1; 32]);
        let roots = RootKeys::new(1, vec![root.public()]).and_then(|keys| keys.to_toml()).expect("root keys");
        pki.file("root-keys.toml", &roots);
        pki.secret("inner-1.cluster", &"c1".repeat(32));
        let text = "id = \"inner-1\"\nlisten = [\"127.0.0.1:0\"]\ncertificate = \"inner-1.pem\"\nkey = \"inner-1.key\"\n\
                    ca = \"ca.pem\"\ncluster_secret = \"inner-1.cluster\"\ndirectory = \"directory.json\"\n\
                    root_keys = \"root-keys.toml\"\nthreads = 1\ngrace_seconds = 10\n";
        let config = pki.file("inner.toml", text);
        for (name, _) in MEMBERS {
            pki.issue(name);
        }
        let members = Self { pki, root, config };
        members.publish(1, &[]);
        members
    }

    /// Signs and writes version `version` of the directory, without the members in `removed`.
    pub(crate) fn publish(&self, version: u64, removed: &[&str]) {
        let present = MEMBERS.iter().filter(|(name, _)| !removed.contains(name));
        let members = present.map(|(name, role)| member(name, *role, self.pki.identity(name).fingerprint())).collect();
        let issued = now();
        let directory = Directory { version, issued, expires: issued.after(EPOCH), members, permissions: Vec::new() };
        let signed = SignedDirectory::sign(&directory, &[&self.root]).expect("a directory");
        std::fs::write(self.pki.path("directory.json"), signed.to_bytes().expect("its bytes")).expect("a file");
    }

    /// Changes the configuration.
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.config).expect("it was written");
        assert!(text.contains(from), "the configuration has no {from}");
        std::fs::write(&self.config, text.replace(from, to)).expect("a file");
    }

    pub(crate) fn start(&self) -> (Handle, mpsc::UnboundedReceiver<StreamRecord>) {
        let (observer, records) = mpsc::unbounded_channel();
        let config = Config::load(&self.config).expect("a configuration");
        (start(config, Some(observer)).expect("it starts"), records)
    }
}

fn member(name: &str, role: Role, fingerprint: Fingerprint) -> Member {
    Member {
        id: id(name),
        role,
        name: name.to_owned(),
        groups: Vec::new(),
        fingerprints: vec![Hex(fingerprint)],
        signing_key: role.signs().then(|| Hex(SigningKey::from_bytes(&fingerprint).public())),
        kem_key: None,
        addresses: if role.signs() { Vec::new() } else { vec!["192.0.2.1:4433".to_owned()] },
        valid_from: None,
        valid_until: None,
    }
}

/// Dials the inner proxy with the certificate of `name`.
pub(crate) async fn connect(pki: &Pki, name: &str, inner: SocketAddr) -> Result<Connection, ConnectionError> {
    // An office takes streams; one that plays by the rules raises its limit when they come.
    let limits = Limits { first_streams: 128, ..Limits::LINK };
    let config = client_config(tls::link(&pki.roots(), &pki.identity(name)).expect("TLS"), &limits);
    let endpoint = dial_only(([127, 0, 0, 1], 0).into(), config).expect("a socket");
    soon(endpoint.connect(inner, &server_name("inner-1")).expect("a name")).await
}

/// A link and its control stream, as a member has it.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    pub(crate) frames: Frames,
}

impl Link {
    pub(crate) async fn open<Out: Wire>(pki: &Pki, name: &str, inner: SocketAddr, hello: &Out) -> Self {
        let connection = connect(pki, name, inner).await.expect("the proxy answers");
        let (send, recv) = connection.open_bi().await.expect("a control stream");
        let mut link = Self { connection, send, frames: Frames::new(recv) };
        link.say(hello).await;
        link
    }

    pub(crate) async fn say<Out: Wire>(&mut self, message: &Out) {
        write_message(&mut self.send, FrameType::Control, message).await.expect("the proxy listens");
    }

    pub(crate) async fn hear<In: Wire>(&mut self) -> In {
        self.frames.expect(FrameType::Control, PATIENCE).await.expect("a message")
    }

    /// Waits until the proxy closes the connection, and returns how.
    pub(crate) async fn turned_away(&self) -> StreamRefusal {
        match soon(self.connection.closed()).await {
            ConnectionError::ApplicationClosed(code) => StreamRefusal::from_code(code.into_inner()),
            other => panic!("expected to be turned away, got {other}"),
        }
    }
}

/// An outer proxy that the test plays. It checks no MAC.
pub(crate) struct Outer(pub(crate) Link);

impl Outer {
    pub(crate) async fn link(pki: &Pki, name: &str, inner: SocketAddr) -> Self {
        let mut link = Link::open(pki, name, inner, &OuterToInner::Hello(VERSION)).await;
        assert!(matches!(link.hear().await, InnerToOuter::AdmissionKeys(_)));
        Self(link)
    }

    /// Brings a stream that begins with `header`, followed by `rest`.
    pub(crate) async fn stream(&self, header: &Open, rest: &[u8]) -> Stream {
        stream(&self.0.connection, header, rest).await
    }

    /// The same, and how it was refused.
    pub(crate) async fn refused(&self, header: &Open) -> StreamRefusal {
        let (_send, mut recv) = self.stream(header, b"x").await;
        refusal(&mut recv).await
    }
}

/// An office that the test plays.
pub(crate) struct Office(pub(crate) Link);

impl Office {
    pub(crate) async fn link(pki: &Pki, name: &str, inner: SocketAddr) -> Self {
        Self::link_as(pki, name, inner, receiver(1, 1)).await
    }

    /// One of several receivers of an office.
    pub(crate) async fn link_as(pki: &Pki, name: &str, inner: SocketAddr, hello: OfficeToInner) -> Self {
        let mut link = Link::open(pki, name, inner, &hello).await;
        assert!(matches!(link.hear().await, InnerToOffice::TokenKey(_)));
        Self(link)
    }

    /// Asks for tokens.
    pub(crate) async fn tokens(&mut self, count: u16, not_after: UnixSeconds) -> (UnixSeconds, Vec<RouteToken>) {
        self.0.say(&OfficeToInner::TokensWanted { count, not_after }).await;
        match self.0.hear().await {
            InnerToOffice::Tokens { not_after, tokens } => (not_after, tokens),
            other => panic!("expected tokens, got {other:?}"),
        }
    }

    /// A header with a token that is good for a minute.
    pub(crate) async fn header(&mut self) -> Open {
        self.headers(1).await[0]
    }

    /// Headers with different tokens.
    pub(crate) async fn headers(&mut self, count: u16) -> Vec<Open> {
        let (_, tokens) = self.tokens(count, now().after(Duration::from_secs(60))).await;
        tokens.into_iter().map(header).collect()
    }

    /// The next stream that the proxy brings, and its header.
    pub(crate) async fn stream(&self) -> (Incoming, SendStream, RecvStream) {
        next_stream(&self.0.connection).await
    }
}

/// What a receiver says first, by the numbers of its store and its run.
pub(crate) fn receiver(store: u8, run: u8) -> OfficeToInner {
    OfficeToInner::Hello { version: VERSION, store: StoreId([store; 8]), run: RunId([run; 8]) }
}

pub(crate) fn header(token: RouteToken) -> Open {
    Open { version: VERSION, inner: id("inner-1"), token }
}
