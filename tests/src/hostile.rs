//! An inner proxy that does not keep to the rules, with the real one's certificate and keys.
//!
//! It speaks the protocol of its place (admission keys to outer proxies, route tokens to offices), and has every stream
//! pass through its hands frame by frame: it can record, drop, swap, duplicate and change what it carries, and say
//! recorded things again to any office. It holds no key of any seal. An outer proxy can do no more than this, except
//! to the header, which [`crate::wire`] covers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schleuse_admission::AdmissionKey;
use schleuse_directory::Role;
use schleuse_protocol::limits::{HEADER_TIMEOUT, VERSION};
use schleuse_protocol::wire::frame::{Frame, FrameType, encode_frame};
use schleuse_protocol::wire::hop::{Incoming, InnerToOffice, InnerToOuter, OfficeToInner, Open, OuterToInner};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::token::{Epoch, RouteClaims, RouteNonce, RouteToken};
use schleuse_seal::{RouteSealer, system_rng};
use schleuse_transport::clock::Clock;
use schleuse_transport::endpoint::{self, EndpointKeys, Gate, GateLimits, Limits};
use schleuse_transport::framed::{Frames, write, write_message};
use schleuse_transport::net::{Code, Connection, Endpoint, RecvStream, SendStream};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::tls::{self, Fingerprint, Identity, Peers, Roots, peer_fingerprint};
use tokio::sync::Notify;

use crate::wire::{self, Outcome};

/// A peer that grants no further stream for so long grants none.
const QUIET: Duration = Duration::from_millis(500);

/// What becomes of each frame of one direction of one stream, in order.
pub type Tamper = Box<dyn FnMut(Frame) -> Vec<Frame> + Send>;

/// What the proxy does with the streams that come.
#[derive(Clone)]
pub enum Conduct {
    /// Carries them.
    Honest,
    /// Keeps a copy of everything up to the final frame, and carries nothing.
    Swallow,
    /// Changes what goes to the office.
    Up(Arc<dyn Fn() -> Tamper + Send + Sync>),
    /// Changes what goes to the sender.
    Down(Arc<dyn Fn() -> Tamper + Send + Sync>),
}

impl Conduct {
    /// Changes what goes to the office; `make` is asked for each stream anew.
    pub fn up(make: impl Fn() -> Tamper + Send + Sync + 'static) -> Self {
        Self::Up(Arc::new(make))
    }

    /// Changes what goes to the sender.
    pub fn down(make: impl Fn() -> Tamper + Send + Sync + 'static) -> Self {
        Self::Down(Arc::new(make))
    }
}

/// How the proxy answers an office that asks for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minting {
    /// As it is asked to.
    Honest,
    /// With no tokens.
    Nothing,
    /// Not at all.
    Silence,
    /// With the same tokens each time.
    Repeated,
    /// With good tokens that end in an hour.
    AnHour,
    /// With thousands of messages that nobody has asked for.
    Flood,
}

/// A stream that went through the proxy's hands.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Where it was to go.
    pub office: MemberId,
    /// The token that it showed.
    pub nonce: RouteNonce,
    /// What came from the sender after the header, as far as it came.
    pub frames: Vec<Frame>,
}

impl Recorded {
    /// Everything that an honest proxy says to the office.
    pub fn to_office(&self) -> Vec<u8> {
        [incoming(self.nonce), wire::encode_all(&self.frames)].concat()
    }
}

/// The frame with which a stream to an office begins.
pub fn incoming(nonce: RouteNonce) -> Vec<u8> {
    encode_frame(FrameType::Incoming, &Incoming { version: VERSION, nonce })
}

/// Everything that the proxy is started with.
pub struct Equipment {
    /// Where the honest one would listen.
    pub address: SocketAddr,
    /// Its certificate.
    pub identity: Identity,
    /// The CA.
    pub roots: Roots,
    /// Its cluster secret.
    pub cluster_secret: SecretKey,
    /// Who is who.
    pub members: HashMap<Fingerprint, (MemberId, Role)>,
}

/// The running proxy. Its tasks live on the runtime on which it was started.
#[derive(Clone)]
pub struct HostileInner {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    members: HashMap<Fingerprint, (MemberId, Role)>,
    sealer: RouteSealer,
    secret: SecretKey,
    clock: Clock,
    conduct: Mutex<Conduct>,
    minting: Mutex<Minting>,
    asked: AtomicU32,
    last: Mutex<Vec<RouteToken>>,
    offices: Mutex<HashMap<MemberId, Connection>>,
    recorded: Mutex<Vec<Recorded>>,
    used: Mutex<Vec<RouteNonce>>,
    draining: Notify,
    every_link: Mutex<Vec<Connection>>,
    links: AtomicU32,
}

impl HostileInner {
    /// Listens and serves. Must be called inside a runtime.
    pub fn start(equipment: Equipment) -> Self {
        let Equipment { address, identity, roots, cluster_secret, members } = equipment;
        let tls = tls::server(&identity, &Peers::Members(roots)).expect("a usable identity");
        let socket = endpoint::bind(address, NonZeroUsize::MIN).expect("the address is free").remove(0);
        let keys = EndpointKeys::derive(&cluster_secret, "hostile", 0);
        let config = endpoint::server_config(tls, &Limits::LINK);
        let shared = Arc::new(Shared {
            endpoint: endpoint::listen(socket, &keys, config).expect("an endpoint"),
            members,
            sealer: RouteSealer::new(cluster_secret.expose()),
            secret: cluster_secret,
            clock: Clock::start(),
            conduct: Mutex::new(Conduct::Honest),
            minting: Mutex::new(Minting::Honest),
            asked: AtomicU32::new(0),
            last: Mutex::default(),
            offices: Mutex::default(),
            recorded: Mutex::default(),
            used: Mutex::default(),
            draining: Notify::new(),
            every_link: Mutex::default(),
            links: AtomicU32::new(0),
        });
        tokio::spawn(accept(shared.clone()));
        Self { shared }
    }

    /// How streams are treated from now on.
    pub fn conduct(&self, conduct: Conduct) {
        *lock(&self.shared.conduct) = conduct;
    }

    /// How tokens are handed out from now on.
    pub fn minting(&self, minting: Minting) {
        *lock(&self.shared.minting) = minting;
    }

    /// How often offices have asked for tokens.
    pub fn asked(&self) -> u32 {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// Says to every office that it drains, and keeps its connections. It links anew.
    pub fn drain(&self) {
        self.shared.draining.notify_waiters();
    }

    /// How many connections of offices are alive.
    pub fn connections(&self) -> usize {
        let mut all = lock(&self.shared.every_link);
        all.retain(|connection| connection.close_reason().is_none());
        all.len()
    }

    /// How many connections offices have made so far.
    pub fn links(&self) -> u32 {
        self.shared.links.load(Ordering::Relaxed)
    }

    /// Opens so many streams to an office and says nothing on them; fewer if it grants no more for a while.
    pub async fn keep_silent(&self, office: MemberId, how_many: usize) -> Vec<(SendStream, RecvStream)> {
        let connection = lock(&self.shared.offices).get(&office).cloned().expect("the office is connected");
        let mut silent = Vec::new();
        while silent.len() < how_many {
            let Ok(Ok((mut send, recv))) = tokio::time::timeout(QUIET, connection.open_bi()).await else { break };
            // A stream exists for the office once something of it has arrived: the first byte of a frame.
            let _ = send.write_all(&[FrameType::Incoming as u8]).await;
            silent.push((send, recv));
        }
        silent
    }

    /// The streams so far whose sender ended them or that were swallowed whole.
    pub fn recorded(&self) -> Vec<Recorded> {
        lock(&self.shared.recorded).clone()
    }

    /// The tokens that offices have reported as used.
    pub fn used(&self) -> Vec<RouteNonce> {
        lock(&self.shared.used).clone()
    }

    /// The offices that are connected.
    pub fn offices(&self) -> Vec<MemberId> {
        let offices = lock(&self.shared.offices);
        offices.iter().filter(|(_, connection)| connection.close_reason().is_none()).map(|(id, _)| *id).collect()
    }

    /// Says something to an office on a stream of its own.
    pub async fn say(&self, office: MemberId, bytes: &[u8]) -> Outcome {
        let connection = lock(&self.shared.offices).get(&office).cloned().expect("the office is connected");
        wire::say(&connection, bytes).await
    }
}

async fn accept(shared: Arc<Shared>) {
    let gate = Gate::new(GateLimits { rate: None, ..GateLimits::default() }, shared.clock);
    while let Some(handshake) = gate.accept(&shared.endpoint).await {
        let shared = shared.clone();
        tokio::spawn(async move {
            if let Ok(connection) = handshake.complete().await {
                // A peer that goes away is none of our business.
                let _ = serve(shared, connection).await;
            }
        });
    }
}

async fn serve(shared: Arc<Shared>, connection: Connection) -> Option<()> {
    let (id, role) = *shared.members.get(&peer_fingerprint(&connection)?)?;
    let (send, recv) = connection.accept_bi().await.ok()?;
    let frames = Frames::new(recv);
    match role {
        Role::Outer => serve_outer(shared, connection, send, frames).await,
        Role::Office => serve_office(shared, id, connection, send, frames).await,
        _ => None,
    }
}

async fn serve_outer(
    shared: Arc<Shared>,
    connection: Connection,
    mut send: SendStream,
    mut frames: Frames,
) -> Option<()> {
    frames.expect::<OuterToInner>(FrameType::Control, HEADER_TIMEOUT).await.ok()?;
    let epoch = Epoch::of(shared.clock.unix());
    let key = |epoch| (epoch, AdmissionKey::derive(shared.secret.expose(), epoch).to_bytes());
    let keys = InnerToOuter::AdmissionKeys([key(epoch), key(epoch.next())]);
    write_message(&mut send, FrameType::Control, &keys).await.ok()?;
    loop {
        let (send, recv) = connection.accept_bi().await.ok()?;
        tokio::spawn(carry(shared.clone(), send, Frames::new(recv)));
    }
}

async fn serve_office(
    shared: Arc<Shared>,
    id: MemberId,
    connection: Connection,
    mut send: SendStream,
    mut frames: Frames,
) -> Option<()> {
    let hello = frames.expect(FrameType::Control, HEADER_TIMEOUT).await.ok()?;
    let OfficeToInner::Hello { store, .. } = hello else { return None };
    let key = InnerToOffice::TokenKey(shared.sealer.key_id());
    write_message(&mut send, FrameType::Control, &key).await.ok()?;
    lock(&shared.offices).insert(id, connection.clone());
    lock(&shared.every_link).push(connection);
    shared.links.fetch_add(1, Ordering::Relaxed);
    loop {
        let frame = tokio::select! {
            frame = frames.next(&[FrameType::Control]) => frame.ok()??,
            () = shared.draining.notified() => {
                write_message(&mut send, FrameType::Control, &InnerToOffice::Drain).await.ok()?;
                continue;
            }
        };
        match frame.decode().ok()? {
            OfficeToInner::TokensWanted { count, not_after } => {
                shared.asked.fetch_add(1, Ordering::Relaxed);
                let minting = *lock(&shared.minting);
                let not_after = match minting {
                    Minting::AnHour => shared.clock.unix().after(Duration::from_secs(3600)),
                    _ => not_after,
                };
                let mint = || (0..count).map(|_| mint(&shared, RouteClaims { office: id, store, not_after })).collect();
                let tokens: Vec<RouteToken> = match minting {
                    Minting::Silence => continue,
                    Minting::Nothing => Vec::new(),
                    Minting::Repeated => {
                        let mut last = lock(&shared.last);
                        if last.is_empty() {
                            *last = mint();
                        }
                        last.iter().cycle().take(usize::from(count)).copied().collect()
                    }
                    Minting::Honest | Minting::AnHour | Minting::Flood => mint(),
                };
                let answer = InnerToOffice::Tokens { not_after, tokens };
                for _ in 0..if minting == Minting::Flood { 1000 } else { 1 } {
                    write_message(&mut send, FrameType::Control, &answer).await.ok()?;
                }
            }
            OfficeToInner::Used(nonces) => lock(&shared.used).extend(nonces),
            OfficeToInner::Hello { .. } | OfficeToInner::Drain | OfficeToInner::NotMine { .. } => {}
        }
    }
}

fn mint(shared: &Shared, claims: RouteClaims) -> RouteToken {
    let mut token = shared.sealer.seal(&claims, &mut system_rng());
    AdmissionKey::derive(shared.secret.expose(), token.epoch).mac(&mut token);
    token
}

/// One stream of an outer proxy.
async fn carry(shared: Arc<Shared>, mut sender: SendStream, mut from_sender: Frames) {
    let unavailable = refusal_code(StreamRefusal::Unavailable);
    let Some((office, nonce)) = header(&shared, &mut from_sender).await else {
        let _ = sender.reset(refusal_code(StreamRefusal::Refused));
        return;
    };
    let conduct = lock(&shared.conduct).clone();
    if matches!(conduct, Conduct::Swallow) {
        let frames = swallow(&mut from_sender).await;
        lock(&shared.recorded).push(Recorded { office, nonce, frames });
        let _ = sender.reset(unavailable);
        return;
    }
    let connection = lock(&shared.offices).get(&office).cloned();
    let opened = match connection {
        Some(connection) => connection.open_bi().await.ok(),
        None => None,
    };
    let Some((mut to_office, from_office)) = opened else {
        let _ = sender.reset(unavailable);
        return;
    };
    let unchanged = || -> Tamper { Box::new(|frame| vec![frame]) };
    let (up, down) = match conduct {
        Conduct::Up(make) => (make(), unchanged()),
        Conduct::Down(make) => (unchanged(), make()),
        Conduct::Honest | Conduct::Swallow => (unchanged(), unchanged()),
    };
    if write(&mut to_office, incoming(nonce)).await.is_err() {
        return;
    }
    let mut frames = Vec::new();
    tokio::join!(
        pass(from_sender, to_office, up, Some(&mut frames)),
        pass(Frames::new(from_office), sender, down, None)
    );
    lock(&shared.recorded).push(Recorded { office, nonce, frames });
}

async fn header(shared: &Shared, frames: &mut Frames) -> Option<(MemberId, RouteNonce)> {
    let open: Open = frames.expect(FrameType::Open, HEADER_TIMEOUT).await.ok()?;
    Some((shared.sealer.open(&open.token)?.office, open.token.nonce))
}

async fn swallow(frames: &mut Frames) -> Vec<Frame> {
    let mut all = Vec::new();
    while let Ok(Some(frame)) = frames.next(&FrameType::ALL).await {
        let last = frame.frame_type == FrameType::Final;
        all.push(frame);
        if last {
            break;
        }
    }
    all
}

/// Carries one direction; its end, reset or stop is passed on.
async fn pass(mut from: Frames, mut to: SendStream, mut tamper: Tamper, mut record: Option<&mut Vec<Frame>>) {
    loop {
        match from.next(&FrameType::ALL).await {
            Ok(Some(frame)) => {
                if let Some(record) = &mut record {
                    record.push(frame.clone());
                }
                for frame in tamper(frame) {
                    if write(&mut to, wire::encode(&frame)).await.is_err() {
                        return stop(from.stream());
                    }
                }
            }
            Ok(None) => {
                let _ = to.finish();
                // Until everything has arrived: dropping the connection earlier would cut the end off.
                let _ = to.stopped().await;
                return;
            }
            Err(error) => {
                let code = error.reset_code().unwrap_or(refusal_code(StreamRefusal::Unavailable));
                let _ = to.reset(code);
                return;
            }
        }
    }
}

fn stop(recv: &mut RecvStream) {
    let _ = recv.stop(Code::from_u32(0x5300));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
