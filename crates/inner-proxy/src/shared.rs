//! What the parts of the proxy share.

use std::sync::{Arc, Mutex};

use schleuse_protocol::inner::{Room, UsedNonces};
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::carry;
use schleuse_transport::clock::Clock;
use schleuse_transport::endpoint::Limits;
use schleuse_transport::net::Connection;
use schleuse_transport::seats::Seats;
use schleuse_transport::secret::SecretKey;
use schleuse_transport::shutdown::Shutdown;
use tokio_util::task::TaskTracker;

use crate::budget::{MintBudgets, MintRate};
use crate::config::Settings;
use crate::keys::KeyRing;
use crate::members::Members;
use crate::offices::Offices;
use crate::places::Places;
use crate::standstills::Standstills;

/// Everything that an inner proxy can know about one stream: which outer proxy brought it, and to which office it went.
/// The sender's address and name are not in it.
pub type StreamRecord = carry::StreamRecord<MemberId>;
/// Where records go, for the demo and tests.
pub type Observer = carry::Observer<MemberId>;

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Observer>,
    /// Every stream that is being carried, over all threads: the end of a drain waits for them.
    pub(crate) streams: TaskTracker,
    /// For connections of outer proxies and offices.
    pub(crate) seats: Arc<Seats>,
    pub(crate) members: Members,
    pub(crate) keys: KeyRing,
    pub(crate) offices: Arc<Offices<Connection>>,
    pub(crate) used: Mutex<UsedNonces>,
    pub(crate) places: Arc<Places>,
    /// Streams of an office whose senders take no answers, over all links.
    pub(crate) answers: Standstills,
    pub(crate) budgets: MintBudgets,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        members: Members,
        cluster_secret: SecretKey,
        observer: Option<Observer>,
    ) -> Self {
        let clock = Clock::start();
        let limits = settings.limits;
        Self {
            settings,
            clock,
            observer,
            streams: TaskTracker::new(),
            seats: Seats::new(limits.connections.get()),
            members,
            keys: KeyRing::new(cluster_secret, clock.unix()),
            offices: Offices::new(),
            used: Mutex::new(UsedNonces::new(Room {
                per_office: limits.used_nonces_per_office.get(),
                in_all: limits.used_nonces.get(),
            })),
            places: Arc::default(),
            answers: Standstills::of_window(Limits::LINK.connection_window),
            budgets: MintBudgets::new(MintRate {
                tokens_per_second: limits.tokens_per_second.get(),
                burst: limits.token_burst.get(),
            }),
        }
    }
}

/// What the tasks of one thread share.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shutdown: Shutdown,
}
