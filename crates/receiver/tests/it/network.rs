//! A small network on this machine: a CA, a directory, vendors' keys, and an inner proxy that hands every stream on.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use schleuse_directory::{Directory, Hex, Member, OrAny, Role, RootKeys, Rule, SignedDirectory};
use schleuse_protocol::limits::VERSION;
use schleuse_protocol::time::UnixSeconds;
use schleuse_protocol::wire::frame::{FrameType, encode_frame};
use schleuse_protocol::wire::hop::{Incoming, InnerToOffice, OfficeToInner, RunId};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::token::{Epoch, RouteNonce, RouteToken, TokenKeyId};
use schleuse_receiver::config::{DirectoryFiles, IdentityFiles, InnerAddress};
use schleuse_receiver::{Config, Handle, Receiver, create_key_file};
use schleuse_seal::{SigningKey, system_rng};
use schleuse_transport::clock::Clock;
use schleuse_transport::config::NamedFile;
use schleuse_transport::endpoint::{self, EndpointKeys, Limits};
use schleuse_transport::framed::{self, Frames};
use schleuse_transport::net::{Code, Connection, Endpoint, RecvStream, SendStream};
use schleuse_transport::secret::SecretKey;
use schleuse_transport::tls::{self, Identity, Peers, Roots};
use tokio::sync::watch;

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Waits for what must come.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.expect("did not happen in time")
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    soon(async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

pub(crate) fn id(name: &str) -> MemberId {
    name.parse().expect("a valid name")
}

pub(crate) struct Network {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) inner: Inner,
    pub(crate) office_key: [u8; 32],
    pub(crate) vendor: Arc<SigningKey>,
    root: SigningKey,
    directory: Directory,
}

/// What the stand-in for an inner proxy knows.
pub(crate) struct Inner {
    pub(crate) address: SocketAddr,
    endpoint: Endpoint,
    office: watch::Receiver<Option<Connection>>,
    used: Arc<Mutex<Vec<RouteNonce>>>,
    /// Whether it answers requests for tokens.
    gives: Arc<AtomicBool>,
    /// Whether it reads what offices say after Hello.
    listens: Arc<AtomicBool>,
}

impl Network {
    pub(crate) async fn new() -> Self {
        Self::with(&Limits::LINK).await
    }

    /// The inner proxy has these limits.
    pub(crate) async fn with(limits: &Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let ca = Ca::new();
        std::fs::write(at("ca.pem"), &ca.pem).expect("a file");
        let office_identity = ca.issue("ga-koeln", &at("cert.pem"), &at("tls.key"));
        let inner_identity = ca.issue("inner-1", &at("inner.pem"), &at("inner.key"));
        let mut rng = system_rng();
        let (office, vendor, root) =
            (SigningKey::generate(&mut rng), SigningKey::generate(&mut rng), SigningKey::generate(&mut rng));
        let seed = data_encoding::HEXLOWER.encode(&*office.to_bytes());
        write_secret(&at("signing.key"), &seed);
        create_key_file(&at("kek")).expect("a key file");
        let roots = RootKeys::new(1, vec![root.public()]).expect("one root");
        std::fs::write(at("roots.toml"), roots.to_toml().expect("TOML")).expect("a file");
        let clock = Clock::start();
        let now = clock.unix();
        let directory = Directory {
            version: 7,
            issued: now,
            expires: UnixSeconds(now.0 + 3600),
            members: vec![
                member("ga-koeln", Role::Office, Some(&office_identity), Some(&office)),
                member("inner-1", Role::Inner, Some(&inner_identity), None),
                member("vendor-1", Role::Vendor, None, Some(&vendor)),
                member("vendor-2", Role::Vendor, None, Some(&SigningKey::generate(&mut rng))),
            ],
            permissions: vec![Rule {
                from: vec![OrAny::One("vendor-1".parse().expect("a name"))],
                kinds: vec![OrAny::Any],
                to: vec![OrAny::Any],
            }],
        };
        let inner = Inner::start(&inner_identity, &ca.roots(), limits);
        let network =
            Self { folder, clock, inner, office_key: office.public(), vendor: Arc::new(vendor), root, directory };
        network.publish(|_| {});
        network
    }

    /// Changes the directory, signs it and writes its file.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut Directory)) {
        let mut directory = self.directory.clone();
        change(&mut directory);
        let signed = SignedDirectory::sign(&directory, &[&self.root]).expect("a valid directory");
        std::fs::write(self.path("directory.json"), signed.to_bytes().expect("bytes")).expect("a file");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> Config {
        let file = |name: &str| NamedFile::from(self.path(name));
        let identity = IdentityFiles {
            certificate: file("cert.pem"),
            key: file("tls.key"),
            ca: file("ca.pem"),
            signing_key: file("signing.key"),
        };
        let directory = DirectoryFiles { file: file("directory.json"), roots: file("roots.toml") };
        let inner = InnerAddress { id: id("inner-1"), address: self.inner.address.to_string() };
        let mut config = Config::new(id("ga-koeln"), file("office.sqlite"), identity, directory, vec![inner]);
        config.key_encryption_key = Some(file("kek"));
        config.limits.drain = Duration::from_secs(5);
        config
    }

    /// The same as a file, for the program.
    pub(crate) fn config_file(&self) -> PathBuf {
        let path = self.path("receiver.toml");
        // Written once: a daemon may just be reading it.
        if path.exists() {
            return path;
        }
        let text = format!(
            "office = \"ga-koeln\"\ndatabase = \"office.sqlite\"\nkey_encryption_key = \"kek\"\n\
             [identity]\ncertificate = \"cert.pem\"\nkey = \"tls.key\"\nca = \"ca.pem\"\nsigning_key = \"signing.key\"\n\
             [directory]\nfile = \"directory.json\"\nroots = \"roots.toml\"\n\
             [[inner]]\nid = \"inner-1\"\naddress = \"{}\"\n[limits]\ndrain_seconds = 2\n\
             [api]\nsocket = \"api.sock\"\n",
            self.inner.address
        );
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// An office that is connected and has tokens.
    pub(crate) async fn office(&self) -> Handle {
        self.office_with(self.config()).await
    }

    pub(crate) async fn office_with(&self, config: Config) -> Handle {
        let handle = Receiver::start(config).await.expect("a running office");
        soon(handle.ready()).await;
        handle
    }
}

pub(crate) fn write_secret(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}

fn member(name: &str, role: Role, identity: Option<&Identity>, signing: Option<&SigningKey>) -> Member {
    Member {
        id: id(name),
        role,
        name: name.to_owned(),
        groups: vec![],
        fingerprints: identity.map(|identity| Hex(identity.fingerprint())).into_iter().collect(),
        signing_key: signing.map(|key| Hex(key.public())),
        kem_key: None,
        addresses: vec![],
        valid_from: None,
        valid_until: None,
    }
}

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn roots(&self) -> Roots {
        Roots::from_pem(self.pem.as_bytes()).expect("a CA certificate")
    }

    fn issue(&self, member: &str, certificate: &Path, key_file: &Path) -> Identity {
        let params = CertificateParams::new(vec![tls::server_name(member)]).expect("a valid name");
        let key = KeyPair::generate().expect("a key");
        std::fs::write(certificate, params.signed_by(&key, &self.issuer).expect("a certificate").pem())
            .expect("a file");
        write_secret(key_file, &key.serialize_pem());
        Identity::load(certificate, key_file).expect("what was just made")
    }
}

impl Inner {
    fn start(identity: &Identity, roots: &Roots, limits: &Limits) -> Self {
        let tls = tls::server(identity, &Peers::Members(roots.clone())).expect("a usable identity");
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = endpoint::bind(local, NonZeroUsize::MIN).expect("a free port").remove(0);
        let keys = EndpointKeys::derive(&SecretKey::new([1; 32]), "inner-1", 0);
        let endpoint = endpoint::listen(socket, &keys, endpoint::server_config(tls, limits)).expect("an endpoint");
        let (connected, office) = watch::channel(None);
        let used = Arc::new(Mutex::new(Vec::new()));
        let gives = Arc::new(AtomicBool::new(true));
        let listens = Arc::new(AtomicBool::new(true));
        let (accepting, noted, giving) = (endpoint.clone(), Arc::clone(&used), Arc::clone(&gives));
        let listening = Arc::clone(&listens);
        tokio::spawn(async move {
            while let Some(incoming) = accepting.accept().await {
                let (connected, noted, giving) = (connected.clone(), Arc::clone(&noted), Arc::clone(&giving));
                let listening = Arc::clone(&listening);
                tokio::spawn(async move {
                    let Ok(connection) = incoming.await else { return };
                    let Ok((send, recv)) = connection.accept_bi().await else { return };
                    connected.send_replace(Some(connection.clone()));
                    match listening.load(Ordering::Relaxed) {
                        true => control(send, Frames::new(recv), noted, giving).await,
                        false => control_deaf(send, Frames::new(recv), &connection).await,
                    }
                });
            }
        });
        Self { address: endpoint.local_addr().expect("an address"), endpoint, office, used, gives, listens }
    }

    /// A stream to the office, as an inner proxy opens it.
    pub(crate) async fn stream(&self, nonce: RouteNonce) -> (SendStream, RecvStream) {
        let (mut send, recv) = soon(self.connection().await.open_bi()).await.expect("a stream");
        let incoming = encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce });
        send.write_all(&incoming).await.expect("a header");
        (send, recv)
    }

    /// The living connection of the office.
    pub(crate) async fn connection(&self) -> Connection {
        let mut office = self.office.clone();
        let living = |connection: &Option<Connection>| {
            connection.as_ref().is_some_and(|connection| connection.close_reason().is_none())
        };
        soon(office.wait_for(living)).await.expect("the acceptor runs").clone().expect("it is some")
    }

    /// Tokens that the office reported as used.
    pub(crate) fn used(&self) -> Vec<RouteNonce> {
        self.used.lock().expect("no panic").clone()
    }

    /// From now on, requests for tokens stay without an answer.
    pub(crate) fn give_no_more(&self) {
        self.gives.store(false, Ordering::Relaxed);
    }

    /// Of links to come, nothing that offices say is read, and much is said that they answer.
    pub(crate) fn listen_no_more(&self) {
        self.listens.store(false, Ordering::Relaxed);
    }

    /// Breaks every connection.
    pub(crate) async fn cut(&self) {
        self.connection().await.close(Code::NONE, b"");
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.endpoint.close(Code::NONE, b"");
    }
}

/// Mints tokens for whoever asks: the office cannot check them.
async fn control(mut send: SendStream, mut frames: Frames, used: Arc<Mutex<Vec<RouteNonce>>>, gives: Arc<AtomicBool>) {
    while let Ok(Some(frame)) = frames.next(&[FrameType::Control]).await {
        match frame.decode::<OfficeToInner>().expect("a control message") {
            OfficeToInner::Hello { version, .. } => {
                assert_eq!(version, VERSION);
                let key = InnerToOffice::TokenKey(TokenKeyId([1; 8]));
                if framed::write_message(&mut send, FrameType::Control, &key).await.is_err() {
                    return;
                }
            }
            OfficeToInner::TokensWanted { .. } if !gives.load(Ordering::Relaxed) => {}
            OfficeToInner::TokensWanted { count, not_after } => {
                let tokens = (0..count).map(|_| token(not_after)).collect();
                let answer = InnerToOffice::Tokens { not_after, tokens };
                if framed::write_message(&mut send, FrameType::Control, &answer).await.is_err() {
                    return;
                }
            }
            OfficeToInner::Used(nonces) => used.lock().expect("no panic").extend(nonces),
            OfficeToInner::Drain | OfficeToInner::NotMine { .. } => {}
        }
    }
}

/// Has the office answer, and does not read the answers.
async fn control_deaf(mut send: SendStream, mut frames: Frames, connection: &Connection) {
    frames.next(&[FrameType::Control]).await.expect("a hello");
    let key = InnerToOffice::TokenKey(TokenKeyId([1; 8]));
    let mut said = encode_frame(FrameType::Control, &key);
    for run in 0..12 {
        said.extend(encode_frame(FrameType::Control, &InnerToOffice::Contested { run: RunId([run; 8]) }));
    }
    send.write_all(&said).await.expect("a reader");
    connection.closed().await;
}

fn token(not_after: UnixSeconds) -> RouteToken {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).expect("random numbers");
    RouteToken { epoch: Epoch::of(not_after), nonce: RouteNonce(nonce), sealed: [0; 48], mac: [0; 16] }
}
